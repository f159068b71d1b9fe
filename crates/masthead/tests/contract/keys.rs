//! By what a user is looked up: every call has one rule of keys, and absence is never decided by the shape of one.

use masthead_testkit::{
    accounts::account,
    contract_cases::{
        ContractCase, Expectation,
        fixture::{COURIER, HERALD},
    },
};
use serde_json::json;

use crate::{
    export::{Exports, each, is_error, list, of, one},
    legacy::warm,
    wire::in_url,
    world::{Loaded, World, of_the_contract},
};

/// Addresses that no rule of ours calls usual, and that the store holds: a domain of one label and an address literal
/// (RFC 5321 §4.1.2, §4.1.3), a quoted local part, and texts that no standard allows.
const ODD: [(&str, &str); 7] = [
    ("odd-1", "ann@intranet"),
    ("odd-2", "\"john doe\"@mail.example"),
    ("odd-3", "ann@[192.0.2.1]"),
    ("odd-4", "a@b@mail.example"),
    ("odd-5", "ann@[IPv6:2001:db8::1]"),
    ("odd-6", "no address at all"),
    ("odd-7", "@"),
];

/// The tenants of the contract; one of them also has the odd addresses, each beside a longer one that holds it.
fn with_odd_addresses() -> Vec<Loaded> {
    let mut loaded = of_the_contract();
    let herald = loaded.iter_mut().find(|loaded| loaded.tenant == HERALD).unwrap();
    for (id, address) in ODD {
        herald.accounts.push(account(id, address, "Odd", "One"));
        herald
            .accounts
            .push(account(&format!("longer-{id}"), &format!("jo{address}"), "Odd", "Two"));
    }
    loaded
}

/// Contract customers-export: `users_not_found` is what the sources confirmed.
#[test]
fn an_export_finds_every_address_that_the_store_holds() {
    let exports = Exports::with(&with_odd_addresses(), |_| {});
    let (ids, addresses): (Vec<_>, Vec<_>) = ODD.into_iter().unzip();
    let data = exports.data(&exports.call("herald", &of("email", &addresses)));
    assert_eq!(each(&data, "customer_id"), ids);
    assert_eq!(data["users_not_found"], json!([]));
    let data = exports.data(&exports.call("herald", &of("email", &["ANN@Intranet", " ann@intranet "])));
    assert_eq!(each(&data, "customer_id"), ["odd-1", "odd-1"]);
}

/// Contract §3.1: "a complete address matches exactly, so that nobody is answered with `joann@x.com` for `ann@x.com`".
#[test]
fn an_odd_but_complete_address_matches_exactly() {
    let world = warm(World::of(&with_odd_addresses()));
    let mut cases = Vec::new();
    for (id, address) in ODD {
        let only = || Expectation::Users(vec![id], 1);
        let url = in_url(address);
        if id <= "odd-5" {
            cases.push(ContractCase::get(&format!("/v4/Users?email={url}"), only()));
            cases.push(ContractCase::search(&json!({"email": address}).to_string(), only()));
        }
        cases.push(ContractCase::get(
            &format!("/v4/Users?encryptedEmail={{{{sealed-email:{address}}}}}"),
            only(),
        ));
        let exactly = json!({"email": address, "emailMatch": "exact"});
        cases.push(ContractCase::search(&exactly.to_string(), only()));
    }
    world.holds(&cases);
    for (id, address) in &ODD[..5] {
        let target = format!("/User/2?email={}", in_url(address));
        let answer = world.ask(&ContractCase::get(&target, Expectation::Status(200)));
        let found: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(found["Result"]["TotalUsersFound"], 1, "{address}: {found}");
        assert_eq!(found["Result"]["Users"][0]["CustomerRegistrationId"], *id);
    }
}

/// An identifier that no source can hold is a mistake of the caller's, as in every other call, and not an absent user.
#[test]
fn an_identifier_that_no_source_can_hold_is_refused() {
    let exports = Exports::start();
    let good = one("customer_id", "2937");
    let long = "x".repeat(321);
    let crid = "must be 1 to 255 bytes without control characters";
    let address = "must be an e-mail address of 1 to 320 bytes without NUL";
    let number = "must be the number of a registration as it is answered: digits without leading zeros";
    for (kind, identifier, what) in [
        ("customer_id", &long[..256], crid),
        ("customer_id", "a\u{0}b", crid),
        ("customer_id", "a\nb", crid),
        ("email", &*long, address),
        ("email", " ", address),
        ("email", "ann\u{0}@example.com", address),
        ("id", "007", number),
        ("id", "2937x", number),
        ("id", "-7", number),
        ("moengage_id", "9223372036854775808", number),
    ] {
        let body = json!({"identifiers": [good, one(kind, identifier)]});
        let place = "identifiers[1].identifier";
        let error = format!(r#""attribute":"{place}","message":"{place} {what}","type":"InvalidAttributeError""#);
        is_error(&exports.send(&exports.call("herald", &body)), 400, &error);
    }
    // By the same rule in the calls that take one key.
    for target in [
        format!("/v4/Users?customerRegistrationId={}", &long[..256]),
        format!("/v4/Users/{}", &long[..256]),
        format!("/v4/Users?email={long}"),
        "/v4/Users?email=ann%00@example.com".to_owned(),
    ] {
        assert_eq!(
            exports
                .world
                .ask(&ContractCase::get(&target, Expectation::Status(400)))
                .status,
            400
        );
    }
}

/// Contract customers-export: a source that should know and did not answer is `users_unresolved`. The provider of this
/// tenant is silent, so a user whom only it may have is never absent, whatever the shape of the address.
#[test]
fn a_silent_provider_leaves_odd_addresses_unresolved() {
    let exports = Exports::with(&with_odd_addresses(), |_| {});
    let addresses: Vec<_> = ODD.into_iter().map(|(_, address)| address).collect();
    let data = exports.data(&exports.call("courier", &of("email", &addresses)));
    assert_eq!(data["users_not_found"], json!([]));
    assert_eq!(data["users_unresolved"], list("email", &addresses));
    let answer = exports
        .world
        .ask(&ContractCase::get("/v4/Users?email=ann@intranet", Expectation::Status(503)).for_tenant(COURIER));
    assert_eq!(answer.status, 503, "{}", answer.body);
}

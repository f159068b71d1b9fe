//! One reader through every door of a tenant without provider: by id, by query string, by search, by the legacy API and by
//! the export it is one canonical record.

use masthead_testkit::{
    contract_cases::{
        ContractCase, Expectation,
        fixture::{GAZETTE, HERALD, accounts},
    },
    views::{exported_without_store, legacy_as_v4, v4_as_exported},
};
use serde_json::{Value, json};

use crate::{
    export::{Exports, one},
    wire::in_url,
};

#[test]
fn the_same_reader_by_v4_legacy_by_id_search_and_export_is_one_canonical_record() {
    let exports = Exports::start();
    for (workspace, tenant) in [("herald", HERALD), ("gazette", GAZETTE)] {
        let ask = |case: ContractCase| -> Value {
            let answer = exports.world.ask(&case.for_tenant(tenant));
            assert_eq!(answer.status, 200, "{}", answer.body);
            serde_json::from_str(&answer.body).unwrap()
        };
        let get = |target: String| ask(ContractCase::get(&target, Expectation::Status(200)));
        let search = |body: Value| ask(ContractCase::search(&body.to_string(), Expectation::Status(200)));
        // What is slow once is done before.
        exports.data(&exports.call(workspace, &json!({"identifiers": [one("id", "9")]})));
        for reader in accounts(tenant) {
            let (id, email) = (reader.crid.as_str(), reader.email.as_ref().unwrap().as_str());
            let record = get(format!("/v4/Users/{}", in_url(id)))["data"].take();
            assert_eq!(record["customerRegistrationId"], id);
            for mut list in [
                get(format!("/v4/Users?customerRegistrationId={}", in_url(id))),
                get(format!("/v4/Users?email={}&emailMatch=exact", in_url(email))),
                search(json!({"customerRegistrationId": id})),
                search(json!({"email": email, "emailMatch": "exact"})),
            ] {
                assert_eq!(list["data"].take(), json!([record]), "{id}");
            }
            for target in [
                format!("/User/{}/0", in_url(id)),
                format!("/User/0?email={}", in_url(email)),
                format!("/User/Encrypted/2?encryptedCustomerRegistrationId={{{{sealed-id:{id}}}}}"),
                format!("/User/Encrypted?encryptedEmail={{{{sealed-email:{email}}}}}"),
            ] {
                let legacy = get(target.clone());
                assert_eq!(legacy["Result"]["TotalUsersFound"], 1, "{target}");
                assert_eq!(legacy_as_v4(&legacy["Result"]["Users"][0]), record, "{target}");
            }
            let number = exports.registration(tenant, id);
            let identifiers = json!([one("customer_id", id), one("email", email), one("id", &number)]);
            let exported = exports.data(&exports.call(workspace, &json!({"identifiers": identifiers})));
            let expected = v4_as_exported(&record);
            assert_eq!(
                exported_without_store(&exported["users"]),
                json!([expected, expected, expected]),
                "{id}"
            );
        }
    }
}

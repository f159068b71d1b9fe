//! Contract tests that every account source passes: exact lookups by id and by e-mail address.

use masthead_domain::{account::Account, customer_registration_id::CustomerRegistrationId, email::EmailKey};
use time::macros::datetime;

use super::{SourceFactory, federated, ids, local};
use crate::accounts::{account, readers, with_metadata};
use crate::source_client::FindByKey as _;

/// Calls a macro with the name of every case, for making a test of each: those of this file, and of each file after it.
#[macro_export]
macro_rules! for_each_source_case {
    ($callback:ident $($before:ident)*) => {
        $crate::bulk_cases! {
            $callback $($before)*
            lookup_by_id_returns_every_field
            unknown_id_is_absent
            lookup_by_address_returns_all_users
            addresses_match_in_any_spelling
            ids_are_compared_byte_for_byte
            keeps_tenants_apart
            unusual_keys_match_no_user
        }
    };
}

fn crid(text: &str) -> CustomerRegistrationId {
    CustomerRegistrationId::parse(text).expect("an id")
}

/// The account is returned unchanged; only the registration number is assigned by the source.
pub async fn lookup_by_id_returns_every_field(factory: &dyn SourceFactory) {
    let full = Account {
        last_logout_at: Some(datetime!(2023-03-04 05:06:07.000_008 UTC)),
        registered_at: Some(datetime!(1969-12-31 23:59:59.999_999 UTC)),
        ..with_metadata(
            account(
                "auth0|64'7",
                "José.O'Neil+tag@Example.COM",
                "José \"Pepe\"",
                "O'Neil\u{1F600}",
            ),
            &[("city", "Ålesund\n\\\"\u{7f}"), ("custom Key", ""), ("ebill_flag", "Y")],
        )
    };
    let bare = Account {
        email: None,
        first_name: "".into(),
        last_name: "".into(),
        verified: Some(false),
        has_password: false,
        registered_at: None,
        changed_at: None,
        ..account("2", "x@example.org", "", "")
    };
    let subject = factory.source(vec![local(vec![full.clone(), bare.clone()])]).await;
    for wanted in [full, bare] {
        let found = subject.source.by_id(&subject.context(0), &wanted.crid).await;
        let found = found.expect("an answer").expect("a user");
        let numbered = Account {
            registration_id: found.registration_id,
            ..wanted
        };
        assert!(found == numbered, "some field came back changed");
    }
}

/// An id without a user gives `None`, not an error.
pub async fn unknown_id_is_absent(factory: &dyn SourceFactory) {
    let subject = factory.source(vec![local(readers(3))]).await;
    let found = subject.source.by_id(&subject.context(0), &crid("r-99999")).await;
    assert!(found.expect("an answer").is_none());
}

/// All users with the address are returned.
pub async fn lookup_by_address_returns_all_users(factory: &dyn SourceFactory) {
    let accounts = ["b", "a", "\u{e9}", "B", "10", "9"].map(|id| account(id, "Twin@Example.org", "", ""));
    let subject = factory.source(vec![federated(accounts.to_vec())]).await;
    let found = subject
        .source
        .by_email(&subject.context(0), &EmailKey::from_text("twin@example.org"))
        .await;
    assert_eq!(ids(&found.expect("an answer")), ["10", "9", "B", "a", "b", "\u{e9}"]);
}

/// Addresses are compared without case, surrounding blanks, Unicode composition and the form of the domain (Unicode or
/// Punycode); accents are significant.
pub async fn addresses_match_in_any_spelling(factory: &dyn SourceFactory) {
    let subject = factory
        .source(vec![local(vec![
            account("1", "Jos\u{e9}@M\u{fc}nchen.example", "", ""),
            account("2", "jose@xn--mnchen-3ya.example", "", ""),
        ])])
        .await;
    for (spelling, id) in [
        (" JOSE\u{301}@m\u{fc}nchen.example ", "1"),
        ("jos\u{e9}@xn--mnchen-3ya.example", "1"),
        ("JOSE@MU\u{308}NCHEN.EXAMPLE", "2"),
    ] {
        let found = subject
            .source
            .by_email(&subject.context(0), &EmailKey::from_text(spelling))
            .await;
        assert_eq!(ids(&found.expect("an answer")), [id], "{spelling}");
    }
}

/// Ids are not normalised.
pub async fn ids_are_compared_byte_for_byte(factory: &dyn SourceFactory) {
    let all = ["a", "A", "\u{e9}", "e\u{301}", "a ", " a", "a%", "a_"];
    let accounts = all
        .iter()
        .enumerate()
        .map(|(n, id)| account(id, &format!("p{n}@example.org"), "", ""));
    let subject = factory.source(vec![local(accounts.collect())]).await;
    for id in all {
        let found = subject
            .source
            .by_id(&subject.context(0), &crid(id))
            .await
            .expect("an answer");
        assert_eq!(found.expect("a user").crid.as_str(), id);
    }
}

/// The same ids and addresses in two pools are different users, by every access path.
pub async fn keeps_tenants_apart(factory: &dyn SourceFactory) {
    let person = |name| account("1", "ann@example.org", name, "");
    let subject = factory
        .source(vec![
            local(vec![person("First")]),
            local(vec![person("Second")]),
            local(vec![]),
        ])
        .await;
    for (tenant, names) in [(0, &["First"][..]), (1, &["Second"][..]), (2, &[][..])] {
        let cx = subject.context(tenant);
        let by_id = subject.source.by_id(&cx, &crid("1")).await.expect("an answer");
        let by_email = subject
            .source
            .by_email(&cx, &EmailKey::from_text("ann@example.org"))
            .await
            .expect("an answer");
        let listed = subject
            .source
            .search(&cx, &super::list(masthead_domain::query::UserFilter::default()))
            .await;
        for found in [by_id.into_iter().collect(), by_email, listed.expect("a page").accounts] {
            let found: Vec<&str> = found.iter().map(|account| &*account.first_name).collect();
            assert_eq!(found, names);
        }
    }
}

/// No text causes an error: unusual and over-long addresses match no user.
pub async fn unusual_keys_match_no_user(factory: &dyn SourceFactory) {
    let nameless = Account {
        email: None,
        ..account("1", "x@example.org", "", "")
    };
    let subject = factory.source(vec![local(vec![nameless])]).await;
    let long = "x".repeat(65_536);
    for key in [
        "",
        " ",
        "\0",
        "a\0b@example.org",
        "%",
        "_",
        "'",
        "\\",
        "\u{10ffff}",
        &long,
    ] {
        let found = subject
            .source
            .by_email(&subject.context(0), &EmailKey::from_text(key))
            .await;
        assert!(found.expect("an answer").is_empty());
    }
}

//! Exact look-ups.

use masthead_domain::{account::Account, customer_registration_id::CustomerRegistrationId, email::EmailKey};
use time::macros::datetime;

use super::{SourceFactory, federated, ids, local};
use crate::accounts::{account, readers, with_metadata};

fn crid(text: &str) -> CustomerRegistrationId {
    CustomerRegistrationId::parse(text).expect("an id")
}

/// What was written is what is read; only the registration number is the source's own.
pub async fn finds_a_user_by_id_with_every_field(factory: &dyn SourceFactory) {
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

/// Absence is an answer.
pub async fn says_absent_for_an_unknown_id(factory: &dyn SourceFactory) {
    let subject = factory.source(vec![local(readers(3))]).await;
    let found = subject.source.by_id(&subject.context(0), &crid("r-99999")).await;
    assert!(found.expect("an answer").is_none());
}

/// Never "the first of many".
pub async fn finds_every_user_of_an_address_in_the_order_of_ids(factory: &dyn SourceFactory) {
    let accounts = ["b", "a", "\u{e9}", "B", "10", "9"].map(|id| account(id, "Twin@Example.org", "", ""));
    let subject = factory.source(vec![federated(accounts.to_vec())]).await;
    let found = subject
        .source
        .by_email(&subject.context(0), &EmailKey::from_text("twin@example.org"))
        .await;
    assert_eq!(ids(&found.expect("an answer")), ["10", "9", "B", "a", "b", "\u{e9}"]);
}

/// Case, blanks, composition and the domain's script do not count; accents do.
pub async fn an_address_is_found_in_any_spelling_of_its_key(factory: &dyn SourceFactory) {
    let subject = factory
        .source(vec![local(vec![
            account("1", "Jos\u{e9}@M\u{fc}nchen.example", "", ""),
            account("2", "jose@xn--mnchen-3ya.example", "", ""),
        ])])
        .await;
    for (typed, id) in [
        (" JOSE\u{301}@m\u{fc}nchen.example ", "1"),
        ("jos\u{e9}@xn--mnchen-3ya.example", "1"),
        ("JOSE@MU\u{308}NCHEN.EXAMPLE", "2"),
    ] {
        let found = subject
            .source
            .by_email(&subject.context(0), &EmailKey::from_text(typed))
            .await;
        assert_eq!(ids(&found.expect("an answer")), [id], "{typed}");
    }
}

/// An id is not text for people.
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

/// The same ids and addresses in two pools are different people, by every way in.
pub async fn keeps_tenants_apart(factory: &dyn SourceFactory) {
    let person = |name| account("1", "ann@example.org", name, "");
    let subject = factory
        .source(vec![
            local(vec![person("Ours")]),
            local(vec![person("Theirs")]),
            local(vec![]),
        ])
        .await;
    for (tenant, names) in [(0, &["Ours"][..]), (1, &["Theirs"][..]), (2, &[][..])] {
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

/// No key makes an error.
pub async fn strange_keys_match_nobody(factory: &dyn SourceFactory) {
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

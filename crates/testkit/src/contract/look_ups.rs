//! Contract tests that every account source passes: exact lookups by id and by e-mail address, one by one and in bulk.

use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::EmailKey, user_key::UserKey,
};
use masthead_ports::bulk::LookupKey;
use time::macros::datetime;

use super::{SourceFactory, SourceSubject, federated, ids, local};
use crate::accounts::{account, readers, with_metadata};
use crate::source_client::FindByKey as _;

/// Calls a macro with the name of every case, for making a test of each: those of this file, and of each file after it.
#[macro_export]
macro_rules! for_each_source_case {
    ($callback:ident $($before:ident)*) => {
        $crate::list_cases! {
            $callback $($before)*
            lookup_by_id_returns_every_field
            unknown_id_is_absent
            lookup_by_address_returns_all_users
            addresses_match_in_any_spelling
            ids_are_compared_byte_for_byte
            keeps_tenants_apart
            unusual_keys_match_no_user
            bulk_lookup_equals_single_lookups
            bulk_lookup_keeps_order_and_repeats
            keeps_tenants_apart_in_bulk
            unusual_keys_match_no_user_in_bulk
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

pub(super) fn id(text: &str) -> LookupKey {
    LookupKey::User(UserKey::Id(crid(text)))
}

pub(super) fn email(text: &str) -> LookupKey {
    LookupKey::User(UserKey::Email(EmailKey::from_text(text)))
}

/// The accounts of each key, all of which must have an answer.
async fn by_keys(subject: &SourceSubject, tenant: usize, keys: &[LookupKey]) -> Vec<Vec<Account>> {
    let answers = subject.bulk.find_many(&subject.context(tenant), keys, None).await;
    let answers = answers.expect("an answer").registrations.into_iter();
    answers.map(|answer| answer.expect("an answer to each key")).collect()
}

/// Each key has the same answer as in a single lookup, at its position.
pub async fn bulk_lookup_equals_single_lookups(factory: &dyn SourceFactory) {
    let subject = factory.source(vec![local(readers(40))]).await;
    let context = subject.context(0);
    let mut keys = Vec::new();
    let mut alone = Vec::new();
    for reader in readers(50) {
        let key = reader.email.as_ref().expect("an address").key().clone();
        let found = subject.source.by_id(&context, &reader.crid).await.expect("an answer");
        let number = found.as_ref().and_then(|account| account.registration_id);
        let by_email = subject.source.by_email(&context, &key).await.expect("an answer");
        keys.extend([
            LookupKey::User(UserKey::Id(reader.crid)),
            LookupKey::User(UserKey::Email(key)),
        ]);
        alone.extend([Vec::from_iter(found.clone()), by_email]);
        if let Some(number) = number {
            keys.push(LookupKey::Registration(number));
            alone.push(Vec::from_iter(found));
        }
    }
    keys.push(LookupKey::Registration(i64::MAX));
    alone.push(Vec::new());
    assert!(
        by_keys(&subject, 0, &keys).await == alone,
        "some key is answered otherwise"
    );
    assert!(by_keys(&subject, 0, &[]).await.is_empty());
}

/// A repeated key is answered repeatedly; accounts with a shared address are ordered by id.
pub async fn bulk_lookup_keeps_order_and_repeats(factory: &dyn SourceFactory) {
    let twins = ["b", "a", "B"].map(|id| account(id, "Twin@Example.org", "", ""));
    let subject = factory.source(vec![federated(twins.to_vec())]).await;
    let keys = [email("twin@example.org"), id("a"), email("twin@example.org"), id("c")];
    let answers = by_keys(&subject, 0, &keys).await;
    let answers: Vec<_> = answers.iter().map(|accounts| ids(accounts)).collect();
    assert_eq!(answers, [vec!["B", "a", "b"], vec!["a"], vec!["B", "a", "b"], vec![]]);
}

/// Users of another tenant are not found by any key.
pub async fn keeps_tenants_apart_in_bulk(factory: &dyn SourceFactory) {
    let subject = factory.source(vec![local(readers(3)), local(readers(1))]).await;
    let other = subject.source.by_id(&subject.context(0), &readers(3)[2].crid).await;
    let number = other.expect("an answer").expect("a user").registration_id;
    let keys = [
        id("r-00002"),
        email("reader2@example.org"),
        LookupKey::Registration(number.expect("a number")),
        id("r-00000"),
    ];
    let found: Vec<usize> = by_keys(&subject, 1, &keys).await.iter().map(Vec::len).collect();
    assert_eq!(found, [0, 0, 0, 1]);
}

/// Impossible keys match no user and do not affect other keys.
pub async fn unusual_keys_match_no_user_in_bulk(factory: &dyn SourceFactory) {
    let subject = factory.source(vec![local(readers(1))]).await;
    let keys = [
        email(""),
        email("a\0b"),
        LookupKey::Registration(-1),
        email("%"),
        id("r-00000"),
    ];
    let found: Vec<usize> = by_keys(&subject, 0, &keys).await.iter().map(Vec::len).collect();
    assert_eq!(found, [0, 0, 0, 0, 1]);
}

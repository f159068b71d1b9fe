//! Bulk lookups.

use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::EmailKey, user_key::UserKey,
};
use masthead_ports::bulk::LookupKey;

use super::{SourceFactory, SourceSubject, federated, ids, local};
use crate::accounts::{account, readers};
use crate::source_client::FindByKey as _;

/// Adds the cases of this file for [`for_each_source_case`].
#[macro_export]
macro_rules! bulk_cases {
    ($callback:ident $($before:ident)*) => {
        $crate::list_cases! {
            $callback $($before)*
            bulk_lookup_equals_single_lookups
            bulk_lookup_keeps_order_and_repeats
            keeps_tenants_apart_in_bulk
            unusual_keys_match_no_user_in_bulk
        }
    };
}

pub(super) fn id(text: &str) -> LookupKey {
    LookupKey::User(UserKey::Id(CustomerRegistrationId::parse(text).expect("an id")))
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

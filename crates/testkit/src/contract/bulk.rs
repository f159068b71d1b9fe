//! Many users at once.

use masthead_domain::{account::Account, customer_registration_id::CustomerRegistrationId, email::EmailKey};
use masthead_ports::bulk::LookupKey;

use super::{SourceFactory, SourceSubject, federated, ids, local};
use crate::accounts::{account, readers};

pub(super) fn id(text: &str) -> LookupKey {
    LookupKey::Id(CustomerRegistrationId::parse(text).expect("an id"))
}

pub(super) fn email(text: &str) -> LookupKey {
    LookupKey::Email(EmailKey::from_text(text))
}

/// The accounts of each key, all of which must have an answer.
async fn by_keys(subject: &SourceSubject, tenant: usize, keys: &[LookupKey]) -> Vec<Vec<Account>> {
    let answers = subject.bulk.find_many(&subject.context(tenant), keys, None).await;
    let answers = answers.expect("an answer").registrations.into_iter();
    answers.map(|answer| answer.expect("an answer to each key")).collect()
}

/// Whatever is asked for beside it, a key has the answer that it has alone, and in its place.
pub async fn many_keys_are_each_answered_as_if_alone(factory: &dyn SourceFactory) {
    let subject = factory.source(vec![local(readers(40))]).await;
    let context = subject.context(0);
    let mut keys = Vec::new();
    let mut alone = Vec::new();
    for reader in readers(50) {
        let key = reader.email.as_ref().expect("an address").key().clone();
        let found = subject.source.by_id(&context, &reader.crid).await.expect("an answer");
        let number = found.as_ref().and_then(|account| account.registration_id);
        let by_email = subject.source.by_email(&context, &key).await.expect("an answer");
        keys.extend([LookupKey::Id(reader.crid), LookupKey::Email(key)]);
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

/// A key twice is answered twice, and one address may be several accounts', in the order of their ids.
pub async fn every_account_of_a_key_is_answered_wherever_it_stands(factory: &dyn SourceFactory) {
    let twins = ["b", "a", "B"].map(|id| account(id, "Twin@Example.org", "", ""));
    let subject = factory.source(vec![federated(twins.to_vec())]).await;
    let keys = [email("twin@example.org"), id("a"), email("twin@example.org"), id("c")];
    let answers = by_keys(&subject, 0, &keys).await;
    let answers: Vec<_> = answers.iter().map(|accounts| ids(accounts)).collect();
    assert_eq!(answers, [vec!["B", "a", "b"], vec!["a"], vec!["B", "a", "b"], vec![]]);
}

/// By whatever they are asked for, another tenant's users are nobody.
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

/// What no user can have is nobody's, and takes no other key's answer with it.
pub async fn strange_keys_match_nobody_in_bulk(factory: &dyn SourceFactory) {
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

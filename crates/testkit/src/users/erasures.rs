//! Erasures of persons.

use std::time::Duration;

use async_trait::async_trait;
use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, user_key::UserKey,
};
use masthead_ports::{
    erasure::{ErasureId, Erasures, NewErasure, Person, Receipt, ReceiptLine, StoredTexts},
    keyed_hash::{HashPurpose, KeyedHash, KeyedHasher as _},
    person::sources,
    source::{CallContext, SourceError},
    users::{UserWriteError, WriteCommit},
};
use time::OffsetDateTime;

use super::{
    InMemoryUsers,
    state::{LinkOwner, email_of_pool, find},
};
use crate::hashing::FakeKeyedHasher;

fn hashes(cx: &CallContext, person: &Person) -> Vec<KeyedHash> {
    let ids = person.ids.iter().map(CustomerRegistrationId::as_str);
    let texts = ids.chain(person.emails.iter().map(|email| email.key().as_str()));
    let hasher = FakeKeyedHasher(vec![1]);
    texts
        .map(|text| hasher.hash(cx.tenant.pool, HashPurpose::Tombstone, text))
        .collect()
}

#[async_trait]
impl Erasures for InMemoryUsers {
    async fn identify(&self, cx: &CallContext, key: &UserKey) -> Result<Person, SourceError> {
        self.run("identify", |state| {
            let mut person = match key {
                UserKey::Id(id) => Person::from_id(id.clone()),
                UserKey::Email(email) => Person {
                    emails: vec![Email::from_stored(None, email.as_str())],
                    ..Person::default()
                },
            };
            let kept = self.store.kept(cx.tenant.pool);
            for account in kept.into_iter().filter(|account: &Account| key.matches(account)) {
                person.is_stored = true;
                person.add_id(account.crid);
                account.email.into_iter().for_each(|email| person.add_email(email));
            }
            let is_pending = |email: &Email| state.pending.contains_key(&email_of_pool(cx, email));
            person.is_stored |= person.emails.iter().any(is_pending);
            Ok(person)
        })
    }

    async fn erase(
        &self,
        cx: &CallContext,
        person: &Person,
        new: &NewErasure,
        commit: &WriteCommit,
    ) -> Result<Receipt, UserWriteError> {
        self.run("erase", |state| {
            let (pool, at) = (cx.tenant.pool, commit.origin.at);
            let mut registrations = 0;
            for stored in person.ids.iter().filter_map(|id| find(&self.store, cx, id)) {
                let number = stored.registration_id.unwrap_or_default();
                state.set_password(pool, number, None);
                state.end_links(pool, &LinkOwner::Stored(number));
                state.write(pool, Some(stored.crid), None);
                registrations += 1;
            }
            for email in &person.emails {
                let key = email_of_pool(cx, email);
                state.pending.remove(&key);
                state.codes.remove(&key);
            }
            let is_other = |intent: &masthead_ports::intents::Intent| {
                Some(intent.id) == commit.intent
                    || intent.new.crid.as_ref().is_none_or(|crid| !person.ids.contains(crid))
            };
            state.intents.retain(|_, (intent, _)| is_other(intent));
            state.last_erasure += 1;
            let mut lines = new.lines.clone();
            lines.push(ReceiptLine::of_count(sources::REGISTRATIONS, registrations, at));
            let receipt = Receipt {
                id: ErasureId(state.last_erasure),
                pool,
                tenant: cx.tenant.id.clone(),
                requested_at: at,
                finished_at: None,
                request_id: (&*commit.origin.request_id).into(),
                source_system: (&*commit.origin.source_system).into(),
                hashes: hashes(cx, person),
                lines,
            };
            state.erasures.push(receipt.clone());
            state.commit("erase", &cx.tenant, None, commit)?;
            Ok(receipt)
        })
    }

    async fn claim_due(&self, _: OffsetDateTime, _: Duration, limit: u16) -> Result<Vec<ErasureId>, SourceError> {
        self.run("claim_erasures", |state| {
            let open = state.erasures.iter().filter(|receipt| receipt.finished_at.is_none());
            Ok(open.map(|receipt| receipt.id).take(usize::from(limit)).collect())
        })
    }

    async fn sweep(
        &self,
        id: ErasureId,
        _: &dyn StoredTexts,
        at: OffsetDateTime,
        _: Duration,
    ) -> Result<Option<Receipt>, SourceError> {
        self.run("sweep", |state| {
            let receipt = state.erasures.iter_mut().find(|receipt| receipt.id == id);
            Ok(receipt.map(|receipt| {
                receipt.finished_at.get_or_insert(at);
                receipt.clone()
            }))
        })
    }

    async fn receipt(&self, cx: &CallContext, id: ErasureId) -> Result<Option<Receipt>, SourceError> {
        self.run("receipt", |state| {
            let mut of_pool = state.erasures.iter().filter(|receipt| receipt.pool == cx.tenant.pool);
            Ok(of_pool.find(|receipt| receipt.id == id).cloned())
        })
    }

    async fn receipts_of(&self, cx: &CallContext, person: &Person) -> Result<Vec<Receipt>, SourceError> {
        let wanted = hashes(cx, person);
        self.run("receipts", |state| {
            let own = state
                .erasures
                .iter()
                .rev()
                .filter(|receipt| receipt.pool == cx.tenant.pool);
            let own = own.filter(|receipt| receipt.hashes.iter().any(|hash| wanted.contains(hash)));
            Ok(own.cloned().collect())
        })
    }
}

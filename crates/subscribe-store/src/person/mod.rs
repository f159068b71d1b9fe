//! What our store holds about one person, for its report (ADR 0139).

mod error;
mod rows;
mod waiting;

#[cfg(test)]
pub(crate) use rows::REGISTRATIONS_OF_PERSON;

use std::sync::Arc;

use async_trait::async_trait;
use masthead_domain::{event::EventKind, tenant::PoolId, user_key::UserKey};
use masthead_ports::{
    audit::{AuditEntry, AuditLog as _, AuditPage, AuditQuery, AuditSubject, MAX_AUDIT_PAGE},
    erasure::{Erasures as _, Person, Receipt, StoredTexts},
    keyed_hash::KeyedHash,
    person::{MAX_RECORDS, PersonRecords, Record, SourceAnswer, SourceReport, sources},
    source::{CallContext, SourceError, SourceErrorKind},
};
use time::{OffsetDateTime, macros::datetime};

use self::error::{OPERATION, PersonError};
use crate::{audit_log::PgAuditLog, tombstones::StoredTombstone, users::PgUsers};

/// Later than every event.
const LATEST: OffsetDateTime = datetime!(9999-12-31 23:59:59 UTC);

/// Reads what our store holds about single persons.
pub struct PgPersonRecords {
    pub(crate) users: Arc<PgUsers>,
    pub(crate) audit_log: PgAuditLog,
}

/// The sources, each with what it is in words.
const MEANINGS: [(&str, &str); 13] = [
    (
        sources::REGISTRATIONS,
        "the registration in the newspaper's own store; a deleted one is kept for the days of Retention.DeletedDays",
    ),
    (
        sources::MIRROR,
        "the dated copy of the provider's account, from which lists are answered",
    ),
    (
        sources::PENDING,
        "a registration that waits for the verification of its address, for the hours of Retention.PendingHours",
    ),
    (
        sources::CODES,
        "the last code that was sent to the address: a keyed hash of it, and counters",
    ),
    (
        sources::LINKS,
        "links to set a password: a keyed hash of each, and its dates",
    ),
    (sources::SIGN_IN_DAYS, "the last day of a sign-in"),
    (
        sources::COUNTERS,
        "how often a sign-in failed or a link was requested lately",
    ),
    (
        sources::INTENTS,
        "writes between the provider and the store that are not finished, sealed",
    ),
    (
        sources::KEYS,
        "answers to writes, kept sealed for 24 hours for a caller that repeats its request",
    ),
    (sources::MAILS, "mails that wait to be sent, sealed"),
    (
        sources::EVENTS,
        "the audit log of this newspaper: who read or changed the user, for the days of Retention.EventDays",
    ),
    (
        sources::TOMBSTONES,
        "keyed hashes of deleted ids and addresses, which keep syncs and imports from bringing a user back",
    ),
    (sources::ERASURES, "receipts of erasures, without personal data"),
];

/// A source by its name.
fn report(name: &'static str, as_of: OffsetDateTime, answer: Result<SourceAnswer, PersonError>) -> SourceReport {
    let meaning = MEANINGS
        .iter()
        .find(|(known, _)| *known == name)
        .map_or("", |(_, meaning)| meaning);
    let answer = answer.unwrap_or_else(|error| {
        let error = error.into_source_error();
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            part = name,
            "a source of a report gives no answer"
        );
        SourceAnswer::Unavailable(error.kind)
    });
    SourceReport {
        name,
        meaning,
        as_of,
        answer,
    }
}

#[async_trait]
impl PersonRecords for PgPersonRecords {
    async fn read(
        &self,
        cx: &CallContext,
        person: &Person,
        attempt_keys: &[KeyedHash],
        texts: &dyn StoredTexts,
        at: OffsetDateTime,
    ) -> Result<Vec<SourceReport>, SourceError> {
        let in_time = tokio::time::timeout_at(cx.deadline.into(), self.read_all(cx, person, attempt_keys, texts, at));
        let late = SourceError::new(OPERATION, SourceErrorKind::Unavailable);
        in_time.await.unwrap_or(Err(late))
    }
}

impl PgPersonRecords {
    async fn read_all(
        &self,
        cx: &CallContext,
        person: &Person,
        attempt_keys: &[KeyedHash],
        texts: &dyn StoredTexts,
        at: OffsetDateTime,
    ) -> Result<Vec<SourceReport>, SourceError> {
        let (database, pool) = (&self.audit_log.database, cx.tenant.pool);
        let held = rows::registrations(database, pool, person, texts).await;
        let (records, numbers) = held.map_err(PersonError::into_source_error)?;
        let mut all = vec![report(sources::REGISTRATIONS, at, Ok(SourceAnswer::all(records)))];
        let mut add = |name, answer| all.push(report(name, at, answer));
        add(sources::MIRROR, rows::mirror(database, pool, person).await);
        add(sources::PENDING, rows::pending(database, pool, person, texts).await);
        add(sources::CODES, rows::codes(database, pool, person).await);
        add(sources::LINKS, rows::links(database, pool, person, &numbers).await);
        add(
            sources::SIGN_IN_DAYS,
            rows::sign_in_days(database, pool, &numbers).await,
        );
        add(
            sources::COUNTERS,
            rows::counters(database, pool, attempt_keys, at).await,
        );
        add(sources::INTENTS, waiting::intents(database, pool, person, texts).await);
        add(sources::KEYS, waiting::keys(database, pool, person).await);
        add(sources::MAILS, waiting::mails(database, pool, person, texts).await);
        add(sources::EVENTS, self.events(cx, person).await);
        add(sources::TOMBSTONES, self.tombstones(pool, person).await);
        add(sources::ERASURES, self.erasures(cx, person).await);
        Ok(all)
    }

    async fn events(&self, cx: &CallContext, person: &Person) -> Result<SourceAnswer, PersonError> {
        let (mut records, mut total) = (Vec::new(), 0);
        for id in &person.ids {
            let query = AuditQuery {
                subject: AuditSubject::User(id.clone()),
                since: OffsetDateTime::UNIX_EPOCH,
                until: LATEST,
                before: None,
                limit: MAX_AUDIT_PAGE,
            };
            let AuditPage { entries, more } = self.audit_log.read(&cx.tenant, &query).await?;
            total += if more {
                self.audit_log.count_of_user(&cx.tenant, id).await?
            } else {
                entries.len() as u64
            };
            records.extend(entries.into_iter().map(event));
        }
        records.truncate(usize::from(MAX_RECORDS));
        Ok(SourceAnswer::Held { records, total })
    }

    async fn tombstones(&self, pool: PoolId, person: &Person) -> Result<SourceAnswer, PersonError> {
        let ids = person.ids.iter().map(|id| ("id", UserKey::Id(id.clone())));
        let emails = person
            .emails
            .iter()
            .map(|email| ("address", UserKey::Email(email.key().clone())));
        let mut transaction = self.audit_log.database.begin().await?;
        let mut records = Vec::new();
        for (of, key) in ids.chain(emails) {
            let found = self.audit_log.hashes.find_by_key(&mut transaction, pool, &key).await?;
            let record = |stone: StoredTombstone| {
                Record::default()
                    .with("of", Some(of))
                    .with("createdAt", Some(stone.created_at))
                    .with("seenBySyncAt", stone.scanned_at)
            };
            // Without the key nothing is known of them.
            let found = found.ok_or_else(|| SourceError::new(OPERATION, SourceErrorKind::Unavailable))?;
            records.extend(found.into_iter().map(record));
        }
        transaction.rollback().await?;
        Ok(SourceAnswer::all(records))
    }

    async fn erasures(&self, cx: &CallContext, person: &Person) -> Result<SourceAnswer, PersonError> {
        let receipts = self.users.receipts_of(cx, person).await?;
        let record = |receipt: Receipt| {
            Record::default()
                .with("receipt", Some(receipt.id.0))
                .with("requestedAt", Some(receipt.requested_at))
                .with("finishedAt", receipt.finished_at)
        };
        Ok(SourceAnswer::all(receipts.into_iter().map(record).collect()))
    }
}

fn event(entry: AuditEntry) -> Record {
    Record::default()
        .with("at", Some(entry.place.at))
        .with("event", entry.kind.map(EventKind::name))
        .with("number", Some(i64::from(entry.number)))
        .with("outcome", Some(entry.outcome))
        .with("users", Some(entry.users))
        .with("requestId", Some(entry.request_id))
        .with("sourceSystem", Some(entry.source_system))
        .with("callerIssuer", entry.issuer)
        .with("callerSubject", entry.subject)
        .with("callerClient", entry.client_id)
        .with("network", entry.network)
        .with("filter", entry.filter_kind)
}

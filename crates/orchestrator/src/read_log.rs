//! Writes the events of reads.

use std::{borrow::Cow, sync::Arc};

use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    event::{Event, EventFilter, EventKind, EventOutcome, MAX_EVENT_USERS, hash_text, hashed_user},
    query::UserFilter,
    tenant::PoolId,
    user_key::UserKey,
};
use masthead_ports::{
    audit::AuditPolicy,
    bulk::LookupKey,
    clock::Clock,
    events::ReadEvents,
    keyed_hash::HashPurpose,
    source::{SUBSCRIBE, SourceError},
};

use crate::{Caller, ReadError, findings::PairFindings};

/// The audit log of the reads.
#[derive(Clone)]
pub(crate) struct ReadLog {
    pub(crate) events: Arc<dyn ReadEvents>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) policy: AuditPolicy,
}

/// What a read requests.
#[derive(Clone, Copy)]
pub(crate) enum ReadRequest<'a> {
    User(&'a CustomerRegistrationId),
    Users(&'a UserFilter),
    Keys(&'a [Option<LookupKey>]),
    /// Events of the audit log: the kind of the filter, and its value.
    Audit(&'static str, &'a str),
}

impl ReadRequest<'_> {
    /// The names of the conditions, and a text that is equal only for equal conditions.
    fn describe(self) -> (Cow<'static, str>, String) {
        match self {
            // As of a list with this one condition.
            Self::User(id) => ("id".into(), key_text("i", id.as_str())),
            Self::Users(filter) => (filter.kind(), filter.canonical()),
            Self::Audit(kind, value) => (kind.into(), value.to_owned()),
            Self::Keys(keys) => {
                let mut text = String::new();
                for key in keys {
                    let (tag, value) = match key {
                        Some(LookupKey::User(UserKey::Id(id))) => ("i", id.as_str().to_owned()),
                        Some(LookupKey::User(UserKey::Email(email))) => ("e", email.as_str().to_owned()),
                        Some(LookupKey::Registration(number)) => ("n", number.to_string()),
                        None => ("-", String::new()),
                    };
                    text.push_str(&key_text(tag, &value));
                }
                ("keys".into(), text)
            }
        }
    }
}

/// A value with its kind and its length, so that different lists of values have different texts.
fn key_text(tag: &str, value: &str) -> String {
    [tag, &value.len().to_string(), ":", value].concat()
}

/// The users that an event names.
#[derive(Default)]
struct NamedUsers {
    registration_id: Option<i64>,
    user_ids: Box<[i64]>,
}

impl ReadLog {
    /// Records one answer of the store.
    pub(crate) fn record_answer(
        &self,
        caller: &Caller,
        kind: EventKind,
        requested: ReadRequest<'_>,
        answer: Result<&[Account], &SourceError>,
    ) -> Result<(), ReadError> {
        let (outcome, accounts) = match answer {
            Ok([]) => (EventOutcome::Absent, [].as_slice()),
            Ok(accounts) => (EventOutcome::Found, accounts),
            Err(_) => (EventOutcome::Unknown, [].as_slice()),
        };
        self.record(caller, kind, requested, outcome, accounts)
    }

    /// Records the findings of each source that was called; `store_kind` is the kind of the store's event.
    pub(crate) fn record_findings(
        &self,
        caller: &Caller,
        store_kind: EventKind,
        requested: ReadRequest<'_>,
        findings: &PairFindings,
    ) -> Result<(), ReadError> {
        for (source, kind) in [
            (&findings.store, store_kind),
            (&findings.provider, EventKind::AuthSystemUserGet),
        ] {
            if source.called {
                self.record(caller, kind, requested, source.outcome(), source.accounts())?;
            }
        }
        Ok(())
    }

    /// Records a read of these accounts.
    pub(crate) fn record(
        &self,
        caller: &Caller,
        kind: EventKind,
        requested: ReadRequest<'_>,
        outcome: EventOutcome,
        accounts: &[Account],
    ) -> Result<(), ReadError> {
        self.record_shown(caller, kind, requested, outcome, accounts.len(), accounts)
    }

    /// Records a read of `users` users, which showed these accounts: more where users are known to another source alone.
    pub(crate) fn record_shown<'a>(
        &self,
        caller: &Caller,
        kind: EventKind,
        requested: ReadRequest<'_>,
        outcome: EventOutcome,
        users: usize,
        shown: impl IntoIterator<Item = &'a Account>,
    ) -> Result<(), ReadError> {
        let named = self.name_users(caller.tenant.pool, shown);
        let users = u32::try_from(users).unwrap_or(u32::MAX);
        self.write(caller, kind, requested, outcome, (users, named), None)
    }

    /// Records that an export begins: it takes up to an hour, and no end of this process may hide it.
    pub(crate) fn record_export_start(&self, caller: &Caller, filter: &UserFilter) -> Result<(), ReadError> {
        let detail = format!(r#"{{"source":"{SUBSCRIBE}","state":"started"}}"#);
        self.write_export(caller, filter, EventOutcome::Unknown, 0, detail)
    }

    /// Records the end of an export of `users` registrations. It names none of them: its conditions and their number describe what
    /// was read.
    pub(crate) fn record_export(
        &self,
        caller: &Caller,
        filter: &UserFilter,
        outcome: EventOutcome,
        users: u64,
        is_complete: bool,
    ) -> Result<(), ReadError> {
        let users = u32::try_from(users).unwrap_or(u32::MAX);
        let detail = format!(r#"{{"source":"{SUBSCRIBE}","complete":{is_complete}}}"#);
        self.write_export(caller, filter, outcome, users, detail)
    }

    fn write_export(
        &self,
        caller: &Caller,
        filter: &UserFilter,
        outcome: EventOutcome,
        users: u32,
        detail: String,
    ) -> Result<(), ReadError> {
        let (kind, requested) = (EventKind::SubscribeUserExport, ReadRequest::Users(filter));
        let shown = (users, NamedUsers::default());
        self.write(caller, kind, requested, outcome, shown, Some(detail.into()))
    }

    fn write(
        &self,
        caller: &Caller,
        kind: EventKind,
        requested: ReadRequest<'_>,
        outcome: EventOutcome,
        (users, named): (u32, NamedUsers),
        detail: Option<Box<str>>,
    ) -> Result<(), ReadError> {
        let (kind_of_filter, text) = requested.describe();
        let hash = self.hash(caller.tenant.pool, &text);
        let event = Event {
            kind,
            tenant: caller.tenant.id.clone(),
            pool: caller.tenant.pool,
            at: self.clock.now(),
            kept_days: caller.tenant.settings.event_days.0,
            request_id: caller.request_id.clone(),
            source_system: caller.source_system.clone(),
            caller: Arc::clone(&caller.identity),
            network: caller
                .address
                .and_then(|address| address.for_audit(self.policy.address)),
            outcome,
            filter: Some(EventFilter {
                kind: kind_of_filter,
                hash,
            }),
            registration_id: named.registration_id,
            user_ids: named.user_ids,
            users,
            detail,
        };
        match self.events.record(event) {
            Err(_lost) if self.policy.required => Err(ReadError::Unavailable {
                retry_after: None,
                completeness: None,
            }),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn hash(&self, pool: PoolId, text: &str) -> i64 {
        self.policy.hasher.hash(pool, HashPurpose::Audit, text).number()
    }

    fn name_users<'a>(&self, pool: PoolId, shown: impl IntoIterator<Item = &'a Account>) -> NamedUsers {
        let mut shown = shown.into_iter();
        let number = |account: &Account| {
            account
                .registration_id
                .unwrap_or_else(|| hashed_user(self.hash(pool, &hash_text(&account.crid))))
        };
        match (shown.next(), shown.next()) {
            (None, _) => NamedUsers::default(),
            (Some(one), None) if one.registration_id.is_some() => NamedUsers {
                registration_id: one.registration_id,
                ..NamedUsers::default()
            },
            (Some(one), None) => NamedUsers {
                user_ids: [number(one)].into(),
                ..NamedUsers::default()
            },
            (Some(one), Some(two)) => NamedUsers {
                user_ids: [one, two]
                    .into_iter()
                    .chain(shown)
                    .take(MAX_EVENT_USERS)
                    .map(number)
                    .collect(),
                ..NamedUsers::default()
            },
        }
    }
}

//! What the fake keeps, and what is committed with each write.

use std::collections::{BTreeMap, HashMap};

use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    email::Email,
    event::{EventKind, EventOutcome},
    tenant::{PoolId, Tenant, TenantId},
};
use masthead_ports::{
    erasure::Receipt,
    idempotency::{IdempotencyTicket, StoredAnswer},
    intents::{Intent, IntentId},
    keyed_hash::KeyedHash,
    passwords::PasswordHash,
    source::{CallContext, SourceError, SourceErrorKind},
    users::{NewCode, PendingRegistration, QueuedMail, WriteCommit},
};
use time::OffsetDateTime;

use crate::store::FakeStore;

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteFault {
    /// Nothing is written.
    Unavailable,
    /// Everything is written, and the answer is lost.
    OutcomeUnknown,
}

/// An event as it was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedEvent {
    /// The tenant.
    pub tenant: TenantId,
    /// The kind.
    pub kind: EventKind,
    /// The outcome.
    pub outcome: EventOutcome,
    /// The number of the registration.
    pub registration_id: Option<i64>,
}

/// The attempts of a window.
#[derive(Clone, Copy)]
pub(super) struct CountedAttempts {
    pub(super) failures: u32,
    /// How many of the failures have not ended yet.
    pub(super) unfinished: u32,
    pub(super) ends_at: OffsetDateTime,
}

pub(super) type EmailOfPool = (PoolId, String);

/// A code, with what was sent and tried.
#[derive(Clone)]
pub(super) struct StoredCode {
    pub(super) code: NewCode,
    pub(super) wrong_tries: u32,
    /// When each code of the last day was sent.
    pub(super) sent: Vec<OffsetDateTime>,
}

#[derive(Clone)]
pub(super) struct StoredLink {
    pub(super) pool: PoolId,
    pub(super) id: i64,
    pub(super) hash: KeyedHash,
    pub(super) expires_at: OffsetDateTime,
    pub(super) proves_address: bool,
    pub(super) owner: LinkOwner,
}

/// Whose password a link sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LinkOwner {
    /// The registration with this number.
    Stored(i64),
    /// The user of a remote Users API with this id.
    Remote(CustomerRegistrationId),
}

impl LinkOwner {
    pub(super) fn of(user: &Account) -> Self {
        match user.registration_id {
            Some(number) => Self::Stored(number),
            None => Self::Remote(user.crid.clone()),
        }
    }
}

#[derive(Clone, PartialEq, Eq)]
pub(super) enum KeyProgress {
    Running { until: OffsetDateTime },
    Written(Option<CustomerRegistrationId>),
    Answered(StoredAnswer),
}

#[derive(Clone)]
pub(super) struct StoredKey {
    pub(super) pool: PoolId,
    pub(super) key: KeyedHash,
    pub(super) content: KeyedHash,
    pub(super) ticket: IdempotencyTicket,
    pub(super) progress: KeyProgress,
    /// The user that was written.
    pub(super) crid: Option<CustomerRegistrationId>,
    pub(super) ends_at: OffsetDateTime,
}

/// Everything but the accounts.
#[derive(Clone, Default)]
pub(super) struct UsersState {
    pub(super) passwords: HashMap<(PoolId, i64), PasswordHash>,
    pub(super) pending: BTreeMap<EmailOfPool, PendingRegistration>,
    pub(super) codes: BTreeMap<EmailOfPool, StoredCode>,
    pub(super) links: Vec<StoredLink>,
    /// Each with the time from which it is due.
    pub(super) intents: BTreeMap<IntentId, (Intent, OffsetDateTime)>,
    pub(super) keys: Vec<StoredKey>,
    pub(super) attempts: HashMap<(PoolId, KeyedHash), CountedAttempts>,
    pub(super) known: HashMap<(PoolId, KeyedHash), OffsetDateTime>,
    pub(super) events: Vec<CommittedEvent>,
    pub(super) mails: Vec<QueuedMail>,
    pub(super) faults: Vec<(&'static str, WriteFault)>,
    pub(super) last_number: i64,
    pub(super) last_intent: i64,
    pub(super) last_key: i64,
    pub(super) last_erasure: i64,
    pub(super) erasures: Vec<Receipt>,
    /// Accounts to write: the pool, the id to remove, and the account to put.
    pub(super) writes: Vec<(PoolId, Option<CustomerRegistrationId>, Option<Account>)>,
}

pub(super) fn email_of_pool(cx: &CallContext, email: &Email) -> EmailOfPool {
    (cx.tenant.pool, email.key().as_str().to_owned())
}

pub(super) fn find(store: &FakeStore, cx: &CallContext, id: &CustomerRegistrationId) -> Option<Account> {
    let mut kept = store.kept(cx.tenant.pool).into_iter();
    kept.find(|account| account.crid == *id)
}

pub(super) fn find_number(store: &FakeStore, pool: PoolId, number: i64) -> Option<Account> {
    let mut kept = store.kept(pool).into_iter();
    kept.find(|account| account.registration_id == Some(number))
}

/// The users with this address, by their ids.
pub(super) fn holders(store: &FakeStore, cx: &CallContext, email: &Email) -> Vec<Account> {
    let mut kept = store.kept(cx.tenant.pool);
    kept.retain(|account| account.email.as_ref().map(Email::key) == Some(email.key()));
    kept.sort_by(|a, b| a.crid.cmp(&b.crid));
    kept
}

impl UsersState {
    pub(super) fn take_fault(&mut self, operation: &'static str) -> Option<WriteFault> {
        let at = self.faults.iter().position(|(of, _)| *of == operation)?;
        Some(self.faults.remove(at).1)
    }

    pub(super) fn next_number(&mut self, store: &FakeStore, pool: PoolId) -> i64 {
        let kept = store.kept(pool).into_iter();
        let largest = kept.filter_map(|account| account.registration_id).max().unwrap_or(0);
        self.last_number = self.last_number.max(largest) + 1;
        self.last_number
    }

    pub(super) fn set_password(&mut self, pool: PoolId, number: i64, password: Option<PasswordHash>) {
        match password {
            Some(password) => self.passwords.insert((pool, number), password),
            None => self.passwords.remove(&(pool, number)),
        };
    }

    /// Writes an account in place of the one with the id `before`.
    pub(super) fn write(&mut self, pool: PoolId, before: Option<CustomerRegistrationId>, after: Option<Account>) {
        self.writes.push((pool, before, after));
    }

    pub(super) fn end_links(&mut self, pool: PoolId, owner: &LinkOwner) {
        self.links.retain(|link| (link.pool, &link.owner) != (pool, owner));
    }

    /// Commits what belongs to a write of this user.
    pub(super) fn commit(
        &mut self,
        operation: &'static str,
        tenant: &Tenant,
        user: Option<&Account>,
        commit: &WriteCommit,
    ) -> Result<(), SourceError> {
        if let Some(intent) = commit.intent
            && self.intents.remove(&intent).is_none()
        {
            return Err(SourceError::new(operation, SourceErrorKind::OutcomeUnknown));
        }
        self.mark_written(operation, user.map(|user| &user.crid), commit)?;
        self.mails.extend(commit.mails.iter().cloned());
        if let (Some(link), Some(user)) = (&commit.reset_link, user) {
            self.keep_link(tenant.pool, user, link);
        }
        let events = commit.events.iter().map(|&(kind, outcome)| CommittedEvent {
            tenant: tenant.id.clone(),
            kind,
            outcome,
            registration_id: user.and_then(|user| user.registration_id),
        });
        self.events.extend(events);
        Ok(())
    }

    /// Marks the idempotency key of a commit.
    pub(super) fn mark_written(
        &mut self,
        operation: &'static str,
        crid: Option<&CustomerRegistrationId>,
        commit: &WriteCommit,
    ) -> Result<(), SourceError> {
        let Some(ticket) = commit.idempotency else {
            return Ok(());
        };
        let is_running =
            |key: &&mut StoredKey| key.ticket == ticket && matches!(key.progress, KeyProgress::Running { .. });
        let key = self.keys.iter_mut().find(is_running);
        let key = key.ok_or_else(|| SourceError::new(operation, SourceErrorKind::Unavailable))?;
        key.crid = crid.cloned();
        key.progress = KeyProgress::Written(crid.cloned());
        Ok(())
    }
}

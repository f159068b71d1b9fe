//! The write ports of our store in memory: users, intents, idempotency keys and counters of sign-ins.
//!
//! [`InMemoryUsers`] writes to a [`FakeStore`], which shows the users to readers. Each call changes all or nothing, and can
//! be made to fail.

mod attempts;
mod codes;
mod credentials;
mod erasures;
mod idempotency;
mod intents;
mod remote_store;
mod state;
mod writer;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use masthead_domain::{account::Account, tenant::PoolId};
use masthead_ports::{
    intents::IntentId,
    passwords::PasswordHash,
    source::{SourceError, SourceErrorKind},
    users::{PendingRegistration, QueuedMail},
};

pub use state::{CommittedEvent, WriteFault};

use crate::store::FakeStore;
use state::UsersState;

/// Users of our store in memory, with the promises of the ports.
pub struct InMemoryUsers {
    store: Arc<FakeStore>,
    state: Mutex<UsersState>,
}

impl InMemoryUsers {
    /// Writes to this store.
    #[must_use]
    pub fn new(store: Arc<FakeStore>) -> Self {
        Self {
            store,
            state: Mutex::default(),
        }
    }

    /// Makes the next call of this method of a port fail: `create`, `update`, `begin_intent`, `claim_key`, … All names are
    /// the arguments of [`SourceError::operation`] of this fake: the method, with `_intent`, `_key` or `_attempt` for the
    /// ports beside the users.
    pub fn fail_next(&self, operation: &'static str, fault: WriteFault) {
        self.lock().faults.push((operation, fault));
    }

    /// Adds a user with this password; the account needs its number.
    pub fn put(&self, pool: PoolId, account: Account, password: Option<PasswordHash>) {
        let mut state = self.lock();
        let number = account.registration_id.expect("a stored user has a number");
        let account = Account {
            has_password: password.is_some(),
            ..account
        };
        state.set_password(pool, number, password);
        self.store.put(pool, [account]);
    }

    /// The events so far, in order.
    #[must_use]
    pub fn events(&self) -> Vec<CommittedEvent> {
        self.lock().events.clone()
    }

    /// The mails that wait, in order.
    #[must_use]
    pub fn mails(&self) -> Vec<QueuedMail> {
        self.lock().mails.clone()
    }

    /// The password of a user.
    #[must_use]
    pub fn password(&self, pool: PoolId, number: i64) -> Option<PasswordHash> {
        self.lock().passwords.get(&(pool, number)).cloned()
    }

    /// The pending registrations of a pool.
    #[must_use]
    pub fn pending(&self, pool: PoolId) -> Vec<PendingRegistration> {
        let state = self.lock();
        let of_pool = state.pending.iter().filter(|((kept_in, _), _)| *kept_in == pool);
        of_pool.map(|(_, pending)| pending.clone()).collect()
    }

    /// The numbers of the open intents, the oldest first.
    #[must_use]
    pub fn open_intents(&self) -> Vec<IntentId> {
        self.lock().intents.keys().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, UsersState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a change, which is kept as a whole if it succeeds.
    fn run<T, E: From<SourceError>>(
        &self,
        operation: &'static str,
        change: impl FnOnce(&mut UsersState) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut state = self.lock();
        let fault = state.take_fault(operation);
        if fault == Some(WriteFault::Unavailable) {
            return Err(SourceError::new(operation, SourceErrorKind::Unavailable).into());
        }
        let mut changed = state.clone();
        let result = change(&mut changed)?;
        for (pool, before, after) in changed.writes.drain(..) {
            match (before, &after) {
                (Some(crid), Some(_)) => self.store.remove(pool, &crid),
                (Some(crid), None) => self.store.delete(pool, &crid),
                (None, _) => {}
            }
            self.store.put(pool, after);
        }
        *state = changed;
        if fault == Some(WriteFault::OutcomeUnknown) {
            return Err(SourceError::new(operation, SourceErrorKind::OutcomeUnknown).into());
        }
        Ok(result)
    }
}

impl std::fmt::Debug for InMemoryUsers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InMemoryUsers(<redacted>)")
    }
}

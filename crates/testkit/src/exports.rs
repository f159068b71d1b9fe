//! Exports of the store in memory, batch by batch.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use masthead_domain::account::Account;
use masthead_ports::{
    exports::{ExportSelection, ExportedRegistration, RegistrationExport, RegistrationExports},
    passwords::PasswordHash,
    source::{CallContext, SourceError, SourceErrorKind},
};

use crate::store::FakeStore;

/// Exports what a store in memory has.
#[derive(Debug)]
pub struct FakeExports {
    store: Arc<FakeStore>,
    batch: usize,
    fails_after: Mutex<Option<usize>>,
    state: Arc<ExportCounts>,
}

/// What exports have done so far.
#[derive(Debug, Default)]
pub struct ExportCounts {
    open: AtomicUsize,
    read: AtomicUsize,
}

impl ExportCounts {
    /// How many exports are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// How many registrations were read.
    #[must_use]
    pub fn read(&self) -> usize {
        self.read.load(Ordering::SeqCst)
    }
}

impl FakeExports {
    /// Exports of this store, in batches of this many registrations.
    #[must_use]
    pub fn of(store: Arc<FakeStore>, batch: usize) -> Self {
        Self {
            store,
            batch,
            fails_after: Mutex::default(),
            state: Arc::default(),
        }
    }

    /// Lets the next exports fail after this many batches.
    pub fn fail_after(&self, batches: usize) {
        *self.fails_after.lock().unwrap_or_else(PoisonError::into_inner) = Some(batches);
    }

    /// What the exports have done so far.
    #[must_use]
    pub fn counts(&self) -> Arc<ExportCounts> {
        Arc::clone(&self.state)
    }
}

#[async_trait]
impl RegistrationExports for FakeExports {
    async fn open(
        &self,
        cx: &CallContext,
        selection: &ExportSelection,
    ) -> Result<Box<dyn RegistrationExport>, SourceError> {
        let mut accounts = self.store.accounts(cx).await?;
        accounts.retain(|account| selection.filter.matches(account));
        accounts.sort_by(|a, b| a.crid.cmp(&b.crid));
        self.state.open.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(FakeExport {
            accounts: accounts.into(),
            with_hashes: selection.with_hashes,
            batch: self.batch,
            left: *self.fails_after.lock().unwrap_or_else(PoisonError::into_inner),
            state: Arc::clone(&self.state),
        }))
    }
}

struct FakeExport {
    accounts: VecDeque<Account>,
    with_hashes: bool,
    batch: usize,
    /// The batches before a failure.
    left: Option<usize>,
    state: Arc<ExportCounts>,
}

#[async_trait]
impl RegistrationExport for FakeExport {
    async fn next(&mut self) -> Result<Option<Vec<ExportedRegistration>>, SourceError> {
        match &mut self.left {
            Some(0) => return Err(SourceError::new("export", SourceErrorKind::Unavailable)),
            Some(left) => *left -= 1,
            None => {}
        }
        if self.accounts.is_empty() {
            return Ok(None);
        }
        let count = self.batch.min(self.accounts.len());
        self.state.read.fetch_add(count, Ordering::SeqCst);
        let batch = self.accounts.drain(..count).map(|account| {
            let has_hash = self.with_hashes && account.has_password;
            ExportedRegistration {
                account,
                password_hash: has_hash.then(|| PasswordHash::from_stored("$argon2id$invented")),
            }
        });
        Ok(Some(batch.collect()))
    }
}

impl Drop for FakeExport {
    fn drop(&mut self) {
        self.state.open.fetch_sub(1, Ordering::SeqCst);
    }
}

//! The write side of a store that only remembers what it was told to write.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use masthead_domain::account::Account;
use masthead_ports::{
    registrations::{Registrations, Synchronised, WrittenFor},
    source::{CallContext, SourceError},
};

/// Keeps every account that it was told to synchronise, in order.
#[derive(Debug, Default)]
pub struct RecordingRegistrations(Mutex<Vec<Account>>);

impl RecordingRegistrations {
    /// The accounts since the last call.
    pub fn take(&self) -> Vec<Account> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Registrations for RecordingRegistrations {
    async fn synchronise(
        &self,
        _cx: &CallContext,
        account: &Account,
        _written_for: &WrittenFor,
    ) -> Result<Synchronised, SourceError> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(account.clone());
        Ok(Synchronised::Updated)
    }
}

//! What is written to our own registrations.

use std::sync::Arc;

use async_trait::async_trait;
use masthead_domain::account::Account;
use time::OffsetDateTime;

use crate::source::{CallContext, SourceError};

/// Who asked for a write, for its event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenFor {
    /// The request's `X-RequestId`.
    pub request_id: Arc<str>,
    /// The calling application's code.
    pub source_system: Arc<str>,
    /// The moment of the write.
    pub at: OffsetDateTime,
}

/// What became of a synchronisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synchronised {
    /// The registration was made.
    Created,
    /// Its identity fields were brought up to date.
    Updated,
    /// It already said so.
    Unchanged,
}

/// The write side of our store; each method is one whole transaction with its events in it.
#[async_trait]
pub trait Registrations: Send + Sync {
    /// Brings the registration of this id in line with what the provider said live: makes it when there is none, else
    /// changes its id, e-mail, verification, names and the metadata given, where they differ. Event 4004.
    ///
    /// `registration_id` of the account names the registration to change, whatever its id is now; metadata keys that the
    /// account does not carry are left alone.
    async fn synchronise(
        &self,
        cx: &CallContext,
        account: &Account,
        written_for: &WrittenFor,
    ) -> Result<Synchronised, SourceError>;
}

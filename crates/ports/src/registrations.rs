//! What is written to our own registrations.

use std::sync::Arc;

use async_trait::async_trait;
use masthead_domain::write_back::WriteBack;
use time::OffsetDateTime;

use crate::source::{CallContext, SourceError};

/// Who asked for a write, for its event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteOrigin {
    /// The request's `X-RequestId`.
    pub request_id: Arc<str>,
    /// The calling application's code.
    pub source_system: Arc<str>,
    /// The moment of the write.
    pub at: OffsetDateTime,
}

/// What became of a synchronisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteBackOutcome {
    /// The registration was made.
    Created,
    /// Its identity fields were brought up to date.
    Updated,
    /// It already said so, or a reading that the write rests on is not true any more: the next live answer decides anew.
    Unchanged,
}

/// The write side of our store; each method is one whole transaction with its events in it.
#[async_trait]
pub trait RegistrationWriter: Send + Sync {
    /// Brings one registration in line with what the provider said live: makes it, or changes its id, e-mail, verification,
    /// names and the metadata given, where they differ. Event 4004. Metadata keys that are not given are left alone.
    ///
    /// It never changes whose registration it is. Nothing is written unless, in the transaction of the write,
    /// * the registration that was read still has the id, address, names and verification that were read;
    /// * none has the id, where one is to be made or is to take the id;
    /// * the registrations of the address are those that were read, where one is to be made or is to take the id.
    async fn write_back(
        &self,
        cx: &CallContext,
        write_back: &WriteBack,
        written_for: &WriteOrigin,
    ) -> Result<WriteBackOutcome, SourceError>;
}

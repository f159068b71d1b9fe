//! Writing registrations of our store.

use std::sync::Arc;

use async_trait::async_trait;
use masthead_domain::{access::TokenIdentity, write_back::WriteBack};
use time::OffsetDateTime;

use crate::source::{CallContext, SourceError};

/// The request that caused a write, for its event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteOrigin {
    /// The request's `X-RequestId`.
    pub request_id: Arc<str>,
    /// The code of the calling application.
    pub source_system: Arc<str>,
    /// The time of the write.
    pub at: OffsetDateTime,
    /// To whom the token was issued; empty without a token.
    pub caller: Arc<TokenIdentity>,
    /// What the audit log keeps of the caller's address.
    pub network: Option<Box<str>>,
}

impl WriteOrigin {
    /// The origin of a write without a token.
    #[must_use]
    pub fn new(request_id: Arc<str>, source_system: Arc<str>, at: OffsetDateTime) -> Self {
        Self {
            request_id,
            source_system,
            at,
            caller: Arc::default(),
            network: None,
        }
    }
}

/// The result of a write-back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteBackOutcome {
    /// The registration was created.
    Created,
    /// Its identity fields were updated.
    Updated,
    /// It was already equal, or a fact that the write rests on has changed; the next live answer decides anew.
    Unchanged,
}

/// Writes registrations; each method is one transaction that includes its events.
#[async_trait]
pub trait RegistrationWriter: Send + Sync {
    /// Writes a live answer of the provider into one registration: creates it, or changes its id, e-mail, verification,
    /// names and the given metadata, where they differ (event 4004). Other metadata keys are not changed.
    ///
    /// It never changes whose registration it is. Nothing is written unless, in the transaction of the write,
    /// * the registration that was read still has the same id, address, names and verification;
    /// * no registration has the id, where one is created or receives the id;
    /// * the registrations with the address are those that were read, where one is created or receives the id.
    async fn write_back(
        &self,
        cx: &CallContext,
        write_back: &WriteBack,
        origin: &WriteOrigin,
    ) -> Result<WriteBackOutcome, SourceError>;
}

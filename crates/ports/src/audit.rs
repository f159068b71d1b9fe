//! Reading the audit log.

use std::sync::Arc;

use async_trait::async_trait;
use masthead_domain::{
    caller_address::AuditAddress, customer_registration_id::CustomerRegistrationId, event::EventKind, tenant::Tenant,
};
use time::OffsetDateTime;

use crate::{keyed_hash::KeyedHasher, source::SourceError};

/// The largest page of events.
pub const MAX_AUDIT_PAGE: u16 = 1000;

/// Whose events are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditSubject {
    /// Reads and changes of this user.
    User(CustomerRegistrationId),
    /// Calls with tokens of this subject or client.
    Caller(Box<str>),
    /// Events of one of the rare kinds: refused calls, changes by operators, reads of the log.
    Kind(EventKind),
}

/// The place of an event in the order of the log: its time, then its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AuditPlace {
    /// The time.
    pub at: OffsetDateTime,
    /// The number.
    pub id: i64,
}

/// A page of events to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditQuery {
    /// Whose events.
    pub subject: AuditSubject,
    /// From this time on.
    pub since: OffsetDateTime,
    /// Before this time.
    pub until: OffsetDateTime,
    /// Older than this event.
    pub before: Option<AuditPlace>,
    /// The size of the page, 1 to [`MAX_AUDIT_PAGE`].
    pub limit: u16,
}

/// An event as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its place.
    pub place: AuditPlace,
    /// Its kind; `None` for one that this program does not know.
    pub kind: Option<EventKind>,
    /// The published number of its kind.
    pub number: i32,
    /// `group/client/paper`.
    pub tenant: String,
    /// The request's `X-RequestId`.
    pub request_id: String,
    /// The calling application's code.
    pub source_system: String,
    /// The outcome (`found`, `absent`, `unknown` or `refused`).
    pub outcome: String,
    /// `iss` of the token; this and the next three are absent without a token.
    pub issuer: Option<String>,
    /// `sub` of the token.
    pub subject: Option<String>,
    /// `client_id` or `azp` of the token.
    pub client_id: Option<String>,
    /// `jti` of the token.
    pub token_id: Option<String>,
    /// The network or the address of the caller.
    pub network: Option<String>,
    /// The names of the conditions of a read.
    pub filter_kind: Option<String>,
    /// The keyed hash of their values.
    pub filter_hash: Option<i64>,
    /// The number of the registration, if it was exactly one.
    pub registration_id: Option<i64>,
    /// The number of users in the answer.
    pub users: i64,
    /// More about it, as a JSON object.
    pub detail: Option<String>,
}

/// Events, the latest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditPage {
    /// The events.
    pub entries: Vec<AuditEntry>,
    /// Whether there are older ones.
    pub more: bool,
}

/// What the audit log keeps, and whether reads go on without it.
#[derive(Clone)]
pub struct AuditPolicy {
    /// Hashes what was asked for, and the ids of users without a registration.
    pub hasher: Arc<dyn KeyedHasher>,
    /// What is kept of the addresses of callers.
    pub address: AuditAddress,
    /// A read that cannot be recorded is answered as an unavailable source.
    pub required: bool,
}

/// Reads the audit log.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// A page of the events of one tenant, as far as its setting `Retention.EventDays` goes back.
    async fn read(&self, tenant: &Tenant, query: &AuditQuery) -> Result<AuditPage, SourceError>;
}

//! Write intents: what a two-sided write is about to do, recorded before it is tried, so that no write is lost, doubled or
//! half undone (contract `writes.md` §2).

use std::{fmt, time::Duration};

use async_trait::async_trait;
use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    tenant::{PoolId, TenantId},
};
use time::OffsetDateTime;

use crate::{
    idempotency::IdempotencyTicket,
    source::{CallContext, SourceError},
};

/// The number of an intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IntentId(pub i64);

/// The kind of a two-sided write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntentKind {
    /// An account is created.
    Create,
    /// Names, metadata, verification or the block are changed.
    Update,
    /// A password is set.
    SetPassword,
    /// An address is changed.
    SetEmail,
    /// An account is deleted.
    Delete,
}

impl IntentKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Create,
        Self::Update,
        Self::SetPassword,
        Self::SetEmail,
        Self::Delete,
    ];

    /// The name in the store and for operators.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::SetPassword => "set-password",
            Self::SetEmail => "set-email",
            Self::Delete => "delete",
        }
    }
}

/// How far a two-sided write has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntentStep {
    /// The provider may have been called: what it did is looked up.
    Provider,
    /// The provider is done: our store follows.
    Store,
    /// No look-up shows what the provider did; an operator decides.
    Unsettled,
}

impl IntentStep {
    /// Every step.
    pub const ALL: [Self; 3] = [Self::Provider, Self::Store, Self::Unsettled];

    /// The name in the store and for operators.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Store => "store",
            Self::Unsettled => "unsettled",
        }
    }
}

/// A two-sided write to record.
#[derive(Clone, PartialEq, Eq)]
pub struct NewIntent {
    /// The kind.
    pub kind: IntentKind,
    /// Whose account it is; `None` until a created account has its id.
    pub crid: Option<CustomerRegistrationId>,
    /// What is written, sealed: everything that the steps need, and never a password.
    pub sealed: Box<str>,
    /// Until when the request itself settles it; afterwards a reconciler does.
    pub deadline: OffsetDateTime,
    /// The request's `X-RequestId`.
    pub request_id: Box<str>,
    /// The calling application.
    pub source_system: Box<str>,
    /// The idempotency key of the request.
    pub idempotency: Option<IdempotencyTicket>,
}

/// An open intent.
#[derive(Clone, PartialEq, Eq)]
pub struct Intent {
    /// The number.
    pub id: IntentId,
    /// The pool.
    pub pool: PoolId,
    /// The tenant.
    pub tenant: TenantId,
    /// How far it has come.
    pub step: IntentStep,
    /// What was recorded.
    pub new: NewIntent,
    /// When it was recorded.
    pub created_at: OffsetDateTime,
    /// How many times a reconciler has tried to settle it.
    pub attempts: u32,
    /// Why it is still open, without personal data; `""` before the first try.
    pub reason: Box<str>,
}

/// Keeps write intents.
#[async_trait]
pub trait WriteIntents: Send + Sync {
    /// Records an intent, durably.
    async fn begin(&self, cx: &CallContext, new: &NewIntent, at: OffsetDateTime) -> Result<IntentId, SourceError>;

    /// Records that the provider is done, and whose account it is. A write of our store that fails leaves this step.
    async fn provider_done(
        &self,
        cx: &CallContext,
        id: IntentId,
        crid: &CustomerRegistrationId,
    ) -> Result<(), SourceError>;

    /// Ends an intent of which nothing was written. Its idempotency key is freed.
    async fn abandon(&self, cx: &CallContext, id: IntentId) -> Result<(), SourceError>;

    /// Takes up to `limit` intents of any tenant whose deadline and pause are over, the oldest first, and keeps them from
    /// other reconcilers for `lease`. Intents that are [`IntentStep::Unsettled`] are not taken.
    async fn claim_due(&self, at: OffsetDateTime, lease: Duration, limit: u16) -> Result<Vec<Intent>, SourceError>;

    /// Records why an intent stays open, and when it is tried again.
    async fn postpone(
        &self,
        id: (PoolId, IntentId),
        step: IntentStep,
        reason: &'static str,
        retry_at: OffsetDateTime,
    ) -> Result<(), SourceError>;

    /// The open intents, the oldest first, of one tenant or of all; at most `limit`.
    async fn list(&self, tenant: Option<&TenantId>, limit: u32) -> Result<Vec<Intent>, SourceError>;
}

macro_rules! redacted {
    ($($type:ident),*) => {$(
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($type), "(<redacted>)"))
            }
        }
    )*};
}
redacted!(NewIntent, Intent);

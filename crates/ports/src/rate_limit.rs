//! Limits of what a caller reads in a minute, and the usage that servers report to each other (ADR 0129).

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use masthead_domain::{
    access::TokenIdentity, caller_address::CallerAddress, rate_limit::RatePolicy, tenant::Tenant,
    workspace::WorkspaceId,
};

use crate::source::SourceError;

/// The caller, tenant and address that a request counts for.
#[derive(Debug, Clone, Copy)]
pub struct LimitedCaller<'a> {
    /// The caller itself.
    pub name: CallerName<'a>,
    /// The tenant that it reads.
    pub tenant: &'a Tenant,
    /// Its network address, where the server knows it.
    pub address: Option<CallerAddress>,
}

/// A caller by what it has proved to be.
#[derive(Debug, Clone, Copy)]
pub enum CallerName<'a> {
    /// By its token: the subject of the issuer, or else the client.
    Token(&'a TokenIdentity),
    /// By the key of a workspace.
    Workspace(&'a WorkspaceId),
}

/// Limits the requests and the rows of a minute. Never waits.
pub trait RateLimits: Send + Sync {
    /// Counts a request before it is answered.
    ///
    /// # Errors
    /// A limit is reached, or the rows of earlier answers exceed a limit.
    fn admit(&self, caller: &LimitedCaller<'_>) -> Result<Admission, RateExceeded>;
}

/// No limits.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unlimited;

impl RateLimits for Unlimited {
    fn admit(&self, _: &LimitedCaller<'_>) -> Result<Admission, RateExceeded> {
        Ok(Admission::default())
    }
}

/// Counts what an admitted request turns out to read.
pub trait UsageMeter: Send + Sync {
    /// Counts the request as a list or a search, which weigh more than a look-up.
    fn charge_list(&self);

    /// Counts the rows of its answer. What exceeds a limit is a debt, which later requests wait for.
    fn charge_rows(&self, rows: usize);
}

/// An admitted request. Cheap to clone; the default counts nothing.
#[derive(Clone, Default)]
pub struct Admission(Option<Arc<dyn UsageMeter>>);

impl Admission {
    /// An admission whose usage is counted.
    #[must_use]
    pub fn new(meter: Arc<dyn UsageMeter>) -> Self {
        Self(Some(meter))
    }

    /// As [`UsageMeter::charge_list`].
    pub fn charge_list(&self) {
        if let Some(meter) = &self.0 {
            meter.charge_list();
        }
    }

    /// As [`UsageMeter::charge_rows`].
    pub fn charge_rows(&self, rows: usize) {
        if let Some(meter) = &self.0 {
            meter.charge_rows(rows);
        }
    }
}

impl std::fmt::Debug for Admission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admission").finish_non_exhaustive()
    }
}

/// A limit that is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateExceeded {
    /// The limit.
    pub policy: RatePolicy,
    /// How much of it a minute has.
    pub per_minute: u32,
    /// When the next request will be admitted, if there is no other until then.
    pub retry_after: Duration,
}

/// What one server has admitted of a limit since it last reported to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateUsage {
    /// A keyed hash of the caller, address or tenant.
    pub key: u64,
    /// The limit.
    pub policy: RatePolicy,
    /// How much of it a minute has.
    pub per_minute: u32,
    /// How much was admitted.
    pub used: u64,
}

/// Reports to the other servers of a database what this one has admitted.
#[async_trait]
pub trait RateUsageExchange: Send + Sync {
    /// Adds the usage of the server of this name to what it reported before, and returns, for every other server, all that it reported
    /// since it was silent for a minute: the sum, not the difference to an earlier call.
    async fn exchange(&self, server: &str, own: &[RateUsage]) -> Result<Vec<(Box<str>, RateUsage)>, SourceError>;
}

//! The verified caller of a use case.

use std::{sync::Arc, time::Instant};

use masthead_domain::{
    access::TokenIdentity,
    caller_address::{AuditAddress, CallerAddress},
    query::OnProviderFailure,
    tenant::Tenant,
};
use masthead_ports::{
    registrations::WriteOrigin,
    source::{CallContext, CallerKey, Priority, WaitPolicy},
};
use time::OffsetDateTime;

/// The caller of a use case: authenticated, and authorized for the tenant.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The tenant that the headers name.
    pub tenant: Arc<Tenant>,
    /// The caller that its token was issued to.
    pub identity: Arc<TokenIdentity>,
    /// Its network address, where the server knows it.
    pub address: Option<CallerAddress>,
    /// The code of the calling application.
    pub source_system: Arc<str>,
    /// The request id, as returned and logged.
    pub request_id: Arc<str>,
    /// When the caller stops waiting.
    pub deadline: Instant,
}

impl Caller {
    /// The origin of a write of this caller, with what the audit log keeps of its address.
    pub(crate) fn origin(&self, at: OffsetDateTime, kept: AuditAddress) -> WriteOrigin {
        WriteOrigin {
            caller: Arc::clone(&self.identity),
            network: self.address.and_then(|address| address.for_audit(kept)),
            ..WriteOrigin::new(Arc::clone(&self.request_id), Arc::clone(&self.source_system), at)
        }
    }

    /// The context of calls to a source for this caller.
    #[must_use]
    pub fn context(&self, priority: Priority) -> CallContext {
        CallContext {
            caller: CallerKey::from_name(&self.source_system),
            ..CallContext::new(Arc::clone(&self.tenant), self.deadline, priority)
        }
    }

    /// The context of an interactive read; `onProviderFailure=fail` cannot use a cached answer.
    pub(crate) fn read_context(&self, on_failure: OnProviderFailure) -> CallContext {
        let wait = match on_failure {
            OnProviderFailure::Degrade => WaitPolicy::UnlessCached,
            OnProviderFailure::Fail => WaitPolicy::ForLiveAnswer,
        };
        CallContext {
            wait,
            ..self.context(Priority::Interactive)
        }
    }
}

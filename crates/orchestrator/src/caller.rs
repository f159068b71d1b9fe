//! Who asks, once the headers are understood.

use std::{sync::Arc, time::Instant};

use masthead_domain::{query::OnProviderFailure, tenant::Tenant};
use masthead_ports::source::{CallContext, Priority, WaitPolicy};

/// The caller of a use case: verified, and granted the tenant.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The tenant that the headers name.
    pub tenant: Arc<Tenant>,
    /// The calling application's code.
    pub source_system: Arc<str>,
    /// The request's id, as it is answered and logged.
    pub request_id: Arc<str>,
    /// When the answer is of no more use.
    pub deadline: Instant,
}

impl Caller {
    /// What a call to a source carries for this caller.
    #[must_use]
    pub fn context(&self, priority: Priority) -> CallContext {
        CallContext::new(Arc::clone(&self.tenant), self.deadline, priority)
    }

    /// The same for a person's read of a provider: with `onProviderFailure=fail` a kept answer is of no use.
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

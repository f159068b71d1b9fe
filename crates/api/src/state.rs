//! What the API needs of the rest of the house.

use std::{sync::Arc, time::Duration};

use masthead_orchestrator::Users;
use masthead_ports::{sealing::Sealing, tenants::Tenants, tokens::TokenVerifier};

use crate::export::ExportState;

/// The use cases and ports behind the routes.
pub struct ApiState {
    /// The reads.
    pub users: Users,
    /// The customers export.
    pub exports: Arc<ExportState>,
    /// Who the tenants are.
    pub tenants: Arc<dyn Tenants>,
    /// What a token grants.
    pub tokens: Arc<dyn TokenVerifier>,
    /// The codec of the encrypted values and the cursors.
    pub sealing: Arc<dyn Sealing>,
    /// How much, and how long.
    pub limits: ApiLimits,
}

/// The bounds of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiLimits {
    /// The largest body, in bytes; a larger one is 413.
    pub body_bytes: usize,
    /// How long a request may take that comes without a [`RequestContext`](crate::RequestContext).
    pub deadline: Duration,
    /// What `Retry-After` says where nobody knows better; rounded up to whole seconds.
    pub retry_after: Duration,
}

impl Default for ApiLimits {
    /// 64 KiB, ten seconds, one second.
    fn default() -> Self {
        Self {
            body_bytes: 64 * 1024,
            deadline: Duration::from_secs(10),
            retry_after: Duration::from_secs(1),
        }
    }
}

//! The tenants that the service knows.

use std::sync::Arc;

use async_trait::async_trait;
use masthead_domain::tenant::{Tenant, TenantId};

use crate::source::SourceError;

/// Tells who a tenant is.
#[async_trait]
pub trait Tenants: Send + Sync {
    /// The tenant of this triple; `None` when there is none. An answer may be a few seconds old.
    async fn by_id(&self, id: &TenantId) -> Result<Option<Arc<Tenant>>, SourceError>;
}

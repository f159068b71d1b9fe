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

    /// Every tenant with this client and paper, whatever its client group, in the order of their groups. An answer may be
    /// a few seconds old. It says nothing of who may ask for them: that is the token's to say.
    async fn find_in_any_group(&self, client: &str, paper: &str) -> Result<Vec<TenantId>, SourceError>;
}

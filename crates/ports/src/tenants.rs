//! Finding tenants.

use std::sync::Arc;

use async_trait::async_trait;
use masthead_domain::tenant::{Tenant, TenantId};

use crate::source::SourceError;

/// Finds the tenants of this service. Answers may be a few seconds old.
#[async_trait]
pub trait Tenants: Send + Sync {
    /// The tenant with this id, if it exists.
    async fn by_id(&self, id: &TenantId) -> Result<Option<Arc<Tenant>>, SourceError>;

    /// The tenants with this client and paper in any client group, in the order of the groups. It does not check whether the
    /// caller may use them.
    async fn find_in_any_group(&self, client: &str, paper: &str) -> Result<Vec<TenantId>, SourceError>;
}

//! Workspaces kept in memory.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use masthead_domain::{
    tenant::TenantId,
    workspace::{ExportLimits, KeyHash, Workspace, WorkspaceId},
};
use masthead_ports::{source::SourceError, workspaces::Workspaces};

/// The workspaces of a test.
#[derive(Debug, Default)]
pub struct FakeWorkspaces(HashMap<WorkspaceId, Arc<Workspace>>);

impl FakeWorkspaces {
    /// Knows these workspaces, and no others.
    pub fn new(workspaces: impl IntoIterator<Item = Workspace>) -> Self {
        let named = |workspace: Workspace| (workspace.id.clone(), Arc::new(workspace));
        Self(workspaces.into_iter().map(named).collect())
    }
}

#[async_trait]
impl Workspaces for FakeWorkspaces {
    async fn by_id(&self, id: &WorkspaceId) -> Result<Option<Arc<Workspace>>, SourceError> {
        Ok(self.0.get(id).cloned())
    }
}

/// A workspace with the published limits and this key.
///
/// # Panics
/// When the name is none, or the tenant is not `group/client/paper`.
#[must_use]
pub fn workspace(id: &str, tenant: &str, key: &str) -> Workspace {
    Workspace {
        id: WorkspaceId::parse(id).expect("a name"),
        tenant: TenantId::parse(tenant).expect("a tenant is group/client/paper"),
        suspended: false,
        strict: false,
        limits: ExportLimits::default(),
        keys: vec![KeyHash::of(key)],
    }
}

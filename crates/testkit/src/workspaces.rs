//! Workspaces kept in memory.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use masthead_domain::{
    tenant::TenantId,
    workspace::{Credential, ExportLimits, KeyHash, Workspace, WorkspaceId},
};
use masthead_ports::{source::SourceError, workspaces::Workspaces};

/// The workspaces of a test.
#[derive(Debug, Default)]
pub struct FakeWorkspaces(HashMap<Credential, Arc<Workspace>>);

impl FakeWorkspaces {
    /// Knows these workspaces, each with what opens it, and no others.
    pub fn new(workspaces: impl IntoIterator<Item = (Credential, Workspace)>) -> Self {
        let known = workspaces.into_iter();
        Self(known.map(|(opens, workspace)| (opens, Arc::new(workspace))).collect())
    }
}

#[async_trait]
impl Workspaces for FakeWorkspaces {
    async fn authenticate(&self, credential: &Credential) -> Result<Option<Arc<Workspace>>, SourceError> {
        Ok(self.0.get(credential).cloned())
    }
}

/// A workspace with the published limits, and what this key and its name open it by.
///
/// # Panics
/// When the name is none, or the tenant is not `group/client/paper`.
#[must_use]
pub fn workspace(id: &str, tenant: &str, key: &str) -> (Credential, Workspace) {
    let id = WorkspaceId::parse(id).expect("a name");
    let credential = Credential::new(&id, &KeyHash::for_key(key));
    let workspace = Workspace {
        id,
        tenant: TenantId::parse(tenant).expect("a tenant is group/client/paper"),
        suspended: false,
        strict: false,
        limits: ExportLimits::default(),
    };
    (credential, workspace)
}

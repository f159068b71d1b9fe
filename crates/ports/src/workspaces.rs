//! The workspaces of the customers export.

use std::sync::Arc;

use async_trait::async_trait;
use masthead_domain::workspace::{Workspace, WorkspaceId};

use crate::source::SourceError;

/// Tells what a workspace is.
#[async_trait]
pub trait Workspaces: Send + Sync {
    /// The workspace of this name; `None` when there is none. An answer may be a few seconds old.
    ///
    /// It takes as long for a workspace that there is not as for one that there is, so that nobody learns which there are.
    async fn by_id(&self, id: &WorkspaceId) -> Result<Option<Arc<Workspace>>, SourceError>;
}

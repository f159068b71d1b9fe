//! The workspaces of the customers export.

use std::sync::Arc;

use async_trait::async_trait;
use masthead_domain::workspace::{Credential, Workspace};

use crate::source::SourceError;

/// Tells what a workspace is.
#[async_trait]
pub trait Workspaces: Send + Sync {
    /// The workspace that this opens; `None` alike where there is no such workspace and where it has no such key, and after
    /// the same steps, so that nobody learns which there are. An answer may be a few seconds old.
    async fn authenticate(&self, credential: &Credential) -> Result<Option<Arc<Workspace>>, SourceError>;
}

//! Authentication of export workspaces.

use std::sync::Arc;

use async_trait::async_trait;
use masthead_domain::workspace::{Credential, Workspace};

use crate::source::SourceError;

/// Authenticates workspaces of the customers export.
#[async_trait]
pub trait Workspaces: Send + Sync {
    /// The workspace with this credential. An unknown workspace and a wrong key both give `None` after the same steps, so that
    /// callers cannot find out which workspaces exist. Answers may be a few seconds old.
    async fn authenticate(&self, credential: &Credential) -> Result<Option<Arc<Workspace>>, SourceError>;
}

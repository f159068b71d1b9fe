//! Whether a part of the service can do its work now.

use async_trait::async_trait;

/// A part that can say whether it is ready.
#[async_trait]
pub trait Readiness: Send + Sync {
    /// The part's name in `/health/ready`.
    fn name(&self) -> &'static str;

    /// Checks it, within a second or two. `Err` carries a short word of why not, without addresses or secrets.
    async fn check(&self) -> Result<(), &'static str>;
}

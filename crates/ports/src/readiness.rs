//! Readiness checks of the service.

use async_trait::async_trait;

/// A component that reports whether it is ready.
#[async_trait]
pub trait Readiness: Send + Sync {
    /// The name in `/health/ready`.
    fn name(&self) -> &'static str;

    /// Checks the component within two seconds. An error is a short reason without addresses or secrets.
    async fn check(&self) -> Result<(), &'static str>;
}

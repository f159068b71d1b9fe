//! Where secrets are stored: settings name the place of a secret, never the secret.

use masthead_domain::tenant::TenantId;
pub use masthead_http_client::Secret;

/// The place of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretPlace {
    /// In this file; a line break at its end is not part of the secret.
    File(Box<str>),
    /// In this environment variable.
    Environment(Box<str>),
}

/// Finds secrets at their places; only `masthead::settings` reads files and the environment.
pub trait Secrets: Send + Sync {
    /// The tenant's secret at this place; `None` when it is missing, unreadable, or not this tenant's.
    fn secret(&self, tenant: &TenantId, place: &SecretPlace) -> Option<Secret>;
}

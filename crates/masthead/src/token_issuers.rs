//! The issuers of callers' tokens follow their settings.

use std::sync::Arc;

use async_trait::async_trait;
use masthead_tokens::Verifier;

use crate::{
    reload::{Reload, ReloadError},
    settings::ServerSettings,
    wiring,
};

/// The verifier of callers' tokens as a part that is reloaded: key files, the shared secret, and all other settings of issuers.
pub(crate) struct TokenIssuers(pub(crate) Arc<Verifier>);

#[async_trait]
impl Reload for TokenIssuers {
    fn name(&self) -> &'static str {
        "tokens"
    }

    fn settings(&self) -> &'static [&'static str] {
        &[
            "issuers",
            "tokens.issuer",
            "tokens.audience",
            "tokens.jwks_url",
            "tokens.jwks_file",
            "tokens.hs256_secret",
            "tokens.hs256_secret_file",
            "tokens.kind",
            "tokens.algorithms",
            "tokens.scope_claims",
            "tokens.scope_prefix",
            "tokens.tenants_claims",
            "tokens.client_id_claims",
            "tokens.audience_claims",
            "tokens.jwks_refresh",
            "tokens.jwks_cooldown",
            "tokens.jwks_max_stale",
            "tokens.leeway",
            "tokens.types",
            "tokens.max_lifetime",
            "tokens.max_minted_lifetime",
        ]
    }

    async fn reload(&self, settings: &ServerSettings) -> Result<(), ReloadError> {
        let (issuers, limits) = wiring::issuers(&settings.tokens);
        let replaced = self.0.replace_issuers(issuers, &limits).await;
        replaced.map_err(|error| ReloadError(error.to_string()))
    }
}

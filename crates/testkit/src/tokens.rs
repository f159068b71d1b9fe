//! A token verifier with a list of known tokens.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use masthead_domain::tenant::{Grant, Scope, TenantGrant};
use masthead_ports::tokens::{TokenError, TokenVerifier};

/// Knows some tokens; any other is [`TokenError::BadSignature`].
#[derive(Debug, Default)]
pub struct FakeTokens(HashMap<String, Result<Arc<Grant>, TokenError>>);

impl FakeTokens {
    /// Knows no token.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a valid token with this grant.
    #[must_use]
    pub fn granting(mut self, token: &str, grant: Grant) -> Self {
        self.0.insert(token.to_owned(), Ok(Arc::new(grant)));
        self
    }

    /// Adds an invalid token with this error.
    #[must_use]
    pub fn refusing(mut self, token: &str, error: TokenError) -> Self {
        self.0.insert(token.to_owned(), Err(error));
        self
    }
}

#[async_trait]
impl TokenVerifier for FakeTokens {
    async fn verify(&self, token: &str) -> Result<Arc<Grant>, TokenError> {
        self.0.get(token).cloned().unwrap_or(Err(TokenError::BadSignature))
    }
}

/// A grant of these scopes for these tenants.
///
/// # Panics
/// When a tenant is not `group/client/paper`, `*` allowed.
#[must_use]
pub fn grant(scopes: &[Scope], tenants: &[&str]) -> Grant {
    Grant {
        scopes: scopes.to_vec(),
        tenants: tenants
            .iter()
            .map(|text| TenantGrant::parse(text).expect("a grant is group/client/paper"))
            .collect(),
    }
}

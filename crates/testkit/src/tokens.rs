//! A token verifier with a list of known tokens.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use masthead_domain::{
    access::{Grant, Scope, TenantGrant, TokenIdentity},
    customer_registration_id::CustomerRegistrationId,
    tenant::{Tenant, TenantId},
};
use masthead_ports::tokens::{TokenError, TokenVerifier, UserTokenError, UserTokenVerifier, VerifiedToken};

/// Knows some tokens; any other is [`TokenError::BadSignature`].
#[derive(Debug, Default)]
pub struct FakeTokens(HashMap<String, Result<Arc<VerifiedToken>, TokenError>>);

impl FakeTokens {
    /// Knows no token.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a valid token with this grant, issued to the subject `token` by `https://issuer.example`.
    #[must_use]
    pub fn granting(self, token: &str, grant: Grant) -> Self {
        let identity = TokenIdentity {
            issuer: "https://issuer.example".into(),
            subject: Some(token.into()),
            ..TokenIdentity::default()
        };
        self.granting_to(token, identity, grant)
    }

    /// Adds a valid token with this grant, issued to this identity.
    #[must_use]
    pub fn granting_to(mut self, token: &str, identity: TokenIdentity, grant: Grant) -> Self {
        let verified = VerifiedToken {
            identity: Arc::new(identity),
            grant,
        };
        self.0.insert(token.to_owned(), Ok(Arc::new(verified)));
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
    async fn verify(&self, token: &str) -> Result<Arc<VerifiedToken>, TokenError> {
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

/// Knows some tokens of users of one tenant; any other is [`TokenError::WrongIssuer`].
#[derive(Debug, Default)]
pub struct FakeUserTokens(HashMap<(TenantId, String), Result<CustomerRegistrationId, UserTokenError>>);

impl FakeUserTokens {
    /// Adds a token of this tenant.
    ///
    /// # Panics
    /// When the tenant is not `group/client/paper`.
    #[must_use]
    pub fn knowing(mut self, tenant: &str, token: &str, user: Result<CustomerRegistrationId, UserTokenError>) -> Self {
        let tenant = TenantId::parse(tenant).expect("a tenant is group/client/paper");
        self.0.insert((tenant, token.to_owned()), user);
        self
    }
}

#[async_trait]
impl UserTokenVerifier for FakeUserTokens {
    async fn verify_user(&self, tenant: &Tenant, token: &str) -> Result<CustomerRegistrationId, UserTokenError> {
        let known = self.0.get(&(tenant.id.clone(), token.to_owned()));
        known.cloned().unwrap_or(Err(TokenError::WrongIssuer.into()))
    }
}

//! Verification of access tokens, and of tokens of users.

use std::sync::Arc;

use async_trait::async_trait;
use masthead_domain::{
    access::{Grant, TokenIdentity},
    customer_registration_id::CustomerRegistrationId,
    tenant::Tenant,
};
use thiserror::Error;

/// Verifies bearer tokens.
#[async_trait]
pub trait TokenVerifier: Send + Sync {
    /// Verifies signature, issuer, audience and time of a JWT (RFC 7519), and reads its grant and the caller that it was issued to.
    ///
    /// `token` is the text after the scheme.
    async fn verify(&self, token: &str) -> Result<Arc<VerifiedToken>, TokenError>;
}

/// A token that holds now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedToken {
    /// The caller that it was issued to; shared with the callers of requests.
    pub identity: Arc<TokenIdentity>,
    /// What it grants.
    pub grant: Grant,
}

/// Why a token is rejected. The text never contains a part of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum TokenError {
    /// Not a JWT, or its algorithm is not supported.
    #[error("the token is malformed")]
    Malformed,
    /// No known key signed it with its algorithm.
    #[error("the token is not signed by a known key")]
    BadSignature,
    /// It is expired.
    #[error("the token is expired")]
    Expired,
    /// It is not valid yet.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// It has another issuer.
    #[error("the token is from another issuer")]
    WrongIssuer,
    /// It has another audience.
    #[error("the token is for another audience")]
    WrongAudience,
    /// It is another kind of token.
    #[error("the token is not an access token")]
    NotAccessToken,
    /// Its lifetime is longer than allowed.
    #[error("the token is valid for longer than is allowed")]
    LongLived,
    /// Scopes or tenants are missing or not of the published form, and no operator granted any.
    #[error("the token's claims are not of the published form")]
    BadClaims,
    /// An operator denied the token, its subject or its client (`masthead caller deny`).
    #[error("the token is revoked")]
    Revoked,
    /// The signing keys could not be fetched, so the token cannot be verified.
    #[error("the signing keys cannot be fetched")]
    KeysUnavailable,
    /// The rules that operators keep about callers cannot be read, so no token can be judged.
    #[error("the rules about callers cannot be read")]
    RulesUnavailable,
}

/// Verifies tokens of a tenant's users, such as the ID token of its identity provider. A token is never logged.
#[async_trait]
pub trait UserTokenVerifier: Send + Sync {
    /// The id of the user whose token it is: its subject.
    ///
    /// # Errors
    /// It is refused, the keys of the issuer cannot be fetched, or the tenant trusts no issuer.
    async fn verify_user(&self, tenant: &Tenant, token: &str) -> Result<CustomerRegistrationId, UserTokenError>;
}

/// Why a user's token gives no user.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UserTokenError {
    /// The tenant trusts no issuer: this setting is missing or unusable.
    #[error("the tenant's setting {0} is missing or unusable")]
    MissingSetting(&'static str),
    /// It is refused, or the keys of its issuer cannot be fetched ([`TokenError::KeysUnavailable`]).
    #[error(transparent)]
    Token(#[from] TokenError),
}

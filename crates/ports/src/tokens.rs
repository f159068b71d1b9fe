//! Verifying the callers' tokens.

use std::sync::Arc;

use async_trait::async_trait;
use masthead_domain::tenant::Grant;
use thiserror::Error;

/// Tells what a bearer token grants.
#[async_trait]
pub trait TokenVerifier: Send + Sync {
    /// Verifies signature, issuer, audience and time of a JWT (RFC 7519), and reads its grant.
    ///
    /// `token` is the text after the scheme.
    async fn verify(&self, token: &str) -> Result<Arc<Grant>, TokenError>;
}

/// Why a token is not taken. The text never repeats any part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum TokenError {
    /// Not a JWT, or its header names no algorithm of ours.
    #[error("the token is malformed")]
    Malformed,
    /// No key of ours signed it, or not with that key's algorithm.
    #[error("the token is not signed by a known key")]
    BadSignature,
    /// It is past its time.
    #[error("the token is expired")]
    Expired,
    /// It is not valid yet.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// Somebody else issued it.
    #[error("the token is from another issuer")]
    WrongIssuer,
    /// It is meant for somebody else.
    #[error("the token is for another audience")]
    WrongAudience,
    /// It states another kind of token, or has the claims of one.
    #[error("the token is not an access token")]
    NotAccessToken,
    /// It would be good for longer than the operator allows.
    #[error("the token is valid for longer than is allowed")]
    LongLived,
    /// `scope` or `tenants` is missing or not of the published form.
    #[error("the token's claims are not of the published form")]
    BadClaims,
    /// The keys could not be fetched, so nothing can be said of the token.
    #[error("the signing keys cannot be fetched")]
    KeysUnavailable,
}

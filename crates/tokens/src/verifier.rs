//! The verifier of the callers' tokens.

use std::{fmt, net::IpAddr, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use http::Uri;
use masthead_http_client::{HttpClient, Secret};
use masthead_ports::{
    clock::Clock,
    readiness::Readiness,
    tokens::{TokenError, TokenVerifier, VerifiedToken},
};
use thiserror::Error;

use crate::{
    claims::{Claims, ExpectedClaims},
    fetch::{KeySetFile, KeySetUrl},
    jwt::{Jwt, MAX_TOKEN_BYTES},
    key::{Algorithm, VerificationKey},
    key_set_cache::{KeySetCache, KeySetFreshness},
    mint::MIN_SHARED_SECRET_BYTES,
    token_cache::{TokenCacheAnswer, VerifiedTokens},
};

/// How many verified tokens are remembered, at about 300 bytes each.
const REMEMBERED_TOKENS: usize = 16_384;

/// The greatest clock tolerance that can be configured.
const MAX_LEEWAY: Duration = Duration::from_mins(5);

/// The shortest time between two readings of a key file.
const FILE_COOLDOWN: Duration = Duration::from_secs(5);

/// How long a key file is believed before it is read again.
const FILE_MAX_AGE: Duration = Duration::from_mins(1);

/// How callers' tokens are verified.
#[derive(Debug, Clone)]
pub struct VerifierOptions {
    /// The one `iss` that is taken.
    pub issuer: Box<str>,
    /// The audience that a token must name.
    pub audience: Box<str>,
    /// The tolerated clock difference, at most five minutes.
    pub leeway: Duration,
    /// The kinds of token that are taken, beside those that state none (`typ`, RFC 8725 §3.11); `JWT` and `at+jwt` (RFC
    /// 9068 §2.1) are usual.
    pub types: Vec<Box<str>>,
    /// The longest lifetime of a token that is taken.
    pub max_lifetime: Duration,
    /// Who signs.
    pub keys: VerifierKeySource,
}

/// Where the keys come from: a shared secret or a key set, never both.
#[derive(Debug, Clone)]
pub enum VerifierKeySource {
    /// HS256 under a shared secret of at least 32 bytes, for local use.
    Hs256(Secret),
    /// A key set in a file. It is read at the start, again when it is a minute old, and, at most every five seconds, when
    /// a token names an unknown key.
    JwksFile(PathBuf),
    /// A key set at an address.
    JwksUrl {
        /// The address; see [`is_safe_key_address`].
        url: Box<str>,
        /// The shortest time between two fetches; thirty seconds is usual.
        cooldown: Duration,
        /// An older set is fetched anew, beside the requests; five to ten minutes is usual.
        max_age: Duration,
        /// While the address is down the last set is stored for so long, then nothing is verified any more.
        max_stale: Duration,
    },
}

/// Whether keys from this URL cannot be replaced on the way: https, or http to a loopback address or `localhost` (RFC
/// 6761 §6.3). A URL with user information is rejected, since requests would not carry it.
#[must_use]
pub fn is_safe_key_address(uri: &Uri) -> bool {
    let Some(authority) = uri.authority() else { return false };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let is_loopback =
        || host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    let is_safe = match uri.scheme_str() {
        Some("https") => !host.is_empty(),
        Some("http") => is_loopback(),
        _ => false,
    };
    is_safe && !authority.as_str().contains('@')
}

/// Options of which no verifier can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum VerifierOptionsError {
    /// The issuer is empty.
    #[error("the issuer must not be empty")]
    NoIssuer,
    /// The audience is empty.
    #[error("the audience must not be empty")]
    NoAudience,
    /// The leeway is too long.
    #[error("the leeway must be at most five minutes")]
    LongLeeway,
    /// The shared secret is too short.
    #[error("the shared secret must be at least {MIN_SHARED_SECRET_BYTES} bytes long")]
    ShortSecret,
    /// The key file cannot be read, or holds no usable key.
    #[error("the key file cannot be read, or holds no RS256, ES256 or EdDSA key")]
    KeyFile,
    /// The key set's URL is invalid, or its keys could be replaced on the way.
    #[error("the key set's address must be an https address without user information; http only of this host itself")]
    KeyAddress,
    /// The times contradict each other.
    #[error("of the key set's times, the cool-down must be the shortest and the stale time the longest")]
    Times,
    /// The system gave no random bytes.
    #[error("the system gives no random bytes")]
    HashKeyError,
}

/// A media type without its prefix: one without any other slash may be written either way (RFC 7515 §4.1.9).
fn media_subtype(typ: &str) -> &str {
    const PREFIX: &str = "application/";
    match typ.split_at_checked(PREFIX.len()) {
        Some((prefix, subtype)) if prefix.eq_ignore_ascii_case(PREFIX) && !subtype.contains('/') => subtype,
        _ => typ,
    }
}

/// Verifies tokens, and remembers those that it has verified.
pub struct Verifier {
    expected: ExpectedClaims,
    types: Vec<Box<str>>,
    signers: Signers,
    verified: VerifiedTokens,
    clock: Arc<dyn Clock>,
}

enum Signers {
    Shared(Arc<VerificationKey>),
    Set(Arc<KeySetCache>),
}

impl Verifier {
    /// Makes a verifier. A key file is read now; a key set's URL is first called by [`Self::warm_up`] or a token.
    ///
    /// # Errors
    /// The first option that cannot be.
    pub fn new(
        options: VerifierOptions,
        clock: Arc<dyn Clock>,
        client: &HttpClient,
    ) -> Result<Self, VerifierOptionsError> {
        let signers = match &options.keys {
            VerifierKeySource::Hs256(secret) if secret.expose().len() < MIN_SHARED_SECRET_BYTES => {
                return Err(VerifierOptionsError::ShortSecret);
            }
            VerifierKeySource::Hs256(secret) => Signers::Shared(Arc::new(VerificationKey::shared(secret.expose()))),
            VerifierKeySource::JwksFile(path) => {
                let file = KeySetFile(path.clone());
                let text = file.read().map_err(|_| VerifierOptionsError::KeyFile)?;
                let freshness = KeySetFreshness {
                    cooldown: FILE_COOLDOWN,
                    max_age: FILE_MAX_AGE,
                    // A file that is gone for a moment, or for good, changes nothing: the operator put it there.
                    max_stale: Duration::MAX,
                };
                let keys = KeySetCache::new(Arc::new(file), freshness);
                if keys.accept(&text).unwrap_or_default() == 0 {
                    return Err(VerifierOptionsError::KeyFile);
                }
                Signers::Set(Arc::new(keys))
            }
            VerifierKeySource::JwksUrl {
                url,
                cooldown,
                max_age,
                max_stale,
            } => {
                let uri: Uri = url.parse().map_err(|_| VerifierOptionsError::KeyAddress)?;
                if !is_safe_key_address(&uri) {
                    return Err(VerifierOptionsError::KeyAddress);
                }
                if cooldown > max_age || max_age > max_stale {
                    return Err(VerifierOptionsError::Times);
                }
                let freshness = KeySetFreshness {
                    cooldown: *cooldown,
                    max_age: *max_age,
                    max_stale: *max_stale,
                };
                let source = KeySetUrl {
                    client: client.clone(),
                    uri,
                };
                Signers::Set(Arc::new(KeySetCache::new(Arc::new(source), freshness)))
            }
        };
        Self::with_signers(options, signers, clock)
    }

    fn with_signers(
        options: VerifierOptions,
        signers: Signers,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, VerifierOptionsError> {
        if options.issuer.is_empty() {
            return Err(VerifierOptionsError::NoIssuer);
        }
        if options.audience.is_empty() {
            return Err(VerifierOptionsError::NoAudience);
        }
        if options.leeway > MAX_LEEWAY {
            return Err(VerifierOptionsError::LongLeeway);
        }
        Ok(Self {
            expected: ExpectedClaims {
                issuer: options.issuer,
                audience: options.audience,
                leeway: i64::try_from(options.leeway.as_secs()).map_err(|_| VerifierOptionsError::LongLeeway)?,
                max_lifetime: i64::try_from(options.max_lifetime.as_secs()).unwrap_or(i64::MAX),
            },
            types: options.types.iter().map(|typ| media_subtype(typ).into()).collect(),
            signers,
            verified: VerifiedTokens::new(REMEMBERED_TOKENS).map_err(|_| VerifierOptionsError::HashKeyError)?,
            clock,
        })
    }

    /// Fetches the key set, if there is one to fetch, so that the first caller need not wait for it.
    ///
    /// # Errors
    /// [`TokenError::KeysUnavailable`] when it did not come; the first tokens will try again.
    pub async fn warm_up(&self) -> Result<(), TokenError> {
        match &self.signers {
            Signers::Shared(_) => Ok(()),
            Signers::Set(keys) => keys.obtain().await,
        }
    }

    /// What is known of a token without waiting: `None` when it has to be verified.
    ///
    /// Its time is checked each time, and so is that its key was not removed since.
    #[must_use]
    pub fn remembered(&self, token: &str) -> Option<Result<Arc<VerifiedToken>, TokenError>> {
        let usable = match &self.signers {
            Signers::Shared(_) => true,
            Signers::Set(keys) => keys.are_usable(),
        };
        if !usable || token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        match self.verified.look_up(token, self.now()) {
            TokenCacheAnswer::Good(verified) => Some(Ok(verified)),
            TokenCacheAnswer::Expired => Some(Err(TokenError::Expired)),
            TokenCacheAnswer::Nothing => None,
        }
    }

    /// By its `typ`: absent, or one of the accepted types, in any case and with or without `application/` (RFC 7515 §4.1.9).
    fn is_access_token(&self, typ: Option<&str>) -> bool {
        typ.is_none_or(|typ| {
            let typ = media_subtype(typ);
            self.types.iter().any(|accepted| accepted.eq_ignore_ascii_case(typ))
        })
    }

    async fn verify_anew(&self, token: &str) -> Result<Arc<VerifiedToken>, TokenError> {
        let jwt = Jwt::parse(token)?;
        let made = |key: &VerificationKey| key.made(&jwt.signature, jwt.signed);
        let key = match &self.signers {
            Signers::Shared(key) if jwt.algorithm == Algorithm::Hs256 && made(key) => Arc::clone(key),
            Signers::Shared(_) => return Err(TokenError::BadSignature),
            Signers::Set(keys) => keys.signer(jwt.kid.as_deref(), jwt.algorithm, &made).await?,
        };
        if !self.is_access_token(jwt.typ.as_deref()) {
            return Err(TokenError::NotAccessToken);
        }
        let claims: Claims = jwt.claims().ok_or(TokenError::BadClaims)?;
        let now = self.now();
        let claims = claims.judge(&self.expected, now)?;
        Ok(self.verified.remember(token, key, claims))
    }

    fn now(&self) -> i64 {
        self.clock.now().unix_timestamp()
    }
}

#[async_trait]
impl TokenVerifier for Verifier {
    async fn verify(&self, token: &str) -> Result<Arc<VerifiedToken>, TokenError> {
        match self.remembered(token) {
            Some(known) => known,
            None => Box::pin(self.verify_anew(token)).await,
        }
    }
}

#[async_trait]
impl Readiness for Verifier {
    fn name(&self) -> &'static str {
        "tokens"
    }

    /// Whether tokens can be verified; fetches the key set when there is none, like a caller's token.
    async fn check(&self) -> Result<(), &'static str> {
        match &self.signers {
            Signers::Shared(_) => Ok(()),
            Signers::Set(keys) => keys.obtain().await.map_err(|_| "no signing keys"),
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("expected", &self.expected)
            .finish_non_exhaustive()
    }
}

/// A way in for the tests of other modules.
#[cfg(test)]
pub(crate) mod testing {
    use super::{Clock, KeySetCache, Signers, Verifier, VerifierOptions};
    use crate::testing::{AUDIENCE, ISSUER};
    use masthead_http_client::Secret;
    use std::{sync::Arc, time::Duration};

    pub(crate) fn verifier_over(keys: Arc<KeySetCache>, clock: Arc<dyn Clock>) -> Verifier {
        let options = VerifierOptions {
            issuer: ISSUER.into(),
            audience: AUDIENCE.into(),
            leeway: Duration::from_secs(30),
            types: vec!["JWT".into(), "at+jwt".into()],
            max_lifetime: Duration::from_hours(24),
            keys: super::VerifierKeySource::Hs256(Secret::new([0; 32])),
        };
        Verifier::with_signers(options, Signers::Set(keys), clock).unwrap()
    }
}

#[cfg(test)]
mod tests;

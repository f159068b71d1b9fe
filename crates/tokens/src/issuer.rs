//! One issuer: what its tokens must be like, and the keys that only its tokens are verified with.

use std::{
    net::IpAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::Uri;
use masthead_http_client::{HttpClient, Secret};
use masthead_ports::tokens::TokenError;
use thiserror::Error;

use crate::{
    claim_rules::ClaimRules,
    claims::{Claims, ExpectedClaims, ValidClaims},
    fetch::{KeySetFile, KeySetUrl},
    jwt::Jwt,
    key::{Algorithm, VerificationKey},
    key_set_cache::{KeySetCache, KeySetFreshness},
    key_set_refresh::refresh_by_clock,
    mint::MIN_SHARED_SECRET_BYTES,
};

/// The greatest clock tolerance that can be configured.
const MAX_LEEWAY: Duration = Duration::from_mins(5);

/// The shortest time between two readings of a key file that tokens with unknown keys cause.
const FILE_COOLDOWN: Duration = Duration::from_secs(5);

/// How often a key file is read.
const FILE_REFRESH: Duration = Duration::from_mins(1);

/// An issuer whose tokens are taken.
#[derive(Debug, Clone)]
pub struct IssuerOptions {
    /// Its name in logs, metrics and reports.
    pub name: Box<str>,
    /// The `iss` of its tokens.
    pub issuer: Box<str>,
    /// A token must name one of these audiences.
    pub audiences: Vec<Box<str>>,
    /// Who signs.
    pub keys: VerifierKeySource,
    /// The algorithms that are taken of a key set; a shared secret has its own.
    pub algorithms: Vec<Algorithm>,
    /// Where the claims are.
    pub claims: ClaimRules,
}

/// Where the keys come from: a shared secret or a key set, never both.
#[derive(Debug, Clone)]
pub enum VerifierKeySource {
    /// HS256 under a shared secret of at least 32 bytes, for local use.
    Hs256(Secret),
    /// A key set in a file. It is read at the start, each minute, and sooner when a token names an unknown key.
    JwksFile(PathBuf),
    /// A key set at an address.
    JwksUrl {
        /// The address; see [`is_safe_key_address`].
        url: Box<str>,
        /// How often it is fetched.
        refresh: Duration,
        /// The time after which tokens with unknown keys may cause one more fetch, beside two at once.
        cooldown: Duration,
        /// While the address is down the last set is used for so long, then nothing is verified any more.
        max_stale: Duration,
    },
}

/// What the tokens of every issuer must be like.
#[derive(Debug, Clone)]
pub struct TokenLimits {
    /// The tolerated clock difference, at most five minutes.
    pub leeway: Duration,
    /// The kinds of token that are taken, beside those that state none (`typ`, RFC 8725 §3.11); `JWT` and `at+jwt` (RFC
    /// 9068 §2.1) are usual.
    pub types: Vec<Box<str>>,
    /// The longest lifetime of a token that is taken.
    pub max_lifetime: Duration,
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

/// Options of which no issuer can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum IssuerOptionsError {
    /// The issuer is empty.
    #[error("the issuer must not be empty")]
    NoIssuer,
    /// There is no audience, or one is empty.
    #[error("the audience must not be empty")]
    NoAudience,
    /// No algorithm is taken.
    #[error("no algorithm is taken")]
    NoAlgorithm,
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
    #[error("the key set must be fetched at least twice in the time for which it is used while its address is down")]
    Times,
}

/// A media type without its prefix: one without any other slash may be written either way (RFC 7515 §4.1.9).
fn media_subtype(typ: &str) -> &str {
    const PREFIX: &str = "application/";
    match typ.split_at_checked(PREFIX.len()) {
        Some((prefix, subtype)) if prefix.eq_ignore_ascii_case(PREFIX) && !subtype.contains('/') => subtype,
        _ => typ,
    }
}

impl VerifierKeySource {
    /// What a key set is fetched from, and how: sets that agree in it are one. `None` for a shared secret.
    fn origin(&self) -> Option<String> {
        match self {
            Self::Hs256(_) => None,
            Self::JwksFile(path) => Some(format!("file {}", path.display())),
            Self::JwksUrl {
                url,
                refresh,
                cooldown,
                max_stale,
            } => Some(format!("{url} {refresh:?} {cooldown:?} {max_stale:?}")),
        }
    }
}

/// An issuer, with its keys.
pub(crate) struct Issuer {
    pub(crate) name: Box<str>,
    origin: Option<String>,
    /// Another one has taken its place: what it verified counts no more.
    replaced: AtomicBool,
    pub(crate) expected: ExpectedClaims,
    types: Vec<Box<str>>,
    algorithms: Vec<Algorithm>,
    pub(crate) signers: Signers,
}

#[derive(Clone)]
pub(crate) enum Signers {
    Shared(Arc<VerificationKey>),
    Set { keys: Arc<KeySetCache>, refresh: Duration },
}

/// A token whose signature, kind and claims are good.
pub(crate) struct GoodToken {
    pub(crate) key: Arc<VerificationKey>,
    pub(crate) claims: ValidClaims,
}

impl Issuer {
    /// An issuer of these options, with the key set of one of `earlier` that has the same name and source. Otherwise a key file
    /// is read now; a key set's URL is not called yet.
    pub(crate) fn new(
        options: IssuerOptions,
        limits: &TokenLimits,
        client: &HttpClient,
        earlier: &[Arc<Self>],
    ) -> Result<Self, IssuerOptionsError> {
        let origin = options.keys.origin();
        let same = |issuer: &&Arc<Self>| origin.is_some() && issuer.name == options.name && issuer.origin == origin;
        let signers = match earlier.iter().find(same) {
            Some(issuer) => issuer.signers.clone(),
            None => Signers::new(&options.name, &options.keys, client)?,
        };
        Self::with_signers(options, signers, limits)
    }

    pub(crate) fn with_signers(
        options: IssuerOptions,
        signers: Signers,
        limits: &TokenLimits,
    ) -> Result<Self, IssuerOptionsError> {
        if options.issuer.is_empty() {
            return Err(IssuerOptionsError::NoIssuer);
        }
        if options.audiences.is_empty() || options.audiences.iter().any(|audience| audience.is_empty()) {
            return Err(IssuerOptionsError::NoAudience);
        }
        if options.algorithms.is_empty() && !matches!(signers, Signers::Shared(_)) {
            return Err(IssuerOptionsError::NoAlgorithm);
        }
        if limits.leeway > MAX_LEEWAY {
            return Err(IssuerOptionsError::LongLeeway);
        }
        Ok(Self {
            name: options.name,
            origin: options.keys.origin(),
            replaced: AtomicBool::new(false),
            expected: ExpectedClaims {
                issuer: options.issuer.into(),
                audiences: options.audiences,
                leeway: i64::try_from(limits.leeway.as_secs()).map_err(|_| IssuerOptionsError::LongLeeway)?,
                max_lifetime: i64::try_from(limits.max_lifetime.as_secs()).unwrap_or(i64::MAX),
                rules: options.claims,
            },
            types: limits.types.iter().map(|typ| media_subtype(typ).into()).collect(),
            algorithms: options.algorithms,
            signers,
        })
    }

    /// Verifies a token of this issuer at `now`, in UNIX seconds.
    pub(crate) async fn verify(&self, jwt: &Jwt<'_>, now: i64) -> Result<GoodToken, TokenError> {
        let key = self.signer(jwt).await?;
        if !self.is_access_token(jwt.typ.as_deref()) {
            return Err(TokenError::NotAccessToken);
        }
        let claims: Claims = jwt.claims().ok_or(TokenError::BadClaims)?;
        let claims = claims.judge(&self.expected, now)?;
        Ok(GoodToken { key, claims })
    }

    /// The key of this issuer that signed the token.
    pub(crate) async fn signer(&self, jwt: &Jwt<'_>) -> Result<Arc<VerificationKey>, TokenError> {
        let made = |key: &VerificationKey| key.made(&jwt.signature, jwt.signed);
        match &self.signers {
            Signers::Shared(key) if jwt.algorithm == Algorithm::Hs256 && made(key) => Ok(Arc::clone(key)),
            Signers::Set { keys, .. } if self.algorithms.contains(&jwt.algorithm) => {
                keys.signer(jwt.kid.as_deref(), jwt.algorithm, &made).await
            }
            Signers::Shared(_) | Signers::Set { .. } => Err(TokenError::BadSignature),
        }
    }

    /// By its `typ`: absent, or one of the accepted types, in any case and with or without `application/` (RFC 7515 §4.1.9).
    pub(crate) fn is_access_token(&self, typ: Option<&str>) -> bool {
        typ.is_none_or(|typ| {
            let typ = media_subtype(typ);
            self.types.iter().any(|accepted| accepted.eq_ignore_ascii_case(typ))
        })
    }

    /// From now on nothing that it verified counts.
    pub(crate) fn replace(&self) {
        self.replaced.store(true, Ordering::Release);
    }

    /// Whether it was not replaced, and its keys may be used now.
    pub(crate) fn is_usable(&self) -> bool {
        if self.replaced.load(Ordering::Acquire) {
            return false;
        }
        match &self.signers {
            Signers::Shared(_) => true,
            Signers::Set { keys, .. } => keys.are_usable(),
        }
    }
}

impl Signers {
    fn new(name: &str, source: &VerifierKeySource, client: &HttpClient) -> Result<Self, IssuerOptionsError> {
        match source {
            VerifierKeySource::Hs256(secret) if secret.expose().len() < MIN_SHARED_SECRET_BYTES => {
                Err(IssuerOptionsError::ShortSecret)
            }
            VerifierKeySource::Hs256(secret) => Ok(Self::Shared(Arc::new(VerificationKey::shared(secret.expose())))),
            VerifierKeySource::JwksFile(path) => {
                let file = KeySetFile(path.clone());
                let text = file.read().map_err(|_| IssuerOptionsError::KeyFile)?;
                let freshness = KeySetFreshness {
                    cooldown: FILE_COOLDOWN,
                    max_age: FILE_REFRESH * 2,
                    // A file that is gone for a moment, or for good, changes nothing: the operator put it there.
                    max_stale: Duration::MAX,
                };
                let keys = KeySetCache::new(name, Arc::new(file), freshness);
                if keys.accept(&text).unwrap_or_default() == 0 {
                    return Err(IssuerOptionsError::KeyFile);
                }
                Ok(Self::Set {
                    keys: Arc::new(keys),
                    refresh: FILE_REFRESH,
                })
            }
            VerifierKeySource::JwksUrl {
                url,
                refresh,
                cooldown,
                max_stale,
            } => {
                let uri: Uri = url.parse().map_err(|_| IssuerOptionsError::KeyAddress)?;
                if !is_safe_key_address(&uri) {
                    return Err(IssuerOptionsError::KeyAddress);
                }
                let max_age = refresh.saturating_mul(2);
                if max_age > *max_stale {
                    return Err(IssuerOptionsError::Times);
                }
                let freshness = KeySetFreshness {
                    cooldown: *cooldown,
                    max_age,
                    max_stale: *max_stale,
                };
                let source = KeySetUrl {
                    client: client.clone(),
                    uri,
                };
                Ok(Self::Set {
                    keys: Arc::new(KeySetCache::new(name, Arc::new(source), freshness)),
                    refresh: *refresh,
                })
            }
        }
    }

    /// Fetches the key set anew, if there is one; the last one stays if it does not come.
    pub(crate) async fn refresh(&self) {
        if let Self::Set { keys, .. } = self {
            keys.refresh().await;
        }
    }

    /// Keeps the key set fresh; ends at once where there is none. Its owner drops it.
    pub(crate) async fn refresh_by_clock(&self) {
        if let Self::Set { keys, refresh } = self {
            refresh_by_clock(Arc::clone(keys), *refresh).await;
        }
    }
}

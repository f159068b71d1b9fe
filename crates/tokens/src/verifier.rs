//! The verifier of the callers' tokens.

use std::{
    fmt,
    future::pending,
    sync::{Arc, PoisonError, RwLock},
};

use async_trait::async_trait;
use futures_util::{
    FutureExt,
    future::{join_all, select},
};
use masthead_domain::{access::Grant, caller_rules::CallerRules};
use masthead_http_client::HttpClient;
use masthead_ports::{
    caller_rules::CallerRulesReader,
    clock::Clock,
    readiness::Readiness,
    tokens::{TokenError, TokenVerifier, VerifiedToken},
};
use thiserror::Error;
use tokio::sync::Notify;

use crate::{
    claims::ValidClaims,
    issuer::{Issuer, IssuerOptions, IssuerOptionsError, Signers, TokenLimits},
    jwt::{Jwt, MAX_TOKEN_BYTES},
    token_cache::{CachedToken, TokenCacheAnswer, VerifiedTokens},
};

/// How many verified tokens are remembered, at about 500 bytes each.
const REMEMBERED_TOKENS: usize = 16_384;

/// The most issuers whose tokens are taken.
pub const MAX_ISSUERS: usize = 64;

/// Why no verifier can be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum VerifierOptionsError {
    /// An issuer's options cannot be used.
    #[error("issuer {name}: {error}")]
    Issuer {
        /// The issuer.
        name: Box<str>,
        /// Why.
        error: IssuerOptionsError,
    },
    /// There is no issuer, there are too many, or two have the same `iss`.
    #[error("there must be 1 to {MAX_ISSUERS} issuers, each with an iss of its own")]
    Issuers,
    /// The system gave no random bytes.
    #[error("the system gives no random bytes")]
    HashKeyError,
}

/// Verifies tokens, each with the keys of its issuer alone, and remembers those that it has verified.
pub struct Verifier {
    issuers: RwLock<Arc<[Arc<Issuer>]>>,
    /// The issuers were replaced.
    replaced: Notify,
    /// `None` where operators keep no rules: no caller is granted or denied anything.
    rules: Option<Arc<dyn CallerRulesReader>>,
    verified: VerifiedTokens,
    clock: Arc<dyn Clock>,
    client: HttpClient,
}

impl Verifier {
    /// Makes a verifier. Key files are read now; a key set's URL is first called by [`Self::warm_up`],
    /// [`Self::refresh_keys`] or a token.
    ///
    /// # Errors
    /// The first issuer that cannot be.
    pub fn new(
        issuers: Vec<IssuerOptions>,
        limits: &TokenLimits,
        clock: Arc<dyn Clock>,
        client: &HttpClient,
    ) -> Result<Self, VerifierOptionsError> {
        let issuers = new_issuers(issuers, limits, client, &[])?;
        Self::over(issuers, clock, client.clone())
    }

    fn over(
        issuers: Arc<[Arc<Issuer>]>,
        clock: Arc<dyn Clock>,
        client: HttpClient,
    ) -> Result<Self, VerifierOptionsError> {
        Ok(Self {
            issuers: RwLock::new(issuers),
            replaced: Notify::new(),
            client,
            rules: None,
            verified: VerifiedTokens::new(REMEMBERED_TOKENS).map_err(|_| VerifierOptionsError::HashKeyError)?,
            clock,
        })
    }

    /// With the rules that operators keep about callers.
    #[must_use]
    pub fn with_rules(mut self, rules: Arc<dyn CallerRulesReader>) -> Self {
        self.rules = Some(rules);
        self
    }

    /// Fetches the key sets, so that the first caller need not wait for them.
    ///
    /// # Errors
    /// [`TokenError::KeysUnavailable`] when one did not come; the first tokens will try again.
    pub async fn warm_up(&self) -> Result<(), TokenError> {
        self.obtain_keys().await.into_iter().collect()
    }

    /// The same, with the result of each issuer in the order of the options.
    pub async fn obtain_keys(&self) -> Vec<Result<(), TokenError>> {
        let issuers = self.issuers();
        join_all(issuers.iter().map(|issuer| obtain(issuer))).await
    }

    /// Takes these issuers from now on, and reads every key set again. A key set that has the same name and source stays while
    /// it does not come, so that a reload during an outage refuses no token; remembered tokens are verified anew.
    ///
    /// # Errors
    /// The first issuer that cannot be: nothing changes.
    pub async fn replace_issuers(
        &self,
        issuers: Vec<IssuerOptions>,
        limits: &TokenLimits,
    ) -> Result<(), VerifierOptionsError> {
        let earlier = self.issuers();
        let issuers = new_issuers(issuers, limits, &self.client, &earlier)?;
        *self.issuers.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&issuers);
        for issuer in &*earlier {
            issuer.replace();
        }
        self.replaced.notify_one();
        join_all(issuers.iter().map(|issuer| issuer.signers.refresh())).await;
        Ok(())
    }

    /// Keeps every key set fresh, by the clock; measures their ages (`masthead_key_set_age_seconds`). It never ends where
    /// there is a key set: its owner drops it.
    pub async fn refresh_keys(&self) {
        loop {
            let issuers = self.issuers();
            let refreshing = join_all(issuers.iter().map(|issuer| issuer.signers.refresh_by_clock()));
            let refreshing = refreshing.then(|_| pending::<()>());
            select(Box::pin(refreshing), Box::pin(self.replaced.notified())).await;
        }
    }

    /// What is known of a token without waiting: `None` when it has to be verified.
    ///
    /// Its time and the rules about its caller are checked each time, and so is that its key was not removed since.
    #[must_use]
    pub fn remembered(&self, token: &str) -> Option<Result<Arc<VerifiedToken>, TokenError>> {
        if token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        match self.verified.look_up(token, self.now()) {
            TokenCacheAnswer::Good(cached) if cached.issuer.is_usable() => Some(self.under_rules(token, &cached)),
            TokenCacheAnswer::Expired => Some(Err(TokenError::Expired)),
            TokenCacheAnswer::Good(_) | TokenCacheAnswer::Nothing => None,
        }
    }

    async fn verify_anew(&self, token: &str) -> Result<Arc<VerifiedToken>, TokenError> {
        let jwt = Jwt::parse(token)?;
        let issuer = self.issuer_of(&jwt)?;
        let good = issuer.verify(&jwt, self.now()).await?;
        let rules = self.rules()?;
        let verified = Arc::new(apply(rules.as_deref(), &good.claims, self.now())?);
        self.verified.remember(
            token,
            CachedToken {
                issuer,
                key: good.key,
                claims: Arc::new(good.claims),
                rules: version(rules.as_deref()),
                verified: Arc::clone(&verified),
            },
        );
        Ok(verified)
    }

    /// The issuer whose keys a token must be signed with. Where there is one alone, a token without `iss` is tried with its keys.
    pub(crate) fn issuer_of(&self, jwt: &Jwt<'_>) -> Result<Arc<Issuer>, TokenError> {
        let issuers = self.issuers();
        if let [only] = &*issuers {
            return Ok(Arc::clone(only));
        }
        let claimed = jwt.claimed_issuer().ok_or(TokenError::WrongIssuer)?;
        let issuer = issuers.iter().find(|issuer| *issuer.expected.issuer == *claimed);
        issuer.cloned().ok_or(TokenError::WrongIssuer)
    }

    fn issuers(&self) -> Arc<[Arc<Issuer>]> {
        Arc::clone(&self.issuers.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// A remembered token under the rules of now.
    fn under_rules(&self, token: &str, cached: &CachedToken) -> Result<Arc<VerifiedToken>, TokenError> {
        let rules = self.rules()?;
        if version(rules.as_deref()) == cached.rules {
            return Ok(Arc::clone(&cached.verified));
        }
        let verified = Arc::new(apply(rules.as_deref(), &cached.claims, self.now())?);
        self.verified.remember(
            token,
            CachedToken {
                rules: version(rules.as_deref()),
                verified: Arc::clone(&verified),
                ..cached.clone()
            },
        );
        Ok(verified)
    }

    /// The rules of now; `None` where operators keep none.
    pub(crate) fn rules(&self) -> Result<Option<Arc<CallerRules>>, TokenError> {
        match &self.rules {
            Some(reader) => reader.current().map(Some).ok_or(TokenError::RulesUnavailable),
            None => Ok(None),
        }
    }

    pub(crate) fn now(&self) -> i64 {
        self.clock.now().unix_timestamp()
    }
}

fn version(rules: Option<&CallerRules>) -> Option<i64> {
    rules.map(CallerRules::version)
}

/// What a caller with these claims may do. A grant of an operator replaces the tenants that a token claims: united with them,
/// the scopes of one would hold for the tenants of the other.
pub(crate) fn apply(rules: Option<&CallerRules>, claims: &ValidClaims, now: i64) -> Result<VerifiedToken, TokenError> {
    let identity = Arc::clone(&claims.identity);
    let claimed = &claims.grant;
    let granted = match rules {
        Some(rules) if rules.denies(&identity, now) => return Err(TokenError::Revoked),
        Some(rules) => rules.grant_of(&identity),
        None => None,
    };
    let (scopes, tenants) = match granted {
        Some(grant) => (grant.scopes.as_ref().or(claimed.scopes.as_ref()), Some(&grant.tenants)),
        None => (claimed.scopes.as_ref(), claimed.tenants.as_ref()),
    };
    match (scopes, tenants) {
        (Some(scopes), Some(tenants)) => Ok(VerifiedToken {
            identity,
            grant: Grant {
                scopes: scopes.clone(),
                tenants: tenants.clone(),
            },
        }),
        _ => Err(TokenError::BadClaims),
    }
}

fn new_issuers(
    options: Vec<IssuerOptions>,
    limits: &TokenLimits,
    client: &HttpClient,
    earlier: &[Arc<Issuer>],
) -> Result<Arc<[Arc<Issuer>]>, VerifierOptionsError> {
    let mut names: Vec<_> = options.iter().map(|issuer| issuer.issuer.clone()).collect();
    names.sort_unstable();
    names.dedup();
    if !(1..=MAX_ISSUERS).contains(&options.len()) || names.len() < options.len() {
        return Err(VerifierOptionsError::Issuers);
    }
    let issuers = options.into_iter().map(|options| {
        let name = options.name.clone();
        match Issuer::new(options, limits, client, earlier) {
            Ok(issuer) => Ok(Arc::new(issuer)),
            Err(error) => Err(VerifierOptionsError::Issuer { name, error }),
        }
    });
    issuers.collect()
}

async fn obtain(issuer: &Issuer) -> Result<(), TokenError> {
    match &issuer.signers {
        Signers::Shared(_) => Ok(()),
        Signers::Set { keys, .. } => keys.obtain().await,
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

    /// Whether the tokens of any issuer can be verified; fetches key sets that are missing, like a caller's token. One issuer
    /// that is down must not take the others' callers from this server.
    async fn check(&self) -> Result<(), &'static str> {
        let usable = |issuer: &Arc<Issuer>| match &issuer.signers {
            Signers::Shared(_) => true,
            Signers::Set { keys, .. } => keys.has_usable_key(),
        };
        if !self.issuers().iter().any(usable) {
            let _ = self.warm_up().await;
        }
        let is_ready = self.issuers().iter().any(usable);
        is_ready.then_some(()).ok_or("no usable key set")
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let issuers = self.issuers();
        let expected: Vec<_> = issuers.iter().map(|issuer| &issuer.expected).collect();
        f.debug_struct("Verifier")
            .field("issuers", &expected)
            .finish_non_exhaustive()
    }
}

/// A way in for the tests of other modules.
#[cfg(test)]
pub(crate) mod testing {
    use std::{sync::Arc, time::Duration};

    use super::{Clock, HttpClient, Issuer, IssuerOptions, Signers, TokenLimits, Verifier};
    use crate::{
        claim_rules::{ClaimRules, IssuerKind},
        issuer::VerifierKeySource,
        key::Algorithm,
        key_set_cache::KeySetCache,
        testing::{AUDIENCE, ISSUER},
    };
    use masthead_http_client::{HttpOptions, Secret};

    /// The options of most tests: HS256 under a secret of 32 times `s`.
    pub(crate) fn issuer_options() -> IssuerOptions {
        issuer_of_kind(IssuerKind::Masthead, ISSUER, AUDIENCE)
    }

    pub(crate) fn issuer_of_kind(kind: IssuerKind, issuer: &str, audience: &str) -> IssuerOptions {
        let audiences = vec![audience.into()];
        IssuerOptions {
            name: "tokens".into(),
            issuer: issuer.into(),
            claims: ClaimRules::for_kind(kind, &audiences),
            audiences,
            keys: VerifierKeySource::Hs256(Secret::new([b's'; 32])),
            algorithms: Algorithm::OF_KEY_SETS.map(|(algorithm, _)| algorithm).to_vec(),
        }
    }

    pub(crate) fn limits() -> TokenLimits {
        TokenLimits {
            leeway: Duration::from_secs(30),
            types: vec!["JWT".into(), "application/at+jwt".into()],
            max_lifetime: Duration::from_hours(24),
        }
    }

    pub(crate) fn verifier_over(keys: Arc<KeySetCache>, clock: Arc<dyn Clock>) -> Verifier {
        verifier_of(vec![(issuer_options(), keys)], clock)
    }

    pub(crate) fn verifier_of(issuers: Vec<(IssuerOptions, Arc<KeySetCache>)>, clock: Arc<dyn Clock>) -> Verifier {
        let issuers = issuers.into_iter().map(|(options, keys)| {
            let signers = Signers::Set {
                keys,
                refresh: Duration::from_mins(5),
            };
            Arc::new(Issuer::with_signers(options, signers, &limits()).unwrap())
        });
        let client = HttpClient::new(HttpOptions::default()).unwrap();
        Verifier::over(issuers.collect(), clock, client).unwrap()
    }
}

#[cfg(test)]
mod tests;

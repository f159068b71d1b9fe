//! The verifier of the tokens of tenants' users: by the key set of the issuer that a tenant trusts.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use http::Uri;
use masthead_domain::{customer_registration_id::CustomerRegistrationId, tenant::Tenant};
use masthead_http_client::HttpClient;
use masthead_ports::{
    clock::Clock,
    tokens::{TokenError, UserTokenError, UserTokenVerifier},
};
use quick_cache::sync::Cache;

use crate::{
    claim_rules::{ClaimRules, IssuerKind},
    claims::{Claims, ExpectedClaims},
    fetch::{FetchKeys, KeySetUrl},
    issuer::is_safe_key_address,
    jwt::Jwt,
    key::VerificationKey,
    key_set_cache::{KeySetCache, KeySetFreshness},
};

/// How many key sets are kept, each of one address.
const MAX_KEY_SETS: usize = 1_024;

/// The tolerated clock difference.
const LEEWAY: Duration = Duration::from_secs(30);

/// The longest lifetime of a token that is taken: session tokens of providers live for weeks.
const MAX_LIFETIME: Duration = Duration::from_hours(31 * 24);

/// No clock refreshes these key sets, which may be many: the first token after a while does.
const FRESHNESS: KeySetFreshness = KeySetFreshness {
    cooldown: Duration::from_secs(10),
    max_age: Duration::from_mins(1),
    max_stale: Duration::from_hours(6),
};

/// How long a token waits for a key set that is past its age, so that a removed key is not taken because no token came lately.
const PATIENCE: Duration = Duration::from_secs(1);

/// Verifies tokens of users: RS256, ES256 or EdDSA under the key set of `Token.JwksUrl`, of `Token.Issuer`, for
/// `Token.Audience`. A shared secret is never taken.
pub struct UserTokens {
    client: HttpClient,
    clock: Arc<dyn Clock>,
    key_sets: Cache<Box<str>, Arc<KeySetCache>>,
}

impl UserTokens {
    /// A verifier that fetches key sets by this client.
    #[must_use]
    pub fn new(client: HttpClient, clock: Arc<dyn Clock>) -> Self {
        Self {
            client,
            clock,
            key_sets: Cache::new(MAX_KEY_SETS),
        }
    }

    /// The key set at an address, which tenants share.
    fn keys(&self, address: &str) -> Result<Arc<KeySetCache>, UserTokenError> {
        if let Some(keys) = self.key_sets.get(address) {
            return Ok(keys);
        }
        let uri = address.parse::<Uri>().ok().filter(is_safe_key_address);
        let uri = uri.ok_or(UserTokenError::MissingSetting("Token.JwksUrl"))?;
        let source = KeySetUrl {
            client: self.client.clone(),
            uri,
        };
        let keys = keys_from(Arc::new(source));
        self.key_sets.insert(address.into(), Arc::clone(&keys));
        Ok(keys)
    }
}

fn keys_from(source: Arc<dyn FetchKeys>) -> Arc<KeySetCache> {
    Arc::new(KeySetCache::new("users", source, FRESHNESS))
}

#[async_trait]
impl UserTokenVerifier for UserTokens {
    async fn verify_user(&self, tenant: &Tenant, token: &str) -> Result<CustomerRegistrationId, UserTokenError> {
        let settings = &tenant.settings.user_tokens;
        let required = |value: &Option<Box<str>>, name| value.clone().ok_or(UserTokenError::MissingSetting(name));
        let issuer = required(&settings.issuer, "Token.Issuer")?;
        let audiences = vec![required(&settings.audience, "Token.Audience")?];
        let expected = ExpectedClaims {
            issuer: issuer.into(),
            rules: ClaimRules::for_kind(IssuerKind::Masthead, &audiences),
            audiences,
            leeway: LEEWAY.as_secs().cast_signed(),
            max_lifetime: MAX_LIFETIME.as_secs().cast_signed(),
        };
        let address = required(&settings.jwks_url, "Token.JwksUrl")?;
        let keys = self.keys(&address)?;
        let jwt = Jwt::parse(token)?;
        let made = |key: &VerificationKey| key.made(&jwt.signature, jwt.signed);
        keys.refresh_aged(PATIENCE).await;
        keys.signer(jwt.kid.as_deref(), jwt.algorithm, &made).await?;
        let claims: Claims = jwt.claims().ok_or(TokenError::BadClaims)?;
        let subject = claims.user(&expected, self.clock.now().unix_timestamp())?;
        Ok(CustomerRegistrationId::parse(subject).map_err(|_| TokenError::BadClaims)?)
    }
}

impl fmt::Debug for UserTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserTokens").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use masthead_domain::{
        settings::TenantSettings,
        tenant::{PoolId, TenantId},
    };
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{CountingKeySource, NOW, SettableClock, TestSigner, key_set};

    const ISSUER: &str = "https://id.herald.example/";
    const KEYS: &str = "https://id.herald.example/keys";

    fn tenant(settings: &[(&str, &str)]) -> Tenant {
        let (settings, errors) = TenantSettings::parse(settings.iter().copied());
        assert_eq!(errors, []);
        Tenant {
            id: TenantId::parse("north/daily/herald").unwrap(),
            pool: PoolId(1),
            settings,
        }
    }

    fn herald() -> Tenant {
        tenant(&[
            ("Token.Issuer", ISSUER),
            ("Token.Audience", "herald"),
            ("Token.JwksUrl", KEYS),
        ])
    }

    fn claims() -> Value {
        json!({"iss": ISSUER, "aud": ["herald", "other"], "sub": "auth0|6470a", "iat": NOW, "exp": NOW + 3_600, "at_hash": "x"})
    }

    /// A verifier that knows one key set.
    fn verifier(keys: &[Value]) -> UserTokens {
        let client = HttpClient::new(masthead_http_client::HttpOptions::default()).unwrap();
        let verifier = UserTokens::new(client, SettableClock::at(NOW));
        let keys = keys_from(CountingKeySource::new(Ok(key_set(keys))));
        verifier.key_sets.insert(KEYS.into(), keys);
        verifier
    }

    #[tokio::test(start_paused = true)]
    async fn subject_of_a_trusted_token_is_the_user() {
        for signer in [TestSigner::rsa(0), TestSigner::p256(), TestSigner::ed25519()] {
            let verifier = verifier(&[signer.jwk("k")]);
            let token = signer.token_with("k", &claims());
            let user = verifier.verify_user(&herald(), &token).await.unwrap();
            assert_eq!(user.as_str(), "auth0|6470a");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn other_tokens_are_refused() {
        let signer = TestSigner::ed25519();
        let verifier = verifier(&[signer.jwk("k")]);
        let with = |name: &str, value: Value| {
            let mut claims = claims();
            claims[name] = value;
            signer.token_with("k", &claims)
        };
        for (token, error) in [
            (with("iss", json!("https://evil.example/")), TokenError::WrongIssuer),
            (with("aud", json!("other")), TokenError::WrongAudience),
            (with("exp", json!(NOW - 60)), TokenError::Expired),
            (with("nbf", json!(NOW + 60)), TokenError::NotYetValid),
            (with("exp", json!(NOW + 90 * 86_400)), TokenError::LongLived),
            (with("events", json!({})), TokenError::NotAccessToken),
            (with("sub", json!(7)), TokenError::BadClaims),
            (with("sub", json!("")), TokenError::BadClaims),
            (with("sub", json!("a\u{1}")), TokenError::BadClaims),
            (
                TestSigner::ed25519().token_with("k", &claims()),
                TokenError::BadSignature,
            ),
            (
                TestSigner::Shared(vec![b's'; 32]).token_with("k", &claims()),
                TokenError::BadSignature,
            ),
            ("no token".to_owned(), TokenError::Malformed),
        ] {
            let refused = verifier.verify_user(&herald(), &token).await;
            assert_eq!(refused, Err(UserTokenError::Token(error)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn removed_key_is_refused_after_a_pause() {
        let signer = TestSigner::ed25519();
        let verifier = UserTokens::new(
            HttpClient::new(masthead_http_client::HttpOptions::default()).unwrap(),
            SettableClock::at(NOW),
        );
        let source = CountingKeySource::new(Ok(key_set(&[signer.jwk("k")])));
        verifier
            .key_sets
            .insert(KEYS.into(), keys_from(Arc::clone(&source) as _));
        let token = signer.token_with("k", &claims());
        assert!(verifier.verify_user(&herald(), &token).await.is_ok());
        source.answers(Ok(key_set(&[TestSigner::p256().jwk("new")])));
        tokio::time::advance(FRESHNESS.max_age + Duration::from_secs(1)).await;
        // The answer of the source takes a second, as long as a token waits.
        let _ = verifier.verify_user(&herald(), &token).await;
        let refused = verifier.verify_user(&herald(), &token).await;
        assert_eq!(refused, Err(UserTokenError::Token(TokenError::BadSignature)));
    }

    #[tokio::test(start_paused = true)]
    async fn tenant_without_issuer_has_no_tokens() {
        let signer = TestSigner::ed25519();
        let verifier = verifier(&[signer.jwk("k")]);
        let token = signer.token_with("k", &claims());
        let all = [
            ("Token.Issuer", ISSUER),
            ("Token.Audience", "herald"),
            ("Token.JwksUrl", KEYS),
        ];
        for (at, (missing, _)) in all.iter().enumerate() {
            let mut settings = all.to_vec();
            settings.remove(at);
            let refused = verifier.verify_user(&tenant(&settings), &token).await;
            assert_eq!(refused, Err(UserTokenError::MissingSetting(missing)));
        }
    }
}

//! Good tokens of every kind, options, and tokens that are none for this service.

mod forged;
mod issuers;
mod rules;

use masthead_domain::{
    access::{Scope, TenantGrant, TokenIdentity},
    tenant::TenantId,
};
use masthead_http_client::Secret;
use serde_json::{Value, json};
use std::{sync::atomic::Ordering, time::Duration};

use super::{
    testing::{issuer_options, limits},
    *,
};
use crate::{
    issuer::{VerifierKeySource, is_safe_key_address},
    key_set_cache::{KeySetCache, KeySetFreshness},
    mint::{MintRequest, mint},
    testing::{AUDIENCE, CountingKeySource, ISSUER, NOW, SettableClock, TestSigner, claims, key_set},
};

fn client() -> HttpClient {
    HttpClient::new(masthead_http_client::HttpOptions::default()).unwrap()
}

/// A verifier by the shared secret.
fn shared_verifier(clock: Arc<SettableClock>, limits: &TokenLimits) -> Verifier {
    Verifier::new(vec![issuer_options()], limits, clock, &client()).unwrap()
}

/// A verifier over a key set that never changes.
fn verifier_over(keys: &[Value], clock: &Arc<SettableClock>) -> Verifier {
    let freshness = KeySetFreshness {
        cooldown: Duration::from_secs(30),
        max_age: Duration::from_mins(5),
        max_stale: Duration::from_hours(24),
    };
    let keys = KeySetCache::new("tokens", CountingKeySource::new(Ok(key_set(keys))), freshness);
    testing::verifier_over(Arc::new(keys), Arc::clone(clock) as _)
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

#[tokio::test(start_paused = true)]
async fn valid_token_of_each_algorithm_is_accepted() {
    let clock = SettableClock::at(NOW);
    let signers = [TestSigner::rsa(0), TestSigner::p256(), TestSigner::ed25519()];
    let keys: Vec<_> = signers.iter().map(|signer| signer.jwk(signer.algorithm())).collect();
    let verifier = verifier_over(&keys, &clock);
    for signer in &signers {
        let grant = &verifier.verify(&signer.token(signer.algorithm())).await.unwrap().grant;
        assert_eq!(
            grant.scopes,
            [Scope::UsersRead, Scope::UsersWrite],
            "{}",
            signer.algorithm()
        );
        assert!(grant.allows(Scope::UsersRead, &TenantId::parse("north/daily/times").unwrap()));
        assert!(!grant.allows(Scope::UsersRead, &TenantId::parse("south/weekly/times").unwrap()));
    }
    let many = TestSigner::rsa(0).token_with("RS256", &with("aud", json!(["other", AUDIENCE])));
    assert!(verifier.verify(&many).await.is_ok());
    let fractions = TestSigner::rsa(0).token_with("RS256", &with("exp", json!(1_800_000_000.5)));
    assert!(verifier.verify(&fractions).await.is_ok());
}

#[tokio::test]
async fn shared_secret_accepts_only_hs256() {
    let clock = SettableClock::at(NOW);
    let verifier = shared_verifier(clock, &limits());
    let shared = TestSigner::Shared(vec![b's'; 32]);
    assert!(verifier.verify(&shared.token("any")).await.is_ok());
    let with_algorithm = |header: &str| shared.sign(header, &claims().to_string());
    for (token, reason) in [
        (
            TestSigner::Shared(vec![b't'; 32]).token("any"),
            TokenError::BadSignature,
        ),
        (TestSigner::rsa(0).token("any"), TokenError::BadSignature),
        (with_algorithm(r#"{"alg":"HS512"}"#), TokenError::Malformed),
        (with_algorithm(r#"{"alg":"none"}"#), TokenError::Malformed),
    ] {
        assert_eq!(verifier.verify(&token).await, Err(reason), "{token}");
    }
}

#[tokio::test]
async fn minted_token_is_valid_until_expiry() {
    let clock = SettableClock::at(NOW);
    let secret = Secret::new([b's'; 32]);
    let minting = MintRequest {
        issuer: ISSUER,
        audience: AUDIENCE,
        scopes: &[Scope::UsersRead, Scope::Admin],
        tenants: &[TenantGrant::parse("north/*/*").unwrap()],
        lifetime: Duration::from_mins(1),
    };
    let token = mint(&secret, &minting, &*clock).unwrap();
    let verifier = shared_verifier(Arc::clone(&clock), &limits());
    let grant = &verifier.verify(&token).await.unwrap().grant;
    assert_eq!(grant.scopes, minting.scopes);
    assert_eq!(grant.tenants, minting.tenants);

    // Sixty seconds of life and thirty of leeway.
    clock.0.store(NOW + 89, Ordering::SeqCst);
    assert!(verifier.verify(&token).await.is_ok());
    clock.0.store(NOW + 90, Ordering::SeqCst);
    assert_eq!(verifier.verify(&token).await, Err(TokenError::Expired));
    assert_eq!(
        verifier.verify(&token).await,
        Err(TokenError::Expired),
        "it is not remembered as good"
    );

    let short = Secret::new([b's'; 31]);
    assert_eq!(mint(&short, &minting, &*clock), Err(crate::MintError::ShortSecret));
    let endless = MintRequest {
        lifetime: Duration::MAX,
        ..minting
    };
    assert_eq!(mint(&secret, &endless, &*clock), Err(crate::MintError::LongLifetime));
}

#[tokio::test]
async fn verified_token_is_remembered() {
    let clock = SettableClock::at(NOW);
    let verifier = shared_verifier(clock, &limits());
    let token = TestSigner::Shared(vec![b's'; 32]).token("any");
    assert_eq!(verifier.remembered(&token), None);
    let grant = verifier.verify(&token).await.unwrap();
    let Some(Ok(known)) = verifier.remembered(&token) else {
        panic!("it is not remembered")
    };
    assert!(Arc::ptr_eq(&grant, &known));
    assert!(!format!("{verifier:?}").contains("ssss"));
}

#[test]
fn invalid_verifier_options_are_refused() {
    let url = |url: &str, times: [u64; 3]| {
        let [refresh, cooldown, max_stale] = times.map(Duration::from_secs);
        VerifierKeySource::JwksUrl {
            url: url.into(),
            refresh,
            cooldown,
            max_stale,
        }
    };
    let file = |path: &str| VerifierKeySource::JwksFile(path.into());
    let no_keys = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let of_keys = |keys: VerifierKeySource| IssuerOptions {
        keys,
        ..issuer_options()
    };
    let good_url = || of_keys(url("https://keys.example/", [60, 10, 3600]));
    let long_leeway = TokenLimits {
        leeway: Duration::from_secs(301),
        ..limits()
    };
    let made = |issuers: Vec<IssuerOptions>, limits: &TokenLimits| {
        Verifier::new(issuers, limits, SettableClock::at(NOW), &client()).map(drop)
    };
    for (options, limits, error) in [
        (
            IssuerOptions {
                issuer: "".into(),
                ..issuer_options()
            },
            limits(),
            IssuerOptionsError::NoIssuer,
        ),
        (
            IssuerOptions {
                audiences: Vec::new(),
                ..issuer_options()
            },
            limits(),
            IssuerOptionsError::NoAudience,
        ),
        (
            IssuerOptions {
                audiences: vec!["".into()],
                ..issuer_options()
            },
            limits(),
            IssuerOptionsError::NoAudience,
        ),
        (
            IssuerOptions {
                algorithms: Vec::new(),
                ..good_url()
            },
            limits(),
            IssuerOptionsError::NoAlgorithm,
        ),
        (issuer_options(), long_leeway, IssuerOptionsError::LongLeeway),
        (
            of_keys(VerifierKeySource::Hs256(Secret::new([1; 31]))),
            limits(),
            IssuerOptionsError::ShortSecret,
        ),
        (
            of_keys(file("/nowhere/keys.json")),
            limits(),
            IssuerOptionsError::KeyFile,
        ),
        (of_keys(file(no_keys)), limits(), IssuerOptionsError::KeyFile),
        (
            of_keys(url("keys.json", [60, 10, 3600])),
            limits(),
            IssuerOptionsError::KeyAddress,
        ),
        (
            of_keys(url("http://keys.example/", [60, 10, 3600])),
            limits(),
            IssuerOptionsError::KeyAddress,
        ),
        (
            of_keys(url("ftp://keys.example/", [60, 10, 3600])),
            limits(),
            IssuerOptionsError::KeyAddress,
        ),
        (
            of_keys(url("https://keys.example/", [60, 10, 119])),
            limits(),
            IssuerOptionsError::Times,
        ),
    ] {
        let name = "tokens".into();
        assert_eq!(
            made(vec![options], &limits),
            Err(VerifierOptionsError::Issuer { name, error })
        );
    }
    assert_eq!(made(vec![good_url()], &limits()), Ok(()));
    for issuers in [vec![], vec![issuer_options(), issuer_options()]] {
        assert_eq!(made(issuers, &limits()), Err(VerifierOptionsError::Issuers));
    }
}

#[tokio::test]
async fn replaced_issuers_count_from_now_on() {
    let verifier = shared_verifier(SettableClock::at(NOW), &limits());
    let old = TestSigner::Shared(vec![b's'; 32]).token("any");
    let new = TestSigner::Shared(vec![b't'; 32]).token("any");
    assert!(verifier.verify(&old).await.is_ok());
    let with = |keys: VerifierKeySource| IssuerOptions {
        keys,
        ..issuer_options()
    };
    let unusable = with(VerifierKeySource::JwksFile("/nowhere/keys.json".into()));
    assert!(verifier.replace_issuers(vec![unusable], &limits()).await.is_err());
    assert!(matches!(verifier.remembered(&old), Some(Ok(_))), "nothing has changed");

    let secret = VerifierKeySource::Hs256(Secret::new([b't'; 32]));
    verifier.replace_issuers(vec![with(secret)], &limits()).await.unwrap();
    assert_eq!(verifier.remembered(&old), None, "the old secret's token is remembered");
    assert_eq!(verifier.verify(&old).await, Err(TokenError::BadSignature));
    assert!(verifier.verify(&new).await.is_ok());
}

#[tokio::test]
async fn key_file_is_read_again_when_issuers_are_replaced() {
    let (old, new) = (TestSigner::ed25519(), TestSigner::p256());
    let path = std::env::temp_dir().join(format!("masthead-replaced-{}.json", std::process::id()));
    std::fs::write(&path, key_set(&[old.jwk("k")])).unwrap();
    let options = || IssuerOptions {
        keys: VerifierKeySource::JwksFile(path.clone()),
        ..issuer_options()
    };
    let verifier = Verifier::new(vec![options()], &limits(), SettableClock::at(NOW), &client()).unwrap();
    assert!(verifier.verify(&old.token("k")).await.is_ok());
    std::fs::write(&path, key_set(&[new.jwk("n")])).unwrap();
    verifier.replace_issuers(vec![options()], &limits()).await.unwrap();
    assert_eq!(verifier.verify(&old.token("k")).await, Err(TokenError::BadSignature));
    assert!(verifier.verify(&new.token("n")).await.is_ok());
    // As during an outage: the last good keys stay.
    std::fs::write(&path, "no key set").unwrap();
    verifier.replace_issuers(vec![options()], &limits()).await.unwrap();
    assert!(verifier.verify(&new.token("n")).await.is_ok());
    std::fs::remove_file(&path).unwrap();
}

/// RFC 8725 §3.11 and RFC 9068 §4: a token of another type is rejected, also with a valid signature.
#[tokio::test]
async fn other_token_types_are_refused() {
    let verifier = shared_verifier(SettableClock::at(NOW), &limits());
    let shared = TestSigner::Shared(vec![b's'; 32]);
    let typed = |typ: Value| {
        let header = json!({"alg": "HS256", "typ": typ});
        shared.sign(&header.to_string(), &claims().to_string())
    };
    for typ in [
        json!("JWT"),
        json!("jwt"),
        json!("application/jwt"),
        json!("at+jwt"),
        json!("application/at+JWT"),
        json!("Application/AT+jwt"),
        Value::Null,
    ] {
        assert!(verifier.verify(&typed(typ.clone())).await.is_ok(), "{typ}");
    }
    for typ in [
        "logout+jwt",
        "secevent+jwt",
        "application/secevent+jwt",
        "dpop+jwt",
        "id_token",
        "",
        "a/jwt",
        "JWE",
    ] {
        assert_eq!(
            verifier.verify(&typed(typ.into())).await,
            Err(TokenError::NotAccessToken),
            "{typ}"
        );
    }
    assert_eq!(
        verifier.verify(&typed(json!(["JWT"]))).await,
        Err(TokenError::Malformed)
    );
    for claim in ["at_hash", "c_hash", "events"] {
        let token = shared.token_with("k", &with(claim, json!({"x": 1})));
        assert_eq!(
            verifier.verify(&token).await,
            Err(TokenError::NotAccessToken),
            "{claim}"
        );
    }
    let wider = TokenLimits {
        types: vec!["logout+jwt".into()],
        ..limits()
    };
    let wider = shared_verifier(SettableClock::at(NOW), &wider);
    assert!(wider.verify(&typed("application/logout+jwt".into())).await.is_ok());
    assert!(wider.verify(&typed("JWT".into())).await.is_err());
}

/// The issue's rule: from `iat` to `exp`, from now where there is no `iat`. A day is what Auth0 gives by default.
#[tokio::test]
async fn long_lived_token_is_refused() {
    const DAY: i64 = 86_400;
    let verifier = shared_verifier(SettableClock::at(NOW), &limits());
    let shared = TestSigner::Shared(vec![b's'; 32]);
    for (issued, expires, result) in [
        (Some(NOW), NOW + DAY, Ok(())),
        (Some(NOW - 10), NOW + DAY, Ok(())),
        (Some(NOW), NOW + DAY + 31, Err(TokenError::LongLived)),
        (Some(NOW - DAY), NOW + 31, Err(TokenError::LongLived)),
        (Some(NOW + 10 * DAY), NOW + 11 * DAY, Err(TokenError::LongLived)),
        (None, NOW + DAY, Ok(())),
        (None, NOW + DAY + 31, Err(TokenError::LongLived)),
        (None, i64::MAX, Err(TokenError::LongLived)),
        (Some(i64::MIN), NOW + 60, Err(TokenError::LongLived)),
    ] {
        let mut claims = with("exp", json!(expires));
        if let Some(issued) = issued {
            claims["iat"] = json!(issued);
        }
        let result_of = verifier.verify(&shared.token_with("k", &claims)).await;
        assert_eq!(result_of.map(drop), result, "{issued:?} {expires}");
    }
    let token = shared.token_with("k", &with("iat", json!("today")));
    assert_eq!(verifier.verify(&token).await, Err(TokenError::BadClaims));
}

/// RFC 9864 §2.2.
#[tokio::test(start_paused = true)]
async fn ed25519_algorithm_name_is_accepted() {
    let signer = TestSigner::ed25519();
    let mut jwk = signer.jwk("k");
    jwk["alg"] = json!("Ed25519");
    let verifier = verifier_over(&[jwk], &SettableClock::at(NOW));
    for alg in ["Ed25519", "EdDSA"] {
        let header = json!({"alg": alg, "kid": "k"});
        let token = signer.sign(&header.to_string(), &claims().to_string());
        assert!(verifier.verify(&token).await.is_ok(), "{alg}");
    }
}

/// An attacker who can change an answer over plain http could sign tokens.
#[test]
fn key_set_url_needs_https_or_loopback() {
    for (url, is_safe) in [
        ("https://id.example/.well-known/jwks.json", true),
        ("HTTPS://id.example/", true),
        ("http://127.0.0.1:8081/keys", true),
        ("http://[::1]/keys", true),
        ("http://localhost/keys", true),
        ("http://id.example/", false),
        ("http://localhost.id.example/", false),
        ("http://10.0.0.1/", false),
        ("https://user:word@id.example/", false),
        ("ftp://id.example/", false),
        ("/keys", false),
        ("id.example", false),
    ] {
        assert_eq!(is_safe_key_address(&url.parse().unwrap()), is_safe, "{url}");
    }
}

#[tokio::test(start_paused = true)]
async fn token_names_its_subject_and_client() {
    let clock = SettableClock::at(NOW);
    let signer = TestSigner::p256();
    let verifier = verifier_over(&[signer.jwk("ES256")], &clock);
    let identity = async |extra: Value| {
        let mut claims = claims();
        let extra = extra.as_object().unwrap().clone();
        claims.as_object_mut().unwrap().extend(extra);
        let result = verifier.verify(&signer.token_with("ES256", &claims)).await;
        result.map(|good| (*good.identity).clone())
    };
    let long = "é".repeat(200);
    let full = json!({"sub": "crm|7", "client_id": "crm", "azp": "other", "jti": long, "source_system": "CRM", "source_systems": ["App"]});
    assert_eq!(
        identity(full).await,
        Ok(TokenIdentity {
            issuer: ISSUER.into(),
            subject: Some("crm|7".into()),
            client_id: Some("crm".into()),
            token_id: Some("é".repeat(128).into()),
            source_systems: Some(["CRM".into(), "App".into()].into()),
        })
    );
    let azp = identity(json!({"azp": "web"})).await.unwrap();
    assert_eq!((azp.client_id.as_deref(), azp.source_systems), (Some("web"), None));
    assert_eq!(
        identity(json!({"source_systems": [7]})).await,
        Err(TokenError::BadClaims)
    );
}

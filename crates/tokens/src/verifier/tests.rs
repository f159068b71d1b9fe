//! Good tokens of every kind, and the table of forged ones.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use masthead_domain::tenant::{Scope, TenantGrant, TenantId};
use ring::signature::KeyPair;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

use super::*;
use crate::{
    mint::{MintRequest, mint},
    testing::{AUDIENCE, CountingKeySource, ISSUER, NOW, SettableClock, TestSigner, claims, key_set},
};

fn options() -> VerifierOptions {
    VerifierOptions {
        issuer: ISSUER.into(),
        audience: AUDIENCE.into(),
        leeway: Duration::from_secs(30),
        types: vec!["JWT".into(), "application/at+jwt".into()],
        max_lifetime: Duration::from_hours(24),
        keys: VerifierKeySource::Hs256(Secret::new([b's'; 32])),
    }
}

fn client() -> HttpClient {
    HttpClient::new(masthead_http_client::HttpOptions::default()).unwrap()
}

/// A verifier over a key set that never changes.
fn verifier_over(keys: &[Value], clock: &Arc<SettableClock>) -> Verifier {
    let freshness = KeySetFreshness {
        cooldown: Duration::from_secs(30),
        max_age: Duration::from_mins(5),
        max_stale: Duration::from_hours(24),
    };
    let keys = KeySetCache::new(CountingKeySource::new(Ok(key_set(keys))), freshness);
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
        let grant = verifier.verify(&signer.token(signer.algorithm())).await.unwrap();
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

#[tokio::test(start_paused = true)]
async fn forged_tokens_are_refused() {
    use TokenError::{BadClaims, BadSignature, Expired, Malformed, NotYetValid, WrongAudience, WrongIssuer};
    let clock = SettableClock::at(NOW);
    let (rsa, other, ec) = (TestSigner::rsa(0), TestSigner::rsa(1), TestSigner::p256());
    let verifier = verifier_over(&[rsa.jwk("r"), ec.jwk("e")], &clock);
    let good = rsa.token("r");
    assert!(verifier.verify(&good).await.is_ok());

    let claims_text = claims().to_string();
    let header = |header: Value| rsa.sign(&header.to_string(), &claims_text);
    let token_with = |claims: Value| rsa.token_with("r", &claims);
    let [head, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else {
        panic!()
    };
    let none = |alg: &str, signature: &str| {
        let head = URL_SAFE_NO_PAD.encode(json!({"alg": alg, "kid": "r"}).to_string());
        format!("{head}.{payload}.{signature}")
    };
    let richer = URL_SAFE_NO_PAD.encode(with("tenants", json!(["*/*/*"])).to_string());
    let doubled = |more: &str| rsa.sign(r#"{"alg":"RS256","kid":"r"}"#, &claims_text.replacen('{', more, 1));

    let TestSigner::Rsa(pair) = &rsa else { panic!() };
    let pkcs1 = pair.public_key().as_ref().to_vec();
    let mut spki =
        b"\x30\x82\x01\x22\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x03\x82\x01\x0f\x00".to_vec();
    spki.extend_from_slice(&pkcs1);
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        STANDARD.encode(&spki)
    );
    let modulus = rsa.jwk("r")["n"].as_str().unwrap().as_bytes().to_vec();
    let confused = |secret: Vec<u8>| TestSigner::Shared(secret).token("r");

    let table = [
        ("an empty text", String::new(), Malformed),
        ("no token", "nonsense".to_owned(), Malformed),
        ("only dots", "..".to_owned(), Malformed),
        ("no signature part", format!("{head}.{payload}"), Malformed),
        ("an empty signature", format!("{head}.{payload}."), BadSignature),
        ("a fourth part", format!("{good}.x"), Malformed),
        ("alg none", none("none", ""), Malformed),
        ("alg None", none("None", ""), Malformed),
        ("alg none with the old signature", none("none", signature), Malformed),
        ("another RSA scheme", none("PS256", signature), Malformed),
        ("no alg", header(json!({"kid": "r"})), Malformed),
        (
            "a header that is an array",
            rsa.sign(r#"["RS256","r",1]"#, &claims_text),
            Malformed,
        ),
        (
            "a doubled alg",
            rsa.sign(r#"{"alg":"RS256","alg":"RS256","kid":"r"}"#, &claims_text),
            Malformed,
        ),
        (
            "a critical header",
            header(json!({"alg": "RS256", "kid": "r", "crit": ["exp"]})),
            Malformed,
        ),
        (
            "a critical header of null",
            header(json!({"alg": "RS256", "kid": "r", "crit": null})),
            Malformed,
        ),
        (
            "HS256 with the public key as PEM",
            confused(pem.into_bytes()),
            BadSignature,
        ),
        ("HS256 with the public key as DER", confused(spki), BadSignature),
        ("HS256 with the public key as PKCS#1", confused(pkcs1), BadSignature),
        ("HS256 with the public modulus", confused(modulus), BadSignature),
        ("HS256 with an empty secret", confused(Vec::new()), BadSignature),
        ("signed with another key", other.token("r"), BadSignature),
        ("the other algorithm's key named", rsa.token("e"), BadSignature),
        ("an unknown kid", rsa.token("unknown"), BadSignature),
        ("a kid of another issuer's", other.token("s"), BadSignature),
        (
            "a key brought along",
            header(json!({"alg": "RS256", "kid": "x", "jwk": other.jwk("x")})),
            BadSignature,
        ),
        (
            "a swapped payload",
            format!("{head}.{richer}.{signature}"),
            BadSignature,
        ),
        ("a cut signature", good[..good.len() - 4].to_owned(), BadSignature),
        (
            "a cut payload",
            format!("{head}.{}.{signature}", &payload[..payload.len() - 4]),
            BadSignature,
        ),
        ("a padded part", format!("{head}=.{payload}.{signature}"), Malformed),
        ("too long", format!("{good}{}", "A".repeat(MAX_TOKEN_BYTES)), Malformed),
        (
            "another issuer",
            token_with(with("iss", json!("https://issuer.example"))),
            WrongIssuer,
        ),
        ("no issuer", token_with(without("iss")), WrongIssuer),
        ("issuers", token_with(with("iss", json!([ISSUER]))), WrongIssuer),
        (
            "another audience",
            token_with(with("aud", json!("masthead2"))),
            WrongAudience,
        ),
        (
            "other audiences",
            token_with(with("aud", json!(["a", "b"]))),
            WrongAudience,
        ),
        ("no audience", token_with(without("aud")), WrongAudience),
        ("expired", token_with(with("exp", json!(NOW - 31))), Expired),
        (
            "expired at the leeway's end",
            token_with(with("exp", json!(NOW - 30))),
            Expired,
        ),
        ("expired long ago", token_with(with("exp", json!(-1.0e300))), Expired),
        ("no expiry", token_with(without("exp")), BadClaims),
        (
            "an expiry in words",
            token_with(with("exp", json!("2099-01-01"))),
            BadClaims,
        ),
        ("not yet valid", token_with(with("nbf", json!(NOW + 31))), NotYetValid),
        ("a start in words", token_with(with("nbf", json!("now"))), BadClaims),
        ("no scope", token_with(without("scope")), BadClaims),
        (
            "scopes as an array",
            token_with(with("scope", json!(["users:read"]))),
            BadClaims,
        ),
        ("no tenants", token_with(without("tenants")), BadClaims),
        (
            "tenants as a text",
            token_with(with("tenants", json!("*/*/*"))),
            BadClaims,
        ),
        (
            "a tenant that is none",
            token_with(with("tenants", json!(["north/daily/*", "*"]))),
            BadClaims,
        ),
        (
            "a tenant that is no text",
            token_with(with("tenants", json!([1]))),
            BadClaims,
        ),
        ("doubled tenants", doubled(r#"{"tenants":["*/*/*"],"#), BadClaims),
        ("a doubled expiry", doubled(r#"{"exp":99999999999,"#), BadClaims),
        (
            "claims that are an array",
            rsa.sign(r#"{"alg":"RS256","kid":"r"}"#, "[1]"),
            BadClaims,
        ),
        (
            "claims that are no JSON",
            rsa.sign(r#"{"alg":"RS256","kid":"r"}"#, "\u{feff}{}"),
            BadClaims,
        ),
        (
            "deeply nested claims",
            doubled(&format!(r#"{{"x":{}"#, "[".repeat(2000))),
            BadClaims,
        ),
    ];
    for (what, token, reason) in table {
        // Twice: a refusal must not become a success by being remembered.
        for _ in 0..2 {
            assert_eq!(verifier.verify(&token).await, Err(reason), "{what}");
        }
    }
    assert!(verifier.verify(&good).await.is_ok());
}

#[tokio::test]
async fn shared_secret_accepts_only_hs256() {
    let clock = SettableClock::at(NOW);
    let verifier = Verifier::new(options(), clock, &client()).unwrap();
    let shared = TestSigner::Shared(vec![b's'; 32]);
    assert!(verifier.verify(&shared.token("any")).await.is_ok());
    for (what, token, reason) in [
        (
            "another secret",
            TestSigner::Shared(vec![b't'; 32]).token("any"),
            TokenError::BadSignature,
        ),
        (
            "another algorithm",
            TestSigner::rsa(0).token("any"),
            TokenError::BadSignature,
        ),
        (
            "none",
            shared.sign(r#"{"alg":"none"}"#, &claims().to_string()),
            TokenError::Malformed,
        ),
    ] {
        assert_eq!(verifier.verify(&token).await, Err(reason), "{what}");
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
    let verifier = Verifier::new(options(), Arc::clone(&clock) as _, &client()).unwrap();
    let grant = verifier.verify(&token).await.unwrap();
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
    let verifier = Verifier::new(options(), clock, &client()).unwrap();
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
        let [cooldown, max_age, max_stale] = times.map(Duration::from_secs);
        VerifierKeySource::JwksUrl {
            url: url.into(),
            cooldown,
            max_age,
            max_stale,
        }
    };
    let file = |path: &str| VerifierKeySource::JwksFile(path.into());
    let keys = |keys| VerifierOptions { keys, ..options() };
    for (options, reason) in [
        (
            VerifierOptions {
                issuer: "".into(),
                ..options()
            },
            VerifierOptionsError::NoIssuer,
        ),
        (
            VerifierOptions {
                audience: "".into(),
                ..options()
            },
            VerifierOptionsError::NoAudience,
        ),
        (
            VerifierOptions {
                leeway: Duration::from_secs(301),
                ..options()
            },
            VerifierOptionsError::LongLeeway,
        ),
        (
            keys(VerifierKeySource::Hs256(Secret::new([1; 31]))),
            VerifierOptionsError::ShortSecret,
        ),
        (keys(file("/nowhere/keys.json")), VerifierOptionsError::KeyFile),
        (
            keys(file(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))),
            VerifierOptionsError::KeyFile,
        ),
        (
            keys(url("keys.json", [30, 300, 3600])),
            VerifierOptionsError::KeyAddress,
        ),
        (
            keys(url("http://keys.example/", [30, 300, 3600])),
            VerifierOptionsError::KeyAddress,
        ),
        (
            keys(url("ftp://keys.example/", [30, 300, 3600])),
            VerifierOptionsError::KeyAddress,
        ),
        (
            keys(url("https://keys.example/", [301, 300, 3600])),
            VerifierOptionsError::Times,
        ),
        (
            keys(url("https://keys.example/", [30, 3601, 3600])),
            VerifierOptionsError::Times,
        ),
    ] {
        let made = Verifier::new(options, SettableClock::at(NOW), &client());
        assert_eq!(made.err(), Some(reason));
    }
}

/// RFC 8725 §3.11 and RFC 9068 §4: a token of another type is rejected, also with a valid signature.
#[tokio::test]
async fn other_token_types_are_refused() {
    let verifier = Verifier::new(options(), SettableClock::at(NOW), &client()).unwrap();
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
    let wider = VerifierOptions {
        types: vec!["logout+jwt".into()],
        ..options()
    };
    let wider = Verifier::new(wider, SettableClock::at(NOW), &client()).unwrap();
    assert!(wider.verify(&typed("application/logout+jwt".into())).await.is_ok());
    assert!(wider.verify(&typed("JWT".into())).await.is_err());
}

/// The issue's rule: from `iat` to `exp`, from now where there is no `iat`. A day is what Auth0 gives by default.
#[tokio::test]
async fn long_lived_token_is_refused() {
    const DAY: i64 = 86_400;
    let verifier = Verifier::new(options(), SettableClock::at(NOW), &client()).unwrap();
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

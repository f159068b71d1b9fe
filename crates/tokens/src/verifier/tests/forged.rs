//! Forged tokens: each is refused for its reason.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ring::signature::KeyPair;
use serde_json::json;

use super::*;
use TokenError::{BadClaims, BadSignature, Expired, Malformed, NotYetValid, WrongAudience, WrongIssuer};

/// A verifier over an RSA key `r` and an elliptic one `e`.
struct ForgeryTest {
    rsa: TestSigner,
    verifier: Verifier,
}

impl ForgeryTest {
    fn new() -> Self {
        let rsa = TestSigner::rsa(0);
        let verifier = verifier_over(&[rsa.jwk("r"), TestSigner::p256().jwk("e")], &SettableClock::at(NOW));
        Self { rsa, verifier }
    }

    /// Checks that each forgery is refused for its reason, and the good token is accepted before and after.
    async fn assert_refused(&self, forgeries: &[(&str, String, TokenError)]) {
        let good = self.rsa.token("r");
        assert!(self.verifier.verify(&good).await.is_ok());
        for (what, token, reason) in forgeries {
            // Twice: a refusal must not become a success by being remembered.
            for _ in 0..2 {
                assert_eq!(self.verifier.verify(token).await, Err(*reason), "{what}: {token}");
            }
        }
        assert!(self.verifier.verify(&good).await.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn malformed_and_unsigned_tokens_are_refused() {
    let test = ForgeryTest::new();
    let good = test.rsa.token("r");
    let [head, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else {
        panic!()
    };
    let mut forgeries = vec![
        ("an empty text", String::new(), Malformed),
        ("no token", "nonsense".to_owned(), Malformed),
        ("only dots", "..".to_owned(), Malformed),
        ("no signature part", format!("{head}.{payload}"), Malformed),
        ("an empty signature", format!("{head}.{payload}."), BadSignature),
        ("a fourth part", format!("{good}.x"), Malformed),
        ("a padded part", format!("{head}=.{payload}.{signature}"), Malformed),
        ("too long", format!("{good}{}", "A".repeat(MAX_TOKEN_BYTES)), Malformed),
        ("a cut signature", good[..good.len() - 4].to_owned(), BadSignature),
    ];
    let (richer, shorter) = (
        URL_SAFE_NO_PAD.encode(with("tenants", json!(["*/*/*"])).to_string()),
        &payload[..payload.len() - 4],
    );
    for payload in [&*richer, shorter] {
        forgeries.push(("another payload", format!("{head}.{payload}.{signature}"), BadSignature));
    }
    for alg in ["none", "None", "NONE", "nOnE", "", "PS256", "RS512"] {
        let head = URL_SAFE_NO_PAD.encode(json!({"alg": alg, "kid": "r"}).to_string());
        for signature in ["", signature] {
            forgeries.push((alg, format!("{head}.{payload}.{signature}"), Malformed));
        }
    }
    test.assert_refused(&forgeries).await;
}

#[tokio::test(start_paused = true)]
async fn hostile_headers_are_refused() {
    let test = ForgeryTest::new();
    let claims_text = claims().to_string();
    let stranger_key = TestSigner::rsa(1).jwk("x");
    let forgeries = [
        (r#"{"kid":"r"}"#.to_owned(), Malformed),
        (r#"["RS256","r",1]"#.to_owned(), Malformed),
        (r#"{"alg":"RS256","alg":"RS256","kid":"r"}"#.to_owned(), Malformed),
        (r#"{"alg":"RS256","kid":"r","crit":["exp"]}"#.to_owned(), Malformed),
        (r#"{"alg":"RS256","kid":"r","crit":null}"#.to_owned(), Malformed),
        (r#"{"alg":"ES256","kid":"r"}"#.to_owned(), BadSignature),
        (
            json!({"alg": "RS256", "kid": "x", "jwk": stranger_key}).to_string(),
            BadSignature,
        ),
    ];
    let forgeries = forgeries.map(|(header, reason)| ("a header", test.rsa.sign(&header, &claims_text), reason));
    test.assert_refused(&forgeries).await;
}

#[tokio::test(start_paused = true)]
async fn tokens_of_other_keys_are_refused() {
    let test = ForgeryTest::new();
    let other = TestSigner::rsa(1);
    test.assert_refused(&[
        ("signed with another key", other.token("r"), BadSignature),
        ("the other algorithm's key named", test.rsa.token("e"), BadSignature),
        ("an unknown kid", test.rsa.token("unknown"), BadSignature),
        ("a kid of another issuer's", other.token("s"), BadSignature),
    ])
    .await;
}

/// RFC 8725 §2.1: a published key is no shared secret.
#[tokio::test(start_paused = true)]
async fn public_key_is_no_shared_secret() {
    let test = ForgeryTest::new();
    let TestSigner::Rsa(pair) = &test.rsa else { panic!() };
    let pkcs1 = pair.public_key().as_ref().to_vec();
    let mut spki =
        b"\x30\x82\x01\x22\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x03\x82\x01\x0f\x00".to_vec();
    spki.extend_from_slice(&pkcs1);
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        STANDARD.encode(&spki)
    );
    let jwk = test.rsa.jwk("r");
    let mut forgeries = Vec::new();
    for (form, secret) in [
        ("PEM", pem.clone().into_bytes()),
        ("PEM without the last line end", pem.trim_end().to_owned().into_bytes()),
        ("DER", spki),
        ("PKCS#1", pkcs1),
        ("modulus", jwk["n"].as_str().unwrap().as_bytes().to_vec()),
        ("JWK", jwk.to_string().into_bytes()),
        ("an empty secret", Vec::new()),
    ] {
        let signer = TestSigner::Shared(secret);
        forgeries.push((form, signer.token("r"), BadSignature));
        forgeries.push((form, signer.token_without_kid(), BadSignature));
    }
    test.assert_refused(&forgeries).await;
}

#[tokio::test(start_paused = true)]
async fn wrong_claims_are_refused() {
    let test = ForgeryTest::new();
    let changed = [
        ("iss", json!("https://issuer.example"), WrongIssuer),
        ("iss", json!([ISSUER]), WrongIssuer),
        ("aud", json!("masthead2"), WrongAudience),
        ("aud", json!(["a", "b"]), WrongAudience),
        ("exp", json!(NOW - 31), Expired),
        // At the end of the leeway.
        ("exp", json!(NOW - 30), Expired),
        ("exp", json!(-1.0e300), Expired),
        ("exp", json!("2099-01-01"), BadClaims),
        ("nbf", json!(NOW + 31), NotYetValid),
        ("nbf", json!("now"), BadClaims),
        ("scope", json!(["users:read"]), BadClaims),
        ("tenants", json!("*/*/*"), BadClaims),
        ("tenants", json!(["north/daily/*", "*"]), BadClaims),
        ("tenants", json!([1]), BadClaims),
    ];
    let changed = changed.map(|(name, value, reason)| (name, test.rsa.token_with("r", &with(name, value)), reason));
    test.assert_refused(&changed).await;
    let removed = [
        ("iss", WrongIssuer),
        ("aud", WrongAudience),
        ("exp", BadClaims),
        ("scope", BadClaims),
        ("tenants", BadClaims),
    ];
    let removed = removed.map(|(name, reason)| (name, test.rsa.token_with("r", &without(name)), reason));
    test.assert_refused(&removed).await;

    let claims_text = claims().to_string();
    let begins = |more: &str| claims_text.replacen('{', more, 1);
    let unreadable = [
        begins(r#"{"tenants":["*/*/*"],"#),
        begins(r#"{"exp":99999999999,"#),
        begins(&format!(r#"{{"x":{}"#, "[".repeat(2000))),
        "[1]".to_owned(),
        "\u{feff}{}".to_owned(),
    ];
    let sign = |claims: String| {
        (
            "claims",
            test.rsa.sign(r#"{"alg":"RS256","kid":"r"}"#, &claims),
            BadClaims,
        )
    };
    test.assert_refused(&unreadable.map(sign)).await;
}

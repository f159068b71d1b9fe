//! Forged tokens: each is rejected with the documented status, code and text.

use std::{fs, path::Path};

use masthead_testkit::contract_cases::{ContractCase, Expectation, fixture::HERALD};
use serde_json::{Value, json};

use crate::support::jwt::hs256_token;
use crate::support::process::setting;
use crate::{
    contract::{
        rsa::{RsaIssuer, key_set},
        server::{ContractServer, contract_tenants},
    },
    support::{
        http_client,
        jwt::{self, TokenSigner},
        process::SECRET,
    },
};

/// A request for an existing user with this token.
fn bearing(token: &str, expect: Expectation) -> ContractCase {
    ContractCase::get("/v4/Users/2937", expect).with("Authorization", &format!("Bearer {token}"))
}

/// The name of a forgery, the token, and why it is rejected.
type Forgery = (&'static str, String, &'static str);

const MALFORMED: &str = "the token is malformed";
const NOT_SIGNED: &str = "the token is not signed by a known key";
const NO_ACCESS_TOKEN: &str = "the token is not an access token";
const OTHER_AUDIENCE: &str = "the token is for another audience";
const OTHER_ISSUER: &str = "the token is from another issuer";
const LONG_LIVED: &str = "the token is valid for longer than is allowed";
const WRONG_CLAIMS: &str = "the token's claims are not of the published form";
const FORBIDDEN: &str = "the token does not grant this call for this tenant";
const NO_SCOPE: &str =
    "the token does not grant this call for this tenant: it has no scope users:read or users:search or users:list";

/// Checks that the good token is accepted before and after, and each forgery is rejected.
fn assert_rejected(server: &ContractServer, good: &str, forgeries: &[Forgery]) {
    server.check_all(&[bearing(good, Expectation::Status(200))]);
    let failures = forgeries.iter().filter_map(|(name, token, why)| {
        let case = match *why {
            FORBIDDEN | NO_SCOPE => bearing(token, Expectation::Error(403, "E403", format!("Forbidden - {why}"))),
            _ => bearing(token, Expectation::Error(401, "E401", format!("Unauthorized - {why}"))),
        };
        let case = match *why {
            FORBIDDEN | NO_SCOPE | WRONG_CLAIMS => case,
            _ => case.answering("www-authenticate", "Bearer error=\"invalid_token\""),
        };
        let difference = case.check(server, &server.send(&case)).err()?;
        Some(format!("{name}: {difference}"))
    });
    let failures: Vec<_> = failures.collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    server.check_all(&[bearing(good, Expectation::Status(200))]);
}

/// One forgery for each reason; `sign` signs claims with the true key. The table of forgeries is held by `tokens`.
fn forgeries(good: &str, sign: impl Fn(&Value) -> String) -> Vec<Forgery> {
    let (now, hour) = (jwt::now(), 3_600);
    let changed = [
        ("wrong audience", "aud", json!("else"), OTHER_AUDIENCE),
        ("wrong issuer", "iss", json!("https://else.example"), OTHER_ISSUER),
        ("expired", "exp", json!(now - hour), "the token is expired"),
        ("not valid yet", "nbf", json!(now + hour), "the token is not valid yet"),
        ("lifetime above a day", "exp", json!(now + 26 * hour), LONG_LIVED),
        ("claim of an ID token", "at_hash", json!("x"), NO_ACCESS_TOKEN),
        ("incomplete tenant", "tenants", json!(["*"]), WRONG_CLAIMS),
        ("wrong tenant", "tenants", json!(["north/daily/times"]), FORBIDDEN),
        ("empty tenants", "tenants", json!([]), FORBIDDEN),
        ("missing scope", "scope", json!("users:write"), NO_SCOPE),
        ("similar scope", "scope", json!("users:readx Users:Read"), NO_SCOPE),
        ("empty scope", "scope", json!(""), NO_SCOPE),
    ];
    let changed = changed.map(|(name, claim, value, why)| {
        let mut claims = jwt::claims(&[HERALD]);
        claims[claim] = value;
        (name, sign(&claims), why)
    });
    let unsigned = |header: Value, claims: &Value| jwt::token(&header, claims, &TokenSigner::Unsigned);
    let none = unsigned(json!({"alg": "none"}), &jwt::claims(&[HERALD]));
    // The true signature with other claims.
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let header = signed.split('.').next().unwrap();
    let other = unsigned(json!({}), &jwt::claims(&["*/*/*"]));
    let other = other.split('.').nth(1).unwrap();
    let unsigned = [
        ("alg none", none, MALFORMED),
        ("empty signature", format!("{signed}."), NOT_SIGNED),
        ("other claims", format!("{header}.{other}.{signature}"), NOT_SIGNED),
    ];
    changed.into_iter().chain(unsigned).collect()
}

#[test]
fn rsa_issuer_rejects_forged_tokens() {
    let (issuer, stranger) = (RsaIssuer::new(0, "k1"), RsaIssuer::new(1, "k1"));
    let mut file = None;
    let server = ContractServer::start_with(&contract_tenants(), |settings| {
        let is_url = |(key, _): &&(String, String)| key.ends_with("DATABASE__URL");
        // The name of the test's database is unique.
        let name = settings.iter().find(is_url).unwrap().1.rsplit('/').next().unwrap();
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.jwks.json"));
        fs::write(&path, key_set(&[&issuer])).unwrap();
        settings.retain(|(key, _)| !key.contains("HS256"));
        settings.push(setting("TOKENS__JWKS_FILE", path.to_str().unwrap()));
        file = Some(path);
    });
    let claims = jwt::claims(&[HERALD]);
    let good = issuer.token(&claims);
    let mut forgeries = forgeries(&good, |claims| issuer.token(claims));
    let published_key = issuer.jwk()["n"].as_str().unwrap().to_owned();
    forgeries.extend([
        ("another key with a known id", stranger.token(&claims), NOT_SIGNED),
        (
            "the public key as a secret",
            hs256_token(&claims, &published_key),
            NOT_SIGNED,
        ),
    ]);
    assert_rejected(&server, &good, &forgeries);
    server.stop();
    fs::remove_file(file.unwrap()).unwrap();
}

#[test]
fn shared_secret_rejects_forged_tokens() {
    let server = ContractServer::start(&contract_tenants());
    let claims = jwt::claims(&[HERALD]);
    let good = hs256_token(&claims, SECRET);
    let mut forgeries = forgeries(&good, |claims| hs256_token(claims, SECRET));
    forgeries.extend([
        ("an empty secret", hs256_token(&claims, ""), NOT_SIGNED),
        (
            "the key of an issuer",
            RsaIssuer::new(0, "k1").token(&claims),
            NOT_SIGNED,
        ),
    ]);
    assert_rejected(&server, &good, &forgeries);
}

#[test]
fn forged_token_is_rejected_on_every_route() {
    let server = ContractServer::start(&contract_tenants());
    let forged = hs256_token(&jwt::claims(&[HERALD]), "another-invented-secret-of-more-than-32-bytes");
    let authorization = format!("Bearer {forged}");
    for base in [
        "/v4/Users",
        "/Users",
        "/UsersOrchestrator/v4/Users",
        "/UsersOrchestrator/Users",
    ] {
        let targets = ["?email=ann@example.com", "/2937", "/Search", "?email="];
        let reads = targets.map(|rest| ContractCase::get(&format!("{base}{rest}"), Expectation::Status(401)));
        let searches = [r#"{"email":"ann@example.com"}"#, "nonsense"]
            .map(|body| ContractCase::search(body, Expectation::Status(401)).at(&format!("{base}/Search")));
        let cases = reads.into_iter().chain(searches);
        let cases: Vec<_> = cases.map(|case| case.with("Authorization", &authorization)).collect();
        server.check_all(&cases);
    }
    // Pages without user data need no token.
    for open in ["/health/live", "/openapi.json", "/docs"] {
        assert_eq!(http_client::get(server.address, open).status, 200, "{open}");
    }
}

//! The table of forged tokens: whatever is wrong with one, it is refused with the right status, code and text.

use std::{fs, path::Path};

use masthead_testkit::contract_cases::{ContractCase, Expectation, fixture::HERALD};
use serde_json::{Value, json};

use crate::{
    rsa::{Issuer, key_set},
    support::{
        jwt::{self, Signer},
        served::SECRET,
    },
    wire,
    world::{World, of_the_contract, setting, shared},
};

/// A request of a reader who exists, bearing this.
fn bearing(token: &str, expect: Expectation) -> ContractCase {
    ContractCase::get("/v4/Users/2937", expect).with("Authorization", &format!("Bearer {token}"))
}

fn unauthorized(token: &str, why: &str) -> ContractCase {
    bearing(
        token,
        Expectation::Error(401, "E401", format!("Unauthorized - the token {why}")),
    )
    .answering("www-authenticate", "Bearer error=\"invalid_token\"")
}

fn forbidden(token: &str) -> ContractCase {
    let text = "Forbidden - the token does not grant this call for this tenant";
    bearing(token, Expectation::Error(403, "E403", text.to_owned()))
}

const MALFORMED: &str = "is malformed";
const NOT_SIGNED: &str = "is not signed by a known key";
const NO_ACCESS_TOKEN: &str = "is not an access token";
const NO_FORM: &str = "the token's claims are not of the published form";

/// Runs a table, each row with the name of its forgery, on one server; and the good token before and after.
fn refuses(world: &World, good: &str, table: &[(String, ContractCase)]) {
    world.holds(&[bearing(good, Expectation::Status(200))]);
    let differences = table.iter().filter_map(|(name, case)| {
        let answer = world.ask(case);
        let difference = case.check(world, &answer).err()?;
        Some(format!("{name}: {difference}"))
    });
    let differences: Vec<_> = differences.collect();
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
    world.holds(&[bearing(good, Expectation::Status(200))]);
}

fn but(claim: &str, value: Value) -> Value {
    let mut claims = jwt::claims(&[HERALD]);
    claims[claim] = value;
    claims
}

fn without(claim: &str) -> Value {
    let mut claims = jwt::claims(&[HERALD]);
    claims.as_object_mut().unwrap().remove(claim);
    claims
}

/// What is wrong whoever signs: `sign` signs as the true issuer does.
fn wrong_claims(sign: impl Fn(&Value) -> String) -> Vec<(String, ContractCase)> {
    let no_form = |claims: &Value| {
        let expect = Expectation::Error(401, "E401", format!("Unauthorized - {NO_FORM}"));
        bearing(&sign(claims), expect)
    };
    let hour = 3_600;
    let rows = [
        (
            "wrong audience",
            unauthorized(&sign(&but("aud", "else".into())), "is for another audience"),
        ),
        (
            "no audience",
            unauthorized(&sign(&without("aud")), "is for another audience"),
        ),
        (
            "audiences of others",
            unauthorized(
                &sign(&but("aud", json!(["else", "masthead.example"]))),
                "is for another audience",
            ),
        ),
        (
            "wrong issuer",
            unauthorized(
                &sign(&but("iss", "https://else.example".into())),
                "is from another issuer",
            ),
        ),
        (
            "no issuer",
            unauthorized(&sign(&without("iss")), "is from another issuer"),
        ),
        (
            "expired",
            unauthorized(&sign(&but("exp", (jwt::now() - hour).into())), "is expired"),
        ),
        ("no end", no_form(&without("exp"))),
        ("an end in words", no_form(&but("exp", "tomorrow".into()))),
        (
            "not valid yet",
            unauthorized(&sign(&but("nbf", (jwt::now() + hour).into())), "is not valid yet"),
        ),
        (
            "wrong tenant",
            forbidden(&sign(&but("tenants", json!(["north/daily/times"])))),
        ),
        ("no tenant in the claim", forbidden(&sign(&but("tenants", json!([]))))),
        ("no tenants claim", no_form(&without("tenants"))),
        ("tenants that are no list", no_form(&but("tenants", HERALD.into()))),
        ("a tenant in too few parts", no_form(&but("tenants", json!(["*"])))),
        ("missing scope", forbidden(&sign(&but("scope", "users:write".into())))),
        (
            "a scope like it",
            forbidden(&sign(&but("scope", "users:readx Users:Read".into()))),
        ),
        ("an empty scope", forbidden(&sign(&but("scope", "".into())))),
        ("no scope claim", no_form(&without("scope"))),
        ("scopes as a list", no_form(&but("scope", json!(["users:read"])))),
        (
            "a lifetime of more than a day",
            unauthorized(
                &sign(&but("exp", (jwt::now() + 26 * hour).into())),
                "is valid for longer than is allowed",
            ),
        ),
        (
            "an ID token's claim",
            unauthorized(&sign(&but("at_hash", "x".into())), NO_ACCESS_TOKEN),
        ),
        (
            "a logout token's claim",
            unauthorized(&sign(&but("events", json!({}))), NO_ACCESS_TOKEN),
        ),
    ];
    rows.map(|(name, case)| (name.to_owned(), case)).into()
}

/// What is not signed by anybody, of these claims.
fn unsigned(good: &str) -> Vec<(String, ContractCase)> {
    let claims = jwt::claims(&[HERALD]);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let mut rows = Vec::new();
    for none in ["none", "None", "NONE", "nOnE", ""] {
        let token = jwt::token(&json!({"alg": none}), &claims, &Signer::Nobody);
        rows.push((format!("alg {none:?}"), unauthorized(&token, MALFORMED)));
        rows.push((
            format!("alg {none:?} with somebody's signature"),
            unauthorized(&format!("{token}{signature}"), MALFORMED),
        ));
    }
    let malformed = [
        ("no algorithm", jwt::token(&json!({}), &claims, &Signer::Nobody)),
        ("no signature part", signed.to_owned()),
        ("not a token", "seagull".to_owned()),
        ("empty parts", "..".to_owned()),
        ("a part too many", format!("{good}.x")),
        ("longer than any token", "x.".repeat(5_000)),
    ];
    rows.extend(malformed.map(|(name, token)| (name.to_owned(), unauthorized(&token, MALFORMED))));
    // Whole bytes of it, so that it still is base64.
    let cut = &signature[..40];
    for (name, signature) in [("an empty signature", ""), ("a signature cut short", cut)] {
        rows.push((
            name.to_owned(),
            unauthorized(&format!("{signed}.{signature}"), NOT_SIGNED),
        ));
    }
    // The signature of these claims under other ones.
    let header = signed.split('.').next().unwrap();
    let other = jwt::token(&json!({}), &jwt::claims(&["*/*/*"]), &Signer::Nobody);
    let other = other.split('.').nth(1).unwrap();
    rows.push((
        "other claims under a true signature".to_owned(),
        unauthorized(&format!("{header}.{other}.{signature}"), NOT_SIGNED),
    ));
    rows
}

#[test]
fn every_forged_token_is_refused_where_an_issuer_signs_with_rsa() {
    let (issuer, stranger) = (Issuer::new(0, "k1"), Issuer::new(1, "k1"));
    let mut file = None;
    let world = World::with(&of_the_contract(), |settings| {
        // The database's name is nobody else's.
        let url = &settings
            .iter()
            .find(|(key, _)| key.ends_with("DATABASE__URL"))
            .unwrap()
            .1;
        let name = url.rsplit('/').next().unwrap();
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.jwks.json"));
        fs::write(&path, key_set(&[&issuer])).unwrap();
        settings.retain(|(key, _)| !key.contains("HS256"));
        settings.push(setting("TOKENS__JWKS_FILE", path.to_str().unwrap()));
        file = Some(path);
    });
    let claims = jwt::claims(&[HERALD]);
    let good = issuer.token(&claims);
    let mut table = unsigned(&good);
    table.extend(wrong_claims(|claims| issuer.token(claims)));
    for (form, secret) in issuer.as_shared_secrets() {
        for header in [json!({"alg": "HS256", "kid": "k1"}), json!({"alg": "HS256"})] {
            let token = jwt::token(&header, &claims, &Signer::Hs256(&secret));
            table.push((
                format!("HS256 with the public key, {form}, {header}"),
                unauthorized(&token, NOT_SIGNED),
            ));
        }
    }
    let header = |alg: &str, kid: &str| json!({"alg": alg, "typ": "JWT", "kid": kid});
    let rows = [
        ("another key under a known id", stranger.token(&claims), NOT_SIGNED),
        (
            "an unknown key",
            stranger.token_with(&header("RS256", "k2"), &claims),
            NOT_SIGNED,
        ),
        (
            "a known key under an unknown id",
            issuer.token_with(&header("RS256", "k2"), &claims),
            NOT_SIGNED,
        ),
        (
            "another kind of token",
            issuer.token_with(&json!({"alg": "RS256", "kid": "k1", "typ": "logout+jwt"}), &claims),
            NO_ACCESS_TOKEN,
        ),
        (
            "another algorithm of the same key",
            issuer.token_with(&header("RS512", "k1"), &claims),
            MALFORMED,
        ),
        (
            "an algorithm of another kind of key",
            issuer.token_with(&header("ES256", "k1"), &claims),
            NOT_SIGNED,
        ),
        (
            "a key in the token itself",
            stranger.token_with(&json!({"alg": "RS256", "kid": "k1", "jwk": stranger.jwk()}), &claims),
            NOT_SIGNED,
        ),
        (
            "something critical that nobody knows",
            issuer.token_with(
                &json!({"alg": "RS256", "kid": "k1", "crit": ["b64"], "b64": false}),
                &claims,
            ),
            MALFORMED,
        ),
    ];
    table.extend(rows.map(|(name, token, why)| (name.to_owned(), unauthorized(&token, why))));
    refuses(&world, &good, &table);
    world.end();
    fs::remove_file(file.unwrap()).unwrap();
}

#[test]
fn every_forged_token_is_refused_where_a_secret_is_shared() {
    let world = World::of(&of_the_contract());
    let claims = jwt::claims(&[HERALD]);
    let good = shared(&claims, SECRET);
    let mut table = unsigned(&good);
    table.extend(wrong_claims(|claims| shared(claims, SECRET)));
    let secret = SECRET.as_bytes();
    let rows = [
        (
            "another secret",
            shared(&claims, "another-invented-secret-of-more-than-32-bytes"),
            NOT_SIGNED,
        ),
        ("an empty secret", shared(&claims, ""), NOT_SIGNED),
        ("an issuer's key", Issuer::new(0, "k1").token(&claims), NOT_SIGNED),
        (
            "another algorithm of the same secret",
            jwt::token(&json!({"alg": "HS512"}), &claims, &Signer::Hs256(secret)),
            MALFORMED,
        ),
    ];
    table.extend(rows.map(|(name, token, why)| (name.to_owned(), unauthorized(&token, why))));
    refuses(&world, &good, &table);
}

#[test]
fn a_forged_token_is_refused_at_every_address() {
    let world = World::of(&of_the_contract());
    let forged = shared(&jwt::claims(&[HERALD]), "another-invented-secret-of-more-than-32-bytes");
    let authorization = format!("Bearer {forged}");
    for base in [
        "/v4/Users",
        "/Users",
        "/UsersOrchestrator/v4/Users",
        "/UsersOrchestrator/Users",
    ] {
        let cases = ["?email=ann@example.com", "/2937", "/Search", "?email="].map(|rest| {
            ContractCase::get(&format!("{base}{rest}"), Expectation::Status(401)).with("Authorization", &authorization)
        });
        world.holds(&cases);
        for body in [r#"{"email":"ann@example.com"}"#, "nonsense"] {
            let search = ContractCase::search(body, Expectation::Status(401)).at(&format!("{base}/Search"));
            world.holds(&[search.with("Authorization", &authorization)]);
        }
    }
    // What tells nothing of anybody needs no token.
    for open in ["/health/live", "/openapi.json", "/docs"] {
        assert_eq!(wire::get(world.address, open).status, 200, "{open}");
    }
}

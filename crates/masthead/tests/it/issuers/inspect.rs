//! `masthead token inspect`.

use masthead_dev_postgres::TestDatabase;
use serde_json::json;

use crate::support::{
    jwt,
    process::{self, ISSUER, SECRET},
};

const TENANT: &str = "north/daily/herald";

#[test]
fn inspection_explains_each_refusal() {
    let settings = process::settings("postgres://nowhere.invalid/at_all");
    let good = jwt::claims(&[TENANT]);
    let shown = process::run_ok(
        &settings,
        &["token", "inspect"],
        &format!("Bearer {}", jwt::hs256_token(&good, SECRET)),
    );
    assert!(shown.contains("granted: users:read for north/daily/herald"), "{shown}");
    assert!(shown.contains("signed: by a key of that issuer"), "{shown}");

    for (claim, value, reason) in [
        ("iss", json!("https://other.example"), "another issuer"),
        ("aud", json!("other"), "audience: other; expected: masthead"),
        ("exp", json!(1_000_000_000), "exp: 2001-09-09T01:46:40Z"),
        ("exp", json!(jwt::now() + 40 * 86_400), "longer than is allowed"),
        ("tenants", json!(TENANT), "masthead caller add"),
        ("at_hash", json!("x\u{1b}[31m"), "not an access token"),
        ("sub", json!("\u{1b}[31mred"), "no refusal"),
    ] {
        let mut claims = good.clone();
        claims[claim] = value;
        let token = jwt::hs256_token(&claims, SECRET);
        let output = process::run(&settings, &["token", "inspect", "-"], &token);
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(output.status.code(), Some(i32::from(claim != "sub")), "{text}");
        assert!(claim == "sub" || text.contains(reason), "{reason}: {text}");
        assert!(!text.contains('\u{1b}'), "{text}");
        for part in token.split('.') {
            assert!(!text.contains(part), "a part of the token is printed: {text}");
        }
    }
    let mut just_ended = good.clone();
    just_ended["iat"] = json!(jwt::now() - 60);
    just_ended["exp"] = json!(jwt::now() - 1);
    let shown = process::run_ok(&settings, &["token", "inspect"], &jwt::hs256_token(&just_ended, SECRET));
    assert!(
        shown.contains("it has passed, and is accepted within tokens.leeway"),
        "{shown}"
    );
    let forged = jwt::hs256_token(&good, "another-invented-secret-of-more-than-32-bytes");
    let error = process::run_err(&settings, &["token", "inspect"], &forged);
    assert!(error.contains("not signed by a known key"), "{error}");
    let error = process::run_err(&settings, &["token", "inspect"], "nonsense");
    assert!(error.contains("malformed"), "{error}");
}

#[test]
fn inspection_considers_grants_of_callers() {
    let database = TestDatabase::empty().unwrap();
    let settings = process::settings(&database.url().unwrap());
    process::run_ok(&settings, &["migrate"], "");
    let mut claims = jwt::claims(&[TENANT]);
    claims["sub"] = json!("crm");
    claims.as_object_mut().unwrap().remove("tenants");
    let token = jwt::hs256_token(&claims, SECRET);
    let error = process::run_err(&settings, &["token", "inspect"], &token);
    assert!(!error.contains("are not considered"), "{error}");
    let crm = ["--issuer", ISSUER, "--subject", "crm"];
    process::run_ok(
        &settings,
        &[&["caller", "add"], &crm[..], &["--tenant", TENANT]].concat(),
        "",
    );
    let shown = process::run_ok(&settings, &["token", "inspect"], &token);
    assert!(
        shown.contains("granted (by masthead caller add): users:read for north/daily/herald"),
        "{shown}"
    );
    process::run_ok(&settings, &[&["caller", "deny"], &crm[..]].concat(), "");
    let error = process::run_err(&settings, &["token", "inspect"], &token);
    assert!(error.contains("the token is revoked"), "{error}");
}

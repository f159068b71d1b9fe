//! Grants and denials by `masthead caller`, followed by a running server.

use std::{
    thread,
    time::{Duration, Instant},
};

use masthead_testkit::contract_cases::{ContractCase, Expectation, fixture::HERALD};
use serde_json::{Value, json};

use crate::{
    contract::server::{ContractServer, contract_tenants},
    support::{
        jwt,
        process::{self, ISSUER, SECRET},
        raw_http::FOREVER,
    },
};

fn read_with(token: &str, status: u16) -> ContractCase {
    ContractCase::get("/v4/Users/2937", Expectation::Status(status)).with("Authorization", &format!("Bearer {token}"))
}

/// Reads until this is the status: servers follow within seconds.
fn wait_for(server: &ContractServer, token: &str, status: u16) {
    let began = Instant::now();
    while server.send(&read_with(token, status)).status != status {
        assert!(began.elapsed() < FOREVER, "{status} never comes");
        thread::sleep(Duration::from_millis(100));
    }
}

fn token(change: impl FnOnce(&mut Value)) -> String {
    let mut claims = jwt::claims(&[HERALD]);
    change(&mut claims);
    jwt::hs256_token(&claims, SECRET)
}

#[test]
fn caller_is_granted_and_denied_at_run_time() {
    let server = ContractServer::start(&contract_tenants());
    let settings = process::settings(&server.database.url().unwrap());
    let caller = |arguments: &[&str]| {
        let all = [&["caller"], arguments].concat();
        process::run_ok(&settings, &all, "")
    };
    let silent = token(|claims| {
        claims["client_id"] = json!("crm");
        claims.as_object_mut().unwrap().remove("tenants");
    });
    let named = token(|claims| {
        claims["sub"] = json!("app|7");
        claims["jti"] = json!("t1");
    });
    let unnamed = token(|_| {});
    server.check_all(&[
        read_with(&silent, 401),
        read_with(&named, 200),
        read_with(&unnamed, 200),
    ]);

    let crm = ["--issuer", ISSUER, "--client-id", "crm"];
    let added = caller(&[&["add"], &crm[..], &["--tenant", HERALD]].concat());
    assert!(added.starts_with("added client_id crm of"), "{added}");
    wait_for(&server, &silent, 200);
    let other = "north/daily/another";
    caller(&[&["add"], &crm[..], &["--tenant", other, "--scope", "users:read"]].concat());
    wait_for(&server, &silent, 403);

    for denied in [["--subject", "app|7"], ["--token-id", "t1"]] {
        caller(&[&["deny", "--issuer", ISSUER], &denied[..]].concat());
        wait_for(&server, &named, 401);
        server.check_all(&[read_with(&unnamed, 200)]);
        let answer = server.send(&read_with(&named, 401));
        assert!(answer.body.contains("the token is revoked"), "{}", answer.body);
        let listed: Value = serde_json::from_str(&caller(&["list", "--json"])).unwrap();
        assert_eq!(listed["denials"][0]["caller"]["value"], denied[1]);
        assert_eq!(listed["grants"][0]["tenants"], json!([other]));
        caller(&[&["allow", "--issuer", ISSUER], &denied[..]].concat());
        wait_for(&server, &named, 200);
    }
    caller(&[&["remove"], &crm[..]].concat());
    wait_for(&server, &silent, 401);
    for missing in [["remove", "--client-id"], ["allow", "--subject"]] {
        let [command, option] = missing;
        let error = process::run_err(&settings, &["caller", command, "--issuer", ISSUER, option, "crm"], "");
        assert!(error.contains("nothing was changed"), "{error}");
    }
}

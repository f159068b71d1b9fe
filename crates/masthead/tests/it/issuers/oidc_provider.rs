//! A real oidc-provider beside the server's own issuer: its tokens, and the rotation of its key.

use std::{
    thread,
    time::{Duration, Instant},
};

use masthead_testkit::contract_cases::{ContractCase, Expectation, fixture::HERALD};

use super::provider_process::OidcProvider;
use crate::{
    contract::server::{ContractServer, contract_tenants},
    support::{
        jwt,
        process::{SECRET, setting},
        raw_http::FOREVER,
    },
};

const API: &str = "https://users.north.example";

fn read_with(token: &str, status: u16) -> ContractCase {
    ContractCase::get("/v4/Users/2937", Expectation::Status(status)).with("Authorization", &format!("Bearer {token}"))
}

/// A server that trusts the provider beside the issuer of the shared secret.
fn server_beside(provider: &OidcProvider, refresh: &str) -> ContractServer {
    ContractServer::start_with(&contract_tenants(), |settings| {
        for (key, value) in [
            ("ISSUER", provider.issuer.as_str()),
            ("AUDIENCE", API),
            ("JWKS_URL", &format!("{}/jwks", provider.issuer)),
            ("KIND", "oidc-provider"),
        ] {
            settings.push(setting(&format!("ISSUERS__OP__{key}"), value));
        }
        settings.push(setting("TOKENS__JWKS_REFRESH", refresh));
        // Only the clock, and one token with an unknown key, may have the keys fetched.
        settings.push(setting("TOKENS__JWKS_COOLDOWN", "1h"));
    })
}

fn wait_for(server: &ContractServer, token: &str, status: u16) {
    let began = Instant::now();
    while server.send(&read_with(token, status)).status != status {
        assert!(began.elapsed() < FOREVER, "{status} never comes");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn tokens_of_a_real_provider_are_taken() {
    let Some(provider) = OidcProvider::start_if_installed() else {
        return;
    };
    let server = server_beside(&provider, "1h");
    let own = jwt::hs256_token(&jwt::claims(&[HERALD]), SECRET);
    let first = provider.token();
    wait_for(&server, &first, 200);
    server.check_all(&[read_with(&own, 200)]);

    // The first token of a new key is taken at once: it has the keys fetched.
    provider.use_keys("2,1");
    let second = provider.token();
    server.check_all(&[read_with(&second, 200), read_with(&first, 200)]);

    // A key of the provider makes no token of the other issuer.
    let mut claims = jwt::claims(&[HERALD]);
    claims["iss"] = provider.issuer.as_str().into();
    claims["aud"] = API.into();
    server.check_all(&[read_with(&jwt::hs256_token(&claims, SECRET), 401)]);
}

#[test]
fn rotation_of_a_real_provider_is_followed_by_the_clock() {
    let Some(provider) = OidcProvider::start_if_installed() else {
        return;
    };
    let server = server_beside(&provider, "1s");
    let first = provider.token();
    wait_for(&server, &first, 200);
    provider.use_keys("2");
    // Its key is gone, and no token with another one is sent.
    wait_for(&server, &first, 401);
    let second = provider.token();
    server.check_all(&[read_with(&second, 200)]);
    provider.use_keys("3,2");
    let third = provider.token();
    server.check_all(&[read_with(&third, 200), read_with(&second, 200)]);
}

//! The simulated generic provider over a socket: what it refuses, and its quota. What it answers is held by the tests of the
//! adapter.

use std::collections::BTreeSet;

use masthead_sandbox::{GenericStubConfig, StubPaging, sample_generic_users};
use serde_json::{Value, json};

use crate::client::{ONE_CALL, SandboxClient, texts};

const SSOR_LIST: &str = "registration/users?product_code=sandbox";

async fn start_ssor(users: usize) -> SandboxClient {
    let mut config = GenericStubConfig::ssor();
    config.users = sample_generic_users(config.settings.shape, users).collect();
    let mut client = SandboxClient::start(config).await;
    client.set_token("sandbox-ssor-token");
    client
}

async fn outcome(client: &SandboxClient, path: &str) -> (u16, Value) {
    let response = client.call("GET", path, None).await;
    (response.status.as_u16(), response.json())
}

#[tokio::test]
async fn ssor_pages_by_offset_and_fails_inside_a_200() {
    let client = start_ssor(120).await;
    let mut seen = BTreeSet::new();
    for offset in [0, 50, 100] {
        let page = client.get(&format!("{SSOR_LIST}&offset={offset}&limit=500")).await;
        assert_eq!(page["total"], 120);
        seen.extend(texts(&page["users"], "consumerId").into_iter().map(str::to_owned));
    }
    assert_eq!(seen.len(), 120);
    for (path, text) in [
        ("registration/users?offset=0", "product_code is missing or wrong"),
        (
            "registration/users?product_code=other",
            "product_code is missing or wrong",
        ),
        ("registration/users?product_code=sandbox&limit=x", "limit is a number"),
        ("registration/users?product_code=sandbox&limit=0", "limit is 1 or more"),
        (
            "registration/users?product_code=sandbox&shoes=9",
            "shoes is not a parameter of this call",
        ),
        (
            "registration/users?product_code=sandbox&email=a&email=b",
            "email is given twice",
        ),
    ] {
        assert_eq!(
            outcome(&client, path).await,
            (200, json!({"errMsg": text, "code": 400})),
            "{path}"
        );
    }
}

#[tokio::test]
async fn unknown_cursor_is_refused() {
    let client = start_ssor(1).await;
    client.sandbox.generic().change_settings(|all| {
        let [cursor, limit, next] = ["after", "limit", "/next"].map(str::to_owned);
        all.paging = StubPaging::Cursor { cursor, limit, next };
    });
    let refused = outcome(&client, &format!("{SSOR_LIST}&after=rubbish")).await;
    assert_eq!(refused, (200, json!({"errMsg": "no such cursor", "code": 400})));
}

#[tokio::test]
async fn quota_reports_its_wait() {
    let client = start_ssor(1).await;
    client.sandbox.clock().freeze();
    client.sandbox.generic().change_settings(|all| all.quota = ONE_CALL);
    assert_eq!(client.status(SSOR_LIST).await, 200);
    let limited = client.call("GET", SSOR_LIST, None).await;
    assert!(limited.status == 429 && (1..=2).contains(&limited.number("retry-after")));
}

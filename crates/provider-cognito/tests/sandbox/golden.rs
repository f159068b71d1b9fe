//! Compares the requests with those of AWS's own Python library for the same calls.

use std::path::PathBuf;

use masthead_sandbox::CognitoStubSettings;
use serde_json::{Value, json};

use crate::support::{SECRET, sign_in, with_secret};

/// As in the script that made the recordings.
const USER: &str = "Ann.O'Neil+news@example.com";
const PASSWORD: &str = "p\u{e4}ss\"w\\ord &=\u{20ac}";

fn recorded(name: &str) -> Value {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../sandbox/fixtures/cognito-botocore");
    let text = std::fs::read(folder.join(name)).unwrap();
    let recording: Value = serde_json::from_slice(&text).unwrap();
    recording["requests"][0].clone()
}

#[tokio::test]
async fn requests_match_those_of_the_library() {
    for (secret, name) in [
        (None, "initiate-auth.json"),
        (Some(SECRET), "initiate-auth-with-secret.json"),
    ] {
        let fixture = with_secret(vec![], secret, CognitoStubSettings::default()).await;
        let _ = sign_in(&fixture, USER, PASSWORD).await;
        let sent = fixture.sandbox.log_with_secrets().remove(0);
        let local = json!({
            "method": sent.method, "path": sent.path, "signed": sent.header("authorization").is_some(),
            "headers": {"content-type": sent.header("content-type"), "x-amz-target": sent.header("x-amz-target")},
            "body": serde_json::from_str::<Value>(&sent.body).unwrap(),
        });
        assert_eq!(local, recorded(name), "{name}");
    }
}

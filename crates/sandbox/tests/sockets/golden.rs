//! Replays the requests of the vendors' Node libraries, and expects the recorded results.

use std::path::PathBuf;

use masthead_sandbox::GigyaConfig;
use serde_json::Value;
use time::OffsetDateTime;

use crate::client::{SandboxClient, percent_encode};

fn folder(library: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(library)
}

fn read(path: PathBuf) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The recordings of a library, by file name.
fn recordings(library: &str) -> Vec<(String, Value)> {
    let files = std::fs::read_dir(folder(library))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let recordings = files.filter(|path| {
        path.extension().is_some_and(|extension| extension == "json") && !path.ends_with("package.json")
    });
    recordings
        .map(|path| (path.display().to_string(), read(path)["requests"].clone()))
        .collect()
}

/// Sends a recorded request with this body.
async fn replay(client: &SandboxClient, request: &Value, headers: &[(&str, &str)], body: &str) -> Value {
    let text = |member: &str| request[member].as_str().unwrap();
    let mark = if text("query").is_empty() { "" } else { "?" };
    let path = text("path").trim_start_matches('/');
    let url = format!("{}{path}{mark}{}", client.sandbox.url(), text("query"));
    let response = client.exchange(text("method"), &url, headers, body).await.unwrap();
    assert_eq!(u64::from(response.status.as_u16()), request["status"], "{url}");
    serde_json::from_slice(&response.body).unwrap_or_default()
}

#[tokio::test]
async fn auth0_library_recordings_get_the_recorded_status() {
    let users = read(folder("auth0-node").join("seed/users.json"));
    let mut replayed = 0;
    for (_, requests) in recordings("auth0-node") {
        let client = SandboxClient::auth0(0).await;
        client.sandbox.auth0().seed(users.as_array().unwrap().clone());
        let audience = client.sandbox.auth0().audience().replace("http://", "https://");
        for request in requests.as_array().unwrap() {
            let recorded = "https%3A%2F%2Ftenant.example%2Fapi%2Fv2%2F";
            let body = request["body"]
                .as_str()
                .unwrap()
                .replace(recorded, &percent_encode(&audience));
            let kind = request["headers"]["content-type"]
                .as_str()
                .map(|kind| ("content-type", kind));
            let token = ("authorization", client.headers[0].1.as_str());
            let headers: Vec<_> = kind.into_iter().chain([token]).collect();
            replay(&client, request, &headers, &body).await;
            replayed += 1;
        }
    }
    assert!(replayed >= 28, "{replayed} requests");
}

/// When the request was made: its timestamp in milliseconds, or its token's `iat`.
fn made_at(request: &Value) -> OffsetDateTime {
    let body = request["body"].as_str().unwrap();
    if let Some((_, rest)) = body.split_once("timestamp=") {
        let milliseconds: i128 = rest.split('&').next().unwrap().parse().unwrap();
        return OffsetDateTime::from_unix_timestamp_nanos(milliseconds * 1_000_000).unwrap();
    }
    let token = request["headers"]["authorization"].as_str().unwrap();
    let claims = token.split('.').nth(1).unwrap();
    let claims = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    OffsetDateTime::from_unix_timestamp(claims["iat"].as_i64().unwrap()).unwrap()
}

#[tokio::test]
async fn gigya_library_recordings_are_verified_exactly() {
    let seed = read(folder("gigya-node").join("seed/accounts.json"));
    let (mut replayed, mut odd) = (0, 0);
    for (file, requests) in recordings("gigya-node") {
        let client = SandboxClient::start(GigyaConfig::default()).await;
        let clock = client.sandbox.clock();
        client.sandbox.gigya().seed(seed.as_array().unwrap().clone());
        for request in requests.as_array().unwrap() {
            let body = request["body"].as_str().unwrap();
            let headers = request["headers"].as_object().unwrap().iter();
            let headers: Vec<(&str, &str)> = headers
                .map(|(name, value)| (&**name, value.as_str().unwrap()))
                .collect();
            let code = async |body: &str| replay(&client, request, &headers, body).await["errorCode"].clone();
            for late in [-301, 301] {
                clock.freeze_at(made_at(request) + time::Duration::seconds(late));
                assert_eq!(code(body).await, 403_002, "{file}");
            }
            clock.freeze_at(made_at(request) - time::Duration::seconds(300));
            if body.contains("sig=") {
                assert_eq!(code(&format!("{body}&more=1")).await, 403_003, "{file}");
                for parameter in ["nonce=", "timestamp=", "userKey="] {
                    assert_eq!(
                        code(&body.replace(parameter, "unknown=")).await,
                        400_002,
                        "{file} {parameter}"
                    );
                }
            }
            assert_eq!(code(body).await, request["errorCode"], "{file}");
            assert_eq!(code(body).await, 403_004, "{file}");
            replayed += 1;
            odd += usize::from(body.contains("%27%3C%3E%28%29%2A%21~%2B%26%3D%25"));
        }
    }
    assert!(replayed >= 35 && odd >= 4, "{replayed} requests, {odd} odd ones");
}

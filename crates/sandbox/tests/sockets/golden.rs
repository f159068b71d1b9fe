//! Replays what the providers' Node libraries sent, and expects the answers they got.

use std::path::PathBuf;

use masthead_sandbox::Sandbox;
use serde_json::Value;
use time::OffsetDateTime;

use crate::plain::Plain;
use crate::support::{Failure, World};

fn folder(library: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(library)
}

fn read(path: PathBuf) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

async fn replay(world: &World, request: &Value) -> Result<u16, Failure> {
    let text = |member: &str| request[member].as_str().unwrap().to_owned();
    let mark = if text("query").is_empty() { "" } else { "?" };
    let target = format!("{}{mark}{}", text("path"), text("query"));
    let audience = world.sandbox.auth0().audience().replace("http://", "https://");
    let recorded = "https%3A%2F%2Ftenant.example%2Fapi%2Fv2%2F";
    let body = text("body").replace(recorded, &crate::support::encoded(&audience));
    let kind = request["headers"]["content-type"].as_str();
    Ok(world
        .send_bytes(request["method"].as_str().unwrap(), &target, kind, body.into_bytes())
        .await?
        .status
        .as_u16())
}

#[tokio::test]
async fn the_recordings_of_auth0s_own_library_are_answered_as_they_were() {
    let users = read(folder("auth0-node").join("seed/users.json"));
    let mut replayed = 0;
    for entry in std::fs::read_dir(folder("auth0-node")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") || path.ends_with("package.json") {
            continue;
        }
        let world = World::with(0).await;
        world.sandbox.auth0().seed(users.as_array().unwrap().clone());
        for request in read(path.clone())["requests"].as_array().unwrap() {
            let status = replay(&world, request).await.unwrap();
            assert_eq!(u64::from(status), request["status"], "{}", path.display());
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

async fn again(sandbox: &Sandbox, plain: &Plain, request: &Value, body: &str) -> Value {
    let headers: Vec<(&str, &str)> = request["headers"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        .collect();
    let path = request["path"].as_str().unwrap().trim_start_matches('/');
    let url = format!("{}{path}", sandbox.url());
    let answer = plain.send("POST", &url, &headers, body).await.unwrap();
    assert_eq!(u64::from(answer.status.as_u16()), request["status"]);
    answer.json()
}

#[tokio::test]
async fn the_recordings_of_npm_gigya_pass_verification_to_the_letter_and_no_other_way() {
    let seed = read(folder("gigya-node").join("seed/accounts.json"));
    let (mut replayed, mut odd) = (0, 0);
    for entry in std::fs::read_dir(folder("gigya-node")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") || path.ends_with("package.json") {
            continue;
        }
        let config = masthead_sandbox::GigyaConfig::default();
        let (sandbox, plain) = (Sandbox::start(config).await.unwrap(), Plain::new());
        sandbox.gigya().seed(seed.as_array().unwrap().clone());
        for request in read(path.clone())["requests"].as_array().unwrap() {
            let body = request["body"].as_str().unwrap();
            for late in [-301, 301] {
                sandbox
                    .clock()
                    .freeze_at(made_at(request) + time::Duration::seconds(late));
                let expired = again(&sandbox, &plain, request, body).await;
                assert_eq!(expired["errorCode"], 403_002, "{}", path.display());
            }
            sandbox.clock().freeze_at(made_at(request));
            let signed = body.contains("sig=");
            if signed {
                let spoilt = again(&sandbox, &plain, request, &format!("{body}&more=1")).await;
                assert_eq!(spoilt["errorCode"], 403_003, "{}", path.display());
            }
            let answer = again(&sandbox, &plain, request, body).await;
            assert_eq!(
                answer["errorCode"],
                request["errorCode"],
                "{}: {answer}",
                path.display()
            );
            let twice = again(&sandbox, &plain, request, body).await;
            assert_eq!(twice["errorCode"], 403_004, "{}", path.display());
            replayed += 1;
            odd += usize::from(body.contains("%27%3C%3E%28%29%2A%21~%2B%26%3D%25"));
        }
    }
    assert!(replayed >= 36 && odd >= 4, "{replayed} requests, {odd} odd ones");
}

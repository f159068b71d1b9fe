//! Replays what Auth0's own Node library sent, and expects the answers it got.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::{Failure, World};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/auth0-node")
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
    let users = read(folder().join("seed/users.json"));
    let mut replayed = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
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

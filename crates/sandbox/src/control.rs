//! The control address: reads and changes the sandbox over HTTP. Unauthenticated, on loopback only.

use std::io::Result;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::auth0::{Auth0Settings, sample_users};
use crate::fault::play::{self, After};
use crate::fault::{FaultId, FaultRule};
use crate::sandbox::Inner;
use crate::server::Outage;
use crate::server::gate::Desk;
use crate::server::reply::Reply;
use crate::server::request::{self, Request};

/// Room for a seed of a hundred thousand users.
const BODY_LIMIT: usize = 256 * 1024 * 1024;

/// What can be asked, as `GET /` tells it.
const HELP: &str = include_str!("control.txt");

#[derive(Debug)]
pub(crate) struct Control(pub(crate) Arc<Inner>);

impl Desk for Control {
    async fn serve(&self, stream: &mut TcpStream) -> Result<()> {
        let mut kept = Vec::new();
        while let Some(request) = request::read(stream, &mut kept, BODY_LIMIT).await? {
            let reply = self.answer(&request).await.unwrap_or_else(|refusal| refusal);
            let now = self.0.provider.clock.now();
            if play::plainly(stream, &reply, request.close, now).await? == After::Close {
                break;
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Off {
    how: Outage,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rotation {
    #[serde(default)]
    revoke_previous: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ClockChange {
    #[serde(default)]
    advance_ms: u64,
    freeze: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Seed {
    Users(Vec<Value>),
    Sample { sample: usize },
}

impl Control {
    async fn answer(&self, request: &Request) -> std::result::Result<Reply, Reply> {
        let inner = &self.0;
        if request.too_large {
            return Err(refusal(413, "the body is too long"));
        }
        match (request.method.as_str(), request.path()) {
            ("GET", "/") => {
                return Ok(Reply {
                    body: HELP.into(),
                    ..Reply::empty(200)
                }
                .with("content-type", "text/plain; charset=utf-8"));
            }
            ("GET", "/state") => {}
            ("POST", "/off") => {
                let how = if request.body.is_empty() {
                    Outage::Refused
                } else {
                    body::<Off>(request)?.how
                };
                inner.turn(Some(how)).await.map_err(|error| failed(&error))?;
            }
            ("POST", "/on") => inner.turn(None).await.map_err(|error| failed(&error))?,
            ("POST", "/reset") => inner.reset().await.map_err(|error| failed(&error))?,
            ("GET", "/users") => return Ok(Reply::json(200, &Value::Array(inner.auth0.users()))),
            ("POST", "/users") => {
                let taken = match body::<Seed>(request)? {
                    Seed::Users(users) => inner.auth0.seed(users),
                    Seed::Sample { sample } => inner.auth0.seed(sample_users(sample)),
                };
                return Ok(Reply::json(200, &json!({"taken": taken})));
            }
            ("DELETE", "/users") => inner.auth0.clear_users(),
            ("GET", "/requests") => {
                let secrets = request
                    .parameters()
                    .iter()
                    .any(|(name, value)| name == "secrets" && value == "true");
                return Ok(Reply::json(200, &json!(inner.provider.log().list(secrets))));
            }
            ("DELETE", "/requests") => inner.provider.log().clear(),
            ("GET", "/settings") => return Ok(Reply::json(200, &json!(inner.auth0.settings()))),
            ("PATCH", "/settings") => self.change_settings(&body(request)?)?,
            ("POST", "/keys/rotate") => {
                let rotation: Rotation = if request.body.is_empty() {
                    Rotation::default()
                } else {
                    body(request)?
                };
                inner.auth0.rotate_keys(rotation.revoke_previous);
            }
            ("POST", "/tokens") => {
                let token = inner.auth0.mint(&body::<Value>(request)?);
                let token = token.ok_or_else(|| refusal(400, "claims are an object"))?;
                return Ok(Reply::json(200, &json!({"token": token})));
            }
            ("POST", "/clock") => self.change_clock(&body(request)?),
            ("GET", "/faults") => return Ok(Reply::json(200, &json!(inner.provider.faults().list()))),
            ("POST", "/faults") => {
                let id = inner.provider.faults().add(rule(&body(request)?)?);
                return Ok(Reply::json(200, &json!({"id": id})));
            }
            ("DELETE", "/faults") => inner.provider.faults().clear(),
            ("DELETE", path) => {
                let id = path
                    .strip_prefix("/faults/")
                    .and_then(|id| id.parse().ok())
                    .map(FaultId);
                if !id.is_some_and(|id| inner.provider.faults().remove(id)) {
                    return Err(refusal(404, "no such fault"));
                }
            }
            _ => return Err(refusal(404, "no such call; GET / lists them")),
        }
        Ok(Reply::json(200, &self.state().await))
    }

    /// Members that are not named keep their value.
    fn change_settings(&self, change: &Value) -> std::result::Result<(), Reply> {
        let mut all = json!(self.0.auth0.settings());
        let members = change
            .as_object()
            .ok_or_else(|| refusal(400, "settings are an object"))?;
        for (name, value) in members {
            all[name.as_str()] = value.clone();
        }
        let settings: Auth0Settings = serde_json::from_value(all).map_err(|error| refusal(400, &error.to_string()))?;
        self.0.auth0.change_settings(|current| *current = settings);
        Ok(())
    }

    fn change_clock(&self, change: &ClockChange) {
        let clock = &self.0.provider.clock;
        match change.freeze {
            Some(true) => clock.freeze(),
            Some(false) => clock.reset(),
            None => {}
        }
        clock.advance(Duration::from_millis(change.advance_ms));
    }

    async fn state(&self) -> Value {
        let inner = &self.0;
        let outage = inner.outage().await;
        let faults = inner.provider.faults().list();
        let (calls, most_at_once) = {
            let log = inner.provider.log();
            (log.count(), log.most_at_once())
        };
        json!({
            "provider": "auth0", "url": inner.url, "audience": inner.auth0.audience(), "outage": outage,
            "users": inner.auth0.user_count(), "keys": inner.auth0.key_ids(), "settings": inner.auth0.settings(),
            "faults": faults, "calls": calls, "mostAtOnce": most_at_once,
        })
    }
}

fn body<T: DeserializeOwned>(request: &Request) -> std::result::Result<T, Reply> {
    serde_json::from_slice(&request.body).map_err(|error| refusal(400, &error.to_string()))
}

/// Reads a fault; serde overlooks members that a kind without settings does not know, so they are looked for here.
fn rule(given: &Value) -> std::result::Result<FaultRule, Reply> {
    let rule = FaultRule::deserialize(given).map_err(|error| refusal(400, &error.to_string()))?;
    let understood = json!(rule);
    let common = ["path", "method", "times", "percent"];
    let known = |name: &str| common.contains(&name) || understood.get(name).is_some();
    match given
        .as_object()
        .into_iter()
        .flatten()
        .find(|(name, value)| !value.is_null() && !known(name))
    {
        Some((name, _)) => Err(refusal(400, &format!("this fault has no `{name}`"))),
        None => Ok(rule),
    }
}

fn refusal(status: u16, error: &str) -> Reply {
    Reply::json(status, &json!({"error": error}))
}

fn failed(error: &std::io::Error) -> Reply {
    refusal(500, &error.to_string())
}

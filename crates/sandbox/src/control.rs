//! The control address: reads and changes the sandbox over HTTP. Unauthenticated, on loopback only.

use std::io::Result;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::net::TcpStream;

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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ClockChange {
    #[serde(default)]
    advance_ms: i64,
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
            ("GET", "/users") => return Ok(Reply::json(200, &Value::Array(inner.provider.stand_in.users()))),
            ("POST", "/users") => {
                let taken = match body::<Seed>(request)? {
                    Seed::Users(users) => inner.provider.stand_in.seed(users),
                    Seed::Sample { sample } => inner.provider.stand_in.seed_samples(sample),
                };
                return Ok(Reply::json(200, &json!({"taken": taken})));
            }
            ("DELETE", "/users") => inner.provider.stand_in.clear_users(),
            ("GET", "/requests") => {
                let secrets = request
                    .parameters()
                    .iter()
                    .any(|(name, value)| name == "secrets" && value == "true");
                return Ok(Reply::json(200, &json!(inner.provider.log().list(secrets))));
            }
            ("DELETE", "/requests") => inner.provider.log().clear(),
            ("GET", "/settings") => return Ok(Reply::json(200, &inner.provider.stand_in.settings())),
            ("PATCH", "/settings") => self.change_settings(&body(request)?)?,
            ("POST", "/clock") => self.change_clock(&body(request)?),
            ("GET", "/faults") => return Ok(Reply::json(200, &json!(inner.provider.faults().list()))),
            ("POST", "/faults") => {
                let id = inner.provider.faults().add(rule(&body(request)?)?);
                return Ok(Reply::json(200, &json!({"id": id})));
            }
            ("DELETE", "/faults") => inner.provider.faults().clear(),
            ("DELETE", path) if path.starts_with("/faults/") => {
                let id = path["/faults/".len()..].parse().ok().map(FaultId);
                if !id.is_some_and(|id| inner.provider.faults().remove(id)) {
                    return Err(refusal(404, "no such fault"));
                }
            }
            _ => match inner.provider.stand_in.command(request) {
                Some(Ok(Value::Null)) => {}
                Some(Ok(told)) => return Ok(Reply::json(200, &told)),
                Some(Err(why)) => return Err(refusal(400, &why)),
                None => return Err(refusal(404, "no such call; GET / lists them")),
            },
        }
        Ok(Reply::json(200, &self.state().await))
    }

    /// Members that are not named keep their value.
    fn change_settings(&self, change: &Value) -> std::result::Result<(), Reply> {
        let mut all = self.0.provider.stand_in.settings();
        let members = change
            .as_object()
            .ok_or_else(|| refusal(400, "settings are an object"))?;
        for (name, value) in members {
            all[name.as_str()] = value.clone();
        }
        self.0.provider.stand_in.set_up(all).map_err(|why| refusal(400, &why))
    }

    fn change_clock(&self, change: &ClockChange) {
        let clock = &self.0.provider.clock;
        match change.freeze {
            Some(true) => clock.freeze(),
            Some(false) => clock.reset(),
            None => {}
        }
        let by = Duration::from_millis(change.advance_ms.unsigned_abs());
        if change.advance_ms < 0 {
            clock.set_back(by);
        } else {
            clock.advance(by);
        }
    }

    async fn state(&self) -> Value {
        let inner = &self.0;
        let outage = inner.outage().await;
        let faults = inner.provider.faults().list();
        let (calls, most_at_once) = {
            let log = inner.provider.log();
            (log.count(), log.most_at_once())
        };
        let stand_in = &inner.provider.stand_in;
        let mut state = json!({
            "provider": stand_in.name(), "url": inner.url, "outage": outage, "users": stand_in.user_count(),
            "settings": stand_in.settings(), "faults": faults, "calls": calls, "mostAtOnce": most_at_once,
        });
        if let (Some(all), Value::Object(own)) = (state.as_object_mut(), stand_in.state()) {
            all.extend(own);
        }
        state
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

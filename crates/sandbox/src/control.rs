//! The control API: reads and changes the sandbox over HTTP, without authentication, on loopback only.

use std::io::Result;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::fault::delivery::{self, AfterResponse};
use crate::fault::queue::FaultId;
use crate::fault::rule::FaultRule;
use crate::http::request::{WireRequest, read_request};
use crate::http::response::StubResponse;
use crate::listener::{ConnectionHandler, Outage};
use crate::switchable::SwitchableServer;

/// Enough for a seed of a hundred thousand users.
const BODY_LIMIT: usize = 256 * 1024 * 1024;

/// The list of calls, as `GET /` shows it.
const HELP: &str = include_str!("control.txt");

#[derive(Debug)]
pub(crate) struct ControlApi(pub(crate) Arc<SwitchableServer>);

impl ConnectionHandler for ControlApi {
    async fn serve(&self, stream: &mut TcpStream) -> Result<()> {
        let mut unread = Vec::new();
        while let Some(request) = read_request(stream, &mut unread, BODY_LIMIT).await? {
            let response = self.respond(&request).await.unwrap_or_else(|refusal| refusal);
            let now = self.0.server.clock.now();
            if delivery::send(stream, &response, request.close, now).await? == AfterResponse::Close {
                break;
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OffCommand {
    how: Outage,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ClockCommand {
    #[serde(default)]
    advance_ms: i64,
    freeze: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum SeedCommand {
    Users(Vec<Value>),
    Sample { sample: usize },
}

impl ControlApi {
    async fn respond(&self, request: &WireRequest) -> std::result::Result<StubResponse, StubResponse> {
        if request.too_large {
            return Err(refusal(413, "the body is too long"));
        }
        let server = &self.0.server;
        let body = match (request.method.as_str(), request.path()) {
            ("GET", "/") => return Ok(StubResponse::new(200, "text/plain; charset=utf-8", HELP)),
            ("POST", "/off") => {
                let how = match &*request.body {
                    [] => Outage::Refused,
                    _ => parse_body::<OffCommand>(request)?.how,
                };
                self.0.set_outage(Some(how)).await.map_err(internal_error)?;
                Value::Null
            }
            ("POST", "/on") => {
                self.0.set_outage(None).await.map_err(internal_error)?;
                Value::Null
            }
            ("POST", "/reset") => {
                self.0.reset().await.map_err(internal_error)?;
                Value::Null
            }
            ("GET", "/requests") => {
                let with_secrets = ("secrets".to_owned(), "true".to_owned());
                json!(server.log().list(request.query_pairs().contains(&with_secrets)))
            }
            _ => self.respond_at_once(request)?,
        };
        let body = if body.is_null() { self.state().await } else { body };
        Ok(StubResponse::json(200, &body))
    }

    /// Carries out the calls that do not wait; `null` means that the state is returned.
    fn respond_at_once(&self, request: &WireRequest) -> std::result::Result<Value, StubResponse> {
        let server = &self.0.server;
        match (request.method.as_str(), request.path()) {
            ("GET", "/state") => {}
            ("GET", "/users") => return Ok(server.stub.users().into()),
            ("POST", "/users") => {
                let taken = match parse_body(request)? {
                    SeedCommand::Users(users) => server.stub.seed(users),
                    SeedCommand::Sample { sample } => server.stub.seed_samples(sample),
                };
                return Ok(json!({"taken": taken}));
            }
            ("DELETE", "/users") => server.stub.clear_users(),
            ("DELETE", "/requests") => server.log().clear(),
            ("PATCH", "/settings") => {
                let change = server.stub.change_settings(parse_body(request)?);
                change.map_err(|why| refusal(400, &why))?;
            }
            ("POST", "/clock") => self.change_clock(&parse_body(request)?),
            ("GET", "/faults") => return Ok(json!(server.faults().list())),
            ("POST", "/faults") => {
                let id = server.faults().add(parse_rule(&parse_body(request)?)?);
                return Ok(json!({"id": id}));
            }
            ("DELETE", "/faults") => server.faults().clear(),
            ("DELETE", path) if path.starts_with("/faults/") => {
                let id = path["/faults/".len()..].parse().ok().map(FaultId);
                if !id.is_some_and(|id| server.faults().remove(id)) {
                    return Err(refusal(404, "no such fault"));
                }
            }
            _ => return Err(refusal(404, "no such call; GET / lists them")),
        }
        Ok(Value::Null)
    }

    fn change_clock(&self, command: &ClockCommand) {
        let clock = &self.0.server.clock;
        match command.freeze {
            Some(true) => clock.freeze(),
            Some(false) => clock.reset(),
            None => {}
        }
        let by = Duration::from_millis(command.advance_ms.unsigned_abs());
        if command.advance_ms < 0 {
            clock.set_back(by);
        } else {
            clock.advance(by);
        }
    }

    async fn state(&self) -> Value {
        let outage = self.0.outage().await;
        let server = &self.0.server;
        let (calls, most_at_once) = {
            let log = server.log();
            (log.count(), log.most_at_once())
        };
        let mut state = json!({
            "url": self.0.url, "outage": outage, "faults": server.faults().list(), "calls": calls,
            "mostAtOnce": most_at_once,
        });
        if let Some(all) = state.as_object_mut() {
            all.extend(server.stub.state());
        }
        state
    }
}

fn parse_body<T: DeserializeOwned>(request: &WireRequest) -> std::result::Result<T, StubResponse> {
    serde_json::from_slice(&request.body).map_err(|error| refusal(400, &error.to_string()))
}

/// Parses a fault. Serde ignores unknown members of a flattened kind, so they are checked here.
fn parse_rule(given: &Value) -> std::result::Result<FaultRule, StubResponse> {
    let rule = FaultRule::deserialize(given).map_err(|error| refusal(400, &error.to_string()))?;
    let understood = json!(rule);
    let is_known =
        |name: &str| ["path", "method", "times", "percent"].contains(&name) || understood.get(name).is_some();
    let mut members = given.as_object().into_iter().flatten();
    match members.find(|(name, value)| !value.is_null() && !is_known(name)) {
        Some((name, _)) => Err(refusal(400, &format!("this fault has no `{name}`"))),
        None => Ok(rule),
    }
}

fn refusal(status: u16, error: &str) -> StubResponse {
    StubResponse::json(status, &json!({"error": error}))
}

#[expect(clippy::needless_pass_by_value, reason = "the signature of map_err")]
fn internal_error(error: std::io::Error) -> StubResponse {
    refusal(500, &error.to_string())
}

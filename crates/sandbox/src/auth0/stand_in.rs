//! Auth0 as the sandbox drives it: which path is which call, what a fault sends instead, what the control address does.

use serde::Deserialize;
use serde_json::{Value, json};

use super::tenant::Tenant;
use super::{Auth0, Auth0StubSettings, LONGEST_TARGET, errors, sample_users, tamper, token};
use crate::fault::Fault;
use crate::provider::{StandIn, Steered};
use crate::server::reply::Reply;
use crate::server::request::Request;

impl StandIn for Auth0 {
    fn reset(&self) {
        if let Ok(fresh) = Tenant::new(&self.initial, self.clock.now()) {
            *self.tenant() = fresh;
        }
    }

    fn answer(&self, request: &Request) -> Reply {
        let mut tenant = self.tenant();
        let now = self.clock.now();
        let path = request.path();
        if request.target.len() > LONGEST_TARGET {
            Reply::html(414, "414 Request-URI Too Large")
        } else if request.too_large {
            errors::api(
                413,
                "Payload content length greater than maximum allowed: 1048576",
                None,
            )
        } else if let Some(rest) = path.strip_prefix("/api/v2/") {
            self.management(tenant, request, rest, now)
        } else {
            match (request.method.as_str(), path) {
                ("POST", "/oauth/token") => self.token(&mut tenant, request, now),
                ("GET", "/.well-known/jwks.json") => Reply::json(200, &tenant.keys.jwks()),
                ("GET", "/.well-known/openid-configuration") => Reply::json(200, &token::discovery(&self.issuer)),
                _ => errors::not_found(),
            }
        }
    }

    fn packed(&self, reply: Reply, request: &Request) -> Reply {
        let packs = self.tenant().settings.compress;
        if packs {
            reply.compressed(request.header("accept-encoding"))
        } else {
            reply
        }
    }

    fn instead(&self, fault: &Fault, request: &Request) -> Option<Reply> {
        if let Fault::ErrorCode { code } = fault {
            let status = u16::try_from(*code).ok().filter(|code| (400..600).contains(code));
            return Some(errors::injected(
                status.unwrap_or(500),
                request.path() == "/oauth/token",
            ));
        }
        let Fault::Status {
            status,
            retry_after,
            reset_in,
            body,
        } = fault
        else {
            return None;
        };
        let mut reply = errors::injected(*status, request.path() == "/oauth/token");
        if let Some(body) = body {
            reply.body = body.clone().into_bytes();
        }
        if let Some(seconds) = retry_after {
            reply = reply.with("retry-after", seconds);
        }
        if let Some(seconds) = reset_in {
            let reset = self.clock.now().unix_timestamp().saturating_add_unsigned(*seconds);
            let limit = self.tenant().settings.quota.burst;
            reply = reply.with("x-ratelimit-limit", limit).with("x-ratelimit-remaining", 0);
            reply = reply.with("x-ratelimit-reset", reset);
        }
        Some(reply)
    }

    fn tampered(&self, fault: &Fault, reply: Reply) -> Reply {
        tamper::tampered(&self.tenant(), fault, reply)
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rotation {
    #[serde(default)]
    revoke_previous: bool,
}

impl Steered for Auth0 {
    fn name(&self) -> &'static str {
        "auth0"
    }

    fn state(&self) -> Value {
        json!({"audience": self.audience(), "keys": self.key_ids()})
    }

    fn users(&self) -> Vec<Value> {
        Self::users(self)
    }

    fn user_count(&self) -> usize {
        Self::user_count(self)
    }

    fn seed(&self, users: Vec<Value>) -> usize {
        Self::seed(self, users)
    }

    fn seed_samples(&self, count: usize) -> usize {
        Self::seed(self, sample_users(count))
    }

    fn clear_users(&self) {
        Self::clear_users(self);
    }

    fn settings(&self) -> Value {
        json!(Self::settings(self))
    }

    fn set_up(&self, settings: Value) -> Result<(), String> {
        let settings: Auth0StubSettings = serde_json::from_value(settings).map_err(|error| error.to_string())?;
        self.change_settings(|current| *current = settings);
        Ok(())
    }

    fn command(&self, request: &Request) -> Option<Result<Value, String>> {
        match (request.method.as_str(), request.path()) {
            ("POST", "/keys/rotate") => {
                let rotation = if request.body.is_empty() {
                    Ok(Rotation::default())
                } else {
                    serde_json::from_slice(&request.body)
                };
                Some(rotation.map_err(|error| error.to_string()).map(|rotation: Rotation| {
                    self.rotate_keys(rotation.revoke_previous);
                    Value::Null
                }))
            }
            ("POST", "/tokens") => {
                let claims = serde_json::from_slice(&request.body).map_err(|error| error.to_string());
                let token = claims.and_then(|claims: Value| self.mint(&claims).ok_or("claims are an object".into()));
                Some(token.map(|token| json!({"token": token})))
            }
            _ => None,
        }
    }
}

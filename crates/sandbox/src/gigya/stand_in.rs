//! Gigya as the sandbox drives it: answers, what a fault sends instead or spoils, what the control address does.

use serde_json::{Value, json};

use super::params::Params;
use super::refusal::{self, Refusal};
use super::{Gigya, GigyaStubSettings, sample_account, sample_accounts};
use crate::fault::Fault;
use crate::provider::{StandIn, Steered};
use crate::server::reply::{Reply, reason};
use crate::server::request::Request;
use crate::spoil;

impl Gigya {
    /// The outcome in its envelope, labelled as this provider labels its JSON.
    fn enveloped(&self, request: &Request, outcome: refusal::Outcome) -> Reply {
        let wants_codes = Params::parse(request).is_ok_and(|params| params.flag("httpStatusCodes") == Ok(Some(true)));
        let mut site = self.site();
        site.call += 1;
        refusal::reply(outcome, site.call, wants_codes, self.clock.now())
            .with("content-type", &site.settings.content_type)
            .with("cache-control", "private")
    }
}

/// The UID that a call names, if it does.
fn uid(request: &Request) -> Option<String> {
    let params = Params::parse(request).ok()?;
    params.get("UID").map(str::to_owned)
}

impl StandIn for Gigya {
    fn enter(&self, request: &Request) {
        if let Some(uid) = uid(request) {
            *self.site().under_way.entry(uid).or_default() += 1;
        }
    }

    fn leave(&self, request: &Request) {
        if let Some(uid) = uid(request) {
            let mut site = self.site();
            let left = site.under_way.get(&uid).map_or(0, |calls| calls.saturating_sub(1));
            if left == 0 {
                site.under_way.remove(&uid);
            } else {
                site.under_way.insert(uid, left);
            }
        }
    }

    fn answer(&self, request: &Request) -> Reply {
        if request.too_large {
            return Reply::html(413, "413 Request Entity Too Large");
        }
        let outcome = Params::parse(request).and_then(|params| {
            let now = self.clock.now();
            Self::called(&mut self.site(), request, &params, now)
        });
        self.enveloped(request, outcome)
    }

    fn packed(&self, reply: Reply, request: &Request) -> Reply {
        let packs = self.site().settings.compress;
        if packs {
            reply.compressed(request.header("accept-encoding"))
        } else {
            reply
        }
    }

    fn instead(&self, fault: &Fault, request: &Request) -> Option<Reply> {
        match fault {
            Fault::ErrorCode { code } => Some(self.enveloped(request, Err(Refusal::plain(*code)))),
            Fault::Status {
                status,
                retry_after,
                reset_in,
                body,
            } => {
                let mut reply = match refusal::code_for(*status) {
                    Some(code) => Reply {
                        status: *status,
                        ..self.enveloped(request, Err(Refusal::plain(code)))
                    },
                    None => Reply::html(*status, &format!("{status} {}", reason(*status))),
                };
                if let Some(body) = body {
                    reply.body = body.clone().into_bytes();
                }
                Some(spoil::with_waits(reply, *retry_after, *reset_in, self.clock.now()))
            }
            _ => None,
        }
    }

    fn tampered(&self, fault: &Fault, mut reply: Reply) -> Reply {
        let Ok(mut body) = serde_json::from_slice::<Value>(&reply.body) else {
            return reply;
        };
        if body["errorCode"] != 0 {
            return reply;
        }
        let other = |account: &Value| {
            let site = self.site();
            let known = account["UID"].as_str().and_then(|uid| site.people.other_than(uid));
            known.map_or_else(|| sample_account(999_999), |other| (**other).clone())
        };
        if let Some(Value::Array(rows)) = body.get_mut("results") {
            spoil::list(fault, rows, other);
        } else if *fault == Fault::OtherUser && body.get("UID").is_some() {
            let another = other(&body);
            for name in ["UID", "profile", "data", "loginIDs", "emails", "identities"] {
                if body.get(name).is_some() {
                    body[name] = another[name].clone();
                }
            }
        } else {
            return reply;
        }
        reply.body = body.to_string().into_bytes();
        reply
    }

    fn reset(&self) {
        let mut fresh = super::Site::new(&self.initial, self.clock.now());
        let mut site = self.site();
        fresh.under_way = std::mem::take(&mut site.under_way);
        *site = fresh;
    }
}

impl Steered for Gigya {
    fn name(&self) -> &'static str {
        "gigya"
    }

    fn state(&self) -> Value {
        let keys: Vec<&str> = self
            .applications()
            .iter()
            .map(|application| application.user_key.as_str())
            .collect();
        let settings = self.settings();
        json!({"apiKey": settings.api_key, "dataCenter": settings.data_center, "userKeys": keys})
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
        Self::seed(self, sample_accounts(count))
    }

    fn clear_users(&self) {
        Self::clear_users(self);
    }

    fn settings(&self) -> Value {
        json!(Self::settings(self))
    }

    fn set_up(&self, settings: Value) -> Result<(), String> {
        let settings: GigyaStubSettings = serde_json::from_value(settings).map_err(|error| error.to_string())?;
        self.change_settings(|current| *current = settings);
        Ok(())
    }

    /// `GET /applications` shows each application with its secret and private key, as the console does to its owner.
    fn command(&self, request: &Request) -> Option<Result<Value, String>> {
        if (request.method.as_str(), request.path()) != ("GET", "/applications") {
            return None;
        }
        let all = self.applications().iter().map(|application| {
            json!({
                "userKey": application.user_key, "secret": application.secret, "privateKey": application.private_key_pem(),
            })
        });
        Some(Ok(Value::Array(all.collect())))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{GigyaApplication, GigyaConfig};
    use super::*;
    use crate::clock::SandboxClock;

    fn call(secret: &str) -> Request {
        let secret = secret.replace('=', "%3D");
        let body = format!("apiKey=3_sandbox-api-key&userKey=sandbox-user-key&secret={secret}&UID=u");
        Request {
            method: "POST".into(),
            target: "/accounts.getAccountInfo".into(),
            headers: vec![("content-type".into(), "application/x-www-form-urlencoded".into())],
            body: body.into_bytes(),
            ..Request::default()
        }
    }

    fn code(gigya: &Gigya, request: &Request) -> u64 {
        let body: Value = serde_json::from_slice(&gigya.answer(request).body).unwrap();
        body["errorCode"].as_u64().unwrap()
    }

    #[test]
    fn a_sixth_call_at_once_for_one_account_is_refused() {
        let config = GigyaConfig {
            accounts: vec![json!({"UID": "u"})],
            ..GigyaConfig::default()
        };
        let gigya = Gigya::new(config, Arc::new(SandboxClock::default()));
        let request = call(&GigyaApplication::default().secret);
        for _ in 0..5 {
            gigya.enter(&request);
        }
        assert_eq!(code(&gigya, &request), 0);
        gigya.enter(&request);
        assert_eq!(code(&gigya, &request), 409_030);
        gigya.reset();
        assert_eq!(code(&gigya, &request), 409_030);
        gigya.leave(&request);
        assert_eq!(code(&gigya, &request), 0);
        for _ in 0..9 {
            gigya.leave(&request);
        }
        assert!(gigya.site().under_way.is_empty());
    }
}

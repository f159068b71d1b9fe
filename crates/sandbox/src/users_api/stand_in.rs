//! A Users API as the sandbox drives it: answers, what a fault sends instead or spoils, what the control address does.

use serde_json::{Value, json};

use super::refusal::{self, Refusal};
use super::{State, UsersApi, UsersApiSettings, legacy, sample_registration, sample_registrations};
use crate::fault::Fault;
use crate::provider::{StandIn, Steered};
use crate::server::reply::{Reply, reason};
use crate::server::request::Request;
use crate::spoil;

/// A refusal in the words of the API that was asked.
fn worded(refusal: &Refusal, request: &Request) -> Reply {
    if legacy::is_asked(request) {
        refusal.in_legacy()
    } else {
        refusal.in_v4()
    }
}

impl StandIn for UsersApi {
    fn answer(&self, request: &Request) -> Reply {
        let answered = self.state().called(request, self.clock.now());
        answered.unwrap_or_else(|refusal| worded(&refusal, request))
    }

    fn packed(&self, reply: Reply, request: &Request) -> Reply {
        let packs = self.state().settings.compress;
        if packs {
            reply.compressed(request.header("accept-encoding"))
        } else {
            reply
        }
    }

    fn instead(&self, fault: &Fault, request: &Request) -> Option<Reply> {
        match fault {
            Fault::ErrorCode { .. } if legacy::is_asked(request) => Some(refusal::business_error("injected failure")),
            Fault::ErrorCode { code } => {
                let status = u16::try_from(*code).unwrap_or(500);
                Some(worded(&Refusal::of(status).saying("injected failure"), request))
            }
            Fault::Status {
                status,
                retry_after,
                reset_in,
                body,
            } => {
                let mut reply = match status {
                    502 | 504 => Reply::html(*status, &format!("{status} {}", reason(*status))),
                    _ => worded(&Refusal::of(*status), request),
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
        let state = self.state();
        let outside_provider = state.settings.user_provider.is_some();
        // Of the two APIs, each has its own way to show a user.
        for (list, id, shown) in [
            (
                "/data",
                "customerRegistrationId",
                super::v4::shown as fn(&Value, bool) -> Value,
            ),
            ("/Result/Users", "CustomerRegistrationId", legacy::shown),
        ] {
            let Some(Value::Array(users)) = body.pointer_mut(list) else {
                continue;
            };
            spoil::list(fault, users, |user| {
                let other = user[id].as_str().and_then(|id| state.people.other_than(id));
                let other = other.map_or_else(|| sample_registration(999_999), |other| (**other).clone());
                shown(&other, outside_provider)
            });
            reply.body = body.to_string().into_bytes();
            return reply;
        }
        reply
    }

    fn reset(&self) {
        let fresh = State::new(&self.initial, self.clock.now());
        *self.state() = fresh;
    }
}

impl Steered for UsersApi {
    fn name(&self) -> &'static str {
        "users-api"
    }

    fn state(&self) -> Value {
        json!({})
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
        Self::seed(self, sample_registrations(count))
    }

    fn clear_users(&self) {
        Self::clear_users(self);
    }

    fn settings(&self) -> Value {
        json!(Self::settings(self))
    }

    fn set_up(&self, settings: Value) -> Result<(), String> {
        let settings: UsersApiSettings = serde_json::from_value(settings).map_err(|error| error.to_string())?;
        self.change_settings(|current| *current = settings);
        Ok(())
    }

    fn command(&self, _request: &Request) -> Option<Result<Value, String>> {
        None
    }
}

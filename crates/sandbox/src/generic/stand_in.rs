//! A directory as the sandbox drives it: answers, what a fault sends instead or spoils, what the control address does.

use serde_json::{Value, json};

use super::shape::{self, Failure};
use super::{GenericStub, GenericStubSettings, State, UserShape, sample_generic_user, sample_generic_users};
use crate::fault::Fault;
use crate::provider::{StandIn, Steered};
use crate::server::reply::{Reply, reason};
use crate::server::request::Request;
use crate::spoil;

impl StandIn for GenericStub {
    fn answer(&self, request: &Request) -> Reply {
        if request.too_large {
            return shape::failure(&self.state().settings, &Failure::new(413, "the body is too long"));
        }
        self.reply(request)
    }

    fn packed(&self, reply: Reply, request: &Request) -> Reply {
        let packs = self.state().settings.compress;
        if packs {
            reply.compressed(request.header("accept-encoding"))
        } else {
            reply
        }
    }

    fn instead(&self, fault: &Fault, _request: &Request) -> Option<Reply> {
        match fault {
            Fault::ErrorCode { code } => {
                let mut settings = self.state().settings.clone();
                settings.statuses.clear();
                let status = u16::try_from(*code).unwrap_or(500);
                Some(shape::failure(&settings, &Failure::new(status, "injected failure")))
            }
            Fault::Status {
                status,
                retry_after,
                reset_in,
                body,
            } => {
                let mut reply = match status {
                    502 | 504 => Reply::html(*status, &format!("{status} {}", reason(*status))),
                    _ => shape::failure(&self.state().settings, &Failure::new(*status, reason(*status))),
                };
                reply.status = *status;
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
        let settings = &state.settings;
        let other = |user: &Value| {
            let id = user.pointer(&settings.id).and_then(Value::as_str);
            let known = id.and_then(|id| state.people.other_than(id));
            known.map_or_else(
                || sample_generic_user(settings.shape, 999_999),
                |other| (**other).clone(),
            )
        };
        // Where one user is, there may be a list too: a by-id answer of SSOR is a list of one.
        if let Some(Value::Array(users)) = body.pointer_mut(&settings.list_pointer) {
            spoil::list(fault, users, other);
        } else if let Some(user) = body.pointer_mut(&settings.user_pointer)
            && *fault == Fault::OtherUser
        {
            *user = other(user);
        } else {
            return reply;
        }
        reply.body = body.to_string().into_bytes();
        reply
    }

    fn reset(&self) {
        let fresh = State::new(&self.initial, self.clock.now());
        *self.state() = fresh;
    }
}

impl Steered for GenericStub {
    fn name(&self) -> &'static str {
        match self.state().settings.shape {
            UserShape::Ssor => "ssor",
            UserShape::Firefly => "firefly",
        }
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
        let shape = Self::settings(self).shape;
        Self::seed(self, sample_generic_users(shape, count))
    }

    fn clear_users(&self) {
        Self::clear_users(self);
    }

    fn settings(&self) -> Value {
        json!(Self::settings(self))
    }

    fn set_up(&self, settings: Value) -> Result<(), String> {
        let settings: GenericStubSettings = serde_json::from_value(settings).map_err(|error| error.to_string())?;
        self.change_settings(|current| *current = settings);
        Ok(())
    }

    fn command(&self, _request: &Request) -> Option<Result<Value, String>> {
        None
    }
}

//! The simulated generic provider: which path is which call, and what a fault sends instead.

use std::io::Result;
use std::sync::MutexGuard;

use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::admission;
use super::response::{self, GenericStubError};
use super::settings::{GenericStubConfig, GenericStubSettings, UserShape};
use super::{list, sample, writes};
use crate::fault::rule::Fault;
use crate::http::request::{WireRequest, decode_segment};
use crate::http::response::{StubResponse, reason_phrase};
use crate::issued_tokens::IssuedTokens;
use crate::stub::{Stub, StubProvider, StubState, log_unsupported, spoil_list};

/// A simulated generic provider that is running.
pub type GenericStub = Stub<GenericState>;

/// The state of the simulated generic provider.
#[derive(Debug)]
pub struct GenericState {
    shared: StubState<GenericStubSettings>,
    tokens: IssuedTokens,
}

impl GenericState {
    fn carry_out(
        &mut self,
        request: &WireRequest,
        now: OffsetDateTime,
    ) -> std::result::Result<Value, GenericStubError> {
        if request.too_large {
            return Err(GenericStubError::new(413, "the body is too long"));
        }
        let quota = self.shared.calls.take(now);
        if !quota.allowed {
            return Err(GenericStubError {
                retry_after: Some(quota.retry_after(now)),
                ..GenericStubError::new(429, "too many requests")
            });
        }
        let parameters = admission::admit(&self.shared.settings, &self.tokens, request, now)?;
        if let Some(written) = writes::carry_out(&mut self.shared, request, now) {
            return written;
        }
        let StubState { settings, users, .. } = &mut self.shared;
        let (method, path) = (request.method.as_str(), request.path());
        if path == settings.list_path && method == settings.list_method {
            return list::list(settings, users.searchable(now).values(), &parameters);
        }
        let (before, after) = settings
            .user_path
            .split_once("{id}")
            .unwrap_or((&settings.user_path, ""));
        let id = path.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        let Some(id) = id.filter(|id| method == "GET" && !id.is_empty() && !id.contains('/')) else {
            log_unsupported("generic", &format!("{method} {path}"));
            return Err(GenericStubError::new(404, "no such call"));
        };
        if let Some((name, _)) = parameters.iter().find(|(name, _)| !settings.ignored.contains(name)) {
            return Err(GenericStubError::unknown_parameter(name));
        }
        let user = users.get(&decode_segment(id));
        let user = user.ok_or_else(|| GenericStubError::new(404, "no such user"))?;
        let mut body = Value::Object(Map::new());
        // Tribune's responses may carry a session beside the user; an adapter must not pass it on.
        if settings.shape == UserShape::Ssor {
            let session = format!("{}-login", sample::SESSION_GRADE);
            response::put(&mut body, "/loginToken", session.into());
        }
        response::put(&mut body, &settings.user_pointer, (**user).clone());
        Ok(body)
    }
}

impl StubProvider for GenericState {
    type Config = GenericStubConfig;
    type Settings = GenericStubSettings;

    fn from_config(config: &GenericStubConfig, _url: &str, now: OffsetDateTime) -> Result<Self> {
        Ok(Self {
            shared: StubState::new(&config.settings, |_| Vec::new(), now),
            tokens: IssuedTokens::default(),
        })
    }

    fn initial_users(config: &GenericStubConfig) -> &[Value] {
        &config.users
    }

    fn shared(&mut self) -> &mut StubState<GenericStubSettings> {
        &mut self.shared
    }

    fn name(settings: &GenericStubSettings) -> &'static str {
        match settings.shape {
            UserShape::Ssor => "ssor",
            UserShape::Firefly => "firefly",
        }
    }

    fn user_id(settings: &GenericStubSettings, user: &Value) -> Option<String> {
        user.pointer(&settings.id).and_then(Value::as_str).map(str::to_owned)
    }

    fn sample_user(settings: &GenericStubSettings, number: usize) -> Value {
        sample::sample_generic_user(settings.shape, number)
    }

    fn respond(mut state: MutexGuard<'_, Self>, request: &WireRequest, now: OffsetDateTime) -> StubResponse {
        let GenericState { shared, tokens } = &mut *state;
        if let Some(response) = admission::issue_token(&shared.settings, tokens, request, now) {
            return response;
        }
        match state.carry_out(request, now) {
            Ok(body) => response::success(&state.shared.settings, body),
            Err(error) => response::failure(&state.shared.settings, &error),
        }
    }

    fn status_response(&mut self, status: u16, _request: &WireRequest, _now: OffsetDateTime) -> StubResponse {
        match status {
            502 | 504 => StubResponse::html_error(status),
            _ => {
                let error = GenericStubError::new(status, reason_phrase(status));
                response::failure(&self.shared.settings, &error)
            }
        }
    }

    fn error_response(&mut self, code: u64, _request: &WireRequest, _now: OffsetDateTime) -> StubResponse {
        let mut settings = self.shared.settings.clone();
        settings.statuses.clear();
        let status = u16::try_from(code).unwrap_or(500);
        response::failure(&settings, &GenericStubError::new(status, "injected failure"))
    }

    fn spoil_users(&mut self, fault: &Fault, body: &mut Value) {
        let StubState { settings, users, .. } = &self.shared;
        let other = |user: &Value| {
            let sample = || sample::sample_generic_user(settings.shape, 999_999);
            users.other_user(user.pointer(&settings.id).and_then(Value::as_str), sample)
        };
        // A response with one user may be a list too: SSOR sends a list of one.
        if let Some(Value::Array(users)) = body.pointer_mut(&settings.list_pointer) {
            spoil_list(fault, users, other);
        } else if let Some(user) = body.pointer_mut(&settings.user_pointer)
            && *fault == Fault::OtherUser
        {
            *user = other(user);
        }
    }

    /// Issued tokens end with every change.
    fn settings_changed(&mut self, _now: OffsetDateTime) {
        self.tokens.revoke_all();
    }
}

//! The simulated Users API: which of its two APIs a call is for, and what a fault sends instead.

use std::io::Result;
use std::sync::MutexGuard;

use serde_json::Value;
use time::OffsetDateTime;

use super::error::{self, UsersApiError};
use super::settings::{UsersApiConfig, UsersApiSettings};
use super::{legacy, sample, v4, writes};
use crate::fault::rule::Fault;
use crate::http::request::WireRequest;
use crate::http::response::StubResponse;
use crate::stub::{Stub, StubProvider, StubState, log_unsupported, spoil_list};

/// A simulated Users API that is running.
pub type UsersApiStub = Stub<UsersApiState>;

/// The state of the simulated Users API.
#[derive(Debug)]
pub struct UsersApiState {
    shared: StubState<UsersApiSettings>,
}

/// An error in the format of the called API.
fn to_response(error: &UsersApiError, request: &WireRequest) -> StubResponse {
    if legacy::is_legacy_call(request) {
        error.to_legacy_response()
    } else {
        error.to_v4_response()
    }
}

impl StubProvider for UsersApiState {
    type Config = UsersApiConfig;
    type Settings = UsersApiSettings;

    fn from_config(config: &UsersApiConfig, _url: &str, now: OffsetDateTime) -> Result<Self> {
        let shared = StubState::new(&config.settings, |_| Vec::new(), now);
        Ok(Self { shared })
    }

    fn initial_users(config: &UsersApiConfig) -> &[Value] {
        &config.users
    }

    fn shared(&mut self) -> &mut StubState<UsersApiSettings> {
        &mut self.shared
    }

    fn name(_settings: &UsersApiSettings) -> &'static str {
        "users-api"
    }

    fn user_id(_settings: &UsersApiSettings, user: &Value) -> Option<String> {
        user["customerRegistrationId"].as_str().map(str::to_owned)
    }

    fn sample_user(_settings: &UsersApiSettings, number: usize) -> Value {
        sample::sample_registration(number)
    }

    fn respond(mut state: MutexGuard<'_, Self>, request: &WireRequest, now: OffsetDateTime) -> StubResponse {
        let quota = state.shared.calls.take(now);
        let result = if !quota.allowed {
            Err(UsersApiError::too_many_requests(quota.retry_after(now)))
        } else if request.too_large {
            Err(UsersApiError::new(413))
        } else if legacy::is_legacy_call(request) {
            legacy::respond(&state.shared.settings, &state.shared.users, request)
        } else if let Some(call) = writes::V4WriteCall::parse(request) {
            writes::respond(&mut state.shared, call, request, now)
        } else {
            v4::respond(&state.shared.settings, &state.shared.users, request)
        };
        result.unwrap_or_else(|error| {
            if error.is_unsupported() {
                log_unsupported("users-api", error.text());
            }
            to_response(&error, request)
        })
    }

    fn status_response(&mut self, status: u16, request: &WireRequest, _now: OffsetDateTime) -> StubResponse {
        match status {
            502 | 504 => StubResponse::html_error(status),
            _ => to_response(&UsersApiError::new(status), request),
        }
    }

    fn error_response(&mut self, code: u64, request: &WireRequest, _now: OffsetDateTime) -> StubResponse {
        const TEXT: &str = "injected failure";
        if legacy::is_legacy_call(request) {
            return error::to_business_error(TEXT);
        }
        let status = u16::try_from(code).unwrap_or(500);
        to_response(&UsersApiError::new(status).with_text(TEXT), request)
    }

    /// Each of the two APIs has its own format of a user.
    fn spoil_users(&mut self, fault: &Fault, body: &mut Value) {
        type ShowFn = fn(&Value, bool) -> Value;
        let has_provider = self.shared.settings.user_provider.is_some();
        for (list, id, show) in [
            ("/data", "customerRegistrationId", v4::show as ShowFn),
            ("/Result/Users", "CustomerRegistrationId", legacy::show),
        ] {
            if let Some(Value::Array(users)) = body.pointer_mut(list) {
                spoil_list(fault, users, |user| {
                    let sample = || sample::sample_registration(999_999);
                    let other = self.shared.users.other_user(user[id].as_str(), sample);
                    show(&other, has_provider)
                });
            }
        }
    }
}

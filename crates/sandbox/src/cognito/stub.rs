//! The simulated user pool: its state, and what a fault sends instead.

use std::io::Result;
use std::sync::MutexGuard;

use serde_json::Value;
use time::OffsetDateTime;

use super::settings::{CognitoConfig, CognitoStubSettings};
use super::{sample, sign_in};
use crate::fault::rule::Fault;
use crate::http::request::WireRequest;
use crate::http::response::StubResponse;
use crate::stub::{Stub, StubProvider, StubState, log_unsupported};

/// A simulated user pool that is running.
pub type CognitoStub = Stub<CognitoPool>;

/// The state of the simulated user pool.
#[derive(Debug)]
pub struct CognitoPool {
    shared: StubState<CognitoStubSettings>,
}

/// What a user signs in with, in any case: its name, and its address.
fn login_names(user: &Value) -> Vec<String> {
    let names = [user["Username"].as_str(), sign_in::attribute(user, "email")];
    names.into_iter().flatten().map(str::to_lowercase).collect()
}

impl StubProvider for CognitoPool {
    type Config = CognitoConfig;
    type Settings = CognitoStubSettings;

    fn from_config(config: &CognitoConfig, _url: &str, now: OffsetDateTime) -> Result<Self> {
        let shared = StubState::new(&config.settings, login_names, now);
        Ok(Self { shared })
    }

    fn initial_users(config: &CognitoConfig) -> &[Value] {
        &config.users
    }

    fn shared(&mut self) -> &mut StubState<CognitoStubSettings> {
        &mut self.shared
    }

    fn name(_settings: &CognitoStubSettings) -> &'static str {
        "cognito"
    }

    fn user_id(_settings: &CognitoStubSettings, user: &Value) -> Option<String> {
        user["Username"].as_str().map(str::to_owned)
    }

    fn sample_user(_settings: &CognitoStubSettings, number: usize) -> Value {
        sample::sample_cognito_user(number)
    }

    fn respond(mut pool: MutexGuard<'_, Self>, request: &WireRequest, now: OffsetDateTime) -> StubResponse {
        if request.too_large {
            return StubResponse::html_error(413);
        }
        if (request.method.as_str(), request.path()) != ("POST", "/") {
            log_unsupported("cognito", &format!("{} {}", request.method, request.path()));
            return sign_in::exception(404, "UnknownOperationException", "");
        }
        sign_in::initiate_auth(&mut pool.shared, request, now).unwrap_or_else(|refusal| refusal)
    }

    fn status_response(&mut self, status: u16, _request: &WireRequest, _now: OffsetDateTime) -> StubResponse {
        match status {
            400 => sign_in::exception(status, "InvalidParameterException", "injected failure"),
            403 => sign_in::exception(status, "ForbiddenException", "injected failure"),
            429 => sign_in::exception(status, "TooManyRequestsException", "Rate exceeded"),
            500 => sign_in::exception(status, "InternalErrorException", "injected failure"),
            _ => StubResponse::html_error(status),
        }
    }

    /// Cognito has no numbers of errors besides the status.
    fn error_response(&mut self, code: u64, request: &WireRequest, now: OffsetDateTime) -> StubResponse {
        let status = u16::try_from(code).ok().filter(|code| (400..600).contains(code));
        self.status_response(status.unwrap_or(500), request, now)
    }

    fn spoil_users(&mut self, fault: &Fault, body: &mut Value) {
        let result = &mut body["AuthenticationResult"];
        if *fault == Fault::OtherUser && result.is_object() {
            let stranger = sample::sample_cognito_user(999_999);
            result["IdToken"] = sign_in::id_token(&stranger, OffsetDateTime::UNIX_EPOCH).into();
        }
    }
}

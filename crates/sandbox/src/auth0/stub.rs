//! The simulated Auth0: its public methods, and which path is which call.

use std::io::Result;
use std::sync::MutexGuard;

use serde_json::Value;
use time::OffsetDateTime;

use super::settings::{Auth0Client, Auth0Config, Auth0StubSettings};
use super::tenant::Auth0Tenant;
use super::{errors, list, sample, token, users};
use crate::fault::rule::Fault;
use crate::http::request::{WireRequest, decode_segment};
use crate::http::response::StubResponse;
use crate::stub::{Stub, StubProvider, StubState, log_unsupported, spoil_list};

/// The longest request target; the documented response to a longer one is 414.
const LONGEST_TARGET: usize = 8 * 1024;

/// A simulated Auth0 that is running.
pub type Auth0Stub = Stub<Auth0Tenant>;

impl Auth0Stub {
    /// The audience of the Management API, with its trailing slash.
    #[must_use]
    pub fn audience(&self) -> String {
        self.lock().audience()
    }

    /// The applications that may request tokens.
    #[must_use]
    pub fn clients(&self) -> &[Auth0Client] {
        &self.initial.clients
    }

    /// Refuses every token that was issued before.
    pub fn revoke_tokens(&self) {
        self.lock().tokens.revoke_all();
    }
}

impl StubProvider for Auth0Tenant {
    type Config = Auth0Config;
    type Settings = Auth0StubSettings;

    const REPORTS_RATE_LIMIT: bool = true;

    fn from_config(config: &Auth0Config, url: &str, now: OffsetDateTime) -> Result<Self> {
        Ok(Self::new(config, url, now))
    }

    fn initial_users(config: &Auth0Config) -> &[Value] {
        &config.users
    }

    fn shared(&mut self) -> &mut StubState<Auth0StubSettings> {
        &mut self.shared
    }

    fn name(_settings: &Auth0StubSettings) -> &'static str {
        "auth0"
    }

    fn user_id(_settings: &Auth0StubSettings, user: &Value) -> Option<String> {
        user["user_id"].as_str().map(str::to_owned)
    }

    fn sample_user(_settings: &Auth0StubSettings, number: usize) -> Value {
        sample::sample_user(number)
    }

    fn respond(mut tenant: MutexGuard<'_, Self>, request: &WireRequest, now: OffsetDateTime) -> StubResponse {
        let path = request.path();
        if request.target.len() > LONGEST_TARGET {
            return StubResponse::html_error(414);
        }
        if request.too_large {
            let message = "Payload content length greater than maximum allowed: 1048576";
            return errors::api_error(413, message, None);
        }
        if let Some(rest) = path.strip_prefix("/api/v2/") {
            let quota = tenant.shared.calls.take(now);
            let response = if quota.allowed {
                respond_to_management_call(tenant, request, rest, now).unwrap_or_else(|refusal| refusal)
            } else {
                errors::too_many_requests()
            };
            return errors::with_rate_limit(response, quota).with("cache-control", "no-cache");
        }
        match (request.method.as_str(), path) {
            ("POST", "/oauth/token") => token::issue_token(&mut tenant, request, now).unwrap_or_else(|refusal| refusal),
            _ => errors::not_found(),
        }
    }

    fn status_response(&mut self, status: u16, request: &WireRequest, _now: OffsetDateTime) -> StubResponse {
        errors::for_status(status, request.path() == "/oauth/token")
    }

    /// Auth0 has no error format besides the status.
    fn error_response(&mut self, code: u64, request: &WireRequest, now: OffsetDateTime) -> StubResponse {
        let status = u16::try_from(code).ok().filter(|code| (400..600).contains(code));
        self.status_response(status.unwrap_or(500), request, now)
    }

    fn spoil_users(&mut self, fault: &Fault, body: &mut Value) {
        let other = |user: &Value| {
            let sample = || sample::sample_user(999_999);
            self.shared.users.other_user(user["user_id"].as_str(), sample)
        };
        let list = if body.is_array() {
            Some(&mut *body)
        } else {
            body.get_mut("users")
        };
        if let Some(Value::Array(users)) = list {
            spoil_list(fault, users, other);
        } else if *fault == Fault::OtherUser && body.get("user_id").is_some() {
            *body = other(body);
        }
    }
}

fn respond_to_management_call(
    mut tenant: MutexGuard<'_, Auth0Tenant>,
    request: &WireRequest,
    rest: &str,
    now: OffsetDateTime,
) -> std::result::Result<StubResponse, StubResponse> {
    token::check_token(&tenant, request, now)?;
    let id = rest
        .strip_prefix("users/")
        .filter(|id| !id.is_empty() && !id.contains('/'));
    match (request.method.as_str(), rest, id.map(decode_segment)) {
        ("GET", "users", _) => {
            let list = list::parse_list(&mut tenant, request, now)?;
            drop(tenant);
            Ok(list.to_response())
        }
        ("POST", "users", _) => users::create(&mut tenant, request, now),
        ("GET", "users-by-email", _) => users::find_by_email(&tenant, request),
        ("GET", _, Some(id)) => users::find_by_id(&tenant, request, &id),
        ("PATCH", _, Some(id)) => users::update(&mut tenant, request, &id, now),
        ("DELETE", _, Some(id)) => users::delete(&mut tenant, &id, now),
        (method, ..) => {
            log_unsupported("auth0", &format!("{method} {}", request.path()));
            Err(errors::not_found())
        }
    }
}

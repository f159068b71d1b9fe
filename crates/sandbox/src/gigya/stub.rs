//! The simulated Gigya: its public methods, and the checks and dispatch of a call.

use std::io::Result;
use std::sync::MutexGuard;

use serde_json::Value;
use time::OffsetDateTime;

use super::error::{self, GigyaCallError, GigyaResult};
use super::params::GigyaParams;
use super::settings::{GigyaApplication, GigyaConfig, GigyaStubSettings};
use super::site::GigyaSite;
use super::{admission, read, register, sample, write};
use crate::fault::rule::Fault;
use crate::http::request::WireRequest;
use crate::http::response::StubResponse;
use crate::stub::{Stub, StubProvider, StubState, spoil_list};

/// A simulated Gigya that is running.
pub type GigyaStub = Stub<GigyaSite>;

impl GigyaStub {
    /// The applications that may call.
    #[must_use]
    pub fn applications(&self) -> &[GigyaApplication] {
        &self.initial.applications
    }
}

impl GigyaSite {
    /// Puts a result into the envelope.
    fn envelope(&mut self, result: GigyaResult, now: OffsetDateTime) -> StubResponse {
        self.call += 1;
        error::to_response(result, self.call, now)
    }

    fn carry_out(&mut self, request: &WireRequest, now: OffsetDateTime) -> GigyaResult {
        let params = GigyaParams::parse(request)?;
        let settings = &self.shared.settings;
        admission::check_site(settings, request, &params)?;
        admission::authenticate(settings, &self.applications, &mut self.nonces, request, &params, now)?;
        if !self.shared.calls.take(now).allowed {
            return Err(GigyaCallError::new(403_048, "Api rate limit exceeded"));
        }
        if !matches!(request.method.as_str(), "GET" | "POST") {
            return Err(GigyaCallError::from_code(405_001));
        }
        if params.get("format").is_some_and(|format| format != "json") {
            return Err(GigyaCallError::unsupported("format", "only json"));
        }
        let method = request.path().trim_start_matches('/');
        params.check_method(method)?;
        match method {
            "accounts.getAccountInfo" => read::account_info(self, &params),
            "accounts.search" => read::search(self, &params, now),
            "accounts.setAccountInfo" => write::set_account_info(self, &params, now),
            "accounts.deleteAccount" => write::delete_account(self, &params, now),
            "accounts.initRegistration" => Ok(register::init(self)),
            "accounts.register" => register::register(self, &params, now),
            "accounts.finalizeRegistration" => register::finalize(self, &params, now),
            _ => register::login(self, &params, now),
        }
    }
}

impl StubProvider for GigyaSite {
    type Config = GigyaConfig;
    type Settings = GigyaStubSettings;

    fn from_config(config: &GigyaConfig, _url: &str, now: OffsetDateTime) -> Result<Self> {
        Ok(Self::new(config, now))
    }

    fn initial_users(config: &GigyaConfig) -> &[Value] {
        &config.accounts
    }

    fn shared(&mut self) -> &mut StubState<GigyaStubSettings> {
        &mut self.shared
    }

    fn name(_settings: &GigyaStubSettings) -> &'static str {
        "gigya"
    }

    fn user_id(_settings: &GigyaStubSettings, account: &Value) -> Option<String> {
        account["UID"].as_str().map(str::to_owned)
    }

    fn sample_user(_settings: &GigyaStubSettings, number: usize) -> Value {
        sample::sample_account(number)
    }

    fn respond(mut site: MutexGuard<'_, Self>, request: &WireRequest, now: OffsetDateTime) -> StubResponse {
        if request.too_large {
            return StubResponse::html_error(413);
        }
        let result = site.carry_out(request, now);
        site.envelope(result, now)
    }

    fn status_response(&mut self, status: u16, _request: &WireRequest, now: OffsetDateTime) -> StubResponse {
        match error::code_for_status(status) {
            Some(code) => self.envelope(Err(GigyaCallError::from_code(code)), now),
            None => StubResponse::html_error(status),
        }
    }

    fn error_response(&mut self, code: u64, _request: &WireRequest, now: OffsetDateTime) -> StubResponse {
        self.envelope(Err(GigyaCallError::from_code(code)), now)
    }

    fn spoil_users(&mut self, fault: &Fault, body: &mut Value) {
        if body["errorCode"] != 0 {
            return;
        }
        let other = |account: &Value| {
            let sample = || sample::sample_account(999_999);
            self.shared.users.other_user(account["UID"].as_str(), sample)
        };
        if let Some(Value::Array(rows)) = body.get_mut("results") {
            spoil_list(fault, rows, other);
        } else if *fault == Fault::OtherUser && body.get("UID").is_some() {
            let another = other(body);
            for name in ["UID", "profile", "data", "loginIDs", "emails", "identities"] {
                if body.get(name).is_some() {
                    body[name] = another[name].clone();
                }
            }
        }
    }

    fn clear_users(&mut self) {
        self.clear();
    }
}

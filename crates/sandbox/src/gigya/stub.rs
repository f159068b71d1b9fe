//! The simulated Gigya: its public methods, the checks and dispatch of a call, and its control calls.

use std::io::Result;
use std::sync::MutexGuard;

use serde_json::{Map, Value, json};
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

/// The number of concurrent calls for one UID.
const MAX_CONCURRENT: usize = 5;

/// A simulated Gigya that is running.
pub type GigyaStub = Stub<GigyaSite>;

impl GigyaStub {
    /// The applications that may call.
    #[must_use]
    pub fn applications(&self) -> &[GigyaApplication] {
        &self.initial.applications
    }

    /// Whether this is the account's password.
    #[must_use]
    pub fn is_password(&self, uid: &str, password: &str) -> bool {
        self.lock().is_password(uid, password)
    }
}

/// The UID that a call names, if any.
fn named_uid(request: &WireRequest) -> Option<String> {
    let params = GigyaParams::parse(request).ok()?;
    params.get("UID").map(str::to_owned)
}

impl GigyaSite {
    /// Puts a result into the envelope.
    fn envelope(&mut self, result: GigyaResult, now: OffsetDateTime) -> StubResponse {
        self.call += 1;
        error::to_response(result, self.call, &self.shared.settings.content_type, now)
    }

    fn carry_out(&mut self, request: &WireRequest, now: OffsetDateTime) -> GigyaResult {
        let params = GigyaParams::parse(request)?;
        let settings = &self.shared.settings;
        admission::check_site(settings, request, &params)?;
        let application =
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
        let concurrent = params.get("UID").and_then(|uid| self.in_progress.get(uid));
        if concurrent.is_some_and(|calls| *calls > MAX_CONCURRENT) {
            return Err(GigyaCallError::from_code(409_030));
        }
        let method = request.path().trim_start_matches('/');
        if application.denied.iter().any(|denied| denied == method) {
            return Err(GigyaCallError::from_code(403_007));
        }
        params.check_method(method)?;
        match method {
            "accounts.getAccountInfo" => read::account_info(self, &params),
            "accounts.search" => read::search(self, &params, now),
            "accounts.setAccountInfo" => write::set_account_info(self, &params, now),
            "accounts.deleteAccount" => write::delete_account(self, &params, now),
            "accounts.initRegistration" => Ok(register::init(self, now)),
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

    /// A `password` in a seed is the account's password and not part of the record.
    fn prepare_seed(&mut self, uid: &str, account: &mut Value) {
        if let Some(Value::String(password)) = account.as_object_mut().and_then(|all| all.remove("password")) {
            self.set_password(uid, &password);
        }
    }

    fn clear_users(&mut self) {
        self.clear();
    }

    fn details(&mut self) -> Map<String, Value> {
        let keys: Vec<&str> = self
            .applications
            .iter()
            .map(|application| &*application.user_key)
            .collect();
        let settings = &self.shared.settings;
        Map::from_iter([
            ("apiKey".to_owned(), settings.api_key.as_str().into()),
            ("dataCenter".to_owned(), settings.data_center.as_str().into()),
            ("userKeys".to_owned(), json!(keys)),
        ])
    }

    /// `GET /applications` shows each application with its secret and private key, as the console does to its owner.
    fn command(&mut self, request: &WireRequest, _now: OffsetDateTime) -> Option<std::result::Result<Value, String>> {
        if (request.method.as_str(), request.path()) != ("GET", "/applications") {
            return None;
        }
        let all = self.applications.iter().map(|application| {
            json!({
                "userKey": application.user_key, "secret": application.secret, "privateKey": application.private_key_pem(),
            })
        });
        Some(Ok(Value::Array(all.collect())))
    }

    fn begin_call(&mut self, request: &WireRequest) {
        if let Some(uid) = named_uid(request) {
            *self.in_progress.entry(uid).or_default() += 1;
        }
    }

    fn end_call(&mut self, request: &WireRequest) {
        let Some(uid) = named_uid(request) else { return };
        if let Some(calls) = self.in_progress.get_mut(&uid) {
            *calls -= 1;
            if *calls == 0 {
                self.in_progress.remove(&uid);
            }
        }
    }

    fn keep_through_reset(&mut self, before: Self) {
        self.in_progress = before.in_progress;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::SandboxClock;
    use crate::stub::ControlledStub as _;

    fn code(gigya: &GigyaStub, request: &WireRequest) -> u64 {
        let body: Value = serde_json::from_slice(&gigya.respond(request, None).body).unwrap();
        body["errorCode"].as_u64().unwrap()
    }

    #[test]
    fn sixth_concurrent_call_for_one_account_is_refused() {
        let config = GigyaConfig {
            accounts: vec![json!({"UID": "u"})],
            ..GigyaConfig::default()
        };
        let gigya = GigyaStub::new(config, String::new(), Arc::new(SandboxClock::default())).unwrap();
        let secret = GigyaApplication::default().secret.replace('=', "%3D");
        let body = format!("apiKey=3_sandbox-api-key&userKey=sandbox-user-key&secret={secret}&UID=u");
        let request = WireRequest {
            method: "POST".into(),
            target: "/accounts.getAccountInfo".into(),
            headers: vec![("content-type".into(), "application/x-www-form-urlencoded".into())],
            body: body.into_bytes(),
            ..WireRequest::default()
        };
        for _ in 0..5 {
            gigya.begin_call(&request);
        }
        assert_eq!(code(&gigya, &request), 0);
        gigya.begin_call(&request);
        assert_eq!(code(&gigya, &request), 409_030);
        gigya.reset();
        assert_eq!(code(&gigya, &request), 409_030);
        gigya.end_call(&request);
        assert_eq!(code(&gigya, &request), 0);
        for _ in 0..9 {
            gigya.end_call(&request);
        }
        assert!(gigya.lock().in_progress.is_empty());
    }
}

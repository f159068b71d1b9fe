//! What all simulated providers share: users, settings and a rate limit behind one lock, and responses with injected
//! faults.

use std::fmt::Debug;
use std::io::Result;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::clock::SandboxClock;
use crate::fault::rule::Fault;
use crate::http::request::WireRequest;
use crate::http::response::StubResponse;
use crate::passwords::Passwords;
use crate::quota::{Bucket, Quota};
use crate::user_records::{AddressesFn, UserRecords};

/// The settings that every simulated provider has.
pub trait StubSettings: Clone + Debug + Serialize + DeserializeOwned {
    fn quota(&self) -> Quota;

    /// How long a change stays hidden from search.
    fn search_lag_ms(&self) -> u64 {
        0
    }
}

/// The state that every simulated provider has.
#[derive(Debug)]
pub struct StubState<S> {
    pub(crate) settings: S,
    pub(crate) users: UserRecords,
    pub(crate) calls: Bucket,
    pub(crate) passwords: Passwords,
}

impl<S: StubSettings> StubState<S> {
    pub(crate) fn new(settings: &S, addresses: AddressesFn, now: OffsetDateTime) -> Self {
        Self {
            settings: settings.clone(),
            users: UserRecords::new(addresses),
            calls: Bucket::full(settings.quota(), now),
            passwords: Passwords::default(),
        }
    }

    /// Writes a record, or removes it with its password; search sees the change after the lag.
    pub(crate) fn put(&mut self, id: &str, user: Option<Value>, now: OffsetDateTime) {
        if user.is_none() {
            self.passwords.remove(id);
        }
        self.users.put(id, user, now, self.settings.search_lag_ms());
    }
}

/// One simulated provider: its state, and what only this provider does.
pub trait StubProvider: Debug + Send + Sized + 'static {
    type Config: Debug + Send + Sync + 'static;
    type Settings: StubSettings;

    /// Whether an injected rate limit also reports `x-ratelimit-limit`.
    const REPORTS_RATE_LIMIT: bool = false;

    /// The state at the start, without users. `url` is the provider's own address.
    fn from_config(config: &Self::Config, url: &str, now: OffsetDateTime) -> Result<Self>;

    fn initial_users(config: &Self::Config) -> &[Value];

    fn shared(&mut self) -> &mut StubState<Self::Settings>;

    /// The name in the `--provider` option.
    fn name(settings: &Self::Settings) -> &'static str;

    fn user_id(settings: &Self::Settings, user: &Value) -> Option<String>;

    fn sample_user(settings: &Self::Settings, number: usize) -> Value;

    /// The response without a fault. It takes the lock, so that a long search can release it.
    fn respond(state: MutexGuard<'_, Self>, request: &WireRequest, now: OffsetDateTime) -> StubResponse;

    /// The response that the provider, or a proxy in front of it, sends with this status.
    fn status_response(&mut self, status: u16, request: &WireRequest, now: OffsetDateTime) -> StubResponse;

    /// An error in the provider's own format.
    fn error_response(&mut self, code: u64, request: &WireRequest, now: OffsetDateTime) -> StubResponse;

    /// Applies a fault that corrupts users to the body of a correct response.
    fn spoil_users(&mut self, fault: &Fault, body: &mut Value);

    fn clear_users(&mut self) {
        self.shared().users.clear();
        self.shared().passwords = Passwords::default();
    }

    /// Adjusts the rest of the state to changed settings.
    fn settings_changed(&mut self, _now: OffsetDateTime) {}
}

/// A simulated provider that is running.
#[derive(Debug)]
pub struct Stub<P: StubProvider> {
    clock: Arc<SandboxClock>,
    url: String,
    pub(crate) initial: P::Config,
    state: Mutex<P>,
}

fn seed_users<P: StubProvider>(
    state: &mut P,
    users: impl IntoIterator<Item = Value>,
    lag_ms: u64,
    now: OffsetDateTime,
) -> usize {
    let mut stored = 0;
    for mut user in users {
        let Some(id) = P::user_id(&state.shared().settings, &user) else {
            continue;
        };
        // A `password` in a seed is the user's password and not part of the record.
        if let Some(Value::String(password)) = user.as_object_mut().and_then(|members| members.remove("password")) {
            state.shared().passwords.set(&id, &password);
        }
        state.shared().users.put(&id, Some(user), now, lag_ms);
        stored += 1;
    }
    stored
}

fn initial_state<P: StubProvider>(config: &P::Config, url: &str, now: OffsetDateTime) -> Result<P> {
    let mut state = P::from_config(config, url, now)?;
    seed_users(&mut state, P::initial_users(config).iter().cloned(), 0, now);
    Ok(state)
}

impl<P: StubProvider> Stub<P> {
    pub(crate) fn new(config: P::Config, url: String, clock: Arc<SandboxClock>) -> Result<Self> {
        let state = Mutex::new(initial_state(&config, &url, clock.now())?);
        Ok(Self {
            clock,
            url,
            initial: config,
            state,
        })
    }

    /// Adds or replaces users; search sees them at once. Returns how many were stored: users without an id are skipped.
    pub fn seed(&self, users: impl IntoIterator<Item = Value>) -> usize {
        let now = self.clock.now();
        seed_users(&mut *self.lock(), users, 0, now)
    }

    /// Adds or replaces one user as a change at the provider: search sees it after the lag.
    pub fn change(&self, user: Value) -> bool {
        let now = self.clock.now();
        let mut state = self.lock();
        let lag_ms = state.shared().settings.search_lag_ms();
        seed_users(&mut *state, [user], lag_ms, now) == 1
    }

    /// Removes one user; search shows it until the lag is over.
    pub fn remove(&self, id: &str) {
        let now = self.clock.now();
        self.lock().shared().put(id, None, now);
    }

    /// Removes every user.
    pub fn clear_users(&self) {
        self.lock().clear_users();
    }

    /// The number of users.
    #[must_use]
    pub fn user_count(&self) -> usize {
        self.lock().shared().users.len()
    }

    /// Every current user, by id.
    #[must_use]
    pub fn users(&self) -> Vec<Value> {
        self.lock().shared().users.all().map(|user| (**user).clone()).collect()
    }

    /// One current user.
    #[must_use]
    pub fn user(&self, id: &str) -> Option<Value> {
        self.lock().shared().users.get(id).map(|user| (**user).clone())
    }

    /// Whether this is the user's password.
    #[must_use]
    pub fn is_password(&self, id: &str, password: &str) -> bool {
        self.lock().shared().passwords.is(id, password)
    }

    /// The current settings.
    #[must_use]
    pub fn settings(&self) -> P::Settings {
        self.lock().shared().settings.clone()
    }

    /// Changes the settings; a changed quota starts with a full bucket.
    pub fn change_settings(&self, change: impl FnOnce(&mut P::Settings)) {
        let now = self.clock.now();
        let mut state = self.lock();
        let shared = state.shared();
        change(&mut shared.settings);
        let quota = shared.settings.quota();
        shared.calls.set_quota(quota, now);
        state.settings_changed(now);
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, P> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A simulated provider as the server and the control API use it.
pub(crate) trait ControlledStub: Debug + Send + Sync {
    /// The response, with a fault of its status, error or users applied.
    fn respond(&self, request: &WireRequest, fault: Option<&Fault>) -> StubResponse;
    /// Restores the initial state.
    fn reset(&self);
    /// The provider's part of `GET /state`.
    fn state(&self) -> Map<String, Value>;
    fn users(&self) -> Vec<Value>;
    fn seed(&self, users: Vec<Value>) -> usize;
    fn seed_samples(&self, count: usize) -> usize;
    fn clear_users(&self);
    /// Changes the given settings; the others keep their values.
    fn change_settings(&self, change: Value) -> std::result::Result<(), String>;
}

impl<P: StubProvider> ControlledStub for Stub<P> {
    fn respond(&self, request: &WireRequest, fault: Option<&Fault>) -> StubResponse {
        let now = self.clock.now();
        match fault {
            None => {
                let response = P::respond(self.lock(), request, now);
                response.compressed(request.header("accept-encoding"))
            }
            Some(Fault::ErrorCode { code }) => self.lock().error_response(*code, request, now),
            Some(Fault::Status {
                status,
                retry_after,
                reset_in,
                body,
            }) => {
                let mut state = self.lock();
                let mut response = state.status_response(*status, request, now);
                response.status = *status;
                if let Some(body) = body {
                    response.body = body.clone().into_bytes();
                }
                response = response.with_retry_after(*retry_after);
                let Some(seconds) = reset_in else { return response };
                if P::REPORTS_RATE_LIMIT {
                    response = response.with("x-ratelimit-limit", state.shared().settings.quota().burst);
                }
                let reset = now.unix_timestamp().saturating_add_unsigned(*seconds);
                response
                    .with("x-ratelimit-remaining", 0)
                    .with("x-ratelimit-reset", reset)
            }
            Some(fault) if fault.replaces_response() => StubResponse::empty(200),
            Some(fault) => {
                let mut response = P::respond(self.lock(), request, now);
                if fault.spoils_users()
                    && let Ok(mut body) = serde_json::from_slice::<Value>(&response.body)
                {
                    self.lock().spoil_users(fault, &mut body);
                    response.body = body.to_string().into_bytes();
                }
                response
            }
        }
    }

    fn reset(&self) {
        if let Ok(fresh) = initial_state::<P>(&self.initial, &self.url, self.clock.now()) {
            *self.lock() = fresh;
        }
    }

    fn state(&self) -> Map<String, Value> {
        let mut state = self.lock();
        let shared = state.shared();
        Map::from_iter([
            ("provider".to_owned(), P::name(&shared.settings).into()),
            ("users".to_owned(), shared.users.len().into()),
            ("settings".to_owned(), json!(shared.settings)),
        ])
    }

    fn users(&self) -> Vec<Value> {
        Self::users(self)
    }

    fn seed(&self, users: Vec<Value>) -> usize {
        Self::seed(self, users)
    }

    fn seed_samples(&self, count: usize) -> usize {
        let settings = Self::settings(self);
        Self::seed(self, (0..count).map(|number| P::sample_user(&settings, number)))
    }

    fn clear_users(&self) {
        Self::clear_users(self);
    }

    fn change_settings(&self, change: Value) -> std::result::Result<(), String> {
        let Value::Object(changed) = change else {
            return Err("settings are an object".into());
        };
        let mut all = json!(Self::settings(self));
        for (name, value) in changed {
            all[name] = value;
        }
        let settings: P::Settings = serde_json::from_value(all).map_err(|error| error.to_string())?;
        Self::change_settings(self, |current| *current = settings);
        Ok(())
    }
}

/// Applies a fault to a list of users; `other` returns another user than the given one.
pub(crate) fn spoil_list(fault: &Fault, users: &mut Vec<Value>, other: impl Fn(&Value) -> Value) {
    match fault {
        Fault::OtherUser => {
            for user in users {
                *user = other(user);
            }
        }
        Fault::Shuffled => users.reverse(),
        Fault::Missing if !users.is_empty() => {
            users.remove(0);
        }
        Fault::Duplicated => users.extend(users.first().cloned()),
        _ => {}
    }
}

/// Reports a query, parameter or call that the sandbox does not support, so that a failing test names it.
pub(crate) fn log_unsupported(provider: &str, what: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "masthead-sandbox ({provider}): refused {what}");
}

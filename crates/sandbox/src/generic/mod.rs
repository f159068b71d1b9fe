//! A stand-in user directory over HTTP, with presets for SSOR and Firefly.
//!
//! Neither vendor publishes a protocol between servers: what this speaks is Masthead's own, configurable contract.

mod gatekeeper;
mod list;
mod sample;
mod settings;
mod shape;
mod stand_in;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};
use time::OffsetDateTime;

pub use sample::{SESSION_GRADE, sample_generic_user, sample_generic_users};
pub use settings::{
    FilterComparison, GenericStubAuth, GenericStubEnvelope, GenericStubFilter, GenericStubSettings, StubPaging,
    UserShape,
};

use crate::clock::SandboxClock;
use crate::people::People;
use crate::quota::Bucket;
use crate::server::reply::Reply;
use crate::server::request::{Request, segment};
use gatekeeper::Tokens;
use shape::Failure;

/// What a stand-in directory starts with, and returns to when it is reset.
#[derive(Debug, Clone)]
pub struct GenericStubConfig {
    /// The contract that it keeps.
    pub settings: GenericStubSettings,
    /// The users, kept to the letter; each needs its id where the settings say it is.
    pub users: Vec<Value>,
}

impl GenericStubConfig {
    /// An empty SSOR.
    #[must_use]
    pub fn ssor() -> Self {
        Self::with(GenericStubSettings::ssor())
    }

    /// An empty Firefly.
    #[must_use]
    pub fn firefly() -> Self {
        Self::with(GenericStubSettings::firefly())
    }

    /// An empty directory with a contract of the caller's own.
    #[must_use]
    pub fn with(settings: GenericStubSettings) -> Self {
        Self {
            settings,
            users: Vec::new(),
        }
    }
}

impl Default for GenericStubConfig {
    fn default() -> Self {
        Self::ssor()
    }
}

/// A stand-in directory that is running.
#[derive(Debug)]
pub struct GenericStub {
    clock: Arc<SandboxClock>,
    initial: GenericStubConfig,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    settings: GenericStubSettings,
    people: People,
    calls: Bucket,
    tokens: Tokens,
}

impl State {
    fn new(config: &GenericStubConfig, now: OffsetDateTime) -> Self {
        let mut state = Self {
            settings: config.settings.clone(),
            people: People::known_by(|_| Vec::new()),
            calls: Bucket::full(config.settings.quota, now),
            tokens: Tokens::default(),
        };
        state.seed(config.users.iter().cloned(), 0, now);
        state
    }

    fn seed(&mut self, users: impl IntoIterator<Item = Value>, lag_ms: u64, now: OffsetDateTime) -> usize {
        let mut taken = 0;
        for user in users {
            if let Some(id) = user
                .pointer(&self.settings.id)
                .and_then(Value::as_str)
                .map(str::to_owned)
            {
                self.people.put(&id, Some(user), now, lag_ms);
                taken += 1;
            }
        }
        taken
    }

    fn called(&mut self, request: &Request, now: OffsetDateTime) -> Result<Value, Failure> {
        let standing = self.calls.take(now);
        if !standing.allowed {
            return Err(Failure {
                wait: Some((standing.reset - now.unix_timestamp()).max(1)),
                ..Failure::new(429, "too many requests")
            });
        }
        let parameters = gatekeeper::admitted(&self.settings, &mut self.tokens, request, now)?;
        let (method, path) = (request.method.as_str(), request.path());
        if path == self.settings.list_path && method == self.settings.list_method {
            let users = self.people.searchable(now).values();
            return list::list(&self.settings, users, &parameters);
        }
        let (before, after) = self
            .settings
            .user_path
            .split_once("{id}")
            .unwrap_or((&self.settings.user_path, ""));
        let id = path.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        let Some(id) = id.filter(|id| method == "GET" && !id.is_empty() && !id.contains('/')) else {
            return Err(Failure::new(404, "no such call"));
        };
        if let Some((name, _)) = parameters
            .iter()
            .find(|(name, _)| !self.settings.ignored.contains(name))
        {
            return Err(Failure::new(400, format!("{name} is no parameter of this call")));
        }
        let user = self
            .people
            .get(&segment(id))
            .ok_or_else(|| Failure::new(404, "no such user"))?;
        let mut body = Value::Object(Map::new());
        // Tribune's answers may carry a session beside the user: nothing that an adapter may hand on.
        if self.settings.shape == UserShape::Ssor {
            shape::put(&mut body, "/loginToken", format!("{SESSION_GRADE}-login").into());
        }
        shape::put(&mut body, &self.settings.user_pointer, (**user).clone());
        Ok(body)
    }
}

impl GenericStub {
    pub(crate) fn new(config: GenericStubConfig, clock: Arc<SandboxClock>) -> Self {
        let state = Mutex::new(State::new(&config, clock.now()));
        Self {
            clock,
            initial: config,
            state,
        }
    }

    /// Adds or replaces users; lists see them at once. Returns how many were taken: those without an id are not.
    pub fn seed(&self, users: impl IntoIterator<Item = Value>) -> usize {
        let now = self.clock.now();
        self.state().seed(users, 0, now)
    }

    /// Adds or replaces one user as if it had been changed in the generic: lists see it after the lag.
    pub fn change(&self, user: Value) -> bool {
        let now = self.clock.now();
        let mut state = self.state();
        let lag_ms = state.settings.search_lag_ms;
        state.seed([user], lag_ms, now) == 1
    }

    /// Removes one user; lists show it until the lag is over.
    pub fn remove(&self, id: &str) {
        let now = self.clock.now();
        let mut state = self.state();
        let lag_ms = state.settings.search_lag_ms;
        state.people.put(id, None, now, lag_ms);
    }

    /// Removes every user.
    pub fn clear_users(&self) {
        self.state().people.clear();
    }

    /// How many users there are.
    #[must_use]
    pub fn user_count(&self) -> usize {
        self.state().people.len()
    }

    /// Every user as the record is this moment, by id.
    #[must_use]
    pub fn users(&self) -> Vec<Value> {
        self.state().people.all().map(|user| (**user).clone()).collect()
    }

    /// One user as the record is this moment.
    #[must_use]
    pub fn user(&self, id: &str) -> Option<Value> {
        self.state().people.get(id).map(|user| (**user).clone())
    }

    /// The contract that it keeps now.
    #[must_use]
    pub fn settings(&self) -> GenericStubSettings {
        self.state().settings.clone()
    }

    /// Changes the contract; a changed quota begins with a full bucket, and tokens that were handed out end.
    pub fn change_settings(&self, change: impl FnOnce(&mut GenericStubSettings)) {
        let now = self.clock.now();
        let mut state = self.state();
        let before = state.settings.quota;
        change(&mut state.settings);
        if state.settings.quota != before {
            state.calls = Bucket::full(state.settings.quota, now);
        }
        state.tokens = Tokens::default();
    }

    /// The right answer, as the contract clothes it.
    fn reply(&self, request: &Request) -> Reply {
        let now = self.clock.now();
        let mut state = self.state();
        let State { settings, tokens, .. } = &mut *state;
        if let Some(reply) = gatekeeper::token(settings, tokens, request, now) {
            return reply;
        }
        match state.called(request, now) {
            Ok(body) => shape::success(&state.settings, body),
            Err(failure) => shape::failure(&state.settings, &failure),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

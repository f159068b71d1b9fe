//! A stand-in Users API, v4 and legacy: a far deployment whose users a tenant has in place of registrations of ours.
//!
//! Written from the contract alone; it shares no code with Masthead's own API.

mod legacy;
mod list;
mod question;
mod refusal;
mod sample;
mod settings;
mod stand_in;
mod v4;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use time::OffsetDateTime;

pub use sample::{sample_registration, sample_registrations};
pub use settings::UsersApiSettings;

use crate::clock::SandboxClock;
use crate::people::People;
use crate::quota::Bucket;
use crate::server::reply::Reply;
use crate::server::request::Request;
use refusal::Refusal;

/// What a stand-in Users API starts with, and returns to when it is reset.
#[derive(Debug, Clone, Default)]
pub struct UsersApiConfig {
    /// How it is set up.
    pub settings: UsersApiSettings,
    /// The users as v4 shows them, each with its `customerRegistrationId`. What they lack is shown as unset; what only the
    /// legacy API shows may stand beside: `registrationId`, `dateRegistered`, `changeDate`, `lastLogoutDate`.
    pub users: Vec<Value>,
}

/// A stand-in Users API that is running. It is only read: there is no call that writes.
#[derive(Debug)]
pub struct UsersApi {
    clock: Arc<SandboxClock>,
    initial: UsersApiConfig,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    settings: UsersApiSettings,
    people: People,
    calls: Bucket,
}

impl State {
    fn new(config: &UsersApiConfig, now: OffsetDateTime) -> Self {
        let mut state = Self {
            settings: config.settings.clone(),
            people: People::known_by(|_| Vec::new()),
            calls: Bucket::full(config.settings.quota, now),
        };
        state.seed(config.users.iter().cloned(), now);
        state
    }

    fn seed(&mut self, users: impl IntoIterator<Item = Value>, now: OffsetDateTime) -> usize {
        let mut taken = 0;
        for user in users {
            if let Some(id) = user["customerRegistrationId"].as_str().map(str::to_owned) {
                self.people.put(&id, Some(user), now, 0);
                taken += 1;
            }
        }
        taken
    }

    fn called(&mut self, request: &Request, now: OffsetDateTime) -> Result<Reply, Refusal> {
        let standing = self.calls.take(now);
        if !standing.allowed {
            return Err(Refusal::too_many((standing.reset - now.unix_timestamp()).max(1)));
        }
        if request.too_large {
            return Err(Refusal::of(413));
        }
        if legacy::is_asked(request) {
            legacy::answer(&self.settings, &self.people, request)
        } else {
            v4::answer(&self.settings, &self.people, request)
        }
    }
}

impl UsersApi {
    pub(crate) fn new(config: UsersApiConfig, clock: Arc<SandboxClock>) -> Self {
        let state = Mutex::new(State::new(&config, clock.now()));
        Self {
            clock,
            initial: config,
            state,
        }
    }

    /// Adds or replaces users. Returns how many were taken: those without an id are not.
    pub fn seed(&self, users: impl IntoIterator<Item = Value>) -> usize {
        let now = self.clock.now();
        self.state().seed(users, now)
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

    /// Every user as it was given, by id.
    #[must_use]
    pub fn users(&self) -> Vec<Value> {
        self.state().people.all().map(|user| (**user).clone()).collect()
    }

    /// How it is set up now.
    #[must_use]
    pub fn settings(&self) -> UsersApiSettings {
        self.state().settings.clone()
    }

    /// Sets it up anew; a changed quota begins with a full bucket.
    pub fn change_settings(&self, change: impl FnOnce(&mut UsersApiSettings)) {
        let now = self.clock.now();
        let mut state = self.state();
        let before = state.settings.quota;
        change(&mut state.settings);
        if state.settings.quota != before {
            state.calls = Bucket::full(state.settings.quota, now);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

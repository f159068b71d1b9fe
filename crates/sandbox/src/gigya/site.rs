//! The site's state: its accounts, passwords, open registrations, cursors, nonces and quotas.

use std::collections::HashMap;

use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::admission::Nonces;
use super::refusal::Refusal;
use super::search::cursor::Cursors;
use super::settings::{GigyaApplication, GigyaStubSettings};
use super::{GigyaConfig, account};
use crate::people::People;
use crate::quota::Bucket;

/// How long a registration may take.
const REGISTRATION: Duration = Duration::HOUR;

/// A registration that was begun: with an account once `accounts.register` was called.
#[derive(Debug, Clone)]
pub(super) struct Registration {
    pub(super) uid: Option<String>,
    expires: OffsetDateTime,
}

#[derive(Debug, Clone, Copy, Default)]
struct Failures {
    count: u64,
    locked_until: Option<OffsetDateTime>,
}

#[derive(Debug)]
pub(super) struct Site {
    pub(super) settings: GigyaStubSettings,
    pub(super) applications: Vec<GigyaApplication>,
    pub(super) people: People,
    pub(super) cursors: Cursors,
    pub(super) nonces: Nonces,
    pub(super) calls: Bucket,
    pub(super) client_calls: Bucket,
    /// Counts the calls, for their ids.
    pub(super) call: u64,
    /// How many calls for each UID wait for their answer.
    pub(super) under_way: HashMap<String, usize>,
    passwords: HashMap<String, String>,
    failures: HashMap<String, Failures>,
    registrations: HashMap<String, Registration>,
    made: u64,
}

impl Site {
    pub(super) fn new(config: &GigyaConfig, now: OffsetDateTime) -> Self {
        let mut site = Self {
            settings: config.settings.clone(),
            applications: config.applications.clone(),
            people: People::known_by(account::login_ids),
            cursors: Cursors::default(),
            nonces: Nonces::default(),
            calls: Bucket::full(config.settings.quota, now),
            client_calls: Bucket::full(config.settings.client_quota, now),
            call: 0,
            under_way: HashMap::new(),
            passwords: HashMap::new(),
            failures: HashMap::new(),
            registrations: HashMap::new(),
            made: 0,
        };
        site.seed(config.accounts.iter().cloned(), now);
        site
    }

    /// A `password` in a seed is the account's password, and no part of the record.
    pub(super) fn seed(&mut self, accounts: impl IntoIterator<Item = Value>, now: OffsetDateTime) -> usize {
        let mut taken = 0;
        for mut account in accounts {
            let Some(uid) = account["UID"].as_str().map(str::to_owned) else {
                continue;
            };
            if let Some(Value::String(password)) = account.as_object_mut().and_then(|all| all.remove("password")) {
                self.passwords.insert(uid.clone(), password);
            }
            self.people.put(&uid, Some(account), now, 0);
            taken += 1;
        }
        self.people.searchable(now);
        taken
    }

    pub(super) fn clear(&mut self) {
        self.people.clear();
        self.passwords.clear();
        self.failures.clear();
        self.registrations.clear();
    }

    pub(super) fn set_up(&mut self, settings: GigyaStubSettings, now: OffsetDateTime) {
        if settings.quota != self.settings.quota {
            self.calls = Bucket::full(settings.quota, now);
        }
        if settings.client_quota != self.settings.client_quota {
            self.client_calls = Bucket::full(settings.client_quota, now);
        }
        self.settings = settings;
    }

    /// The account of this UID as it is this moment.
    pub(super) fn account(&self, uid: &str) -> Result<Value, Refusal> {
        let found = self.people.get(uid).map(|account| (**account).clone());
        found.ok_or_else(Refusal::unknown_user)
    }

    /// The account that this is a login identifier of, whatever its case; never two accounts have the same.
    pub(super) fn by_login(&self, login: &str) -> Option<Value> {
        let found = self.people.by_email(&login.to_lowercase());
        found.first().map(|account| (***account).clone())
    }

    /// Writes an account, or removes it with all that belongs to it.
    pub(super) fn put(&mut self, uid: &str, account: Option<Value>, now: OffsetDateTime) {
        if account.is_none() {
            self.passwords.remove(uid);
            self.failures.remove(uid);
        }
        self.people.put(uid, account, now, self.settings.search_lag_ms);
    }

    pub(super) fn set_password(&mut self, uid: &str, password: &str) {
        self.passwords.insert(uid.to_owned(), password.to_owned());
        self.failures.remove(uid);
    }

    pub(super) fn has_password(&self, uid: &str) -> bool {
        self.passwords.contains_key(uid)
    }

    pub(super) fn is_password(&self, uid: &str, password: &str) -> bool {
        self.passwords.get(uid).is_some_and(|known| known == password)
    }

    /// Compares a password given at login, and counts the wrong ones.
    pub(super) fn log_in(&mut self, uid: &str, password: &str, now: OffsetDateTime) -> Result<(), Refusal> {
        let right = self.is_password(uid, password);
        let failures = self.failures.entry(uid.to_owned()).or_default();
        if failures.locked_until.is_some_and(|until| until > now) {
            return Err(Refusal::plain(403_120));
        }
        if right {
            self.failures.remove(uid);
            return Ok(());
        }
        failures.count += 1;
        if failures.count >= self.settings.lockout_after {
            let lockout = Duration::seconds(i64::try_from(self.settings.lockout_s).unwrap_or(i64::MAX));
            *failures = Failures {
                count: 0,
                locked_until: Some(now.saturating_add(lockout)),
            };
        }
        Err(Refusal::new(403_042, "invalid loginID or password"))
    }

    /// Refuses what the site's password rules refuse, in words that the person must read.
    pub(super) fn strong(&self, password: &str) -> Result<(), &'static str> {
        let long = password.chars().count() >= self.settings.shortest_password;
        let mixed = password.chars().any(char::is_alphabetic) && password.chars().any(|char| !char.is_alphabetic());
        if long && mixed {
            Ok(())
        } else {
            Err("Password does not meet complexity requirements")
        }
    }

    /// Begins a registration, or goes on with one that has an account already.
    pub(super) fn open_registration(&mut self, uid: Option<String>, now: OffsetDateTime) -> String {
        self.registrations.retain(|_, open| open.expires > now);
        let token = format!("st1.sandbox.{}", self.new_id());
        let expires = now + REGISTRATION;
        self.registrations.insert(token.clone(), Registration { uid, expires });
        token
    }

    pub(super) fn registration(&self, token: &str, now: OffsetDateTime) -> Result<Registration, Refusal> {
        let open = self.registrations.get(token).filter(|open| open.expires > now);
        open.cloned()
            .ok_or_else(|| Refusal::invalid("regToken", "unknown or expired"))
    }

    pub(super) fn close_registration(&mut self, token: &str) {
        self.registrations.remove(token);
    }

    /// An id of Gigya's shape, never given twice.
    pub(super) fn new_id(&mut self) -> String {
        self.made += 1;
        format!("{:032x}", u128::from(self.made) << 64 | 0x6769_6779_6100)
    }
}

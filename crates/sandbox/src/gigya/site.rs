//! The state of the simulated site: its accounts, passwords, open registrations, cursors and nonces.

use std::collections::HashMap;

use serde_json::Value;
use time::OffsetDateTime;

use super::account;
use super::admission::UsedNonces;
use super::cursor::SearchCursors;
use super::error::GigyaCallError;
use super::settings::{GigyaApplication, GigyaConfig, GigyaStubSettings};
use crate::passwords::{Passwords, is_weak};
use crate::stub::StubState;

/// The state of the simulated site.
#[derive(Debug)]
pub struct GigyaSite {
    pub(super) shared: StubState<GigyaStubSettings>,
    pub(super) applications: Vec<GigyaApplication>,
    pub(super) cursors: SearchCursors,
    pub(super) nonces: UsedNonces,
    /// Counts the calls, for their ids.
    pub(super) call: u64,
    /// The tokens of open registrations; each has an account once `accounts.register` was called.
    registrations: HashMap<String, Option<String>>,
    last_id: u64,
}

impl GigyaSite {
    pub(super) fn new(config: &GigyaConfig, now: OffsetDateTime) -> Self {
        Self {
            shared: StubState::new(&config.settings, account::login_ids, now),
            applications: config.applications.clone(),
            cursors: SearchCursors::default(),
            nonces: UsedNonces::default(),
            call: 0,
            registrations: HashMap::new(),
            last_id: 0,
        }
    }

    pub(super) fn clear(&mut self) {
        self.shared.users.clear();
        self.shared.passwords = Passwords::default();
        self.registrations.clear();
    }

    /// The current account with this UID.
    pub(super) fn account(&self, uid: &str) -> Result<Value, GigyaCallError> {
        let found = self.shared.users.get(uid).map(|account| (**account).clone());
        found.ok_or_else(GigyaCallError::unknown_user)
    }

    /// The account with this login identifier, in any case; no two accounts have the same one.
    pub(super) fn account_by_login(&self, login: &str) -> Option<Value> {
        let found = self.shared.users.by_address(&login.to_lowercase());
        found.first().map(|account| (***account).clone())
    }

    /// Writes an account, or removes it with all that belongs to it.
    pub(super) fn put(&mut self, uid: &str, account: Option<Value>, now: OffsetDateTime) {
        self.shared.put(uid, account, now);
    }

    /// Checks the site's password rules; the text of the refusal is shown to the user.
    pub(super) fn check_password_rules(password: &str) -> Result<(), &'static str> {
        let is_mixed = password.chars().any(char::is_alphabetic) && !password.chars().all(char::is_alphabetic);
        if !is_weak(password) && is_mixed {
            Ok(())
        } else {
            Err("Password does not meet complexity requirements")
        }
    }

    /// Starts a registration, or continues one that has an account already.
    pub(super) fn open_registration(&mut self, uid: Option<String>) -> String {
        let token = format!("st1.sandbox.{}", self.next_id());
        self.registrations.insert(token.clone(), uid);
        token
    }

    /// The UID of an open registration, if it has an account.
    pub(super) fn registration(&self, token: &str) -> Result<Option<String>, GigyaCallError> {
        let open = self.registrations.get(token).cloned();
        open.ok_or_else(|| GigyaCallError::invalid("regToken", "unknown or used"))
    }

    pub(super) fn close_registration(&mut self, token: &str) {
        self.registrations.remove(token);
    }

    /// An id in Gigya's format, never given twice.
    pub(super) fn next_id(&mut self) -> String {
        self.last_id += 1;
        format!("{:032x}", u128::from(self.last_id) << 64 | 0x6769_6779_6100)
    }
}

//! The tenant's state: its users, keys, quotas and settings.

use serde_json::Value;
use time::OffsetDateTime;

use super::Auth0Config;
use super::keys::KeyRing;
use super::settings::{Auth0Client, Auth0StubSettings};
use crate::people::People;
use crate::quota::Bucket;

#[derive(Debug)]
pub(super) struct Tenant {
    pub(super) settings: Auth0StubSettings,
    pub(super) clients: Vec<Auth0Client>,
    pub(super) users: People,
    pub(super) keys: KeyRing,
    pub(super) calls: Bucket,
    pub(super) tokens: Bucket,
    made: u64,
}

impl Tenant {
    pub(super) fn new(config: &Auth0Config, now: OffsetDateTime) -> Result<Self, ring::error::KeyRejected> {
        let mut tenant = Self {
            settings: config.settings.clone(),
            clients: config.clients.clone(),
            users: People::known_by(addresses),
            keys: KeyRing::new()?,
            calls: Bucket::full(config.settings.quota, now),
            tokens: Bucket::full(config.settings.token_quota, now),
            made: 0,
        };
        tenant.seed(config.users.iter().cloned(), now);
        Ok(tenant)
    }

    pub(super) fn seed(&mut self, users: impl IntoIterator<Item = Value>, now: OffsetDateTime) -> usize {
        let mut taken = 0;
        for user in users {
            if let Some(id) = user["user_id"].as_str().map(str::to_owned) {
                self.users.put(&id, Some(user), now, 0);
                taken += 1;
            }
        }
        self.users.searchable(now);
        taken
    }

    pub(super) fn clear_users(&mut self) {
        self.users.clear();
    }

    pub(super) fn set_up(&mut self, settings: Auth0StubSettings, now: OffsetDateTime) {
        if settings.quota != self.settings.quota {
            self.calls = Bucket::full(settings.quota, now);
        }
        if settings.token_quota != self.settings.token_quota {
            self.tokens = Bucket::full(settings.token_quota, now);
        }
        self.settings = settings;
    }

    /// Writes a record, or removes it.
    pub(super) fn put(&mut self, id: &str, user: Option<Value>, now: OffsetDateTime) {
        let lag = self.settings.search_lag_ms;
        self.users.put(id, user, now, lag);
    }

    /// A user id of Auth0's shape, never given twice.
    pub(super) fn new_id(&mut self) -> String {
        self.made += 1;
        format!("5a4db0c5{:016x}", self.made)
    }
}

fn addresses(user: &Value) -> Vec<String> {
    user["email"].as_str().map(str::to_owned).into_iter().collect()
}

//! The state of the simulated tenant: its users, keys, quotas and settings.

use time::OffsetDateTime;

use super::settings::{Auth0Client, Auth0Config, Auth0StubSettings};
use crate::issued_tokens::IssuedTokens;
use crate::stub::StubState;

#[derive(Debug)]
pub struct Auth0Tenant {
    pub(super) shared: StubState<Auth0StubSettings>,
    /// The tenant's address.
    url: String,
    pub(super) clients: Vec<Auth0Client>,
    pub(super) tokens: IssuedTokens,
    last_id: u64,
}

impl Auth0Tenant {
    pub(super) fn new(config: &Auth0Config, url: &str, now: OffsetDateTime) -> Self {
        let addresses = |user: &serde_json::Value| user["email"].as_str().map(str::to_owned).into_iter().collect();
        Self {
            shared: StubState::new(&config.settings, addresses, now),
            url: url.to_owned(),
            clients: config.clients.clone(),
            tokens: IssuedTokens::default(),
            last_id: 0,
        }
    }

    /// The audience of the Management API, with its trailing slash.
    pub(super) fn audience(&self) -> String {
        format!("{}api/v2/", self.url)
    }

    /// Whether this is the audience of the Management API. Auth0's libraries always write `https://`, which loopback
    /// does not have.
    pub(super) fn is_audience(&self, audience: &str) -> bool {
        let own = self.audience();
        audience == own || audience == own.replacen("http://", "https://", 1)
    }

    /// A user id in Auth0's format, never given twice.
    pub(super) fn next_user_id(&mut self) -> String {
        self.last_id += 1;
        format!("5a4db0c5{:016x}", self.last_id)
    }
}

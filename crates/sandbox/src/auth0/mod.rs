//! A stand-in Auth0: the token endpoint, the key set, and the users of the Management API v2.

mod errors;
mod keys;
mod list;
mod params;
mod payload;
mod query;
mod sample;
mod settings;
mod single;
mod stand_in;
mod tamper;
mod tenant;
mod token;
mod write;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use time::OffsetDateTime;

pub use sample::{sample_user, sample_users};
pub use settings::{Auth0Client, Auth0StubSettings};

use crate::clock::{SandboxClock, timestamp};
use crate::server::reply::Reply;
use crate::server::request::{Request, segment};
use tenant::Tenant;
use token::Grant;

/// The longest request target that is read at all; the documented answer beyond it is 414.
const LONGEST_TARGET: usize = 8 * 1024;

/// What a stand-in Auth0 starts with, and returns to when it is reset.
#[derive(Debug, Clone, Default)]
pub struct Auth0Config {
    /// How the tenant is set up.
    pub settings: Auth0StubSettings,
    /// The applications that may ask for tokens; one with every user scope when empty.
    pub clients: Vec<Auth0Client>,
    /// The users, as Auth0 shows them; each needs a `user_id`. They are kept to the letter.
    pub users: Vec<Value>,
}

/// A stand-in Auth0 that is running.
#[derive(Debug)]
pub struct Auth0 {
    clock: Arc<SandboxClock>,
    issuer: String,
    initial: Auth0Config,
    tenant: Mutex<Tenant>,
}

impl Auth0 {
    pub(crate) fn new(config: Auth0Config, issuer: String, clock: Arc<SandboxClock>) -> std::io::Result<Self> {
        let mut initial = config;
        if initial.clients.is_empty() {
            initial.clients.push(Auth0Client::default());
        }
        let tenant = Tenant::new(&initial, clock.now()).map_err(|error| std::io::Error::other(error.to_string()))?;
        Ok(Self {
            clock,
            issuer,
            initial,
            tenant: Mutex::new(tenant),
        })
    }

    /// The audience to ask a token for: the Management API's identifier, with its trailing slash.
    #[must_use]
    pub fn audience(&self) -> String {
        format!("{}api/v2/", self.issuer)
    }

    /// The applications that may ask for tokens.
    #[must_use]
    pub fn clients(&self) -> &[Auth0Client] {
        &self.initial.clients
    }

    /// Adds or replaces users, whatever their shape; search sees them at once. Returns how many were taken:
    /// those without a `user_id` are not.
    pub fn seed(&self, users: impl IntoIterator<Item = Value>) -> usize {
        let now = self.clock.now();
        self.tenant().seed(users, now)
    }

    /// Removes every user.
    pub fn clear_users(&self) {
        self.tenant().clear_users();
    }

    /// How many users there are.
    #[must_use]
    pub fn user_count(&self) -> usize {
        self.tenant().users.len()
    }

    /// Every user as the record is this moment, by id.
    #[must_use]
    pub fn users(&self) -> Vec<Value> {
        self.tenant().users.all().map(|user| (**user).clone()).collect()
    }

    /// One user as the record is this moment.
    #[must_use]
    pub fn user(&self, id: &str) -> Option<Value> {
        self.tenant().users.get(id).map(|user| (**user).clone())
    }

    /// How the tenant is set up now.
    #[must_use]
    pub fn settings(&self) -> Auth0StubSettings {
        self.tenant().settings.clone()
    }

    /// Changes the set-up; a changed quota begins with a full bucket.
    pub fn change_settings(&self, change: impl FnOnce(&mut Auth0StubSettings)) {
        let now = self.clock.now();
        let mut tenant = self.tenant();
        let mut settings = tenant.settings.clone();
        change(&mut settings);
        tenant.set_up(settings, now);
    }

    /// Signs with the next key from now on. The key before stays in the key set unless it is revoked, and then every
    /// token it signed is refused.
    pub fn rotate_keys(&self, revoke: bool) -> bool {
        self.tenant().keys.rotate(revoke).is_ok()
    }

    /// The ids of the published keys, the signing one first.
    #[must_use]
    pub fn key_ids(&self) -> Vec<String> {
        self.tenant().keys.kids().into_iter().map(str::to_owned).collect()
    }

    /// A token with these claims (and `iss`, `iat` and `exp` where they lack), e.g. a reader's session.
    #[must_use]
    pub fn mint(&self, claims: &Value) -> Option<String> {
        let now = self.clock.now().unix_timestamp();
        let tenant = self.tenant();
        let lifetime = i64::try_from(tenant.settings.token_lifetime_s).unwrap_or(i64::MAX);
        let mut all = json!({"iss": self.issuer, "iat": now, "exp": now.saturating_add(lifetime)});
        for (name, value) in claims.as_object()? {
            all[name.as_str()] = value.clone();
        }
        tenant.keys.sign(&all).ok()
    }

    fn management(
        &self,
        mut tenant: MutexGuard<'_, Tenant>,
        request: &Request,
        rest: &str,
        now: OffsetDateTime,
    ) -> Reply {
        let standing = tenant.calls.take(now);
        let reply = if standing.allowed {
            self.users_api(tenant, request, rest, now)
        } else {
            errors::too_many_requests()
        };
        reply
            .with("x-ratelimit-limit", standing.limit)
            .with("x-ratelimit-remaining", standing.remaining)
            .with("x-ratelimit-reset", standing.reset)
            .with("cache-control", "no-cache")
    }

    fn users_api(
        &self,
        mut tenant: MutexGuard<'_, Tenant>,
        request: &Request,
        rest: &str,
        now: OffsetDateTime,
    ) -> Reply {
        let grant = match self.grant(&tenant, request, now) {
            Ok(grant) => grant,
            Err(refusal) => return refusal,
        };
        let id = rest
            .strip_prefix("users/")
            .filter(|id| !id.is_empty() && !id.contains('/'))
            .map(segment);
        let answer = match (request.method.as_str(), rest, id) {
            ("GET", "users", _) => grant
                .any(&["read:users"])
                .and_then(|()| list::users(&mut tenant, request, now))
                .map(|list| {
                    drop(tenant);
                    list.reply()
                }),
            ("POST", "users", _) => grant
                .any(&["create:users"])
                .and_then(|()| write::create(&mut tenant, request, now)),
            ("GET", "users-by-email", _) => grant
                .any(&["read:users"])
                .and_then(|()| single::by_email(&tenant, request)),
            ("GET", _, Some(id)) => grant
                .any(&["read:users"])
                .and_then(|()| single::by_id(&tenant, request, &id)),
            ("PATCH", _, Some(id)) => grant
                .any(&["update:users", "update:users_app_metadata"])
                .and_then(|()| write::update(&mut tenant, request, &id, now)),
            ("DELETE", _, Some(id)) => grant
                .any(&["delete:users"])
                .and_then(|()| single::delete(&mut tenant, &id, now)),
            _ => Err(errors::not_found()),
        };
        answer.unwrap_or_else(|refusal| refusal)
    }

    fn grant(&self, tenant: &Tenant, request: &Request, now: OffsetDateTime) -> Result<Grant, Reply> {
        token::grant(&tenant.keys, request, &self.audiences(), now)
    }

    /// Auth0's own libraries always write `https://` into the audience, and loopback has no TLS.
    fn audiences(&self) -> [String; 2] {
        let audience = self.audience();
        let secure = audience.replacen("http://", "https://", 1);
        [audience, secure]
    }

    fn tenant(&self) -> MutexGuard<'_, Tenant> {
        self.tenant.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

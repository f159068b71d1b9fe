//! A stand-in Gigya (SAP Customer Data Cloud): the accounts API, with credentials checked as strictly as the real one.

mod account;
mod admission;
mod bearer;
mod params;
mod read;
mod refusal;
mod register;
mod sample;
mod search;
mod settings;
mod signature;
mod site;
mod stand_in;
mod write;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use time::OffsetDateTime;

pub use sample::{sample_account, sample_accounts};
pub use settings::{GigyaApplication, GigyaStubSettings};

use crate::clock::SandboxClock;
use crate::server::request::Request;
use admission::Caller;
use params::Params;
use refusal::{Outcome, Refusal};
use site::Site;

/// How many calls for one UID may be under way.
const AT_ONCE: usize = 5;

/// What a stand-in Gigya starts with, and returns to when it is reset.
#[derive(Debug, Clone, Default)]
pub struct GigyaConfig {
    /// How the site is set up.
    pub settings: GigyaStubSettings,
    /// The applications that may call it; one with every permission and a key pair when empty.
    pub applications: Vec<GigyaApplication>,
    /// The accounts, as Gigya shows them; each needs a `UID`. They are kept to the letter, but for a text in
    /// `password`, which becomes the account's password.
    pub accounts: Vec<Value>,
}

/// A stand-in Gigya that is running.
#[derive(Debug)]
pub struct Gigya {
    clock: Arc<SandboxClock>,
    initial: GigyaConfig,
    site: Mutex<Site>,
}

impl Gigya {
    pub(crate) fn new(config: GigyaConfig, clock: Arc<SandboxClock>) -> Self {
        let mut initial = config;
        if initial.applications.is_empty() {
            initial.applications.push(GigyaApplication::default());
        }
        let site = Mutex::new(Site::new(&initial, clock.now()));
        Self { clock, initial, site }
    }

    /// The applications that may call.
    #[must_use]
    pub fn applications(&self) -> &[GigyaApplication] {
        &self.initial.applications
    }

    /// Adds or replaces accounts, whatever their shape; search sees them at once. Returns how many were taken: those
    /// without a `UID` are not.
    pub fn seed(&self, accounts: impl IntoIterator<Item = Value>) -> usize {
        let now = self.clock.now();
        self.site().seed(accounts, now)
    }

    /// Removes every account.
    pub fn clear_users(&self) {
        self.site().clear();
    }

    /// How many accounts there are.
    #[must_use]
    pub fn user_count(&self) -> usize {
        self.site().people.len()
    }

    /// Every account as the record is this moment, by UID.
    #[must_use]
    pub fn users(&self) -> Vec<Value> {
        self.site().people.all().map(|account| (**account).clone()).collect()
    }

    /// One account as the record is this moment.
    #[must_use]
    pub fn user(&self, uid: &str) -> Option<Value> {
        self.site().people.get(uid).map(|account| (**account).clone())
    }

    /// Whether this is the account's password.
    #[must_use]
    pub fn is_password(&self, uid: &str, password: &str) -> bool {
        self.site().is_password(uid, password)
    }

    /// How the site is set up now.
    #[must_use]
    pub fn settings(&self) -> GigyaStubSettings {
        self.site().settings.clone()
    }

    /// Changes the set-up; a changed quota begins with a full bucket.
    pub fn change_settings(&self, change: impl FnOnce(&mut GigyaStubSettings)) {
        let now = self.clock.now();
        let mut site = self.site();
        let mut settings = site.settings.clone();
        change(&mut settings);
        site.set_up(settings, now);
    }

    fn called(site: &mut Site, request: &Request, params: &Params, now: OffsetDateTime) -> Outcome {
        admission::at_home(&site.settings, request, params)?;
        let caller = admission::caller(
            &site.settings,
            &site.applications,
            &mut site.nonces,
            request,
            params,
            now,
        )?;
        let quota = match caller {
            Caller::Application(_) => &mut site.calls,
            Caller::Client => &mut site.client_calls,
        };
        if !quota.take(now).allowed {
            return Err(Refusal::new(403_048, "Api rate limit exceeded"));
        }
        if !matches!(request.method.as_str(), "GET" | "POST") {
            return Err(Refusal::plain(405_001));
        }
        if params.get("format").is_some_and(|format| format != "json") {
            return Err(Refusal::invalid("format", "the sandbox answers in JSON"));
        }
        let at_once = params.get("UID").and_then(|uid| site.under_way.get(uid));
        if at_once.is_some_and(|calls| *calls > AT_ONCE) {
            return Err(Refusal::plain(409_030));
        }
        let method = request.path().trim_start_matches('/');
        allowed(&caller, method)?;
        match method {
            "accounts.getAccountInfo" => read::account_info(site, &caller, params, now),
            "accounts.search" => read::search(site, params, now),
            "accounts.isAvailableLoginID" => read::is_available(site, params),
            "accounts.setAccountInfo" => write::set_account_info(site, &caller, params, now),
            "accounts.deleteAccount" => write::delete(site, params, now),
            "accounts.initRegistration" => Ok(register::init(site, now)),
            "accounts.register" => register::register(site, &caller, params, now),
            "accounts.finalizeRegistration" => register::finalize(site, &caller, params, now),
            "accounts.login" => register::login(site, &caller, params, now),
            _ => Err(Refusal::plain(405_001)),
        }
    }

    fn site(&self) -> MutexGuard<'_, Site> {
        self.site.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Some methods are for servers only, and an application's permission group may leave out any.
fn allowed(caller: &Caller, method: &str) -> Result<(), Refusal> {
    let refused = match caller {
        Caller::Application(application) => application.denied.iter().any(|denied| denied == method),
        Caller::Client => matches!(method, "accounts.search" | "accounts.deleteAccount"),
    };
    if refused { Err(Refusal::plain(403_007)) } else { Ok(()) }
}

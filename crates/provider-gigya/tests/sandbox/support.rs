//! A stand-in Gigya and the adapter that calls it for one tenant.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_domain::{
    account::Account,
    crid::Crid,
    email::EmailKey,
    order::Order,
    query::{CountMode, Position, UserFilter, UserQuery},
    settings::TenantSettings,
    tenant::{PoolId, Tenant, TenantId},
};
use masthead_ports::{
    clock::Clock,
    source::{CallContext, Priority, SourceError, SourceErrorKind, UserSource},
};
use masthead_provider_gigya::Gigya;
use masthead_provider_http::{AdapterOptions, BreakerOptions, HttpClient, HttpOptions, Secret, SecretPlace, Secrets};
use masthead_sandbox::{Application, GigyaConfig, Sandbox};
use masthead_testkit::clock::StoppedClock;
use serde_json::{Value, json};

/// The three ways in which an application proves itself.
pub(crate) const WAYS: [&str; 3] = ["signed", "secret", "bearer"];

/// The adapter, its tenant, and the Gigya that it calls.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) gigya: Gigya,
    remake: Box<dyn Fn() -> Gigya + Send + Sync>,
    pub(crate) tenant: Arc<Tenant>,
}

struct Told(Option<String>);

impl Secrets for Told {
    fn secret(&self, place: &SecretPlace) -> Option<Secret> {
        assert_eq!(*place, SecretPlace::Environment("SANDBOX_SECRET".into()));
        self.0.as_ref().map(|text| Secret::new(text.as_bytes()))
    }
}

impl World {
    /// A tenant with these accounts and settings, no quota, and one try for each call.
    pub(crate) async fn with(accounts: Vec<Value>, settings: &[(&str, &str)]) -> Self {
        Self::patient(accounts, settings, 1).await
    }

    /// The same with so many tries for each call.
    pub(crate) async fn patient(accounts: Vec<Value>, settings: &[(&str, &str)], attempts: u32) -> Self {
        let bearer = settings.contains(&("Gigya.Auth", "bearer"));
        let application = Application::default();
        let secret = if bearer {
            application.private_key_pem().unwrap()
        } else {
            application.secret
        };
        Self::told(accounts, settings, attempts, Some(secret)).await
    }

    /// The same with another secret, or none.
    pub(crate) async fn told(
        accounts: Vec<Value>,
        settings: &[(&str, &str)],
        attempts: u32,
        secret: Option<String>,
    ) -> Self {
        let config = GigyaConfig {
            accounts,
            ..GigyaConfig::default()
        };
        let sandbox = Sandbox::start(config).await.unwrap();
        let clock = Arc::new(StoppedClock::default());
        sandbox.clock().freeze_at(clock.now());
        let place = if settings.contains(&("Gigya.Auth", "bearer")) {
            "Gigya.PrivateKeyEnv"
        } else {
            "Gigya.SecretEnv"
        };
        let base = [
            ("Gigya.BaseUrl", sandbox.url()),
            ("Gigya.ApiKey", "3_sandbox-api-key"),
            ("Gigya.UserKey", "sandbox-user-key"),
            (place, "SANDBOX_SECRET"),
            ("Gigya.BudgetPerSecond", "1000"),
            ("Gigya.BudgetBurst", "1000"),
        ];
        let (parsed, mistakes) = TenantSettings::parse(base.iter().chain(settings).copied());
        assert_eq!(mistakes, []);
        let tenant = Tenant {
            id: TenantId::parse("north/daily/herald").unwrap(),
            pool: PoolId(1),
            settings: parsed,
        };
        let client = HttpClient::new(HttpOptions {
            connect_timeout: Duration::from_millis(300),
            idle_timeout: Duration::from_millis(300),
            total_timeout: Duration::from_secs(20),
            max_body_bytes: 4 * 1024 * 1024,
            allow_private: true,
            ..HttpOptions::default()
        })
        .unwrap();
        let options = AdapterOptions {
            allow_private: true,
            breaker: BreakerOptions {
                min_calls: 1_000,
                ..BreakerOptions::default()
            },
            attempts,
            backoff: Duration::from_millis(5),
        };
        let remake = Box::new(move || {
            Gigya::new(
                options,
                client.clone(),
                Arc::clone(&clock) as Arc<dyn Clock>,
                Arc::new(Told(secret.clone())),
            )
        });
        Self {
            sandbox,
            gigya: remake(),
            remake,
            tenant: Arc::new(tenant),
        }
    }

    /// The adapter, to put something around it; another stays in its place.
    pub(crate) fn take_gigya(mut self) -> (Gigya, Self) {
        let another = (self.remake)();
        (std::mem::replace(&mut self.gigya, another), self)
    }

    pub(crate) fn cx(&self) -> CallContext {
        let deadline = Instant::now() + Duration::from_mins(1);
        CallContext::new(Arc::clone(&self.tenant), deadline, Priority::Interactive)
    }

    pub(crate) async fn by_id(&self, id: &str) -> Result<Option<Account>, SourceError> {
        self.gigya.by_id(&self.cx(), &crid(id)).await
    }

    pub(crate) async fn by_email(&self, email: &str) -> Result<Vec<Account>, SourceError> {
        self.gigya.by_email(&self.cx(), &EmailKey::of(email)).await
    }

    /// The ids of the users with this address.
    pub(crate) async fn ids_by_email(&self, email: &str) -> Vec<String> {
        ids(&self.by_email(email).await.unwrap())
    }

    /// The methods that were called.
    pub(crate) fn called(&self) -> Vec<String> {
        let log = self.sandbox.log().into_iter();
        log.map(|entry| entry.path.trim_start_matches("/accounts.").to_owned())
            .collect()
    }
}

pub(crate) fn crid(id: &str) -> Crid {
    Crid::parse(id).unwrap()
}

pub(crate) fn ids(accounts: &[Account]) -> Vec<String> {
    accounts
        .iter()
        .map(|account| account.crid.as_str().to_owned())
        .collect()
}

pub(crate) fn kind<T: std::fmt::Debug>(answer: Result<T, SourceError>) -> SourceErrorKind {
    answer.unwrap_err().kind
}

/// A list of the users who meet a filter.
pub(crate) fn listing(filter: UserFilter, size: u16) -> UserQuery {
    UserQuery {
        filter,
        order: Order::default(),
        position: Position::Offset(0),
        size,
        count: CountMode::Exact,
    }
}

/// An account that signs in with its address.
pub(crate) fn reader(uid: &str, email: &str) -> Value {
    let mut account = social(uid, email);
    account["loginIDs"] = json!({"emails": [email], "unverifiedEmails": []});
    account["loginProvider"] = "site".into();
    account
}

/// An account whose address is only its profile's.
pub(crate) fn social(uid: &str, email: &str) -> Value {
    json!({
        "UID": uid, "isRegistered": true, "isActive": true, "isVerified": true, "loginProvider": "googleplus",
        "created": "2024-01-02T03:04:05.678Z", "registered": "2024-01-02T03:04:05.678Z",
        "lastUpdated": "2024-01-02T03:04:05.678Z",
        "profile": {"firstName": "Ann", "lastName": "Lee", "email": email}, "data": {},
        "loginIDs": {"emails": [], "unverifiedEmails": []}, "emails": {"verified": [email], "unverified": []},
    })
}

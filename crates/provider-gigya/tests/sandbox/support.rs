//! A stand-in Gigya and the adapter that calls it for one tenant.

use std::sync::Arc;

use masthead_domain::tenant::Tenant;
use masthead_ports::{clock::Clock, source::UserSource};
use masthead_provider_gigya::GigyaAdapter;
use masthead_sandbox::{Application, GigyaConfig, Sandbox};
pub(crate) use masthead_testkit::asking::{Asking, crid, ids, kind, listing};
use masthead_testkit::{clock::StoppedClock, tenants::tenant};
use serde_json::{Value, json};

use masthead_provider_kit::testing::{SECRET_ENV, TestSecrets, adapter_options, client};

/// The three ways in which an application proves itself.
pub(crate) const AUTH_METHODS: [&str; 3] = ["signed", "secret", "bearer"];

/// The adapter, its tenant, and the Gigya that it calls.
pub(crate) struct GigyaFixture {
    pub(crate) sandbox: Sandbox,
    pub(crate) gigya: GigyaAdapter,
    remake: Box<dyn Fn() -> GigyaAdapter + Send + Sync>,
    pub(crate) tenant: Arc<Tenant>,
}

impl Asking for GigyaFixture {
    fn source(&self) -> &dyn UserSource {
        &self.gigya
    }

    fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }
}

impl GigyaFixture {
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
        Self::reported(accounts, settings, attempts, Some(secret)).await
    }

    /// The same with another secret, or none.
    pub(crate) async fn reported(
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
            (place, SECRET_ENV),
            ("Gigya.BudgetPerSecond", "1000"),
            ("Gigya.BudgetBurst", "1000"),
        ];
        let settings: Vec<_> = base.iter().chain(settings).copied().collect();
        let tenant = Arc::new(tenant("north/daily/herald", 1, &settings));
        let client = client();
        let remake = Box::new(move || {
            GigyaAdapter::new(
                adapter_options(attempts),
                client.clone(),
                Arc::clone(&clock) as Arc<dyn Clock>,
                Arc::new(TestSecrets(secret.clone())),
            )
        });
        Self {
            sandbox,
            gigya: remake(),
            remake,
            tenant,
        }
    }

    /// The adapter, to put something around it; another stays in its place.
    pub(crate) fn take_adapter(mut self) -> (GigyaAdapter, Self) {
        let another = (self.remake)();
        (std::mem::replace(&mut self.gigya, another), self)
    }

    /// The methods that were called.
    pub(crate) fn called(&self) -> Vec<String> {
        let log = self.sandbox.log().into_iter();
        log.map(|entry| entry.path.trim_start_matches("/accounts.").to_owned())
            .collect()
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

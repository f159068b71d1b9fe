//! A stand-in directory and the adapter that calls it for one tenant; the presets' tests use it too.

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
    source::{CallContext, Page, Priority, SourceError, SourceErrorKind, UserSource},
};
use masthead_provider_directory::{Directory, Preset};
use masthead_provider_http::{AdapterOptions, BreakerOptions, HttpClient, HttpOptions, Secret, SecretPlace, Secrets};
use masthead_sandbox::{DirectoryConfig, Sandbox, Shape, sample_directory_users};
use masthead_testkit::clock::StoppedClock;

/// The adapter, its tenant, and the directory that it calls.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) directory: Directory,
    pub(crate) tenant: Arc<Tenant>,
    /// How long a caller waits.
    pub(crate) patience: Duration,
}

struct Told(&'static str);

impl Secrets for Told {
    fn secret(&self, place: &SecretPlace) -> Option<Secret> {
        assert_eq!(*place, SecretPlace::Environment("SANDBOX_SECRET".into()));
        (!self.0.is_empty()).then(|| Secret::new(self.0.as_bytes()))
    }
}

impl World {
    /// A tenant with these settings (without the preset's name before them) and this secret; one try for each call.
    pub(crate) async fn with(
        preset: Preset,
        config: DirectoryConfig,
        secret: &'static str,
        settings: &[(&str, &str)],
    ) -> Self {
        let sandbox = Sandbox::start(config).await.unwrap();
        let clock = Arc::new(StoppedClock::default());
        sandbox.clock().freeze_at(clock.now());
        let base = [
            ("BaseUrl", sandbox.url()),
            ("SecretEnv", "SANDBOX_SECRET"),
            ("BudgetPerSecond", "1000"),
            ("BudgetBurst", "1000"),
        ];
        let named: Vec<(String, &str)> = base
            .iter()
            .chain(settings)
            .map(|(name, value)| (format!("{}.{name}", preset.name), *value))
            .collect();
        let (parsed, mistakes) = TenantSettings::parse(named.iter().map(|(name, value)| (&**name, *value)));
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
            max_body_bytes: 1024 * 1024,
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
            attempts: 1,
            backoff: Duration::from_millis(5),
        };
        Self {
            sandbox,
            directory: Directory::new(preset, options, client, clock, Arc::new(Told(secret))),
            tenant: Arc::new(tenant),
            patience: Duration::from_secs(20),
        }
    }

    pub(crate) fn cx(&self) -> CallContext {
        let deadline = Instant::now() + self.patience;
        CallContext::new(Arc::clone(&self.tenant), deadline, Priority::Interactive)
    }

    pub(crate) async fn by_id(&self, id: &str) -> Result<Option<Account>, SourceError> {
        self.directory.by_id(&self.cx(), &Crid::parse(id).unwrap()).await
    }

    pub(crate) async fn by_email(&self, email: &str) -> Result<Vec<Account>, SourceError> {
        self.directory.by_email(&self.cx(), &EmailKey::of(email)).await
    }

    /// The ids of the users with this address.
    pub(crate) async fn ids_by_email(&self, email: &str) -> Vec<String> {
        ids(&self.by_email(email).await.unwrap())
    }

    pub(crate) async fn list(&self, filter: UserFilter) -> Result<Page, SourceError> {
        let query = UserQuery {
            filter,
            order: Order::default(),
            position: Position::Offset(0),
            size: 1_000,
            count: CountMode::Exact,
        };
        self.directory.search(&self.cx(), &query).await
    }
}

/// A directory of this shape as it comes, with this many users.
pub(crate) fn stand_in(shape: Shape, count: usize) -> DirectoryConfig {
    let config = match shape {
        Shape::Ssor => DirectoryConfig::ssor(),
        Shape::Firefly => DirectoryConfig::firefly(),
    };
    DirectoryConfig {
        users: sample_directory_users(shape, count).collect(),
        ..config
    }
}

pub(crate) fn ids(accounts: &[Account]) -> Vec<String> {
    accounts
        .iter()
        .map(|account| account.crid.as_str().to_owned())
        .collect()
}

pub(crate) fn kind<T>(answer: Result<T, SourceError>) -> Option<SourceErrorKind> {
    answer.err().map(|error| error.kind)
}

/// Every text of an account, for what must not be in it.
pub(crate) fn texts(account: &Account) -> Vec<String> {
    let own = [
        account.crid.as_str(),
        account.email.as_ref().map_or("", |email| email.as_str()),
        &account.first_name,
        &account.last_name,
    ];
    let metadata = account.metadata.iter().flat_map(|(key, value)| [key, value]);
    own.into_iter().chain(metadata).map(str::to_owned).collect()
}

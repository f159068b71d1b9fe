//! A stand-in directory and the adapter that calls it for one tenant; the presets' tests use it too.

use std::sync::Arc;

use masthead_domain::{account::Account, query::UserFilter, tenant::Tenant};
use masthead_ports::{
    clock::Clock,
    source::{Page, SourceError, SourceErrorKind, UserSource},
};
use masthead_provider_generic::{GenericAdapter, Preset};
use masthead_sandbox::{DirectoryConfig, Sandbox, Shape, sample_directory_users};
use masthead_testkit::{
    asking::{Asking, listing},
    clock::StoppedClock,
    tenants::tenant,
};

use masthead_provider_kit::testing::{SECRET_ENV, TestSecrets, adapter_options, client};

/// The adapter, its tenant, and the directory that it calls.
pub(crate) struct GenericFixture {
    pub(crate) sandbox: Sandbox,
    pub(crate) directory: GenericAdapter,
    pub(crate) tenant: Arc<Tenant>,
}

impl Asking for GenericFixture {
    fn source(&self) -> &dyn UserSource {
        &self.directory
    }

    fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }
}

impl GenericFixture {
    /// A tenant with these settings (without the preset's name before them) and this secret; one try for each call.
    pub(crate) async fn with(preset: Preset, config: DirectoryConfig, secret: &str, settings: &[(&str, &str)]) -> Self {
        let sandbox = Sandbox::start(config).await.unwrap();
        let clock = Arc::new(StoppedClock::default());
        sandbox.clock().freeze_at(clock.now());
        let base = [
            ("BaseUrl", sandbox.url()),
            ("SecretEnv", SECRET_ENV),
            ("BudgetPerSecond", "1000"),
            ("BudgetBurst", "1000"),
        ];
        let named: Vec<(String, &str)> = base
            .iter()
            .chain(settings)
            .map(|(name, value)| (format!("{}.{name}", preset.name), *value))
            .collect();
        let named: Vec<(&str, &str)> = named.iter().map(|(name, value)| (&**name, *value)).collect();
        let secret = Some(secret.to_owned()).filter(|secret| !secret.is_empty());
        let tenant = Arc::new(tenant("north/daily/herald", 1, &named));
        Self {
            sandbox,
            directory: GenericAdapter::new(
                preset,
                adapter_options(1),
                client(),
                clock,
                Arc::new(TestSecrets(secret)),
            ),
            tenant,
        }
    }

    pub(crate) async fn list(&self, filter: UserFilter) -> Result<Page, SourceError> {
        self.search(&listing(filter, 1_000)).await
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

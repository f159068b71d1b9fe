//! The sandbox of a generic provider; the tests of the presets include this file too.

use masthead_domain::{account::Account, query::UserFilter};
use masthead_ports::source::{AccountPage, SourceError, SourceErrorKind};
use masthead_provider_generic::{GenericAdapter, Preset};
use masthead_provider_testkit::{AdapterFixture, SourceClient, listing};
use masthead_sandbox::{GenericStubConfig, UserShape, sample_generic_users};

pub(crate) type GenericFixture = AdapterFixture<GenericAdapter>;

/// A tenant with these settings (without the preset's name before them) and this secret; one attempt for each call.
pub(crate) async fn with(
    preset: Preset,
    config: GenericStubConfig,
    secret: &str,
    settings: &[(&str, &str)],
) -> GenericFixture {
    let secret = Some(secret.to_owned()).filter(|secret| !secret.is_empty());
    let settings: Vec<_> = [("SecretEnv", "SANDBOX_SECRET")]
        .iter()
        .chain(settings)
        .copied()
        .collect();
    let create = move |parts| GenericAdapter::new(preset, parts);
    AdapterFixture::start(config, preset.name, &settings, secret, 1, create).await
}

/// The first users who match a filter.
pub(crate) async fn list(fixture: &GenericFixture, filter: UserFilter) -> Result<AccountPage, SourceError> {
    fixture.search(&listing(filter, 1_000)).await
}

/// The sandbox of this shape, with this many users.
pub(crate) fn sandbox_config(shape: UserShape, count: usize) -> GenericStubConfig {
    let config = match shape {
        UserShape::Ssor => GenericStubConfig::ssor(),
        UserShape::Firefly => GenericStubConfig::firefly(),
    };
    GenericStubConfig {
        users: sample_generic_users(shape, count).collect(),
        ..config
    }
}

pub(crate) fn kind<T>(answer: Result<T, SourceError>) -> Option<SourceErrorKind> {
    answer.err().map(|error| error.kind)
}

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

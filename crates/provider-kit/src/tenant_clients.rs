//! The clients of one provider, one for each tenant, created on first use.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use masthead_domain::tenant::{Tenant, TenantId};
use masthead_ports::{
    clock::Clock,
    source::{SourceError, SourceErrorKind, SourceName},
};
use tokio::time::Instant;

use crate::{
    adapter_parts::AdapterParts,
    per_tenant::PerTenant,
    secrets::{Secret, SecretPlace, Secrets},
    tenant_setup::{SetupError, TenantSetup},
    upstream::{Upstream, UpstreamHealth},
};

impl AdapterParts {
    /// The tenants' clients of a provider, which is their name in errors, logs and metrics.
    #[must_use]
    pub fn tenant_clients<T>(self, provider: SourceName) -> TenantClients<T> {
        TenantClients {
            provider,
            parts: self,
            tenants: PerTenant::new(),
        }
    }
}

/// A client `T` of one provider for each tenant, with its own settings, token, budget and breaker. It is created on first
/// use, and again when the settings or the secrets change.
pub struct TenantClients<T> {
    provider: SourceName,
    parts: AdapterParts,
    tenants: PerTenant<TenantClient<T>>,
}

/// How often the files of a tenant's secrets are compared with what was read from them.
const CHECK_SECRETS_EVERY: Duration = Duration::from_secs(2);

/// A tenant's client, or none where the settings are invalid, and the secrets that it was made with.
struct TenantClient<T> {
    client: Option<Arc<T>>,
    files: Vec<(SecretPlace, Secret)>,
    checked: Mutex<Instant>,
}

impl<T> TenantClient<T> {
    fn new(client: Option<T>, files: Vec<(SecretPlace, Secret)>) -> Self {
        Self {
            client: client.map(Arc::new),
            files,
            checked: Mutex::new(Instant::now()),
        }
    }

    /// Whether a file has another secret by now. One caller looks, every few seconds: the files are small and local. One that
    /// is missing or empty is being replaced.
    fn is_outdated(&self, secrets: &dyn Secrets, tenant: &TenantId) -> bool {
        if self.files.is_empty() {
            return false;
        }
        {
            let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
            if checked.elapsed() < CHECK_SECRETS_EVERY {
                return false;
            }
            *checked = Instant::now();
        }
        self.files.iter().any(|(place, read)| {
            let now = secrets.secret(tenant, place);
            now.is_some_and(|now| now.expose() != read.expose())
        })
    }
}

impl<T> TenantClients<T> {
    /// Whether non-public addresses may be called.
    #[must_use]
    pub const fn allows_private(&self) -> bool {
        self.parts.options.allow_private
    }

    /// The clock.
    #[must_use]
    pub const fn clock(&self) -> &Arc<dyn Clock> {
        &self.parts.clock
    }

    /// The lookup of secrets.
    #[must_use]
    pub const fn secrets(&self) -> &Arc<dyn Secrets> {
        &self.parts.secrets
    }

    /// The set-up of a client for a tenant, to try its secrets.
    #[must_use]
    pub const fn setup<'a>(&'a self, tenant: &'a Tenant) -> TenantSetup<'a> {
        TenantSetup::new(self.provider, &self.parts, tenant)
    }

    /// Returns the tenant's client, which `set_up` creates. Invalid settings are logged once until they change, a missing
    /// secret at each call. A secret that is replaced in its file is noticed within seconds, and the client created anew.
    ///
    /// # Errors
    /// The client cannot be created: an operator must act.
    pub fn for_tenant(
        &self,
        tenant: &Tenant,
        operation: &'static str,
        set_up: impl Fn(&TenantSetup<'_>) -> Result<T, SetupError>,
    ) -> Result<Arc<T>, SourceError> {
        let make = |tenant: &Tenant| self.create(tenant, operation, &set_up);
        let mut found = self.tenants.get_or_make(tenant, make)?;
        if found.is_outdated(&*self.parts.secrets, &tenant.id) {
            // A secret that cannot be used is logged there; the client of before is kept, and tries again later.
            if let Ok(renewed) = make(tenant) {
                tracing::info!(source.name = self.provider, tenant = %tenant.id, "a secret has changed and is used from now on");
                found = self.tenants.replace(tenant, renewed);
            }
        }
        let invalid = || SourceError::new(operation, SourceErrorKind::Misconfigured);
        found.client.clone().ok_or_else(invalid)
    }

    fn create(
        &self,
        tenant: &Tenant,
        operation: &'static str,
        set_up: impl Fn(&TenantSetup<'_>) -> Result<T, SetupError>,
    ) -> Result<TenantClient<T>, SourceError> {
        let provider = self.provider;
        let setup = self.setup(tenant);
        match set_up(&setup) {
            Ok(made) => Ok(TenantClient::new(Some(made), setup.into_files())),
            Err(SetupError::Settings(errors)) => {
                for error in errors {
                    tracing::error!(source.name = provider, tenant = %tenant.id, mistake = %error, "the provider cannot be called");
                }
                Ok(TenantClient::new(None, Vec::new()))
            }
            Err(SetupError::Secret(reason)) => {
                tracing::error!(source.name = provider, tenant = %tenant.id, flaw = %reason, "the provider cannot be called");
                Err(SourceError::with_cause(
                    operation,
                    SourceErrorKind::Misconfigured,
                    reason,
                ))
            }
        }
    }
}

impl<T: AsRef<Upstream>> TenantClients<T> {
    /// The state of each tenant's upstream, for readiness.
    #[must_use]
    pub fn health(&self) -> Vec<(TenantId, UpstreamHealth)> {
        let all = self.tenants.all().into_iter();
        all.filter_map(|(tenant, one)| Some((tenant, one.client.as_deref()?.as_ref().health())))
            .collect()
    }
}

impl<T> fmt::Debug for TenantClients<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adapter")
            .field("provider", &self.provider)
            .field("options", &self.parts.options)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        adapter_parts::AdapterOptions,
        test_support::{clock, tenant},
        testing::client,
    };

    /// The secret of all places, which a test changes.
    #[derive(Default)]
    struct OneSecret(Mutex<Option<&'static str>>);

    impl Secrets for OneSecret {
        fn secret(&self, _: &TenantId, _: &SecretPlace) -> Option<Secret> {
            let secret = *self.0.lock().unwrap();
            secret.map(|text| Secret::new(text.as_bytes()))
        }
    }

    fn clients<T>(secrets: &Arc<OneSecret>) -> TenantClients<T> {
        let parts = AdapterParts {
            options: AdapterOptions::default(),
            client: client(),
            clock: clock(),
            secrets: Arc::clone(secrets) as _,
        };
        parts.tenant_clients("Test")
    }

    #[tokio::test]
    async fn settings_are_parsed_once_secret_every_call() {
        let adapter: TenantClients<u8> = clients(&Arc::default());
        let tenant = tenant();
        let place = SecretPlace::Environment("NONE".into());
        for _ in 0..2 {
            let result = adapter.for_tenant(&tenant, "by_id", |setup| {
                setup.secret(&place)?;
                Ok(1)
            });
            let error = result.unwrap_err();
            assert_eq!(error.kind, SourceErrorKind::Misconfigured);
            let cause = error.source.unwrap().to_string();
            assert!(cause.starts_with("the secret is not at its place"), "{cause}");
        }
        let mistaken = adapter.for_tenant(&tenant, "by_id", |_| Err(SetupError::Settings(Vec::new())));
        assert_eq!(mistaken.unwrap_err().kind, SourceErrorKind::Misconfigured);
        let still = adapter.for_tenant(&tenant, "by_id", |_| Ok(2));
        assert!(still.is_err(), "the settings are the same");
        let mut changed = (*tenant).clone();
        changed.settings.provider.insert("X.Url".into(), "set".into());
        let set_up = adapter.for_tenant(&changed, "by_id", |_| Ok(3));
        assert_eq!(*set_up.unwrap(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn replaced_secret_is_used_within_seconds() {
        let secrets = Arc::new(OneSecret(Mutex::new(Some("old"))));
        let adapter: TenantClients<String> = clients(&secrets);
        let tenant = tenant();
        let place = SecretPlace::File("secret".into());
        let used = || {
            let client = adapter.for_tenant(&tenant, "by_id", |setup| {
                let text = setup.secret(&place)?.expose_text().unwrap().to_owned();
                if text == "unusable" {
                    return Err(SetupError::secret("it cannot be used"));
                }
                Ok(text)
            });
            (*client.unwrap()).clone()
        };
        assert_eq!(used(), "old");
        for (now, expected) in [
            (Some("new"), "new"),
            (None, "new"),
            (Some("unusable"), "new"),
            (Some("newer"), "newer"),
        ] {
            *secrets.0.lock().unwrap() = now;
            tokio::time::advance(CHECK_SECRETS_EVERY).await;
            assert_eq!(used(), expected, "{now:?}");
        }
    }
}

//! The tenants of development: three newspapers of different sizes, one for each provider, and one chained to another.

use super::providers::{AUTH0, DevProvider, FIREFLY, GIGYA, SSOR};

/// One newspaper.
pub(super) struct DevTenant {
    pub(super) group: &'static str,
    pub(super) client: &'static str,
    pub(super) paper: &'static str,
    /// The number of seeded registrations.
    pub(super) registrations: usize,
    /// Whether some users have no password, or are not verified.
    pub(super) mixed: bool,
    /// The provider that the sandbox simulates.
    pub(super) provider: Option<&'static DevProvider>,
    /// The tenant whose registrations this one reads through the API (docs/chaining.md).
    pub(super) chained_to: Option<&'static str>,
}

/// All tenants. Those without a provider use the store alone.
pub(super) const TENANTS: &[DevTenant] = &[
    DevTenant {
        mixed: true,
        ..DevTenant::new("northwind", "daily", "herald", 50)
    },
    DevTenant::new("coastal", "media", "times", 2_000),
    DevTenant::new("metro", "group", "post", 20_000),
    DevTenant::with_provider("mirror", 300, &AUTH0),
    DevTenant::with_provider("courier", 100, &SSOR),
    DevTenant::with_provider("gazette", 100, &FIREFLY),
    DevTenant::with_provider("tribune", 100, &GIGYA),
    DevTenant {
        chained_to: Some("coastal/media/times"),
        ..DevTenant::new("coastal", "media", "annex", 0)
    },
];

/// Where links in mails may lead: to a page of the developer.
const RETURN_URLS: &str = "Users.ReturnUrls=http://localhost:3000/";

/// The number of users that a provider has and the store lacks.
const ONLY_AT_PROVIDER: usize = 100;

impl DevTenant {
    const fn new(group: &'static str, client: &'static str, paper: &'static str, registrations: usize) -> Self {
        Self {
            group,
            client,
            paper,
            registrations,
            mixed: false,
            provider: None,
            chained_to: None,
        }
    }

    const fn with_provider(paper: &'static str, registrations: usize, provider: &'static DevProvider) -> Self {
        Self {
            provider: Some(provider),
            ..Self::new("harbor", "news", paper, registrations)
        }
    }

    /// Its name in commands and tokens.
    pub(super) fn name(&self) -> String {
        format!("{}/{}/{}", self.group, self.client, self.paper)
    }

    /// Its `Flow.UserProvider`.
    pub(super) fn user_provider(&self) -> Option<&'static str> {
        self.provider.map(|provider| provider.name)
    }

    /// The numbers of the users that its provider has: three of four in the store, and some that the store lacks.
    pub(super) fn known_to_provider(&self) -> impl Iterator<Item = usize> + use<> {
        (0..self.registrations + ONLY_AT_PROVIDER).filter(|number| number % 4 != 3)
    }

    /// Its settings, with its provider at this address, as `tenant add --set` takes them.
    pub(super) fn settings(&self, provider_url: &str) -> Vec<String> {
        let mut settings = vec![RETURN_URLS.to_owned()];
        if let Some(provider) = self.provider {
            let first = [("Flow.UserProvider", provider.name), (provider.address, provider_url)];
            let all = first.iter().chain(provider.settings);
            settings.extend(all.map(|(key, value)| format!("{key}={value}")));
        }
        settings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tenants_with_a_provider_have_its_settings() {
        let settings = TENANTS[3].settings("http://127.0.0.1:9");
        assert!(settings.contains(&"Flow.UserProvider=Auth0".to_owned()));
        assert!(settings.contains(&"Auth0.BaseUrl=http://127.0.0.1:9".to_owned()));
        assert!(TENANTS[..3].iter().all(|tenant| tenant.settings("") == [RETURN_URLS]));
    }

    #[test]
    fn store_and_provider_overlap() {
        let mirror = &TENANTS[3];
        let known: Vec<usize> = mirror.known_to_provider().collect();
        assert!(known.contains(&0), "the first one is the sample");
        assert!((0..mirror.registrations).any(|number| !known.contains(&number)));
        assert!(known.iter().any(|number| *number >= mirror.registrations));
    }

    #[test]
    fn chained_tenant_reads_a_tenant_of_the_store() {
        let chained = TENANTS.iter().find_map(|tenant| tenant.chained_to).unwrap();
        let target = TENANTS.iter().find(|tenant| tenant.name() == chained).unwrap();
        assert!(target.registrations > 0 && target.provider.is_none());
    }

    #[test]
    fn papers_are_unique() {
        let papers: std::collections::HashSet<_> = TENANTS.iter().map(|tenant| tenant.paper).collect();
        assert_eq!(papers.len(), TENANTS.len(), "they name the workspaces");
    }
}

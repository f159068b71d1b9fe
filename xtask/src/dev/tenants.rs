//! The tenants of development: three papers of different sizes, one for each outside provider, and one chained to another.

use serde_json::Value;

use super::binary::Masthead;
use super::chain;
use super::providers::{AUTH0, DevProvider, FIREFLY, GIGYA, SSOR};
use super::sandboxes::{Sandbox, port_of};
use crate::shell::Outcome;

/// One paper.
pub(super) struct DevTenant {
    pub(super) group: &'static str,
    pub(super) client: &'static str,
    pub(super) paper: &'static str,
    /// How many registrations it is seeded with.
    pub(super) registrations: usize,
    /// Whether some of its users have no password, or are not verified.
    pub(super) mixed: bool,
    /// The outside provider of its readers, which the sandbox stands in for.
    pub(super) provider: Option<&'static DevProvider>,
}

/// All but those with a provider ask the store alone.
pub(super) const TENANTS: &[DevTenant] = &[
    DevTenant {
        group: "northwind",
        client: "daily",
        paper: "herald",
        registrations: 50,
        mixed: true,
        provider: None,
    },
    DevTenant {
        group: "coastal",
        client: "media",
        paper: "times",
        registrations: 2_000,
        mixed: false,
        provider: None,
    },
    DevTenant {
        group: "metro",
        client: "group",
        paper: "post",
        registrations: 20_000,
        mixed: false,
        provider: None,
    },
    DevTenant {
        group: "harbor",
        client: "news",
        paper: "mirror",
        registrations: 300,
        mixed: false,
        provider: Some(&AUTH0),
    },
    DevTenant {
        group: "harbor",
        client: "news",
        paper: "courier",
        registrations: 100,
        mixed: false,
        provider: Some(&SSOR),
    },
    DevTenant {
        group: "harbor",
        client: "news",
        paper: "gazette",
        registrations: 100,
        mixed: false,
        provider: Some(&FIREFLY),
    },
    DevTenant {
        group: "harbor",
        client: "news",
        paper: "tribune",
        registrations: 100,
        mixed: false,
        provider: Some(&GIGYA),
    },
    chain::NEAR,
];

/// How many readers a tenant's provider has, or would have, whom the store lacks.
const ONLY_AT_PROVIDER: usize = 100;

impl DevTenant {
    /// Its name in commands and tokens.
    pub(super) fn name(&self) -> String {
        format!("{}/{}/{}", self.group, self.client, self.paper)
    }

    /// Its `Flow.UserProvider`, when it has one.
    pub(super) fn user_provider(&self) -> Option<&'static str> {
        self.provider.map(|provider| provider.name)
    }

    /// The numbers of the invented people whom its provider knows: three of four whom the store has, so that one is the
    /// store's alone, and some whom the store has not.
    pub(super) fn known_to_provider(&self) -> impl Iterator<Item = usize> + use<> {
        (0..self.registrations + ONLY_AT_PROVIDER).filter(|number| number % 4 != 3)
    }

    /// Its settings, as `tenant add --set` takes them, with its provider at this address.
    fn settings(&self, provider_url: &str) -> Vec<String> {
        let Some(provider) = self.provider else {
            return Vec::new();
        };
        let own = [("Flow.UserProvider", provider.name), (provider.address, provider_url)];
        let all = own.iter().chain(provider.settings);
        all.map(|(key, value)| format!("{key}={value}")).collect()
    }
}

/// The tenants that there are, as `tenant list` tells them.
pub(super) fn known(masthead: &Masthead) -> Outcome<Value> {
    Ok(serde_json::from_str(&masthead.output(&["tenant", "list", "--json"])?)?)
}

/// One setting of a tenant that there is.
pub(super) fn setting(known: &Value, tenant: &DevTenant, key: &str) -> Option<String> {
    let settings = &entry(known, &tenant.name())?["settings"];
    settings[key].as_str().map(str::to_owned)
}

/// Adds those that are not there yet; the others keep what the developer has set, but for the address of a stand-in that
/// has moved.
pub(super) fn set_up(masthead: &Masthead, known: &Value, sandboxes: &[Sandbox]) -> Outcome {
    for tenant in TENANTS {
        let name = tenant.name();
        let sandbox = sandboxes.iter().find(|sandbox| sandbox.tenant.name() == name);
        let url = sandbox.map_or("", Sandbox::url);
        if entry(known, &name).is_none() {
            let settings = tenant.settings(url);
            let mut arguments = vec!["tenant", "add", &name];
            for setting in &settings {
                arguments.extend(["--set", setting]);
            }
            masthead.run(&arguments)?;
        } else if let Some(provider) = tenant.provider
            && let Some(before) = setting(known, tenant, provider.address)
            && port_of(&before).is_some()
            && before != url
        {
            masthead.run(&["tenant", "set", &name, &format!("{}={url}", provider.address)])?;
        }
    }
    Ok(())
}

fn entry<'a>(known: &'a Value, name: &str) -> Option<&'a Value> {
    known.as_array()?.iter().find(|tenant| tenant["tenant"] == name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tenant_is_found_in_the_list_by_its_whole_name() {
        let mirror = &TENANTS[3];
        let list = json!([
            {"tenant": "harbor/news/mirror-two", "settings": {}},
            {"tenant": "harbor/news/mirror", "settings": {"Auth0.BaseUrl": "http://127.0.0.1:1"}},
        ]);
        assert_eq!(
            setting(&list, mirror, "Auth0.BaseUrl").as_deref(),
            Some("http://127.0.0.1:1")
        );
        assert_eq!(setting(&list, mirror, "Auth0.Domain"), None);
        assert_eq!(setting(&list, &TENANTS[0], "Auth0.BaseUrl"), None);
    }

    #[test]
    fn a_tenant_with_a_provider_is_set_to_ask_it_and_the_others_are_set_to_nothing() {
        let settings = TENANTS[3].settings("http://127.0.0.1:9");
        assert!(settings.contains(&"Flow.UserProvider=Auth0".to_owned()));
        assert!(settings.contains(&"Auth0.BaseUrl=http://127.0.0.1:9".to_owned()));
        assert!(TENANTS[..3].iter().all(|tenant| tenant.settings("").is_empty()));
    }

    #[test]
    fn some_readers_are_on_both_sides_and_some_on_either_alone() {
        let mirror = &TENANTS[3];
        let known: Vec<usize> = mirror.known_to_provider().collect();
        assert!(known.contains(&0), "the first one is the sample");
        assert!((0..mirror.registrations).any(|number| !known.contains(&number)));
        assert!(known.iter().any(|number| *number >= mirror.registrations));
    }

    #[test]
    fn the_tenants_of_the_store_alone_differ_in_size() {
        let sizes: Vec<usize> = TENANTS[..3].iter().map(|tenant| tenant.registrations).collect();
        assert!(sizes.is_sorted_by(|one, next| one < next));
    }
}

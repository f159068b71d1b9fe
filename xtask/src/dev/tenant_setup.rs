//! Adds the tenants that the database lacks, and updates addresses that have changed since the last run.

use serde_json::Value;

use super::masthead::Masthead;
use super::sandboxes::{DevSandbox, port_in};
use super::tenants::{DevTenant, TENANTS};
use crate::shell::TaskResult;

/// The variable of the server's environment with the token of the chained tenant.
pub(super) const CHAIN_SECRET: &str = "MASTHEAD_SECRET__COASTAL__MEDIA__ANNEX__CHAIN";

/// The setting with the address of the chained tenant's server.
const CHAIN_URL: &str = "Subscribe.Url";

/// The setting that names the variable with its token.
const CHAIN_TOKEN: &str = "Subscribe.TokenEnv";

/// The tenants in the database, as `tenant list` prints them.
pub(super) struct KnownTenants(Value);

impl KnownTenants {
    pub(super) fn load(masthead: &Masthead) -> TaskResult<Self> {
        Ok(Self(serde_json::from_str(
            &masthead.output(&["tenant", "list", "--json"])?,
        )?))
    }

    fn find(&self, tenant: &DevTenant) -> Option<&Value> {
        let name = tenant.name();
        self.0.as_array()?.iter().find(|entry| entry["tenant"] == name.as_str())
    }

    /// One setting of a tenant.
    pub(super) fn setting(&self, tenant: &DevTenant, key: &str) -> Option<&str> {
        self.find(tenant)?["settings"][key].as_str()
    }

    /// Whether the developer has not replaced this address on loopback, and it differs from `url`.
    fn is_outdated(&self, tenant: &DevTenant, key: &str, url: &str) -> bool {
        self.setting(tenant, key)
            .is_some_and(|before| port_in(before).is_some() && before != url)
    }

    /// Whether the tenant's setting names a variable that is not `variable`, as one of an earlier version does.
    fn names_another(&self, tenant: &DevTenant, key: &str, variable: &str) -> bool {
        self.setting(tenant, key).is_some_and(|before| before != variable)
    }
}

/// Adds missing tenants. The others keep their settings, except the address of a stand-in with another port.
pub(super) fn set_up(masthead: &Masthead, known: &KnownTenants, sandboxes: &[DevSandbox]) -> TaskResult {
    for tenant in TENANTS {
        let name = tenant.name();
        let sandbox = sandboxes.iter().find(|sandbox| sandbox.tenant.name() == name);
        let url = sandbox.map_or("", DevSandbox::url);
        if known.find(tenant).is_none() {
            let settings = tenant.settings(url);
            let mut arguments = vec!["tenant", "add", &name];
            for setting in &settings {
                arguments.extend(["--set", setting]);
            }
            masthead.run(&arguments)?;
        } else if let Some(provider) = tenant.provider {
            let mut changes = Vec::new();
            if known.is_outdated(tenant, provider.address, url) {
                changes.push(format!("{}={url}", provider.address));
            }
            let secret = provider.secret_setting();
            if let Some(setting) = secret.filter(|setting| known.names_another(tenant, setting, provider.secret)) {
                changes.push(format!("{setting}={}", provider.secret));
            }
            if !changes.is_empty() {
                let arguments = ["tenant", "set", &name].into_iter();
                let arguments: Vec<&str> = arguments.chain(changes.iter().map(String::as_str)).collect();
                masthead.run(&arguments)?;
            }
        }
    }
    Ok(())
}

/// Sets the chained tenant up for a server at this port, and returns the server's settings with the token that it needs.
pub(super) fn set_up_chain(mut masthead: Masthead, known: &KnownTenants, port: u16) -> TaskResult<Masthead> {
    for tenant in TENANTS {
        let Some(target) = tenant.chained_to else { continue };
        // One token for all runs.
        let token = [
            "token",
            "--tenant",
            target,
            "--scope",
            "users:read",
            "--expires-in",
            "365d",
        ];
        let token = masthead.output(&token)?;
        masthead = masthead.with_setting(CHAIN_SECRET, token);

        let (name, address) = (tenant.name(), format!("http://127.0.0.1:{port}"));
        let url = format!("{CHAIN_URL}={address}");
        let token = format!("{CHAIN_TOKEN}={CHAIN_SECRET}");
        if known.find(tenant).is_none() {
            let target = format!("Subscribe.Tenant={target}");
            masthead.run(&["tenant", "set", &name, &url, &target, &token])?;
        } else if known.is_outdated(tenant, CHAIN_URL, &address)
            || known.names_another(tenant, CHAIN_TOKEN, CHAIN_SECRET)
        {
            masthead.run(&["tenant", "set", &name, &url, &token])?;
        }
    }
    Ok(masthead)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tenant_is_found_by_its_whole_name() {
        let mirror = &TENANTS[3];
        let known = KnownTenants(json!([
            {"tenant": "harbor/news/mirror-two", "settings": {}},
            {"tenant": "harbor/news/mirror", "settings": {"Auth0.BaseUrl": "http://127.0.0.1:1"}},
        ]));
        assert_eq!(known.setting(mirror, "Auth0.BaseUrl"), Some("http://127.0.0.1:1"));
        assert_eq!(known.setting(mirror, "Auth0.Domain"), None);
        assert_eq!(known.setting(&TENANTS[0], "Auth0.BaseUrl"), None);
    }

    #[test]
    fn only_loopback_addresses_are_updated() {
        let mirror = &TENANTS[3];
        for (before, outdated) in [
            ("http://127.0.0.1:1", true),
            ("http://127.0.0.1:2", false),
            ("https://readers.example.com", false),
        ] {
            let known = KnownTenants(json!([{"tenant": mirror.name(), "settings": {"Auth0.BaseUrl": before}}]));
            assert_eq!(
                known.is_outdated(mirror, "Auth0.BaseUrl", "http://127.0.0.1:2"),
                outdated,
                "{before}"
            );
        }
    }
}

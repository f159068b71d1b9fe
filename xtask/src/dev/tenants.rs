//! The tenants of development: three papers of different sizes.

use serde_json::Value;

use super::binary::Masthead;
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
    /// Its settings, as `tenant add --set` takes them.
    pub(super) settings: &'static [(&'static str, &'static str)],
}

/// All of them ask the store alone.
pub(super) const TENANTS: &[DevTenant] = &[
    DevTenant {
        group: "northwind",
        client: "daily",
        paper: "herald",
        registrations: 50,
        mixed: true,
        settings: &[],
    },
    DevTenant {
        group: "coastal",
        client: "media",
        paper: "times",
        registrations: 2_000,
        mixed: false,
        settings: &[],
    },
    DevTenant {
        group: "metro",
        client: "group",
        paper: "post",
        registrations: 20_000,
        mixed: false,
        settings: &[],
    },
];

impl DevTenant {
    /// Its name in commands and tokens.
    pub(super) fn name(&self) -> String {
        format!("{}/{}/{}", self.group, self.client, self.paper)
    }

    /// Its `Flow.UserProvider`, when it has one.
    pub(super) fn user_provider(&self) -> Option<&'static str> {
        self.settings
            .iter()
            .find(|(key, _)| *key == "Flow.UserProvider")
            .map(|(_, value)| *value)
    }
}

/// Adds those that are not there yet; the others keep what the developer has set.
pub(super) fn add_missing(masthead: &Masthead) -> Outcome {
    let list: Value = serde_json::from_str(&masthead.output(&["tenant", "list", "--json"])?)?;
    for tenant in TENANTS {
        let name = tenant.name();
        if says(&list, &name) {
            continue;
        }
        let settings: Vec<String> = tenant
            .settings
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let mut arguments = vec!["tenant", "add", &name];
        for setting in &settings {
            arguments.extend(["--set", setting]);
        }
        masthead.run(&arguments)?;
    }
    Ok(())
}

/// Whether any text of the list is this one.
fn says(list: &Value, name: &str) -> bool {
    match list {
        Value::String(text) => text == name,
        Value::Array(items) => items.iter().any(|item| says(item, name)),
        Value::Object(fields) => fields.values().any(|field| says(field, name)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tenant_is_found_in_the_list_by_its_whole_name() {
        let list = json!([{"tenant": "a/b/c", "pool": 1}]);
        assert!(says(&list, "a/b/c"));
        assert!(!says(&list, "a/b"));
    }

    #[test]
    fn the_tenants_differ_in_name_and_size() {
        let sizes: Vec<usize> = TENANTS.iter().map(|tenant| tenant.registrations).collect();
        assert!(sizes.is_sorted_by(|one, next| one < next));
        assert!(TENANTS.iter().all(|tenant| tenant.user_provider().is_none()));
    }
}

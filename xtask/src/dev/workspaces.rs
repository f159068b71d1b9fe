//! The workspaces of development: one for each tenant, with a new key in each run, since keys are stored as hashes.

use serde_json::{Value, json};

use super::masthead::Masthead;
use super::tenants::{DevTenant, TENANTS};
use crate::shell::TaskResult;

/// A workspace and its key.
pub(super) struct DevWorkspace {
    pub(super) tenant: &'static DevTenant,
    pub(super) key: String,
}

/// The limits of a tenant's workspace: the published ones, and the highest ones for the largest tenant.
fn limits(tenant: &DevTenant) -> &'static [&'static str] {
    if tenant.registrations < 10_000 {
        return &[];
    }
    &["--identifiers-per-payload", "1000", "--users-per-minute", "10000000"]
}

/// Adds missing workspaces, and replaces the keys of earlier runs.
pub(super) fn set_up(masthead: &Masthead) -> TaskResult<Vec<DevWorkspace>> {
    let known: Value = serde_json::from_str(&masthead.output(&["workspace", "list", "--json"])?)?;
    let known = known.as_array().map_or(&[][..], Vec::as_slice);
    let mut workspaces = Vec::new();
    for tenant in TENANTS {
        let name = tenant.paper;
        let key = match known.iter().find(|entry| entry["workspace"] == name) {
            None => {
                let tenant_name = tenant.name();
                let add = [&["workspace", "add", name, "--tenant", &tenant_name], limits(tenant)].concat();
                masthead.output(&add)?
            }
            Some(entry) => {
                for key in entry["keys"].as_array().into_iter().flatten() {
                    let number = key["number"].to_string();
                    masthead.output(&["workspace", "key", name, "--remove", &number])?;
                }
                masthead.output(&["workspace", "key", name])?
            }
        };
        workspaces.push(DevWorkspace { tenant, key });
    }
    Ok(workspaces)
}

impl DevWorkspace {
    /// Its entry in `dev.json`; the sample is a user that the export finds.
    pub(super) fn to_json(&self, sample: &Value) -> Value {
        json!({
            "id": self.tenant.paper,
            "key": self.key,
            "tenant": self.tenant.name(),
            "sample": {"customerRegistrationId": sample["customerRegistrationId"]},
        })
    }

    /// Command lines to paste.
    pub(super) fn examples(&self, url: &str, sample: &Value) -> Vec<String> {
        let (id, key) = (self.tenant.paper, &self.key);
        let identifier = |id: &Value| json!({"identifier_type": "customer_id", "identifier": id});
        let body = json!({
            "identifiers": [identifier(&sample["customerRegistrationId"]), identifier(&json!("unknown"))],
        });
        vec![
            "the customers export:".to_owned(),
            format!(
                "  curl -s -u '{id}:{key}' -H 'Content-Type: application/json' -d '{body}' '{url}/v1/customers/export?app_id={id}'"
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_and_example_have_id_and_key() {
        let workspace = DevWorkspace {
            tenant: &TENANTS[0],
            key: "mhk_x".to_owned(),
        };
        let sample = json!({"customerRegistrationId": "2937", "email": "a@example.com"});
        assert_eq!(
            workspace.to_json(&sample),
            json!({
                "id": "herald", "key": "mhk_x", "tenant": "northwind/daily/herald",
                "sample": {"customerRegistrationId": "2937"},
            })
        );
        let lines = workspace.examples("http://h:1", &sample);
        assert!(lines[1].starts_with("  curl -s -u 'herald:mhk_x' "), "{}", lines[1]);
        assert!(lines[1].ends_with("'http://h:1/v1/customers/export?app_id=herald'"));
    }
}

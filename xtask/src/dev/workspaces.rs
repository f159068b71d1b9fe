//! The workspaces of development: one for each tenant, whose key is made anew in every run, since nobody keeps keys.

use serde_json::{Value, json};

use super::binary::Masthead;
use super::tenants::{DevTenant, TENANTS};
use crate::shell::Outcome;

/// A workspace, and what opens it.
pub(super) struct Workspace {
    pub(super) tenant: &'static DevTenant,
    pub(super) key: String,
}

/// How much a workspace of a tenant this large may ask for: the published limits, and of the largest one as much as there
/// can be asked for.
fn limits(tenant: &DevTenant) -> &'static [&'static str] {
    if tenant.registrations < 10_000 {
        return &[];
    }
    &["--identifiers-per-payload", "1000", "--users-per-minute", "10000000"]
}

/// Makes the workspaces that are not there yet, and a new key of each in place of those of earlier runs.
pub(super) fn set_up(masthead: &Masthead) -> Outcome<Vec<Workspace>> {
    let known: Value = serde_json::from_str(&masthead.output(&["workspace", "list", "--json"])?)?;
    let mut workspaces = Vec::new();
    for tenant in TENANTS {
        let name = tenant.paper;
        let key = match entry(&known, name) {
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
        workspaces.push(Workspace { tenant, key });
    }
    Ok(workspaces)
}

fn entry<'a>(known: &'a Value, name: &str) -> Option<&'a Value> {
    known.as_array()?.iter().find(|entry| entry["workspace"] == name)
}

impl Workspace {
    /// What a script needs; the sample is a user whom the export finds.
    pub(super) fn for_scripts(&self, sample: &Value) -> Value {
        json!({
            "id": self.tenant.paper,
            "key": self.key,
            "tenant": self.tenant.name(),
            "sample": {"customerRegistrationId": sample["customerRegistrationId"]},
        })
    }

    /// What a person pastes.
    pub(super) fn in_words(&self, url: &str, sample: &Value) -> Vec<String> {
        let (id, key) = (self.tenant.paper, &self.key);
        let identifier = |of: &Value| json!({"identifier_type": "customer_id", "identifier": of});
        let body = json!({
            "identifiers": [identifier(&sample["customerRegistrationId"]), identifier(&json!("nobody"))],
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
    fn the_names_of_the_workspaces_differ() {
        let mut names: Vec<_> = TENANTS.iter().map(|tenant| tenant.paper).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TENANTS.len());
    }

    #[test]
    fn a_script_gets_id_key_and_sample_and_a_person_a_line() {
        let workspace = Workspace {
            tenant: &TENANTS[0],
            key: "mhk_x".to_owned(),
        };
        let sample = json!({"customerRegistrationId": "2937", "email": "a@example.com"});
        assert_eq!(
            workspace.for_scripts(&sample),
            json!({
                "id": "herald", "key": "mhk_x", "tenant": "northwind/daily/herald",
                "sample": {"customerRegistrationId": "2937"},
            })
        );
        let lines = workspace.in_words("http://h:1", &sample);
        assert!(lines[1].starts_with("  curl -s -u 'herald:mhk_x' "), "{}", lines[1]);
        assert!(lines[1].ends_with("'http://h:1/v1/customers/export?app_id=herald'"));
    }
}

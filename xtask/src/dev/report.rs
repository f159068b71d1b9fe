//! What a person and a script are told: the address, tokens, lines to paste, and `dev.json`.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::binary::Masthead;
use super::chain;
use super::http::{self, encoded};
use super::people::registration;
use super::sandboxes::Sandbox;
use super::secrets::write_private;
use super::tenants::{DevTenant, TENANTS};
use super::workspaces::Workspace;
use crate::shell::Outcome;

/// How long the printed tokens hold.
const TOKEN_HOLDS: &str = "12h";

/// What the printed tokens allow: every scope there is, for a developer and a script try everything.
const SCOPES: &str = "users:read users:write users:export admin";

/// How many of the invented people are looked for before any user of the tenant will do.
const LOOKED_FOR: usize = 5;

/// The five headers of a tenant, filled in.
type Headers = Vec<(&'static str, String)>;

/// Removes what an earlier run wrote: the file is there exactly while the server is.
pub(super) fn forget(folder: &Path) -> Outcome {
    match fs::remove_file(folder.join("dev.json")) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Asks the running server for a user of each tenant, prints what to paste, and writes `dev.json`.
pub(super) fn write(
    folder: &Path,
    address: &str,
    masthead: &Masthead,
    sandboxes: &[Sandbox],
    workspaces: &[Workspace],
) -> Outcome {
    let url = format!("http://{address}");
    let mut tenants = Vec::new();
    let mut exports = Vec::new();
    // Told in one piece at the end: the server's log lines come in between otherwise.
    let mut told = vec![format!(
        "\nMasthead answers at {url}   (read {url}/docs; metrics at {url}/metrics; stop with Ctrl-C)"
    )];
    for tenant in TENANTS {
        let headers = headers(tenant, masthead)?;
        let sample = sample(tenant, address, &headers)?;
        let file = folder.join(format!("{}-{}-{}.headers", tenant.group, tenant.client, tenant.paper));
        let lines: Vec<String> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\n"))
            .collect();
        write_private(&file, &lines.concat())?;
        told.extend(in_words(tenant, &url, &file, &headers, &sample));
        let mut entry = json!({
            "name": tenant.name(),
            "userProvider": tenant.user_provider(),
            "headers": headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect::<Map<_, _>>(),
            "sample": sample,
        });
        if tenant.name() == chain::NEAR.name() {
            told.push(format!(
                "its registrations are those of {}, asked through the API of this same server (docs/chaining.md)",
                chain::FAR
            ));
            entry["chainedTo"] = json!(chain::FAR);
        }
        if let Some(sandbox) = sandboxes.iter().find(|sandbox| sandbox.tenant.name() == tenant.name()) {
            told.extend(of_provider(&url, &file, &sample, sandbox));
            entry["sandbox"] = sandbox.for_scripts();
        }
        if let Some(workspace) = workspaces
            .iter()
            .find(|workspace| workspace.tenant.name() == tenant.name())
        {
            told.extend(workspace.in_words(&url, &sample));
            exports.push(workspace.for_scripts(&sample));
        }
        tenants.push(entry);
    }
    let script = folder.join("dev.json");
    let mut all = json!({
        "url": url,
        "tenants": tenants,
        "workspaces": exports,
        "command": masthead.for_scripts(variables()),
    });
    // Auth0's is the one that scripts know by this name; every tenant's own is in its entry.
    let auth0 = sandboxes
        .iter()
        .find(|sandbox| sandbox.tenant.user_provider() == Some("Auth0"));
    if let Some(sandbox) = auth0 {
        all["sandbox"] = sandbox.for_scripts();
    }
    write_private(&script, &serde_json::to_string_pretty(&all)?)?;
    println!("{}\n\nfor scripts: {}\n", told.join("\n"), script.display());
    Ok(())
}

/// The environment of this process that is Unicode; a setting is nothing else.
fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

fn headers(tenant: &DevTenant, masthead: &Masthead) -> Outcome<Headers> {
    let token = masthead.output(&[
        "token",
        "--tenant",
        &tenant.name(),
        "--scope",
        SCOPES,
        "--expires-in",
        TOKEN_HOLDS,
    ])?;
    Ok(vec![
        ("Authorization", format!("Bearer {token}")),
        ("X-SourceSystem", "DEV".to_owned()),
        ("X-ClientCode", tenant.client.to_owned()),
        ("X-PaperCode", tenant.paper.to_owned()),
        ("X-ClientGroupCode", tenant.group.to_owned()),
    ])
}

/// A user that the server really has now: one of the invented ones, with what has become of their name; else the first
/// that the tenant has.
fn sample(tenant: &DevTenant, address: &str, headers: &Headers) -> Outcome<Value> {
    for number in 0..LOOKED_FOR {
        let invented = registration(tenant, number);
        let id = invented["customerRegistrationId"].as_str().unwrap_or_default();
        let (status, body) = http::get(address, &format!("/v4/Users/{}", encoded(id)), headers)?;
        match status {
            200 => return picked(&serde_json::from_str::<Value>(&body)?["data"]),
            400 | 404 => {}
            _ => return Err(format!("the server answers {status} to a look-up by id: {body}").into()),
        }
    }
    let (status, body) = http::get(address, "/v4/Users?pageSize=1", headers)?;
    let list: Value = serde_json::from_str(&body)?;
    match list["data"].get(0) {
        Some(user) if status == 200 => picked(user),
        _ => Err(format!("{} has no user; start again with --fresh", tenant.name()).into()),
    }
}

fn picked(user: &Value) -> Outcome<Value> {
    // By id the answer is one user, or a list of one where the tenant is set so.
    let user = user.get(0).unwrap_or(user);
    let mut sample = Map::new();
    for key in ["customerRegistrationId", "email", "firstName", "lastName"] {
        let value = user[key]
            .as_str()
            .ok_or_else(|| format!("the server's answer has no {key}"))?;
        sample.insert(key.to_owned(), json!(value));
    }
    Ok(Value::Object(sample))
}

fn in_words(tenant: &DevTenant, url: &str, file: &Path, headers: &Headers, sample: &Value) -> Vec<String> {
    let of = |key: &str| sample[key].as_str().unwrap_or_default().to_owned();
    let (name, count, file) = (tenant.name(), tenant.registrations, file.display());
    let token = headers
        .first()
        .map_or("", |(_, value)| value.trim_start_matches("Bearer "));
    let curl = |rest: String| format!("  curl -s -H @'{file}' {rest}");
    vec![
        format!(
            "\n{name} ({count} invented registrations); its headers are in the file named below, its token for {TOKEN_HOLDS}:\nTOKEN='{token}'"
        ),
        curl(format!(
            "'{url}/v4/Users?metadata.firstName={}&metadata.lastName={}'",
            encoded(&of("firstName")),
            encoded(&of("lastName"))
        )),
        curl(format!("'{url}/v4/Users?email={}'", encoded(&of("email")))),
        curl(format!("'{url}/v4/Users/{}'", encoded(&of("customerRegistrationId")))),
        curl(format!(
            "-H 'Content-Type: application/json' -d '{}' '{url}/v4/Users/Search'",
            json!({"email": of("email")})
        )),
    ]
}

/// What a tenant with a provider has to show besides: who said what, one side alone, and the provider off and on.
fn of_provider(url: &str, file: &Path, sample: &Value, sandbox: &Sandbox) -> Vec<String> {
    let of = |key: &str| encoded(sample[key].as_str().unwrap_or_default());
    let (id, email) = (of("customerRegistrationId"), of("email"));
    let (file, control) = (file.display(), sandbox.control());
    let provider = sandbox.tenant.user_provider().unwrap_or_default();
    let curl = |rest: String| format!("  curl -s -H @'{file}' '{url}/v4/Users{rest}'");
    let switch = |to: &str| format!("  curl -s -X POST '{control}/{to}'");
    vec![
        format!("who of {provider} and the store said what of this reader:"),
        curl(format!("/{id}?explain=true")),
        curl(format!("?email={email}&explain=true")),
        "the store alone:".to_owned(),
        curl(format!("/{id}?ignoreProvider=true")),
        curl(format!("?email={email}&ignoreProvider=true")),
        format!("{provider} off, what is then told of this reader and of one whom nobody knows, and on again:"),
        switch("off"),
        curl(format!("/{id}")),
        curl(format!("/{id}?onProviderFailure=fail")),
        curl("/auth0%7Cnobody".to_owned()),
        switch("on"),
        format!("what else can go wrong with it: curl -s '{control}/'"),
    ]
}

#[cfg(test)]
mod tests {
    use masthead_domain::tenant::Scope;

    use super::*;

    /// `target/dev/dev.json` is for trying everything (README).
    #[test]
    fn tokens_of_development_carry_every_scope() {
        let every: Vec<&str> = Scope::ALL.into_iter().map(|(_, name)| name).collect();
        assert_eq!(SCOPES.split(' ').collect::<Vec<_>>(), every);
    }

    #[test]
    fn the_lines_to_paste_carry_the_headers_and_encode_what_a_url_cannot_carry() {
        let sample = json!({
            "customerRegistrationId": "auth0|1", "email": "a@example.com", "firstName": "Zoë", "lastName": "O'Hara",
        });
        let headers = vec![("Authorization", "Bearer abc".to_owned())];
        let lines = in_words(&TENANTS[0], "http://h:1", Path::new("/f"), &headers, &sample);
        assert!(lines[0].ends_with("\nTOKEN='abc'"));
        assert_eq!(
            lines[1],
            "  curl -s -H @'/f' 'http://h:1/v4/Users?metadata.firstName=Zo%C3%AB&metadata.lastName=O%27Hara'"
        );
        assert_eq!(lines[3], "  curl -s -H @'/f' 'http://h:1/v4/Users/auth0%7C1'");
    }

    #[test]
    fn the_sample_has_the_four_fields_of_one_user_and_no_more() {
        let user = json!({
            "customerRegistrationId": "1", "email": "a@example.com", "firstName": "A", "lastName": "B", "state": "Lite",
        });
        let expected = json!({
            "customerRegistrationId": "1", "email": "a@example.com", "firstName": "A", "lastName": "B",
        });
        assert_eq!(picked(&user).unwrap(), expected);
        assert_eq!(picked(&json!([user])).unwrap(), expected);
        assert!(picked(&json!({"email": "a@example.com"})).is_err());
    }
}

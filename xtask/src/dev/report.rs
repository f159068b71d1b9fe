//! The output of a run: addresses, tokens and command lines for the developer, and `dev.json` for scripts.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::http::{self, encode};
use super::mailbox::DevMailbox;
use super::masthead::Masthead;
use super::registrations::registration;
use super::sandboxes::DevSandbox;
use super::secrets::write_private;
use super::tenants::{DevTenant, TENANTS};
use super::workspaces::DevWorkspace;
use crate::shell::TaskResult;

/// The lifetime of the tokens.
const TOKEN_LIFETIME: &str = "12h";

/// All scopes.
const SCOPES: &str = "users:read users:search users:list users:report users:write users:authenticate users:tickets users:erase users:export \
     audit:read admin";

/// The number of invented users that are tried as the sample.
const SAMPLES_TRIED: usize = 5;

/// The five headers of a tenant.
type TenantHeaders = Vec<(&'static str, String)>;

/// Removes `dev.json`: the file exists while the server runs.
pub(super) fn remove(folder: &Path) -> TaskResult {
    match fs::remove_file(folder.join("dev.json")) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Finds a user of each tenant, prints command lines, and writes `dev.json`.
pub(super) fn write(
    folder: &Path,
    address: &str,
    masthead: &Masthead,
    sandboxes: &[DevSandbox],
    mailbox: &DevMailbox,
    workspaces: &[DevWorkspace],
) -> TaskResult {
    let url = format!("http://{address}");
    let mut tenants = Vec::new();
    let mut exports = Vec::new();
    // Printed at once at the end, so that no log line of the server comes in between.
    let mut lines = vec![format!(
        "\nMasthead runs at {url}   (read {url}/docs; metrics at {url}/metrics; stop with Ctrl-C)"
    )];
    lines.push(format!("its mails are shown at {}", mailbox.page()));
    for tenant in TENANTS {
        let name = tenant.name();
        let headers = headers(tenant, masthead)?;
        let sample = find_sample(tenant, address, &headers)?;
        let file = folder.join(format!("{}.headers", name.replace('/', "-")));
        let text = headers.iter().map(|(name, value)| format!("{name}: {value}\n"));
        write_private(&file, &text.collect::<String>())?;
        lines.extend(examples(tenant, &url, &file, &headers, &sample));
        if tenant.chained_to.is_none() {
            lines.extend(new_reader(tenant, &url, &file, mailbox.page()));
        }
        let mut entry = json!({
            "name": name,
            "userProvider": tenant.user_provider(),
            "headers": headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect::<Map<_, _>>(),
            "sample": sample,
        });
        if let Some(target) = tenant.chained_to {
            lines.push(format!(
                "its registrations are those of {target}, read through the API of this server (docs/chaining.md)"
            ));
            entry["chainedTo"] = json!(target);
        }
        if let Some(sandbox) = sandboxes.iter().find(|sandbox| sandbox.tenant.name() == name) {
            lines.extend(provider_examples(&url, &file, &sample, sandbox));
            entry["sandbox"] = sandbox.to_json();
        }
        if let Some(workspace) = workspaces.iter().find(|workspace| workspace.tenant.name() == name) {
            lines.extend(workspace.examples(&url, &sample));
            exports.push(workspace.to_json(&sample));
        }
        tenants.push(entry);
    }
    let script = folder.join("dev.json");
    let mut all = json!({
        "url": url,
        "tenants": tenants,
        "workspaces": exports,
        "mailbox": mailbox.to_json(),
        "command": masthead.to_json(variables()),
    });
    // Scripts know Auth0's stand-in by this name; every tenant's is in its entry.
    let auth0 = |sandbox: &&DevSandbox| sandbox.tenant.user_provider() == Some("Auth0");
    if let Some(sandbox) = sandboxes.iter().find(auth0) {
        all["sandbox"] = sandbox.to_json();
    }
    write_private(&script, &serde_json::to_string_pretty(&all)?)?;
    println!("{}\n\nfor scripts: {}\n", lines.join("\n"), script.display());
    Ok(())
}

/// The environment of this process, without values that are not Unicode.
fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

fn headers(tenant: &DevTenant, masthead: &Masthead) -> TaskResult<TenantHeaders> {
    let name = tenant.name();
    let arguments = [
        "token",
        "--tenant",
        &name,
        "--scope",
        SCOPES,
        "--expires-in",
        TOKEN_LIFETIME,
    ];
    Ok(vec![
        ("Authorization", format!("Bearer {}", masthead.output(&arguments)?)),
        ("X-SourceSystem", "DEV".to_owned()),
        ("X-ClientCode", tenant.client.to_owned()),
        ("X-PaperCode", tenant.paper.to_owned()),
        ("X-ClientGroupCode", tenant.group.to_owned()),
    ])
}

/// A user as the server has it now: an invented one, else the first of the tenant.
fn find_sample(tenant: &DevTenant, address: &str, headers: &TenantHeaders) -> TaskResult<Value> {
    for number in 0..SAMPLES_TRIED {
        let invented = registration(tenant, number);
        let target = format!("/v4/Users/{}", encode(text(&invented, "customerRegistrationId")));
        let (status, body) = http::get(address, &target, headers)?;
        match status {
            200 => return pick_fields(&serde_json::from_str::<Value>(&body)?["data"]),
            400 | 404 => {}
            _ => return Err(format!("the server responds {status} to a look-up by id: {body}").into()),
        }
    }
    let (status, body) = http::get(address, "/v4/Users?pageSize=1", headers)?;
    let list: Value = serde_json::from_str(&body)?;
    match list["data"].get(0) {
        Some(user) if status == 200 => pick_fields(user),
        _ => Err(format!("{} has no user; start again with --fresh", tenant.name()).into()),
    }
}

fn pick_fields(user: &Value) -> TaskResult<Value> {
    // A look-up by id returns a user, or a list with one user, by the tenant's settings.
    let user = user.get(0).unwrap_or(user);
    let mut sample = Map::new();
    for key in ["customerRegistrationId", "email", "firstName", "lastName"] {
        if !user[key].is_string() {
            return Err(format!("the server's response has no {key}").into());
        }
        sample.insert(key.to_owned(), user[key].clone());
    }
    Ok(Value::Object(sample))
}

fn text<'a>(sample: &'a Value, key: &str) -> &'a str {
    sample[key].as_str().unwrap_or_default()
}

fn examples(tenant: &DevTenant, url: &str, file: &Path, headers: &TenantHeaders, sample: &Value) -> Vec<String> {
    let (name, count, file) = (tenant.name(), tenant.registrations, file.display());
    let encoded = |key: &str| encode(text(sample, key));
    let token = headers
        .first()
        .map_or("", |(_, value)| value.trim_start_matches("Bearer "));
    let curl = |rest: String| format!("  curl -s -H @'{file}' {rest}");
    vec![
        format!(
            "\n{name} ({count} invented registrations); its headers are in the file named below, its token for {TOKEN_LIFETIME}:\nTOKEN='{token}'"
        ),
        curl(format!(
            "'{url}/v4/Users?metadata.firstName={}&metadata.lastName={}'",
            encoded("firstName"),
            encoded("lastName")
        )),
        curl(format!("'{url}/v4/Users?email={}'", encoded("email"))),
        curl(format!("'{url}/v4/Users/{}'", encoded("customerRegistrationId"))),
        curl(format!(
            "-H 'Content-Type: application/json' -d '{}' '{url}/v4/Users/Search'",
            json!({"email": text(sample, "email")})
        )),
    ]
}

/// Lines that make a new reader and sign it in: at a store-only tenant by the code of a mail. Each pasting makes another reader.
fn new_reader(tenant: &DevTenant, url: &str, file: &Path, mailbox: &str) -> Vec<String> {
    let post = |path: &str, members: &str| {
        let file = file.display();
        format!("  curl -s -H @'{file}' -H 'Content-Type: application/json' -d '{{{members}}}' '{url}/v4/Users{path}'")
    };
    let password = r#""password":"a-first-Password-1""#;
    let create = format!(r#""email":"'$READER'",{password},"firstName":"Rea","lastName":"Reader""#);
    let mut lines = vec![r#"  READER="reader-$(date +%s)@example.net""#.to_owned()];
    if tenant.provider.is_some() {
        lines.insert(0, "a reader is created on both sides, and signs in:".to_owned());
        lines.push(post("", &create));
    } else {
        let title = format!("a reader registers, reads the mail ({mailbox}), verifies, and signs in:");
        lines.insert(0, title);
        let pending = format!(r#"{create},"verifyEmail":true,"returnUrl":"http://localhost:3000/""#);
        lines.push(post("", &pending));
        lines.push(format!(
            "  sleep 2; CODE=$(curl -s '{mailbox}/messages' | grep -o 'Your code: [0-9A-F]\\{{6\\}}' | tail -n 1 | cut -d ' ' -f 3)"
        ));
        lines.push(post(
            "/Verification",
            r#""email":"'$READER'","verificationCode":"'$CODE'""#,
        ));
    }
    let sign_in = format!(r#""loginName":"'$READER'",{password}"#);
    lines.push(post("/Authentication", &sign_in));
    lines
}

/// Further lines for a tenant with a provider: the source of each field, the store alone, and the provider off and on.
fn provider_examples(url: &str, file: &Path, sample: &Value, sandbox: &DevSandbox) -> Vec<String> {
    let id = encode(text(sample, "customerRegistrationId"));
    let email = encode(text(sample, "email"));
    let (file, control) = (file.display(), sandbox.control());
    let provider = sandbox.tenant.user_provider().unwrap_or_default();
    let curl = |rest: String| format!("  curl -s -H @'{file}' '{url}/v4/Users{rest}'");
    let switch = |to: &str| format!("  curl -s -X POST '{control}/{to}'");
    vec![
        format!("which fields of this user come from {provider}, and which from the store:"),
        curl(format!("/{id}?explain=true")),
        curl(format!("?email={email}&explain=true")),
        "the store alone:".to_owned(),
        curl(format!("/{id}?ignoreProvider=true")),
        curl(format!("?email={email}&ignoreProvider=true")),
        format!("{provider} off, the responses for this user and for an unknown one, and on again:"),
        switch("off"),
        curl(format!("/{id}")),
        curl(format!("/{id}?onProviderFailure=fail")),
        curl("/auth0%7Cunknown".to_owned()),
        switch("on"),
        format!("other faults: curl -s '{control}/'"),
    ]
}

#[cfg(test)]
mod tests {
    use masthead_domain::access::Scope;

    use super::*;

    #[test]
    fn tokens_have_every_scope() {
        let every: Vec<&str> = Scope::ALL.into_iter().map(|(_, name)| name).collect();
        assert_eq!(SCOPES.split(' ').collect::<Vec<_>>(), every);
    }

    #[test]
    fn examples_have_headers_and_encoded_values() {
        let sample = json!({
            "customerRegistrationId": "auth0|1", "email": "a@example.com", "firstName": "Zoë", "lastName": "O'Hara",
        });
        let headers = vec![("Authorization", "Bearer abc".to_owned())];
        let lines = examples(&TENANTS[0], "http://h:1", Path::new("/f"), &headers, &sample);
        assert!(lines[0].ends_with("\nTOKEN='abc'"));
        assert_eq!(
            lines[1],
            "  curl -s -H @'/f' 'http://h:1/v4/Users?metadata.firstName=Zo%C3%AB&metadata.lastName=O%27Hara'"
        );
        assert_eq!(lines[3], "  curl -s -H @'/f' 'http://h:1/v4/Users/auth0%7C1'");
    }

    #[test]
    fn only_readers_of_the_store_verify() {
        let lines = |number: usize| new_reader(&TENANTS[number], "http://h:1", Path::new("/f"), "http://m:2");
        let (store, federated) = (lines(0), lines(3));
        assert_eq!((store.len(), federated.len()), (6, 4));
        let file = "  curl -s -H @'/f' -H 'Content-Type: application/json' -d '{";
        assert!(
            store[2].starts_with(file) && store[2].contains(r#""verifyEmail":true"#),
            "{}",
            store[2]
        );
        assert!(store[3].contains(r"grep -o 'Your code: [0-9A-F]\{6\}'"), "{}", store[3]);
        assert!(!federated[2].contains("verifyEmail"), "{}", federated[2]);
        for lines in [store, federated] {
            assert!(
                lines
                    .last()
                    .unwrap()
                    .ends_with("' 'http://h:1/v4/Users/Authentication'")
            );
        }
    }

    #[test]
    fn sample_has_four_fields() {
        let user = json!({
            "customerRegistrationId": "1", "email": "a@example.com", "firstName": "A", "lastName": "B", "state": "Lite",
        });
        let expected = json!({
            "customerRegistrationId": "1", "email": "a@example.com", "firstName": "A", "lastName": "B",
        });
        assert_eq!(pick_fields(&user).unwrap(), expected);
        assert_eq!(pick_fields(&json!([user])).unwrap(), expected);
        assert!(pick_fields(&json!({"email": "a@example.com"})).is_err());
    }
}

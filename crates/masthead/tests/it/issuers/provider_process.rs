//! A real oidc-provider (npm, `oidc-provider/package-lock.json`) as a child process.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
};

use masthead_dev_postgres::workspace;
use masthead_testkit::contract_cases::CaseRequest;
use serde_json::Value;

use crate::support::http_client;

const FILES: [(&str, &str); 3] = [
    ("package.json", include_str!("oidc-provider/package.json")),
    ("package-lock.json", include_str!("oidc-provider/package-lock.json")),
    ("server.mjs", include_str!("oidc-provider/server.mjs")),
];

/// The client of the provider, as Basic credentials: `crm` and its secret.
const CLIENT: &str = "Basic Y3JtOmFuLWludmVudGVkLXNlY3JldA==";

/// A running provider; it ends with its standard input.
pub(super) struct OidcProvider {
    child: Child,
    _input: ChildStdin,
    pub(super) issuer: String,
    address: SocketAddr,
}

impl OidcProvider {
    /// A provider that signs with its first key. Where Node or its packages are missing, prints that and returns `None`.
    ///
    /// # Panics
    /// They are missing and `CI` is set.
    pub(super) fn start_if_installed() -> Option<Self> {
        let folder = match installed() {
            Ok(folder) => folder,
            Err(missing) if is_ci() => panic!("{missing}"),
            Err(missing) => {
                println!("{missing}: this is not checked");
                return None;
            }
        };
        let mut child = Command::new("node")
            .arg("server.mjs")
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut issuer = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut issuer)
            .unwrap();
        let issuer = issuer.trim_end().to_owned();
        let address = issuer.strip_prefix("http://").unwrap().parse().unwrap();
        Some(Self {
            _input: child.stdin.take().unwrap(),
            child,
            issuer,
            address,
        })
    }

    /// Signs with the first of these keys from now on, and publishes them.
    pub(super) fn use_keys(&self, numbers: &str) {
        self.post(format!("/test/keys/{numbers}"), Vec::new(), "");
    }

    /// An access token of the client credentials grant.
    pub(super) fn token(&self) -> String {
        let headers = vec![
            ("Authorization", CLIENT.to_owned()),
            ("Content-Type", "application/x-www-form-urlencoded".to_owned()),
        ];
        let form = "grant_type=client_credentials&scope=users%3Aread";
        let body: Value = serde_json::from_str(&self.post("/token".to_owned(), headers, form)).unwrap();
        body["access_token"].as_str().unwrap().to_owned()
    }

    fn post(&self, target: String, headers: Vec<(&'static str, String)>, body: &str) -> String {
        let request = CaseRequest {
            method: "POST",
            target,
            headers,
            body: body.to_owned(),
        };
        let answer = http_client::send(self.address, &request);
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }
}

impl Drop for OidcProvider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test, as in dev-postgres, asks whether it may be skipped"
)]
fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|ci| !ci.is_empty())
}

/// The folder with the provider's packages, installed once for a lock file.
fn installed() -> Result<PathBuf, String> {
    let folder = workspace().join("target/oidc-provider");
    let mark = folder.join("installed.lock");
    let (_, lock) = FILES[1];
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    // Each test is a process of its own; the lock ends with the file.
    let one_at_a_time = File::create(folder.join("install.lock")).map_err(|error| error.to_string())?;
    one_at_a_time.lock().map_err(|error| error.to_string())?;
    for (name, text) in FILES {
        fs::write(folder.join(name), text).map_err(|error| error.to_string())?;
    }
    if fs::read_to_string(&mark).is_ok_and(|installed| installed == lock) {
        return Ok(folder);
    }
    run("node", &["--version"], &folder)?;
    run("npm", &["ci", "--omit=dev", "--no-audit", "--no-fund"], &folder)?;
    fs::write(&mark, lock).map_err(|error| error.to_string())?;
    Ok(folder)
}

fn run(program: &str, arguments: &[&str], folder: &Path) -> Result<(), String> {
    let ended = Command::new(program).args(arguments).current_dir(folder).output();
    let ended = ended.map_err(|error| format!("{program} is not installed ({})", error.kind()))?;
    if ended.status.success() {
        return Ok(());
    }
    let reason = String::from_utf8_lossy(&ended.stderr).into_owned();
    Err(format!("`{program} {}` failed: {reason}", arguments.join(" ")))
}

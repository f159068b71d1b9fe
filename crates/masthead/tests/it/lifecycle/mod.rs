//! The life of a server: readiness, signals, reloads, and restarts that no client notices.

mod operations_port;
mod readiness;
mod reloads;
mod restarts;
mod sealing_keys;
mod signals;

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    thread::sleep,
    time::{Duration, Instant},
};

use masthead_dev_postgres::TestDatabase;
use masthead_testkit::contract_cases::{CaseAnswer, CaseRequest};
use serde_json::{Value, json};

use crate::{
    journeys::headers,
    support::{http_client, process, raw_http::FOREVER},
};

const TENANT: &str = "north/daily/herald";
const READERS: usize = 20;

/// A database with one tenant and its users, and the settings of a server with generous limits: a busy machine must not
/// fail a test.
fn loaded() -> (TestDatabase, Vec<(String, String)>) {
    let line = |n| json!({"customerRegistrationId": format!("crid-{n}"), "email": format!("ann{n}@example.com"), "tenant": TENANT});
    let lines: Vec<_> = (0..READERS).map(|n| line(n).to_string() + "\n").collect();
    let database = process::loaded_database(&[(TENANT.to_owned(), Vec::new())], &lines.concat());
    let mut settings = process::settings(&database.url().unwrap());
    for key in [
        "HTTP__REQUEST_DEADLINE",
        "DATABASE__STATEMENT_TIMEOUT",
        "DATABASE__ACQUIRE_TIMEOUT",
    ] {
        settings.push(process::setting(key, "30s"));
    }
    (database, settings)
}

/// The same settings with another value of one.
fn with(settings: &[(String, String)], key: &str, value: &str) -> Vec<(String, String)> {
    let mut settings = settings.to_vec();
    let (name, value) = process::setting(key, value);
    settings.retain(|(other, _)| *other != name);
    settings.push((name, value));
    settings
}

/// An address on which nothing listens now.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A read of the tenant with this token.
fn get_as(address: SocketAddr, path: &str, token: &str) -> CaseAnswer {
    let request = CaseRequest {
        method: "GET",
        target: path.to_owned(),
        headers: headers(token),
        body: String::new(),
    };
    http_client::send(address, &request)
}

/// `/health/ready` with its details.
fn ready(address: SocketAddr) -> (u16, Value) {
    let answer = http_client::get(address, "/health/ready");
    (answer.status, serde_json::from_str(&answer.body).unwrap())
}

/// Why a part is not ready.
fn why<'r>(report: &'r Value, part: &str) -> Option<&'r str> {
    let parts = report["parts"].as_array().unwrap();
    let found = parts.iter().find(|found| found["name"] == part);
    found.unwrap_or_else(|| panic!("no part {part}: {report}"))["why"].as_str()
}

fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let began = Instant::now();
    while !reached() {
        assert!(began.elapsed() < FOREVER, "never reached: {what}");
        sleep(Duration::from_millis(50));
    }
}

/// A folder that is removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("masthead-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap_or_default()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

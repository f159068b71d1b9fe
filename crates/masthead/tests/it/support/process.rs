//! The program itself, as a child process.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use masthead::settings::variable_prefix;
use masthead_dev_postgres::TestDatabase;
use masthead_domain::tenant::TenantId;
use masthead_tokens::{Sealer, Secret};
use serde_json::{Value, json};

use super::raw_http::FOREVER;

pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const AUDIENCE: &str = "masthead";
pub(crate) const SECRET: &str = "an-invented-secret-of-more-than-32-bytes";
pub(crate) const SEALING_KEY: &str =
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==";

/// A setting as an environment variable.
pub(crate) fn setting(key: &str, value: &str) -> (String, String) {
    (format!("MASTHEAD__{key}"), value.to_owned())
}

/// The variable with a tenant's secret of this name.
pub(crate) fn secret_variable(tenant: &str, name: &str) -> String {
    variable_prefix(&TenantId::parse(tenant).unwrap()) + name
}

/// The codec of sealed values with the program's key.
pub(crate) fn sealer() -> Sealer {
    let key = Secret::new(BASE64_STANDARD.decode(SEALING_KEY).unwrap());
    Sealer::new("k1", &BTreeMap::from([("k1".to_owned(), key)])).unwrap()
}

/// A copy of a database that the program's own commands have filled with these tenants and these lines of an import.
pub(crate) fn loaded_database(tenants: &[(String, Vec<String>)], lines: &str) -> TestDatabase {
    // A new build of the program may load them differently.
    let built = fs::metadata(env!("CARGO_BIN_EXE_masthead"))
        .unwrap()
        .modified()
        .unwrap();
    let prepared = TestDatabase::from_template(&format!("{built:?} {tenants:?} {lines}"), |url| {
        let mut settings = settings(url);
        settings.push(setting("PROVIDERS__ALLOW_PRIVATE_ADDRESSES", "true"));
        run_ok(&settings, &["migrate"], "");
        for (tenant, own) in tenants {
            let arguments = ["tenant", "add", tenant].into_iter();
            let arguments: Vec<_> = arguments.chain(own.iter().map(String::as_str)).collect();
            run_ok(&settings, &arguments, "");
        }
        let output = run_ok(&settings, &["import", "--from", "masthead"], lines);
        let report: Value = serde_json::from_str(&output).unwrap();
        let counts = ["imported", "skipped", "unusableHashes"].map(|name| &report[name]);
        assert_eq!(json!(counts), json!([lines.lines().count(), 0, {}]));
        Ok::<_, Infallible>(())
    });
    prepared.unwrap()
}

/// The default settings of tests.
pub(crate) fn settings(database: &str) -> Vec<(String, String)> {
    [
        ("DATABASE__URL", database),
        ("HTTP__LISTEN", "127.0.0.1:0"),
        // Tests of the operations port have one of their own.
        ("METRICS__LISTEN", "off"),
        ("METRICS__ON_API_PORT", "true"),
        ("TOKENS__ISSUER", ISSUER),
        ("TOKENS__AUDIENCE", AUDIENCE),
        ("TOKENS__HS256_SECRET", SECRET),
        ("SEALING__CURRENT", "K1"),
        ("SEALING__KEYS__K1", SEALING_KEY),
        // No scheduled runs: they would change what tests count.
        ("SYNC__EVERY", "0s"),
    ]
    .map(|(key, value)| setting(key, value))
    .to_vec()
}

fn program(settings: &[(String, String)], arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_masthead"));
    // Without the environment of the machine.
    command.env_clear().envs(settings.iter().cloned()).args(arguments);
    command
}

/// Database timeouts of commands if their settings have none: a busy machine must not fail a test.
const PATIENCE: [(&str, &str); 2] = [
    ("DATABASE__ACQUIRE_TIMEOUT", "60s"),
    ("DATABASE__STATEMENT_TIMEOUT", "60s"),
];

/// Runs a command with this standard input.
pub(crate) fn run(settings: &[(String, String)], arguments: &[&str], input: &str) -> Output {
    let patience = PATIENCE.map(|(key, value)| setting(key, value));
    let mut child = program(&[&patience, settings].concat(), arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that fails early does not read its input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// Runs a command that must succeed; returns its output.
pub(crate) fn run_ok(settings: &[(String, String)], arguments: &[&str], input: &str) -> String {
    let output = run(settings, arguments, input);
    let messages = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {messages}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// Runs a command that must fail with exit code 1; returns its error message.
pub(crate) fn run_err(settings: &[(String, String)], arguments: &[&str], input: &str) -> String {
    let output = run(settings, arguments, input);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
    error
}

/// A running server; killed when dropped.
pub(crate) struct ServerProcess {
    child: Child,
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl ServerProcess {
    /// Starts it and waits until it serves.
    pub(crate) fn start(settings: &[(String, String)]) -> Self {
        Self::spawn(program(settings, &["serve"]))
    }

    /// Starts it with a limited number of file descriptors.
    pub(crate) fn start_with_descriptors(settings: &[(String, String)], descriptors: u32) -> Self {
        let mut command = Command::new("/bin/sh");
        command.env_clear().envs(settings.iter().cloned()).args([
            "-c",
            &format!("ulimit -n {descriptors}; exec \"$0\" serve"),
            env!("CARGO_BIN_EXE_masthead"),
        ]);
        Self::spawn(command)
    }

    /// Starts it with an allowance for core dumps.
    pub(crate) fn start_with_core_dumps(settings: &[(String, String)]) -> Self {
        let mut command = Command::new("/bin/sh");
        command.env_clear().envs(settings.iter().cloned()).args([
            "-c",
            "ulimit -c unlimited; exec \"$0\" serve",
            env!("CARGO_BIN_EXE_masthead"),
        ]);
        Self::spawn(command)
    }

    /// Starts it where it does not log to standard output, and waits until this address accepts connections.
    pub(crate) fn start_at(settings: &[(String, String)], address: SocketAddr) -> Self {
        let mut command = program(settings, &["serve"]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(began.elapsed() < FOREVER, "it does not serve");
            thread::sleep(Duration::from_millis(20));
        }
        Self {
            child,
            address,
            log: Arc::default(),
            readers: Vec::new(),
        }
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn spawn(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (sender, address) = mpsc::channel();
        let stdout = child.stdout.take().unwrap();
        let kept = Arc::clone(&log);
        let lines = thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if line.contains(r#""message":"serving""#) {
                    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
                    sender.send(line["address"].as_str().unwrap().parse().unwrap()).unwrap();
                }
                let mut kept = kept.lock().unwrap();
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        let mut stderr = child.stderr.take().unwrap();
        let kept = Arc::clone(&log);
        let messages = thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            kept.lock().unwrap().push_str(&text);
        });
        let address = address.recv_timeout(FOREVER);
        let address = address.unwrap_or_else(|_| panic!("it does not serve: {}", log.lock().unwrap()));
        Self {
            child,
            address,
            log,
            readers: vec![lines, messages],
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.child.id().to_string())
            .status();
        assert!(sent.unwrap().success());
    }

    /// Its log so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits for its end; returns exit code and log.
    pub(crate) fn wait(mut self) -> (Option<i32>, String) {
        let began = Instant::now();
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None => assert!(began.elapsed() < FOREVER, "it does not end"),
            }
            thread::sleep(Duration::from_millis(20));
        };
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        (status.code(), self.log.lock().unwrap().clone())
    }

    /// Stops it in order, which must succeed; returns its log.
    pub(crate) fn stop(self) -> String {
        self.signal("TERM");
        let (code, log) = self.wait();
        assert_eq!(code, Some(0), "{log}");
        log
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

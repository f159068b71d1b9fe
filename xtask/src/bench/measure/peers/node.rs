//! The Node peer (`xtask/peers/node`): its packages, its database, and its process.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use masthead_dev_postgres::workspace;

use super::super::comparison::PeerLoad;
use super::super::context::BenchContext;
use super::super::database::BenchDatabase;
use super::super::masthead::{TOKEN_AUDIENCE, TOKEN_ISSUER, TOKEN_SECRET};
use super::super::pgbench::split_password;
use super::super::server_process::{ServerProcess, free_address};
use super::super::users::{EDITION, TENANTS, tenant_codes};
use super::super::wrk::{WrkRequests, WrkResult};
use super::copy_rows::{COPY, write_rows};
use crate::child::ChildGuard;
use crate::shell::{TaskResult, output, run};

/// One for each processor, as the server that it is measured beside has threads.
const WORKERS: u32 = 2;

/// Seals ids of invented users only.
const SEALING_KEY: &str = "5ea15ea15ea15ea15ea15ea15ea15ea15ea15ea15ea15ea15ea15ea15ea15ea1";

/// How long audit rows may take to be written.
const AUDIT_PATIENCE: Duration = Duration::from_secs(15);

/// The database of the peer, on the same server as that of Masthead.
pub(super) struct NodeDatabase<'a>(pub(super) BenchDatabase<'a>);

/// A running Node service.
pub(super) struct NodePeer<'a> {
    pub(super) server: ServerProcess,
    database: &'a NodeDatabase<'a>,
}

/// A load for it.
pub(super) struct NodeLoad<'a>(pub(super) &'a WrkRequests, pub(super) &'a NodePeer<'a>);

/// The folder of the service.
fn folder() -> PathBuf {
    workspace().join("xtask/peers/node")
}

/// Installs the locked packages unless they are there, and returns the versions of Node and the packages.
pub(super) fn install_packages() -> TaskResult<String> {
    let node = output(Command::new("node").arg("--version"))
        .map_err(|error| format!("the Node peer needs Node 20 or later and npm: {error}"))?;
    let (locked, installed) = (
        folder().join("package-lock.json"),
        folder().join("node_modules/installed.lock"),
    );
    let lock = fs::read(locked)?;
    if fs::read(&installed).ok().as_ref() != Some(&lock) {
        run(Command::new("npm")
            .args(["ci", "--omit=dev", "--no-audit", "--no-fund"])
            .current_dir(folder()))?;
        fs::write(&installed, lock)?;
    }
    let manifest: serde_json::Value = serde_json::from_str(&fs::read_to_string(folder().join("package.json"))?)?;
    Ok(format!("node {}, {}", node.trim(), manifest["dependencies"]))
}

impl<'a> NodeDatabase<'a> {
    /// The database for so many readers, created unless it exists.
    pub(super) fn prepare(context: &'a BenchContext<'_>) -> TaskResult<Self> {
        let (server, rows) = (context.database.server, context.plan.rows);
        let database = Self::named(context, &format!("masthead_bench_node_{rows}"));
        let mut hasher = DefaultHasher::new();
        for script in ["schema.sql", "indexes.sql"] {
            fs::read_to_string(folder().join(script))?.hash(&mut hasher);
        }
        let mark = format!("bench node rows={rows} edition={EDITION} schema={:x}", hasher.finish());
        let has_data = !context.plan.fresh && server.has_database(&database.0.name)? && database.0.mark()? == mark;
        if !has_data {
            let begun = Instant::now();
            database.create()?;
            let mut copy = database.copy(Stdio::piped())?;
            let input = copy.stdin.take().ok_or("a child without input")?;
            let written = write_rows(input, rows);
            finish_copy(&mut copy)?;
            written?;
            database.create_indexes()?;
            database.0.set_mark(&mark)?;
            println!(
                "Node peer: {rows} readers copied in {:.0} s",
                begun.elapsed().as_secs_f64()
            );
        }
        let count = database.0.run("SELECT count(*) FROM users")?;
        if count != rows.to_string() {
            return Err(format!("the Node peer has {count} readers instead of {rows}").into());
        }
        database.0.run("TRUNCATE audit")?;
        database.0.run("VACUUM (ANALYZE)")?;
        Ok(database)
    }

    /// The database of this name, which may not exist yet.
    pub(super) fn named(context: &'a BenchContext<'_>, name: &str) -> Self {
        Self(BenchDatabase {
            server: context.database.server,
            name: name.to_owned(),
        })
    }

    /// Creates it with its tables and tenants, and without readers and indexes.
    pub(super) fn create(&self) -> TaskResult {
        self.0.server.drop_database(&self.0.name)?;
        self.0.server.create_database(&self.0.name)?;
        self.0.run(&fs::read_to_string(folder().join("schema.sql"))?)?;
        let tenants: Vec<String> = (0..TENANTS)
            .map(|tenant| format!("({tenant}, '{}')", tenant_codes(tenant).join("', '")))
            .collect();
        self.0
            .run(&format!("INSERT INTO tenants VALUES {}", tenants.join(", ")))?;
        Ok(())
    }

    /// Starts copying readers from a file.
    pub(super) fn copy_file(&self, rows: &Path) -> TaskResult<ChildGuard> {
        self.copy(File::open(rows)?.into())
    }

    /// Creates the indexes and brings statistics up to date.
    pub(super) fn create_indexes(&self) -> TaskResult {
        self.0.run(&fs::read_to_string(folder().join("indexes.sql"))?)?;
        self.0.run("ANALYZE")?;
        Ok(())
    }

    fn copy(&self, input: Stdio) -> TaskResult<ChildGuard> {
        let program = self.0.server.program("psql").ok_or("the program `psql` is missing")?;
        let (url, password) = split_password(&self.0.server.url(&self.0.name)?);
        ChildGuard::start(
            Command::new(program)
                .args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--command", COPY])
                .arg(url)
                .envs(password.map(|password| ("PGPASSWORD", password)))
                .stdin(input),
        )
    }

    /// Starts the service.
    pub(super) fn serve(&'a self, log: &Path) -> TaskResult<NodePeer<'a>> {
        let address = free_address()?;
        let (_, port) = address.split_once(':').ok_or("an address without a port")?;
        let mut command = Command::new("node");
        command
            .arg("server.js")
            .current_dir(folder())
            .env("NODE_ENV", "production")
            .env("PORT", port)
            .env("WORKERS", WORKERS.to_string())
            .env("DATABASE_URL", self.0.server.url(&self.0.name)?)
            .env("TOKEN_SECRET", TOKEN_SECRET)
            .env("TOKEN_ISSUER", TOKEN_ISSUER)
            .env("TOKEN_AUDIENCE", TOKEN_AUDIENCE)
            .env("SEALING_KEY", SEALING_KEY);
        Ok(NodePeer {
            server: ServerProcess::start(&mut command, address, "/health", log)?,
            database: self,
        })
    }
}

/// Waits for the end of a copy.
pub(super) fn finish_copy(copy: &mut ChildGuard) -> TaskResult {
    let status = copy.wait()?;
    if status.success() {
        return Ok(());
    }
    Err(format!("copying the readers into the Node peer failed ({status})").into())
}

impl PeerLoad for NodeLoad<'_> {
    fn run(&self, connections: u32, seconds: u32) -> TaskResult<WrkResult> {
        self.0
            .run_counting_failures(&self.1.server.address, connections, seconds, None)
    }

    fn process(&self) -> u32 {
        self.1.server.process()
    }

    fn take_written(&self, answers: u64) -> TaskResult<Option<(u64, u64)>> {
        let database = &self.1.database.0;
        let begun = Instant::now();
        let events = loop {
            let count: u64 = database.run("SELECT count(*) FROM audit")?.parse()?;
            if count >= answers || begun.elapsed() > AUDIT_PATIENCE {
                break count;
            }
            thread::sleep(Duration::from_millis(200));
        };
        database.run("TRUNCATE audit")?;
        Ok(Some((events, self.1.server.take_log()?)))
    }
}

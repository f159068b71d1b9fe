//! A Postgres cluster in a private folder: created by `initdb`, started and stopped by `pg_ctl`.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::binaries::Binaries;
use crate::folder::write_private;
use crate::os_user::OsUser;
use crate::psql::Psql;
use crate::server_url::{SUPERUSER, ServerUrl};
use crate::{Error, name};

/// The time limit for a server to become ready, including recovery after a crash.
const READY_WITHIN: Duration = Duration::from_mins(1);

/// Durability is off: data of development can be made again. Settings that affect plans keep their defaults.
const SETTINGS: &str = "\
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 4GB
log_checkpoints = off
log_line_prefix = '%m [%p] %d '
timezone = 'UTC'
log_timezone = 'UTC'
";

/// Settings of a server that others replicate from, and of those; the last value of a setting counts.
const REPLICATION: &str = "\
wal_level = replica
max_wal_senders = 10
";

/// Settings of a server with TLS; its files are beside its data.
const TLS: &str = "\
ssl = on
ssl_cert_file = '../server.crt'
ssl_key_file = '../server.key'
";

/// A cluster, running or not.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    binaries: Binaries,
    user: OsUser,
    folder: PathBuf,
    /// Further settings.
    settings: &'static str,
}

impl Cluster {
    /// Opens the cluster in `folder`, and creates it when there is none.
    pub(crate) fn open(binaries: Binaries, user: OsUser, folder: PathBuf) -> Result<Self, Error> {
        let cluster = Self {
            binaries,
            user,
            folder,
            settings: "",
        };
        if !cluster.data().join("PG_VERSION").is_file() {
            cluster.create()?;
        }
        Ok(cluster)
    }

    /// The same cluster, which others can replicate from after its next start.
    pub(crate) fn with_replication(self) -> Self {
        Self {
            settings: REPLICATION,
            ..self
        }
    }

    /// The same cluster, which offers TLS with this certificate and key, in PEM, after its next start.
    pub(crate) fn with_tls(self, certificate: &str, key: &str) -> Result<Self, Error> {
        self.write(&self.folder.join("server.crt"), certificate)?;
        self.write(&self.folder.join("server.key"), key)?;
        Ok(Self { settings: TLS, ..self })
    }

    /// Creates a standby of this running cluster in another folder of the same user, by `pg_basebackup`.
    pub(crate) fn standby(&self, folder: PathBuf) -> Result<Self, Error> {
        let standby = Self { folder, ..self.clone() };
        let url = self.url()?;
        let password = url.decoded_password().unwrap_or_default();
        standby.write(&standby.folder.join("password"), &password)?;
        let program = self.binaries.program("pg_basebackup").ok_or(Error::ProgramMissing {
            program: "pg_basebackup",
            package: "the Postgres client (Debian, Ubuntu: `apt-get install postgresql-client`)",
        })?;
        let mut command = self.user.command(&program);
        command
            .args([
                "--write-recovery-conf",
                "--checkpoint=fast",
                "--wal-method=stream",
                "--no-sync",
                "--no-password",
            ])
            .arg(format!("--dbname={}", url.without_password("postgres")))
            .arg(format!("--pgdata={}", standby.data().display()))
            .env("PGPASSWORD", password);
        run("pg_basebackup", &mut command)?;
        Ok(standby)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The server's log file.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// The folder of data, log, port and password.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The URL over loopback. The port stays the same over restarts.
    pub(crate) fn url(&self) -> Result<ServerUrl, Error> {
        let read = |name: &str| {
            let path = self.folder.join(name);
            fs::read_to_string(&path).map_err(Error::io("cannot read", &path))
        };
        Ok(ServerUrl::for_loopback(read("password")?.trim(), read("port")?.trim()))
    }

    /// The `psql` of this version.
    pub(crate) fn psql(&self) -> Result<Psql, Error> {
        Ok(Psql::new(self.binaries.psql.clone(), self.url()?))
    }

    /// Another program of this version.
    pub(crate) fn program(&self, name: &str) -> Option<PathBuf> {
        self.binaries.program(name)
    }

    /// Creates the cluster in a temporary folder and renames it, so that an interrupted `initdb` leaves no half cluster.
    fn create(&self) -> Result<(), Error> {
        let password = self.folder.join("password");
        self.write(&password, &name::password())?;
        let fresh = self.folder.join("data.new");
        let initdb = |locale: &str| {
            if fresh.exists() {
                fs::remove_dir_all(&fresh).map_err(Error::io("cannot remove", &fresh))?;
            }
            let mut command = self.user.command(&self.binaries.initdb);
            command
                .args(["--no-sync", "--encoding=UTF8", "--auth=scram-sha-256"])
                .arg(format!("--username={SUPERUSER}"))
                .arg(format!("--locale={locale}"))
                .arg(format!("--pwfile={}", password.display()))
                .arg(format!("--pgdata={}", fresh.display()));
            run("initdb", &mut command)
        };
        // Older versions of macOS lack C.UTF-8. Every sorted column has COLLATE "C" itself.
        initdb("C.UTF-8").or_else(|_| initdb("C"))?;

        let main = fresh.join("postgresql.conf");
        let text = fs::read_to_string(&main).map_err(Error::io("cannot read", &main))?;
        self.write(&main, &format!("{text}\ninclude 'masthead.conf'\n"))?;
        let data = self.data();
        fs::rename(&fresh, &data).map_err(Error::io("cannot rename to", &data))
    }

    /// Starts the server unless it runs, and waits until it is ready.
    ///
    /// The caller holds the lock for starting and stopping this cluster.
    pub(crate) fn start(&self) -> Result<(), Error> {
        let begun = Instant::now();
        while let Err(error) = self.check() {
            // A free port shows that a pid file is left from a server that was killed.
            let has_server = self.pid_file().exists() && self.port().is_some_and(|port| !is_free(port));
            if !has_server {
                return self.start_stopped();
            }
            // It is starting or stopping: the process that did that was killed.
            if begun.elapsed() > READY_WITHIN {
                return Err(error);
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Executes a query; another server at this port refuses the password.
    fn check(&self) -> Result<(), Error> {
        self.psql()?.run("postgres", "SELECT 1").map(drop)
    }

    fn pid_file(&self) -> PathBuf {
        self.data().join("postmaster.pid")
    }

    /// The port of the last run.
    fn port(&self) -> Option<u16> {
        let text = fs::read_to_string(self.folder.join("port")).ok()?;
        text.trim().parse().ok()
    }

    fn start_stopped(&self) -> Result<(), Error> {
        // Postgres does not start when another process has the number in the pid file by now.
        let _ = fs::remove_file(self.pid_file());
        // The log of the previous run is kept, no older one.
        let _ = fs::rename(self.log(), self.folder.join("log.old"));
        let port = self.free_port()?;
        self.write(
            &self.data().join("masthead.conf"),
            &format!("{SETTINGS}{}port = {port}\n", self.settings),
        )?;
        self.write(&self.folder.join("port"), &port.to_string())?;
        self.pg_ctl(&["start"])
    }

    /// Stops the server in one of `pg_ctl`'s modes and waits for its end; does nothing when it does not run.
    pub(crate) fn stop(&self, mode: &str) -> Result<(), Error> {
        if self.check().is_ok() {
            self.pg_ctl(&["stop", "--mode", mode])?;
        }
        Ok(())
    }

    fn pg_ctl(&self, arguments: &[&str]) -> Result<(), Error> {
        let mut command = self.user.command(&self.binaries.pg_ctl);
        command
            .args(arguments)
            .args(["--wait", "--timeout=60"])
            .arg(format!("--pgdata={}", self.data().display()))
            .arg(format!("--log={}", self.log().display()));
        let what = format!("pg_ctl {}", arguments.join(" "));
        run(&what, &mut command).map_err(|error| {
            let log = fs::read_to_string(self.log()).unwrap_or_default();
            Error::failed(what, &format!("{error}\n{log}\n(log: {})", self.log().display()))
        })
    }

    /// The port of the last run, else another one below the range for outgoing connections.
    fn free_port(&self) -> Result<u16, Error> {
        let hash = name::hash(self.folder.as_os_str().as_encoded_bytes());
        let first = u16::try_from(hash % 8_000).unwrap_or_default();
        let others = (0..8_000).map(|step| 20_000 + (first + step) % 8_000);
        let mut ports = self.port().into_iter().chain(others);
        ports
            .find(|port| is_free(*port))
            .ok_or_else(|| Error::failed("starting Postgres", "no free port"))
    }

    /// Writes a file that only the cluster's user may read.
    fn write(&self, path: &Path, text: &str) -> Result<(), Error> {
        write_private(path, text)?;
        self.user.own(path)
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

/// Runs a program to its end. Its stdout is not captured: the server that `pg_ctl` starts would hold the pipe open.
fn run(what: &str, command: &mut Command) -> Result<(), Error> {
    let output = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .map_err(Error::io("cannot run", Path::new(command.get_program())))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::failed(what, &String::from_utf8_lossy(&output.stderr)))
}

//! A private cluster: made once, started and stopped by its own programs, told apart from every other one.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::Error;
use crate::account::Account;
use crate::binaries::Binaries;
use crate::name;
use crate::postmaster::Postmaster;

/// The cluster's superuser.
pub(crate) const SUPERUSER: &str = "masthead";

/// How long a server may take to answer, recovery after a crash included.
const PATIENCE: Duration = Duration::from_mins(1);

/// A cluster in a folder of its own.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    binaries: Binaries,
    account: Account,
    folder: PathBuf,
}

/// How a server is told to go down.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stop {
    /// Rolls open transactions back.
    Fast,
    /// Drops everything; the next start recovers from the log.
    Immediate,
}

impl Cluster {
    /// The cluster in `folder`, which belongs to `account`; made by `initdb` when there is none yet.
    pub(crate) fn open(binaries: Binaries, account: Account, folder: PathBuf) -> Result<Self, Error> {
        let account = account.owner_of(&folder);
        let cluster = Self {
            binaries,
            account,
            folder,
        };
        if !cluster.data().join("PG_VERSION").is_file() {
            cluster.initialise()?;
        }
        Ok(cluster)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The folder of the Unix socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    /// The file that the server logs to.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// The port, on loopback and in the socket's name.
    pub(crate) fn port(&self) -> Result<u16, Error> {
        let path = self.folder.join("port");
        let text = fs::read_to_string(&path).map_err(Error::io("cannot read", &path))?;
        text.trim().parse().map_err(|_| Error::Failed {
            what: format!("reading {}", path.display()),
            said: "not a port".to_owned(),
        })
    }

    /// The superuser's password, for loopback.
    pub(crate) fn password(&self) -> Result<String, Error> {
        let path = self.folder.join("password");
        fs::read_to_string(&path)
            .map(|text| text.trim().to_owned())
            .map_err(Error::io("cannot read", &path))
    }

    /// The `psql` that belongs to this cluster's version.
    pub(crate) fn psql(&self) -> &Path {
        &self.binaries.psql
    }

    /// Another program of this cluster's version.
    pub(crate) fn program(&self, name: &str) -> Option<PathBuf> {
        self.binaries.beside(name)
    }

    /// Makes the cluster beside its place and moves it there, so that one cut short never looks finished.
    fn initialise(&self) -> Result<(), Error> {
        let fresh = self.folder.join("data.new");
        if fresh.exists() {
            fs::remove_dir_all(&fresh).map_err(Error::io("cannot remove", &fresh))?;
        }
        let password = format!("{}{}", name::random(), name::random());
        let password_file = self.folder.join("password");
        self.write(&password_file, &password)?;
        let socket = self.socket();
        fs::create_dir_all(&socket).map_err(Error::io("cannot create the folder", &socket))?;
        self.account.own(&socket)?;

        let initdb = |locale: &str| {
            let mut command = self.account.command(&self.binaries.initdb);
            command
                .args([
                    "--no-sync",
                    "--encoding=UTF8",
                    "--auth-local=trust",
                    "--auth-host=scram-sha-256",
                ])
                .arg(format!("--username={SUPERUSER}"))
                .arg(format!("--locale={locale}"))
                .arg(format!("--pwfile={}", password_file.display()))
                .arg("--pgdata")
                .arg(&fresh);
            run("initdb", &mut command)
        };
        // macOS has had C.UTF-8 for a short time only; every column that we sort by says COLLATE "C" itself.
        initdb("C.UTF-8").or_else(|_| {
            fs::remove_dir_all(&fresh).or_else(|error| match error.kind() {
                std::io::ErrorKind::NotFound => Ok(()),
                _ => Err(Error::io("cannot remove", &fresh)(error)),
            })?;
            initdb("C")
        })?;

        let main = fresh.join("postgresql.conf");
        let mut text = fs::read_to_string(&main).map_err(Error::io("cannot read", &main))?;
        text.push_str("\ninclude 'masthead.conf'\n");
        self.write(&main, &text)?;
        let data = self.data();
        fs::rename(&fresh, &data).map_err(Error::io("cannot move into place", &data))
    }

    /// Whether the server answers: its own pid file says so, and that process is really this cluster's.
    pub(crate) fn is_running(&self) -> bool {
        Postmaster::of(&self.data()).is_some_and(|found| found.ready && found.is_alive(&self.data()))
    }

    /// Starts the server unless it runs, and waits until it answers; true when this call started it.
    ///
    /// The caller holds the lock under which nobody else starts or stops this cluster.
    pub(crate) fn start(&self) -> Result<bool, Error> {
        let data = self.data();
        if let Some(found) = Postmaster::of(&data) {
            if found.is_alive(&data) {
                return self.wait_until_ready().map(|()| false);
            }
            // A pid file whose number another process has meanwhile would keep the server from starting.
            self.clear_leftovers()?;
        }
        self.keep_log_short()?;
        let mut last = None;
        for port in self.ports() {
            self.write(&self.folder.join("port"), &port.to_string())?;
            self.write(&data.join("masthead.conf"), &self.settings(port))?;
            match self.pg_ctl("pg_ctl start", &["--wait", "--timeout=60", "start"]) {
                Ok(()) => return Ok(true),
                // Somebody may have taken the port since it was tried.
                Err(error) if free(port) => return Err(error),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| Error::Failed {
            what: "pg_ctl start".to_owned(),
            said: "no free port found".to_owned(),
        }))
    }

    /// Stops the server and waits until it is gone; nothing when it does not run.
    pub(crate) fn stop(&self, how: Stop) -> Result<(), Error> {
        let data = self.data();
        if !Postmaster::of(&data).is_some_and(|found| found.is_alive(&data)) {
            return Ok(());
        }
        let mode = match how {
            Stop::Fast => "--mode=fast",
            Stop::Immediate => "--mode=immediate",
        };
        self.pg_ctl("pg_ctl stop", &["--wait", "--timeout=60", mode, "stop"])
    }

    fn pg_ctl(&self, what: &str, arguments: &[&str]) -> Result<(), Error> {
        let mut command = self.account.command(&self.binaries.pg_ctl);
        command
            .arg("--pgdata")
            .arg(self.data())
            .arg("--log")
            .arg(self.log())
            .args(arguments);
        run(what, &mut command).map_err(|error| match error {
            Error::Failed { what, said } => Error::Failed {
                what,
                said: format!("{said}\n{}\n(the whole log: {})", self.log_tail(), self.log().display()),
            },
            other => other,
        })
    }

    fn wait_until_ready(&self) -> Result<(), Error> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if self.is_running() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err(Error::Failed {
            what: format!("waiting for the server in {}", self.folder.display()),
            said: self.log_tail(),
        })
    }

    fn clear_leftovers(&self) -> Result<(), Error> {
        let pid_file = self.data().join("postmaster.pid");
        fs::remove_file(&pid_file).map_err(Error::io("cannot remove", &pid_file))?;
        let socket = self.socket();
        for entry in fs::read_dir(&socket)
            .map_err(Error::io("cannot list", &socket))?
            .flatten()
        {
            fs::remove_file(entry.path()).map_err(Error::io("cannot remove", &entry.path()))?;
        }
        Ok(())
    }

    /// The remembered port first, then others below the range from which the system draws ports for outgoing connections.
    fn ports(&self) -> impl Iterator<Item = u16> {
        let hash = name::hash(self.folder.as_os_str().as_encoded_bytes());
        let start = u16::try_from(hash % 8_000).unwrap_or_default();
        let drawn = (0..8_000_u16).map(move |step| 20_000 + (start + step) % 8_000);
        self.port().into_iter().chain(drawn).filter(|port| free(*port)).take(5)
    }

    /// Durability is given up, planning is not: what decides a plan keeps its default.
    fn settings(&self, port: u16) -> String {
        format!(
            "listen_addresses = '127.0.0.1'\n\
             port = {port}\n\
             unix_socket_directories = '{socket}'\n\
             unix_socket_permissions = 0700\n\
             max_connections = 200\n\
             fsync = off\n\
             synchronous_commit = off\n\
             full_page_writes = off\n\
             wal_level = minimal\n\
             max_wal_senders = 0\n\
             max_wal_size = 4GB\n\
             log_checkpoints = off\n\
             log_line_prefix = '%m [%p] %d '\n\
             timezone = 'UTC'\n\
             log_timezone = 'UTC'\n",
            socket = self.socket().display().to_string().replace('\'', "''"),
        )
    }

    /// Writes a file that only the account may read.
    fn write(&self, path: &Path, text: &str) -> Result<(), Error> {
        fs::write(path, text).map_err(Error::io("cannot write", path))?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))
            .map_err(Error::io("cannot change the mode of", path))?;
        self.account.own(path)
    }

    fn keep_log_short(&self) -> Result<(), Error> {
        let log = self.log();
        match fs::metadata(&log) {
            Ok(found) if found.len() > 16 * 1024 * 1024 => {
                fs::remove_file(&log).map_err(Error::io("cannot remove", &log))
            }
            _ => Ok(()),
        }
    }

    fn log_tail(&self) -> String {
        fs::read(self.log()).map_or_else(
            |_| "no log was written".to_owned(),
            |bytes| tail(&String::from_utf8_lossy(&bytes)),
        )
    }
}

fn free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

/// Runs a program of the cluster to its end; its words are kept for the error.
///
/// A server that `pg_ctl` starts must not inherit a pipe of ours, or whoever reads our output would wait for it for ever:
/// `pg_ctl` gives the server the log file instead.
fn run(what: &str, command: &mut Command) -> Result<(), Error> {
    let said = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .map_err(Error::io("cannot run", Path::new(command.get_program())))?;
    if said.status.success() {
        return Ok(());
    }
    Err(Error::Failed {
        what: what.to_owned(),
        said: format!("{}: {}", said.status, tail(&String::from_utf8_lossy(&said.stderr))),
    })
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_the_last_lines_only() {
        let long: Vec<String> = (0..40).map(|line| line.to_string()).collect();
        let kept = tail(&long.join("\n"));
        assert!(kept.starts_with("28\n") && kept.ends_with("\n39"), "{kept}");
    }

    #[test]
    fn a_taken_port_is_not_free() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(!free(taken.local_addr().unwrap().port()));
    }
}

//! A `PgBouncer` in front of one database, for tests of what a connection pooler does to a client.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::account::Account;
use crate::environment::{is_ci, search_path};
use crate::{Error, TestDatabase, name, place};

/// How long it may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where packagers put the program besides the folders of `PATH`, which often lacks the second ones.
const FOLDERS: &[&str] = &["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin"];

/// A running `PgBouncer` on loopback, stopped when dropped; its settings are those of the test.
#[derive(Debug)]
pub struct PgBouncer {
    process: Child,
    folder: PathBuf,
    port: u16,
    database: String,
}

impl PgBouncer {
    /// Starts one in front of this database with these settings, as another user when we are root, which it refuses.
    ///
    /// # Errors
    /// [`Error::ProgramMissing`] without the program; [`Error::Failed`] with the end of its log when it does not listen.
    pub fn start(database: &TestDatabase, settings: &[(&str, &str)]) -> Result<Self, Error> {
        let program = program().ok_or(Error::ProgramMissing {
            program: "pgbouncer",
            package: "PgBouncer 1.18 or newer (Debian, Ubuntu: `apt install pgbouncer`)",
        })?;
        let account = Account::choose()?;
        let folder = place::private_folder(&place::state(), &format!("b-{}", name::random()), account)?;
        let mut started = Err(failed("it was not tried".to_owned()));
        // Another process may take the free port before it does.
        for _ in 0..3 {
            started = Self::start_in(&program, account, &folder, database, settings);
            if started.is_ok() {
                return started;
            }
        }
        let _ = fs::remove_dir_all(&folder);
        started
    }

    /// As [`PgBouncer::start`]; `None` without the program, unless `CI` is set: CI must have it.
    ///
    /// # Errors
    /// As [`PgBouncer::start`].
    pub fn start_if_installed(database: &TestDatabase, settings: &[(&str, &str)]) -> Result<Option<Self>, Error> {
        match Self::start(database, settings) {
            Err(Error::ProgramMissing { .. }) if !is_ci() => Ok(None),
            started => started.map(Some),
        }
    }

    /// The `postgres://` URL of the database through it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://masthead@127.0.0.1:{}/{}", self.port, self.database)
    }

    fn start_in(
        program: &Path,
        account: Account,
        folder: &Path,
        database: &TestDatabase,
        settings: &[(&str, &str)],
    ) -> Result<Self, Error> {
        let port = free_port()?;
        let configuration = folder.join("pgbouncer.ini");
        let log = folder.join("pgbouncer.log");
        fs::write(&configuration, ini(database, port, &log, settings)?)
            .map_err(Error::io("cannot write", &configuration))?;
        account.own(&configuration)?;
        let process = account
            .command(program)
            .arg("--quiet")
            .arg(&configuration)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(Error::io("cannot run", program))?;
        let mut bouncer = Self {
            process,
            folder: folder.to_owned(),
            port,
            database: database.name().to_owned(),
        };
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            let ended = bouncer.process.try_wait().ok().flatten().is_some();
            if ended || Instant::now() > until {
                let said = fs::read_to_string(&log).unwrap_or_default();
                // The folder is needed for the next try.
                bouncer.folder = PathBuf::new();
                return Err(failed(said));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(bouncer)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if self.folder.is_absolute() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

fn failed(said: String) -> Error {
    Error::Failed {
        what: "pgbouncer".to_owned(),
        said,
    }
}

fn program() -> Option<PathBuf> {
    let folders = search_path().into_iter().chain(FOLDERS.iter().map(PathBuf::from));
    folders
        .map(|folder| folder.join("pgbouncer"))
        .find(|path| path.is_file())
}

fn free_port() -> Result<u16, Error> {
    let here = Path::new("127.0.0.1:0");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Error::io("cannot listen on", here))?;
    Ok(listener
        .local_addr()
        .map_err(Error::io("cannot listen on", here))?
        .port())
}

/// Its settings: any client may come, and is the database's own user there.
fn ini(database: &TestDatabase, port: u16, log: &Path, settings: &[(&str, &str)]) -> Result<String, Error> {
    let url = database.url()?;
    let server = Server::parse(&url)
        .ok_or_else(|| Error::UrlRefused("PgBouncer needs postgres://user:password@host:port/database".to_owned()))?;
    let name = database.name();
    let mut ini = format!(
        "[databases]\n{name} = host={} port={} dbname={name} user={}{}\n[pgbouncer]\n\
         listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nlogfile = {}\nauth_type = any\n",
        server.host,
        server.port,
        server.user,
        server
            .password
            .map(|password| format!(" password={password}"))
            .unwrap_or_default(),
        log.display(),
    );
    for (name, value) in settings {
        ini.push_str(name);
        ini.push_str(" = ");
        ini.push_str(value);
        ini.push('\n');
    }
    Ok(ini)
}

/// The parts of a plain URL: what needs quotes or percent signs is not taken.
struct Server<'a> {
    user: &'a str,
    password: Option<&'a str>,
    host: &'a str,
    port: &'a str,
}

impl<'a> Server<'a> {
    fn parse(url: &'a str) -> Option<Self> {
        let (credentials, address) = url.split_once("://")?.1.rsplit_once('@')?;
        let (user, password) = match credentials.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (credentials, None),
        };
        let address = address.split('/').next()?;
        let (host, port) = address.rsplit_once(':').unwrap_or((address, "5432"));
        let is_plain = |text: &str| !text.contains(['%', '\'', ' ', '=']);
        (is_plain(credentials) && is_plain(address)).then_some(Self {
            user,
            password,
            host,
            port,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_url_is_taken_apart_and_no_other() {
        let server = Server::parse("postgres://masthead:secret@127.0.0.1:5433/masthead_x?sslmode=disable").unwrap();
        assert_eq!(
            (server.user, server.password, server.host, server.port),
            ("masthead", Some("secret"), "127.0.0.1", "5433")
        );
        let server = Server::parse("postgres://masthead@db.example/masthead_x").unwrap();
        assert_eq!(
            (server.password, server.host, server.port),
            (None, "db.example", "5432")
        );
        assert!(Server::parse("postgres://masthead:a%20b@127.0.0.1/masthead_x").is_none());
    }
}

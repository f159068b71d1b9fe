//! A `PgBouncer` in front of one database, for tests of clients behind a connection pooler.

use std::fmt::Write;
use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::clean_up::CleanUp;
use crate::environment::{is_ci, search_path};
use crate::server_url::ServerUrl;
use crate::{Error, TestDatabase, folder, name};

/// The time limit for it to listen.
const LISTENS_WITHIN: Duration = Duration::from_secs(20);

/// Folders of the packages; `PATH` often lacks those for administrators.
const FOLDERS: &[&str] = &["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin"];

const MISSING: Error = Error::ProgramMissing {
    program: "pgbouncer",
    package: "PgBouncer 1.18 or newer (Debian, Ubuntu: `apt-get install pgbouncer`)",
};

/// A running `PgBouncer` on loopback; stopped when dropped, or when the test's process ends, however it ends.
#[derive(Debug)]
pub struct PgBouncer {
    process: Child,
    stop: Option<CleanUp>,
    port: u16,
    database: String,
}

impl PgBouncer {
    /// Starts one in front of this database with these settings; as another user for root, which it refuses. Returns
    /// `None` where it is not installed, unless `CI` is set.
    pub fn start_if_installed(database: &TestDatabase, settings: &[(&str, &str)]) -> Result<Option<Self>, Error> {
        Self::start_before_url(&database.url()?, settings)
    }

    /// The same in front of the database of this URL, such as one of a private server.
    pub fn start_before_url(url: &str, settings: &[(&str, &str)]) -> Result<Option<Self>, Error> {
        let url = ServerUrl::parse(url)?;
        let folders = search_path().into_iter().chain(FOLDERS.iter().map(PathBuf::from));
        let mut programs = folders.map(|folder| folder.join("pgbouncer"));
        let Some(program) = programs.find(|path| path.is_file()) else {
            return if is_ci() { Err(MISSING) } else { Ok(None) };
        };
        // Another process may bind the free port before it does.
        let mut started = Self::start(&program, &url, settings);
        for _ in 0..2 {
            if started.is_ok() {
                break;
            }
            started = Self::start(&program, &url, settings);
        }
        started.map(Some)
    }

    /// The `postgres://` URL of the database through it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://masthead@127.0.0.1:{}/{}", self.port, self.database)
    }

    fn start(program: &Path, url: &ServerUrl, settings: &[(&str, &str)]) -> Result<Self, Error> {
        let (folder, user) = folder::private_folder(&folder::state(), &format!("b-{}", name::random()))?;
        let port = free_port()?;
        let database = url.database.clone().unwrap_or_default();
        let (configuration, log) = (folder.join("pgbouncer.ini"), folder.join("pgbouncer.log"));
        fs::write(&configuration, ini(url, port, &log, settings)?)
            .map_err(Error::io("cannot write", &configuration))?;
        user.own(&configuration)?;
        let process = user
            .command(program)
            .arg("--quiet")
            .arg(&configuration)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(Error::io("cannot run", program))?;
        let mut stop = Command::new("/bin/sh");
        stop.args(["-c", "kill -KILL \"$1\"; rm -rf \"$0\""])
            .arg(&folder)
            .arg(process.id().to_string());
        let mut bouncer = Self {
            stop: Some(CleanUp::prepare(&stop)?),
            process,
            port,
            database,
        };
        let begun = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if bouncer.process.try_wait().is_ok_and(|ended| ended.is_some()) || begun.elapsed() > LISTENS_WITHIN {
                return Err(Error::failed(
                    "pgbouncer",
                    &fs::read_to_string(&log).unwrap_or_default(),
                ));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(bouncer)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        // Killed before it is reaped: later its number may be that of another process.
        self.stop.take();
        let _ = self.process.wait();
    }
}

fn free_port() -> Result<u16, Error> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    let address = listener.map_err(Error::io("cannot listen on", Path::new("127.0.0.1:0")))?;
    Ok(address.port())
}

/// The configuration: every client is accepted, and connects as the database's own user.
fn ini(url: &ServerUrl, port: u16, log: &Path, settings: &[(&str, &str)]) -> Result<String, Error> {
    let user = url.user.as_deref().unwrap_or_default();
    let password = url.password.as_deref().unwrap_or_default();
    // The format has no escapes.
    if [user, password, &url.address]
        .iter()
        .any(|text| text.contains(['%', '\'', ' ', '=']))
    {
        return Err(Error::UrlRefused(
            "PgBouncer needs a user, password and host without special characters".to_owned(),
        ));
    }
    let (host, server_port) = url.address.rsplit_once(':').unwrap_or((&url.address, "5432"));
    let name = url.database.as_deref().unwrap_or_default();
    let password = if password.is_empty() {
        String::new()
    } else {
        format!(" password={password}")
    };
    let mut ini = format!(
        "[databases]\n{name} = host={host} port={server_port} dbname={name} user={user}{password}\n[pgbouncer]\n\
         listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nlogfile = {}\nauth_type = any\n",
        log.display(),
    );
    for (name, value) in settings {
        // Writing to a string does not fail.
        let _ = writeln!(ini, "{name} = {value}");
    }
    Ok(ini)
}

//! The server that development, tests and benchmarks share.

use std::fs;
use std::path::{Path, PathBuf};

use crate::account::Account;
use crate::binaries::{self, Binaries};
use crate::cluster::{self, Cluster, Stop};
use crate::compose::{self, Compose};
use crate::environment::{database_url, workspace};
use crate::locks::{self, Held};
use crate::named::NamedServer;
use crate::psql::Psql;
use crate::{Error, name, place};

/// A Postgres that answers, and a lease on it: nobody who keeps to [`Server::release`] stops it while this value lives.
#[derive(Debug)]
pub struct Server {
    origin: Origin,
    psql: Psql,
    /// The database from which others are made and dropped; nothing in it is read or changed.
    maintenance: String,
    /// The folder of this server's locks.
    state: PathBuf,
    started_here: bool,
    lease: Option<Held>,
}

#[derive(Debug)]
enum Origin {
    Named(NamedServer),
    Cluster(Cluster),
    Compose(Compose),
}

impl Server {
    /// Finds or starts the server, in the order that the crate's description gives, and takes a lease on it.
    ///
    /// # Errors
    /// [`Error::NothingFound`] when there is nothing to find or start; [`Error::UrlRefused`] for a `DATABASE_URL` that
    /// names a database that is not ours; others when the server does not start or answer.
    pub fn obtain() -> Result<Self, Error> {
        let state = place::state();
        if let Some(url) = database_url() {
            return Self::named(&NamedServer::parse(&url)?, &state);
        }
        if let Some(binaries) = Binaries::find()? {
            return Self::of_this_machine(binaries, &state);
        }
        match Compose::find(&workspace(), &state) {
            Some(compose) => Self::container(compose, &state),
            None => Err(Error::NothingFound),
        }
    }

    fn named(server: &NamedServer, state: &Path) -> Result<Self, Error> {
        let (url, password) = server.apart("postgres");
        let program = binaries::psql()?.display().to_string();
        let settings = password.map(|password| ("PGPASSWORD", password)).into_iter().collect();
        let mut found = Self {
            psql: Psql::new(vec![program], settings),
            maintenance: url,
            state: state.join(format!("named-{:016x}", server.identity())),
            started_here: false,
            lease: None,
            origin: Origin::Named(server.clone()),
        };
        // A role may be kept out of `postgres`; then the database of ours that the URL names must serve.
        if let Err(error) = found.psql.run(&found.maintenance, "SELECT 1") {
            let own = server.database().map(|database| server.apart(database).0);
            let own = own.filter(|own| found.psql.run(own, "SELECT 1").is_ok());
            found.maintenance = own.ok_or(error)?;
        }
        Ok(found)
    }

    fn of_this_machine(binaries: Binaries, state: &Path) -> Result<Self, Error> {
        let account = Account::choose()?;
        // Data of one major version cannot be read by another.
        let folder = format!("cluster-{}", binaries.major);
        let lease = locks::shared(&state.join("in-use.lock"))?;
        let open = || {
            let folder = place::private_folder(state, &folder, account)?;
            Cluster::open(binaries, account, folder)
        };
        let guard = locks::exclusive(&state.join("start.lock"))?;
        let cluster = open()?;
        let started_here = cluster.start()?;
        drop(guard);
        Self::on(cluster, state.to_owned(), started_here, Some(lease))
    }

    /// The server of a cluster that runs.
    pub(crate) fn on(cluster: Cluster, state: PathBuf, started_here: bool, lease: Option<Held>) -> Result<Self, Error> {
        let settings = vec![
            ("PGHOST", cluster.socket().display().to_string()),
            ("PGPORT", cluster.port()?.to_string()),
            ("PGUSER", cluster::SUPERUSER.to_owned()),
        ];
        Ok(Self {
            psql: Psql::new(vec![cluster.psql().display().to_string()], settings),
            maintenance: "postgres".to_owned(),
            state,
            started_here,
            lease,
            origin: Origin::Cluster(cluster),
        })
    }

    fn container(compose: Compose, state: &Path) -> Result<Self, Error> {
        let lease = locks::shared(&state.join("in-use.lock"))?;
        let guard = locks::exclusive(&state.join("start.lock"))?;
        let running = compose.port().is_ok() && compose.is_running();
        if !running {
            compose.start()?;
        }
        drop(guard);
        Ok(Self {
            psql: Psql::new(compose.psql(), compose.variables()?),
            maintenance: "postgres".to_owned(),
            state: state.join("compose"),
            started_here: !running,
            lease: Some(lease),
            origin: Origin::Compose(compose),
        })
    }

    /// Where the server comes from, in words for a person; no password in it.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.origin {
            Origin::Named(_) => "the server that DATABASE_URL names".to_owned(),
            Origin::Cluster(cluster) => {
                format!(
                    "a private cluster (socket and log in {})",
                    cluster.socket().with_file_name("").display()
                )
            }
            Origin::Compose(_) => "a container started by docker compose".to_owned(),
        }
    }

    /// Whether this value's making started the server; false when it was running already.
    #[must_use]
    pub fn started_here(&self) -> bool {
        self.started_here
    }

    /// Whether the server answers now.
    #[must_use]
    pub fn is_running(&self) -> bool {
        match &self.origin {
            Origin::Named(_) => self.psql.run(&self.maintenance, "SELECT 1").is_ok(),
            Origin::Cluster(cluster) => cluster.is_running(),
            Origin::Compose(compose) => compose.is_running(),
        }
    }

    /// The `postgres://` URL of one of our databases, over TCP, with the password where there is one.
    ///
    /// # Errors
    /// [`Error::NameRefused`] for a name that is not ours; [`Error::Io`] when the cluster's own files are gone.
    pub fn url(&self, database: &str) -> Result<String, Error> {
        let database = name::ours(database)?;
        let local = |user: &str, password: String, port: String| {
            format!("postgres://{user}:{password}@127.0.0.1:{port}/{database}")
        };
        Ok(match &self.origin {
            Origin::Named(server) => server.url(database),
            Origin::Cluster(cluster) => local(cluster::SUPERUSER, cluster.password()?, cluster.port()?.to_string()),
            Origin::Compose(compose) => local(compose::SUPERUSER, compose.password()?, compose.port()?),
        })
    }

    /// The folder of the server's Unix socket; `None` unless it is a private cluster. Its superuser needs no password there.
    #[must_use]
    pub fn socket_folder(&self) -> Option<PathBuf> {
        match &self.origin {
            Origin::Cluster(cluster) => Some(cluster.socket()),
            Origin::Named(_) | Origin::Compose(_) => None,
        }
    }

    /// The file that the server logs to (`auto_explain` writes there); `None` unless it is a private cluster.
    #[must_use]
    pub fn log_file(&self) -> Option<PathBuf> {
        match &self.origin {
            Origin::Cluster(cluster) => Some(cluster.log()),
            Origin::Named(_) | Origin::Compose(_) => None,
        }
    }

    /// A program that comes with Postgres, such as `pgbench`: of the private cluster's own version, or the newest of this
    /// machine; `None` when there is none.
    #[must_use]
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        match &self.origin {
            Origin::Cluster(cluster) => cluster.program(name),
            Origin::Named(_) | Origin::Compose(_) => binaries::program(name),
        }
    }

    /// Runs a script of SQL on one of our databases, each statement in a transaction of its own, stopping at the first
    /// error; gives what it printed, unaligned, `|` between columns.
    ///
    /// # Errors
    /// [`Error::NameRefused`] for a name that is not ours; [`Error::Failed`] with the server's words.
    pub fn run(&self, database: &str, script: &str) -> Result<String, Error> {
        let database = name::ours(database)?;
        match &self.origin {
            Origin::Named(server) => self.psql.run(&server.apart(database).0, script),
            Origin::Cluster(_) | Origin::Compose(_) => self.psql.run(database, script),
        }
    }

    /// Whether there is a database of this name.
    ///
    /// # Errors
    /// [`Error::NameRefused`] for a name that is not ours; [`Error::Failed`] when the server does not answer.
    pub fn has_database(&self, database: &str) -> Result<bool, Error> {
        let database = name::ours(database)?;
        let found = self.maintain(&format!("SELECT 1 FROM pg_database WHERE datname = '{database}'"))?;
        Ok(!found.is_empty())
    }

    /// Creates an empty database.
    ///
    /// # Errors
    /// [`Error::NameRefused`] for a name that is not ours; [`Error::Failed`] when there is one already.
    pub fn create_database(&self, database: &str) -> Result<(), Error> {
        // template1 may carry what somebody put there.
        self.create(database, "template0")
    }

    /// Creates a database as a copy of `template`, to which nobody may be connected.
    ///
    /// # Errors
    /// [`Error::NameRefused`] for a name that is not ours; [`Error::Failed`] when the server refuses.
    pub fn create_from_template(&self, template: &str, database: &str) -> Result<(), Error> {
        self.create(database, name::ours(template)?)
    }

    fn create(&self, database: &str, template: &str) -> Result<(), Error> {
        let database = name::ours(database)?;
        self.maintain(&format!("CREATE DATABASE {database} TEMPLATE {template}"))
            .map(drop)
    }

    /// Drops a database if there is one, and whoever is connected to it.
    ///
    /// # Errors
    /// [`Error::NameRefused`] for a name that is not ours; [`Error::Failed`] when the server refuses.
    pub fn drop_database(&self, database: &str) -> Result<(), Error> {
        let database = name::ours(database)?;
        // A notice about what is not there is nobody's concern.
        self.maintain(&format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)"))
            .map(drop)
    }

    /// Runs statements that concern whole databases.
    pub(crate) fn maintain(&self, script: &str) -> Result<String, Error> {
        self.psql.run(&self.maintenance, script)
    }

    /// The folder of this server's locks.
    pub(crate) fn state(&self) -> &Path {
        &self.state
    }

    /// Gives the lease back and stops the server unless somebody else holds one; true when it was stopped. A server that
    /// `DATABASE_URL` names is never stopped. Data are kept.
    ///
    /// # Errors
    /// [`Error::Failed`] when the server does not stop.
    pub fn release(mut self) -> Result<bool, Error> {
        if self.lease.take().is_none() {
            return Ok(false);
        }
        let state = place::state();
        let _guard = locks::exclusive(&state.join("start.lock"))?;
        let Some(_nobody_else) = locks::exclusive_now(&state.join("in-use.lock"))? else {
            return Ok(false);
        };
        match &self.origin {
            Origin::Named(_) => return Ok(false),
            Origin::Cluster(cluster) => cluster.stop(Stop::Fast)?,
            Origin::Compose(compose) => compose.stop()?,
        }
        Ok(true)
    }
}

/// Reads a folder that may not be there yet.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

//! The server that development, tests and benchmarks share.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::binaries::{self, Binaries};
use crate::clean_up::CleanUp;
use crate::cluster::Cluster;
use crate::compose::Compose;
use crate::environment::{database_url, workspace};
use crate::psql::Psql;
use crate::server_url::ServerUrl;
use crate::{Error, download, folder, locks, name};

/// A running Postgres and a lease on it: [`PostgresServer::release`] of another process does not stop it meanwhile.
#[derive(Debug)]
pub struct PostgresServer {
    origin: ServerOrigin,
    url: ServerUrl,
    psql: Psql,
    /// The database for statements on whole databases; its contents are neither read nor changed.
    maintenance: String,
    /// The folder of this server's locks.
    state: PathBuf,
    lease: Option<File>,
}

#[derive(Debug)]
enum ServerOrigin {
    DatabaseUrl,
    Cluster(Cluster),
    Compose(Compose),
}

impl PostgresServer {
    /// Finds or starts the server, in the order that the crate's description gives, and takes a lease on it.
    pub fn obtain() -> Result<Self, Error> {
        let state = folder::state();
        if let Some(url) = database_url() {
            return Self::from_url(ServerUrl::parse(&url)?, &state);
        }
        let lease = locks::shared(&state.join("in-use.lock"))?;
        let binaries = match Binaries::find()? {
            Some(binaries) => binaries,
            None => match Compose::find(&workspace(), &state)? {
                Some(compose) => return Self::from_compose(compose, &state, lease),
                None => download::binaries(&state)?,
            },
        };
        let _guard = locks::exclusive(&state.join("start.lock"))?;
        // One major version cannot read the data of another.
        let name = format!("cluster-{}", binaries.major);
        let (folder, user) = folder::private_folder(&state, &name)?;
        let cluster = Cluster::open(binaries, user, folder)?;
        cluster.start()?;
        Ok(Self {
            lease: Some(lease),
            ..Self::from_cluster(cluster, state)?
        })
    }

    fn from_url(url: ServerUrl, state: &Path) -> Result<Self, Error> {
        let identity = name::hash(url.without_password("").as_bytes());
        let psql = Psql::new(binaries::psql()?, url.clone());
        let state = state.join(format!("named-{identity:016x}"));
        let mut server = Self::new(ServerOrigin::DatabaseUrl, url, psql, state);
        // A role may lack access to `postgres`; then the database of the URL must do.
        if let Err(error) = server.maintain("SELECT 1") {
            server.maintenance = server.url.database.clone().ok_or(error)?;
            server.maintain("SELECT 1")?;
        }
        Ok(server)
    }

    fn from_compose(compose: Compose, state: &Path, lease: File) -> Result<Self, Error> {
        let _guard = locks::exclusive(&state.join("start.lock"))?;
        let (url, psql) = (compose.url(), compose.psql());
        let mut server = Self::new(ServerOrigin::Compose(compose), url, psql, state.join("compose"));
        server.lease = Some(lease);
        if let ServerOrigin::Compose(compose) = &server.origin
            && !server.is_running()
        {
            compose.start()?;
        }
        Ok(server)
    }

    /// The server of a running cluster.
    pub(crate) fn from_cluster(cluster: Cluster, state: PathBuf) -> Result<Self, Error> {
        let (url, psql) = (cluster.url()?, cluster.psql()?);
        Ok(Self::new(ServerOrigin::Cluster(cluster), url, psql, state))
    }

    fn new(origin: ServerOrigin, url: ServerUrl, psql: Psql, state: PathBuf) -> Self {
        Self {
            origin,
            url,
            psql,
            maintenance: "postgres".to_owned(),
            state,
            lease: None,
        }
    }

    fn cluster(&self) -> Option<&Cluster> {
        match &self.origin {
            ServerOrigin::Cluster(cluster) => Some(cluster),
            ServerOrigin::DatabaseUrl | ServerOrigin::Compose(_) => None,
        }
    }

    /// Describes where the server comes from; without a password.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.origin {
            ServerOrigin::DatabaseUrl => "the server of DATABASE_URL".to_owned(),
            ServerOrigin::Cluster(cluster) => format!("a private cluster in {}", cluster.folder().display()),
            ServerOrigin::Compose(_) => "a container started by docker compose".to_owned(),
        }
    }

    /// Whether the server answers a query now.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.maintain("SELECT 1").is_ok()
    }

    /// The `postgres://` URL of a database, over TCP, with the password.
    pub fn url(&self, database: &str) -> Result<String, Error> {
        Ok(self.url.with_database(name::check(database)?))
    }

    /// The server's log file (`auto_explain` writes there); `None` unless it is a private cluster.
    #[must_use]
    pub fn log_file(&self) -> Option<PathBuf> {
        self.cluster().map(Cluster::log)
    }

    /// A program of Postgres, such as `pgbench`: of the private cluster's version, or the newest of this machine.
    #[must_use]
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        match self.cluster() {
            Some(cluster) => cluster.program(name),
            None => binaries::program(name),
        }
    }

    /// Executes an SQL script on a database, each statement in its own transaction, until the first error; returns the
    /// output, unaligned, `|` between columns.
    pub fn run(&self, database: &str, script: &str) -> Result<String, Error> {
        self.psql.run(name::check(database)?, script)
    }

    /// Whether a database exists.
    pub fn has_database(&self, database: &str) -> Result<bool, Error> {
        let database = name::check(database)?;
        let found = self.maintain(&format!("SELECT 1 FROM pg_database WHERE datname = '{database}'"))?;
        Ok(!found.is_empty())
    }

    /// Creates an empty database.
    pub fn create_database(&self, database: &str) -> Result<(), Error> {
        // template1 may contain objects of the machine's administrator.
        self.create(database, "template0")
    }

    /// Creates a database as a copy of `template`, which must have no connections.
    pub(crate) fn create(&self, database: &str, template: &str) -> Result<(), Error> {
        let database = name::check(database)?;
        self.maintain(&format!("CREATE DATABASE {database} TEMPLATE {template}"))?;
        Ok(())
    }

    /// Drops a database if it exists, and closes its connections.
    pub fn drop_database(&self, database: &str) -> Result<(), Error> {
        self.maintain(&drop_statement(name::check(database)?))?;
        Ok(())
    }

    /// Prepares the drop of a database for when its owner is gone.
    pub(crate) fn drop_at_end(&self, database: &str) -> Result<CleanUp, Error> {
        let mut command = self.psql.command(&self.maintenance);
        CleanUp::prepare(command.arg("--command").arg(drop_statement(name::check(database)?)))
    }

    /// Executes statements on whole databases.
    pub(crate) fn maintain(&self, script: &str) -> Result<String, Error> {
        self.psql.run(&self.maintenance, script)
    }

    /// The folder of this server's locks.
    pub(crate) fn state(&self) -> &Path {
        &self.state
    }

    /// Returns the lease, and stops the server unless another process holds one; true when it was stopped. The data are
    /// kept. A server of `DATABASE_URL` is never stopped.
    pub fn release(mut self) -> Result<bool, Error> {
        if self.lease.take().is_none() {
            return Ok(false);
        }
        let state = folder::state();
        let _guard = locks::exclusive(&state.join("start.lock"))?;
        let Some(_unused) = locks::try_exclusive(&state.join("in-use.lock"))? else {
            return Ok(false);
        };
        match &self.origin {
            ServerOrigin::DatabaseUrl => return Ok(false),
            ServerOrigin::Cluster(cluster) => cluster.stop("fast")?,
            ServerOrigin::Compose(compose) => compose.stop()?,
        }
        Ok(true)
    }
}

fn drop_statement(database: &str) -> String {
    format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)")
}

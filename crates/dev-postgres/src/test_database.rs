//! A database for one test.

use crate::clean_up::CleanUp;
use crate::{Error, PostgresServer, name, template};

/// A database that is dropped with this value, or when the test's process ends, however it ends.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    /// Before the server: its lease protects the drop.
    _drop: CleanUp,
    server: PostgresServer,
}

impl TestDatabase {
    /// An empty database on the shared server.
    pub fn empty() -> Result<Self, Error> {
        Self::create(PostgresServer::obtain()?, PostgresServer::create_database)
    }

    /// A copy of a template on the shared server. `prepare` makes the template once for each `key`, with the URL of an
    /// empty database; concurrent callers, of other processes too, wait for it. `key` must change with all that
    /// `prepare` does: a hash of the migrations, for example.
    pub fn from_template<E>(key: &str, prepare: impl FnOnce(&str) -> Result<(), E>) -> Result<Self, Error>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Self::create(PostgresServer::obtain()?, |server, name| {
            template::copy(server, key, name, prepare)
        })
    }

    fn create(
        server: PostgresServer,
        create: impl FnOnce(&PostgresServer, &str) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let name = format!("masthead_test_{}", name::random());
        // First, so that no database exists without it.
        let drop = server.drop_at_end(&name)?;
        create(&server, &name)?;
        Ok(Self {
            name,
            _drop: drop,
            server,
        })
    }

    /// The `postgres://` URL of this database.
    pub fn url(&self) -> Result<String, Error> {
        self.server.url(&self.name)
    }

    /// The database's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server of the database.
    #[must_use]
    pub fn server(&self) -> &PostgresServer {
        &self.server
    }

    /// Executes an SQL script on this database, as [`PostgresServer::run`] does.
    pub fn run(&self, script: &str) -> Result<String, Error> {
        self.server.run(&self.name, script)
    }
}

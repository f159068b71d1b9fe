//! A fresh database for one test.

use std::fs;
use std::path::PathBuf;

use crate::locks::{self, Held};
use crate::server::files;
use crate::{Error, Server, name, template};

/// A database of one test's own, dropped with this value. What dead processes left is dropped by the next one made.
#[derive(Debug)]
pub struct TestDatabase {
    server: Server,
    name: String,
    lock: PathBuf,
    _owner: Held,
}

impl TestDatabase {
    /// An empty database on the shared server.
    ///
    /// # Errors
    /// As [`Server::obtain`]; [`Error::Failed`] when the database cannot be made.
    pub fn empty() -> Result<Self, Error> {
        let server = Server::obtain()?;
        let claim = Claim::make(&server)?;
        server.create_database(&claim.name)?;
        Ok(claim.of(server))
    }

    /// A copy of a template on the shared server. The template is made once for each `key`, by `prepare`, which gets the
    /// URL of an empty database; concurrent callers, of other processes too, wait for it. `key` must change with
    /// everything that `prepare` does: a hash of the migrations, for example.
    ///
    /// # Errors
    /// As [`Server::obtain`]; [`Error::Prepare`] with what `prepare` said; [`Error::Failed`] when the copy cannot be made.
    pub fn from_template<E>(key: &str, prepare: impl FnOnce(&str) -> Result<(), E>) -> Result<Self, Error>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let server = Server::obtain()?;
        let claim = Claim::make(&server)?;
        let (template, _in_use) = template::ready(&server, key, prepare)?;
        server.create_from_template(&template, &claim.name)?;
        Ok(claim.of(server))
    }

    /// The `postgres://` URL of this database.
    ///
    /// # Errors
    /// As [`Server::url`].
    pub fn url(&self) -> Result<String, Error> {
        self.server.url(&self.name)
    }

    /// The database's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server that the database is on.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Runs a script of SQL on this database, as [`Server::run`] does.
    ///
    /// # Errors
    /// As [`Server::run`].
    pub fn run(&self, script: &str) -> Result<String, Error> {
        self.server.run(&self.name, script)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // What fails here is left to the next sweep, which finds the lock free.
        if self.server.drop_database(&self.name).is_ok() {
            let _ = fs::remove_file(&self.lock);
        }
    }
}

/// A name that is taken before its database exists, so that no database is ever without an owner.
struct Claim {
    name: String,
    lock: PathBuf,
    owner: Held,
}

impl Claim {
    fn make(server: &Server) -> Result<Self, Error> {
        let folder = server.state().join("databases");
        // Held while a lock file is made and locked: in between, it would look like one of a dead process.
        let _guard = locks::exclusive(&server.state().join("databases.lock"))?;
        for lock in files(&folder) {
            let Some(_dead) = locks::exclusive_now(&lock)? else {
                continue;
            };
            if let Some(name) = lock.file_name().and_then(|name| name.to_str()) {
                server.drop_database(name)?;
            }
            fs::remove_file(&lock).map_err(Error::io("cannot remove", &lock))?;
        }
        let name = format!("masthead_test_{}", name::random());
        let lock = folder.join(&name);
        let owner = locks::exclusive(&lock)?;
        Ok(Self { name, lock, owner })
    }

    fn of(self, server: Server) -> TestDatabase {
        TestDatabase {
            server,
            name: self.name,
            lock: self.lock,
            _owner: self.owner,
        }
    }
}

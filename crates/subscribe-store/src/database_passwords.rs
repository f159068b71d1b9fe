//! Replacing the passwords of the database's URLs while the server works.

use crate::{
    database_url::{DatabaseServers, ReplacePasswordError},
    replicas::ReplicaServers,
};

/// The URLs of the database, as they are in the settings.
#[derive(Clone)]
pub struct DatabaseUrls<'a> {
    /// `database.url`
    pub service: &'a str,
    /// `database.direct_url`; that of the service where it is not set.
    pub direct: &'a str,
    /// `database.replica_urls`
    pub replicas: Vec<&'a str>,
}

/// The passwords with which connections are opened. Connections that are open stay open: Postgres checks a password when a
/// session begins.
#[derive(Clone)]
pub struct DatabasePasswords {
    service: DatabaseServers,
    direct: DatabaseServers,
    replicas: Vec<DatabaseServers>,
}

impl DatabasePasswords {
    pub(crate) fn new(service: DatabaseServers, direct: DatabaseServers, replicas: Option<&ReplicaServers>) -> Self {
        Self {
            service,
            direct,
            replicas: replicas.map(ReplicaServers::servers).unwrap_or_default(),
        }
    }

    /// Uses the passwords of these URLs from now on; returns whether any is another one.
    ///
    /// # Errors
    /// The setting, and why its URL cannot replace the one that is used. Those before it in the order of [`DatabaseUrls`] are
    /// replaced.
    pub fn replace(&self, urls: &DatabaseUrls<'_>) -> Result<bool, (&'static str, ReplacePasswordError)> {
        if urls.replicas.len() != self.replicas.len() {
            return Err(("database.replica_urls", ReplacePasswordError::OtherServer));
        }
        let named = |name: &'static str| move |error| (name, error);
        let mut is_replaced = self
            .service
            .replace_password(urls.service)
            .map_err(named("database.url"))?;
        is_replaced |= self
            .direct
            .replace_password(urls.direct)
            .map_err(named("database.direct_url"))?;
        for (servers, url) in self.replicas.iter().zip(&urls.replicas) {
            is_replaced |= servers.replace_password(url).map_err(named("database.replica_urls"))?;
        }
        Ok(is_replaced)
    }
}

impl std::fmt::Debug for DatabasePasswords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DatabasePasswords(<redacted>)")
    }
}

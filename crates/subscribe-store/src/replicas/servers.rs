//! Opening the connections to replicas.

use std::sync::Arc;

use super::{reads::Reads, state::Replicas};
use crate::{
    connect::Connector,
    database::PgDatabase,
    database_url::{DatabaseServers, DatabaseUrlError},
    options::{BY_INDEX, OpenError, StoreOptions},
};

/// The replicas of the settings.
pub(crate) struct ReplicaServers {
    options: StoreOptions,
    servers: Vec<DatabaseServers>,
    pub(crate) state: Arc<Replicas>,
}

impl ReplicaServers {
    /// The replicas of these options; `None` if there are none.
    ///
    /// # Errors
    /// A URL is invalid.
    pub(crate) fn new(options: &StoreOptions) -> Result<Option<Self>, OpenError> {
        if options.replica_urls.is_empty() {
            return Ok(None);
        }
        let parse = |(number, url): (usize, &String)| match DatabaseServers::parse(url) {
            // A replica that was promoted is found out by what it shows.
            Ok(servers) if servers.must_write => Err(OpenError::BadReplicaUrl(number, DatabaseUrlError::Hosts)),
            parsed => parsed.map_err(|error| OpenError::BadReplicaUrl(number, error)),
        };
        let servers: Vec<_> = (1..).zip(&options.replica_urls).map(parse).collect::<Result<_, _>>()?;
        Ok(Some(Self {
            state: Arc::new(Replicas::new(servers.len(), Arc::default())),
            options: options.clone(),
            servers,
        }))
    }

    /// The servers of each URL.
    pub(crate) fn servers(&self) -> Vec<DatabaseServers> {
        self.servers.clone()
    }

    /// For each replica a connector with these settings besides those that all statements need.
    pub(crate) fn connectors(&self, extra: &[(&str, &str)]) -> impl Iterator<Item = Connector> {
        let connect = |(number, server): (usize, &DatabaseServers)| {
            let connector = self.options.connector(server, extra);
            connector.for_replica(self.state.replayed(number))
        };
        self.servers.iter().enumerate().map(connect)
    }

    /// The same without a check of new connections: for the watch, which must see a replica that is behind.
    pub(crate) fn unchecked_connectors(&self) -> impl Iterator<Item = Connector> {
        let connect = |server: &DatabaseServers| self.options.connector(server, &[]);
        self.servers.iter().map(connect)
    }

    /// Reads that are spread over the replicas; each has as many connections as the primary.
    pub(crate) fn reads(&self, primary: PgDatabase, connections: u32) -> Reads {
        let databases = self
            .connectors(BY_INDEX)
            .map(|connector| self.options.database(connector, connections));
        Reads::spread(primary, Arc::clone(&self.state), databases.collect())
    }
}

//! Starting the look-ups of a runtime.

use std::sync::Arc;

use tokio::runtime::Handle;

use crate::{
    connect::Connector,
    lookup::{LookupLimits, Lookups, PgLookups, SpreadLookups},
    options::StoreOptions,
    replicas::Replicas,
};

/// Starts look-ups on a runtime, with connections of their own.
pub(crate) struct LookupsStarter {
    connect: Connector,
    /// The replicas and a connector for each; `None` without replicas.
    on_replicas: Option<(Arc<Replicas>, Vec<Connector>)>,
    options: StoreOptions,
}

impl LookupsStarter {
    pub(crate) const fn new(
        connect: Connector,
        on_replicas: Option<(Arc<Replicas>, Vec<Connector>)>,
        options: StoreOptions,
    ) -> Self {
        Self {
            connect,
            on_replicas,
            options,
        }
    }

    /// How many connections all look-ups have together.
    pub(crate) const fn connections(&self) -> u32 {
        self.options.lookup_connections
    }

    /// Starts them with this many connections to the primary, and as many to each replica.
    pub(crate) fn start(&self, runtime: &Handle, connections: u32) -> Arc<Lookups> {
        let options = &self.options;
        let limits = LookupLimits {
            waiting: options.lookup_queue,
            batch: options.lookup_batch,
        };
        let lookups = |to: &Connector| PgLookups::new(to.clone(), options.acquire_timeout, options.statement_timeout);
        let backends = (0..connections).map(|_| lookups(&self.connect));
        Arc::new(match &self.on_replicas {
            None => Lookups::start(runtime, backends, limits),
            Some((replicas, connectors)) => {
                let spread = |primary| {
                    let on_replicas = connectors.iter().map(lookups).collect();
                    SpreadLookups::new(primary, on_replicas, Arc::clone(replicas))
                };
                Lookups::start(runtime, backends.map(spread), limits)
            }
        })
    }
}

//! A stub server with the switch of its listener: what the library and the control API both change.

use std::io::Result;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::listener::{Outage, OutageSwitch};
use crate::server::StubServer;

/// A simulated provider that can be put out of reach.
#[derive(Debug)]
pub(crate) struct SwitchableServer {
    pub(crate) url: String,
    pub(crate) server: Arc<StubServer>,
    switch: OutageSwitch,
    outage: Mutex<Option<Outage>>,
}

impl SwitchableServer {
    pub(crate) fn new(url: String, server: Arc<StubServer>, switch: OutageSwitch) -> Self {
        Self {
            url,
            server,
            switch,
            outage: Mutex::default(),
        }
    }

    /// Starts or ends an outage; it is in effect when this returns.
    pub(crate) async fn set_outage(&self, wanted: Option<Outage>) -> Result<()> {
        let mut outage = self.outage.lock().await;
        if *outage != wanted {
            self.switch.set(wanted).await?;
            *outage = wanted;
        }
        Ok(())
    }

    pub(crate) async fn outage(&self) -> Option<Outage> {
        *self.outage.lock().await
    }

    pub(crate) async fn reset(&self) -> Result<()> {
        self.server.reset();
        self.set_outage(None).await
    }
}

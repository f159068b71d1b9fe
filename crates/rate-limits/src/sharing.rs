//! Shares the usage of limits between the servers of a database.

use std::{collections::HashMap, sync::Arc};

use governor::clock::{Clock, DefaultClock};
use masthead_domain::rate_limit::RatePolicy;
use masthead_ports::{
    rate_limit::{RateUsage, RateUsageExchange},
    source::SourceError,
};

use crate::limiter::Limiter;

/// Whose usage of which limit a server has reported.
type Reported = (Box<str>, u64, RatePolicy);

/// Reports to the other servers what this one has admitted, and counts here what they have. A key whose usage is less than a tenth of
/// its limit is not reported.
pub struct UsageSharing<C: Clock + Clone = DefaultClock> {
    limiter: Arc<Limiter<C>>,
    exchange: Arc<dyn RateUsageExchange>,
    /// The name of this server.
    name: Box<str>,
    /// What the others had reported at the last exchange; `None` before the first.
    known: Option<HashMap<Reported, u64>>,
}

impl<C: Clock + Clone> UsageSharing<C> {
    /// Shares the usage of this limiter under the name of its server, which no other server has.
    pub fn new(limiter: Arc<Limiter<C>>, exchange: Arc<dyn RateUsageExchange>, name: impl Into<Box<str>>) -> Self {
        Self {
            limiter,
            exchange,
            name: name.into(),
            known: None,
        }
    }

    /// Exchanges once; to be called every second. What the others reported before the first exchange does not count.
    ///
    /// # Errors
    /// The database does not answer. What could not be reported reads the next time.
    pub async fn exchange(&mut self) -> Result<(), SourceError> {
        let unreported = self.limiter.take_unreported();
        let own: Vec<RateUsage> = unreported.iter().map(|unreported| unreported.usage).collect();
        let others = match self.exchange.exchange(&self.name, &own).await {
            Ok(others) => others,
            Err(error) => {
                for unreported in unreported {
                    unreported.bucket.restore_unreported(unreported.usage.used);
                }
                return Err(error);
            }
        };
        let mut known = HashMap::with_capacity(others.len());
        for (server, usage) in others {
            let reported = (server, usage.key, usage.policy);
            if let Some(before) = &self.known {
                // A server that was silent for a minute begins at zero.
                let before = before.get(&reported).copied().filter(|before| *before <= usage.used);
                let new = usage.used - before.unwrap_or_default();
                if new > 0 {
                    self.limiter.charge_remote(&usage, new);
                }
            }
            known.insert(reported, usage.used);
        }
        self.known = Some(known);
        self.limiter.publish();
        Ok(())
    }
}

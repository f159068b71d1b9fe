//! Deletes what has ended: codes, links, keys, counters, and deleted users after their time.

use std::{sync::Arc, time::Duration};

use masthead_ports::clock::Clock;
use masthead_subscribe_store::{PgUsers, Purged};
use tokio::time::{MissedTickBehavior, interval};

/// How often.
const EVERY: Duration = Duration::from_mins(10);

/// The maximum number of rows of each kind in one statement.
const ROWS: u32 = 1000;

/// The maximum number of rounds at a time: the rest waits for the next time.
const ROUNDS: usize = 1000;

/// Purges from time to time, and never ends. Several servers may do so at once.
pub(crate) async fn run(users: Arc<PgUsers>, clock: Arc<dyn Clock>) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        purge(&users, &*clock).await;
    }
}

async fn purge(users: &PgUsers, clock: &dyn Clock) {
    for _ in 0..ROUNDS {
        match users.purge_expired(clock.now(), ROWS).await {
            Ok(purged) if purged == Purged::default() => return,
            Ok(Purged { registrations, others }) => tracing::debug!(registrations, others, "purged"),
            Err(error) => {
                tracing::warn!(reason = error.kind.name(), "what has ended cannot be purged for now");
                return;
            }
        }
    }
}

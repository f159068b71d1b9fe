//! Keeps the partitions of the audit log.

use std::{sync::Arc, time::Duration};

use masthead_ports::clock::Clock;
use masthead_subscribe_store::EventPartitions;
use tokio::time::{MissedTickBehavior, interval};

use crate::command_error::ErrorChain;

/// How often: new blocks are summarised, so that who read a user is found soon.
const EVERY: Duration = Duration::from_mins(10);

/// Keeps the partitions from time to time, and never ends. Several servers may do so at once.
pub(crate) async fn keep_partitions(partitions: EventPartitions, clock: Arc<dyn Clock>) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match partitions.keep(clock.now().date()).await {
            Ok(kept) if kept.added + kept.dropped > 0 => {
                tracing::info!(
                    added = kept.added,
                    dropped = kept.dropped,
                    "partitions of the audit log"
                );
            }
            Ok(_) => {}
            // Events then go to the partition of all others.
            Err(error) => tracing::error!(
                error = %ErrorChain(&error),
                "the partitions of the audit log are not kept: rows are not dropped when they may go"
            ),
        }
    }
}

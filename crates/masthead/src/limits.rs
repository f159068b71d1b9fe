//! The limits of requests and rows a minute, and their sharing between servers.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use masthead_domain::tenant::PoolId;
use masthead_ports::{
    keyed_hash::{HashPurpose, KeyedHasher},
    rate_limit::RateUsageExchange,
};
use masthead_rate_limits::{SystemLimiter, UsageSharing};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::{
    reload::{Reload, ReloadError},
    settings::{LimitSettings, ServerSettings},
};

/// How often the servers report to each other what they admitted.
const SHARED_EVERY: Duration = Duration::from_secs(1);

/// The limiter of a server. Its keys are hashed under a key that all servers with the same sealing keys have.
pub(crate) fn limiter(settings: &LimitSettings, hasher: &dyn KeyedHasher) -> Arc<SystemLimiter> {
    let derived = hasher.hash(PoolId(0), HashPurpose::RateLimits, "key");
    let mut key = [0; 16];
    key.copy_from_slice(&derived.0[..16]);
    Arc::new(SystemLimiter::new(settings.options, key))
}

/// The limits as a part that is reloaded.
pub(crate) struct ReloadedLimits(pub(crate) Arc<SystemLimiter>);

#[async_trait]
impl Reload for ReloadedLimits {
    fn name(&self) -> &'static str {
        "limits"
    }

    /// Not `limits.shared`, which starts a task.
    fn settings(&self) -> &'static [&'static str] {
        &[
            "limits.subject_requests_per_minute",
            "limits.subject_rows_per_minute",
            "limits.address_requests_per_minute",
            "limits.address_rows_per_minute",
            "limits.tenant_requests_per_minute",
            "limits.tenant_rows_per_minute",
            "limits.list_weight",
        ]
    }

    async fn reload(&self, settings: &ServerSettings) -> Result<(), ReloadError> {
        self.0.set_options(settings.limits.options);
        Ok(())
    }
}

/// Shares what a server admits with the others, until the end.
pub(crate) async fn share(
    limiter: Arc<SystemLimiter>,
    exchange: Arc<dyn RateUsageExchange>,
    server: Box<str>,
    end: CancellationToken,
) {
    let mut sharing = UsageSharing::new(limiter, exchange, server);
    let mut ticks = interval(SHARED_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_failing = false;
    loop {
        tokio::select! {
            () = end.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let exchanged = sharing.exchange().await;
        if let Err(error) = &exchanged {
            metrics::counter!("masthead_rate_limit_sharing_errors_total").increment(1);
            if !is_failing {
                tracing::warn!(
                    reason = error.kind.name(),
                    "the usage of limits cannot be shared for now: each server counts alone"
                );
            }
        }
        is_failing = exchanged.is_err();
    }
}

//! When the server keeps which directory up to date.

use std::{collections::HashSet, sync::Arc, time::Duration};

use masthead_domain::tenant::{Tenant, TenantId};
use masthead_ports::{clock::Clock, directory::Brake, directory::Standing, tenants::Tenants};
use masthead_subscribe_store::Admin;
use time::OffsetDateTime;
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use super::Syncs;
use crate::settings::SyncSettings;

/// How often is looked for directories that are due, at most and at least.
const LOOKS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(5));

/// How long a tenant is left alone whose directory the brake has stopped: going through all its users anew would show
/// the same until somebody has looked.
const BRAKED_FOR: Duration = Duration::from_hours(24);

/// Keeps every federated tenant's directory up to date, some at a time.
pub(crate) struct Schedule {
    pub(crate) syncs: Syncs,
    pub(crate) admin: Admin,
    pub(crate) tenants: Arc<dyn Tenants>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: SyncSettings,
}

impl Schedule {
    /// Goes on until the end is told; then it lets the steps under way be kept. Without an interval it ends at once.
    pub(crate) async fn keep(self, end: CancellationToken) {
        if self.settings.every.is_zero() {
            return;
        }
        let looks = (self.settings.every / 5).clamp(LOOKS.0, LOOKS.1);
        let mut ticks = interval(looks);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let turns = Arc::new(Semaphore::new(self.settings.at_once));
        let mut runs: JoinSet<TenantId> = JoinSet::new();
        let mut running = HashSet::new();
        loop {
            tokio::select! {
                () = end.cancelled() => break,
                Some(ended) = runs.join_next() => match ended {
                    Ok(tenant) => drop(running.remove(&tenant)),
                    // A run that panicked has told so; who it was for is tried again once the process is.
                    Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "a sync broke off"),
                },
                _ = ticks.tick() => {
                    for tenant in self.federated().await {
                        if running.insert(tenant.id.clone()) {
                            runs.spawn(self.turn(tenant, Arc::clone(&turns), end.clone()));
                        }
                    }
                }
            }
        }
        while runs.join_next().await.is_some() {}
    }

    /// Looks whether a tenant's directory is due when its turn comes, and then makes a run.
    fn turn(
        &self,
        tenant: Arc<Tenant>,
        turns: Arc<Semaphore>,
        end: CancellationToken,
    ) -> impl Future<Output = TenantId> + Send + use<> {
        let (syncs, clock, every) = (self.syncs.clone(), Arc::clone(&self.clock), self.settings.every);
        async move {
            let turn = tokio::select! {
                turn = turns.acquire() => turn,
                () = end.cancelled() => return tenant.id.clone(),
            };
            if turn.is_ok()
                && let Ok(standing) = syncs.standing(&tenant).await
                && is_due(standing.as_ref(), clock.now(), every)
            {
                syncs.run(&tenant, Brake::On, &end, &mut |_| {}).await;
            }
            tenant.id.clone()
        }
    }

    /// The tenants with a provider; none while the store says nothing, which readiness tells.
    async fn federated(&self) -> Vec<Arc<Tenant>> {
        let rows = match self.admin.tenants().await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the tenants to sync are not known"
                );
                return Vec::new();
            }
        };
        let mut federated = Vec::new();
        for row in rows {
            if let Ok(Some(tenant)) = self.tenants.by_id(&row.id).await
                && tenant.settings.is_federated()
            {
                federated.push(tenant);
            }
        }
        federated
    }
}

/// Whether a directory is to be brought up to date.
fn is_due(standing: Option<&Standing>, now: OffsetDateTime, every: Duration) -> bool {
    let Some(standing) = standing else { return true };
    if standing.braked_at.is_some_and(|braked| now - braked < BRAKED_FOR) {
        return false;
    }
    standing.as_of.is_none_or(|as_of| now - as_of >= every)
}

#[cfg(test)]
mod tests {
    use time::{Duration as Span, macros::datetime};

    use super::*;

    #[test]
    fn a_directory_is_due_when_it_is_old_and_not_again_at_once_when_the_brake_stopped_it() {
        const NOW: OffsetDateTime = datetime!(2026-03-01 12:00 UTC);
        let every = Duration::from_mins(15);
        let due = |as_of: Option<Span>, braked: Option<Span>| {
            let standing = Standing {
                as_of: as_of.map(|ago| NOW - ago),
                profiles: 1,
                braked_at: braked.map(|ago| NOW - ago),
            };
            is_due(Some(&standing), NOW, every)
        };
        assert!(is_due(None, NOW, every), "never begun");
        assert!(due(None, None), "begun and not finished");
        assert!(!due(Some(Span::minutes(14)), None));
        assert!(due(Some(Span::minutes(15)), None));
        assert!(!due(Some(Span::days(2)), Some(Span::hours(23))));
        assert!(due(Some(Span::days(2)), Some(Span::hours(24))));
    }
}

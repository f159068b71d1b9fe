//! The schedule of sync runs in a server.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use masthead_domain::tenant::{Tenant, TenantId};
use masthead_orchestrator::{SyncOutcome, SyncProgress};
use masthead_ports::{clock::Clock, mirror::MirrorStatus, mirror::RemovalBrake, tenants::Tenants};
use masthead_subscribe_store::Admin;
use time::OffsetDateTime;
use tokio::{
    task::{Id, JoinSet},
    time::{Instant, MissedTickBehavior, interval, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{lanes::SyncLanes, runner::SyncRunner};
use crate::settings::SyncSettings;

/// The shortest and the longest interval between checks for mirrors that are due.
const CHECK_INTERVAL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(5));

/// How long a tenant is skipped whose mirror the brake has stopped: a full run would show the same until an operator acts.
const BRAKED_FOR: Duration = Duration::from_hours(24);

/// A tenant whose run failed is skipped for this fraction of `sync.every`, twice as long after each further failure, up to
/// all of it.
const FIRST_BACK_OFF: u32 = 16;

/// Keeps the mirrors of all federated tenants up to date, some at a time.
pub(crate) struct SyncSchedule {
    pub(crate) syncs: SyncRunner,
    pub(crate) admin: Admin,
    pub(crate) tenants: Arc<dyn Tenants>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: SyncSettings,
}

/// How a scheduled run of a tenant ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TurnOutcome {
    /// The provider answered to the end, or was not called.
    Done,
    /// The provider failed: the tenant is retried later, among those that fail.
    Failed,
}

/// The tenants whose last run failed: the number of consecutive failures, and until when each is skipped.
#[derive(Debug, Default)]
struct BackOffs(HashMap<TenantId, (u32, Instant)>);

impl BackOffs {
    fn record(&mut self, tenant: TenantId, ended: TurnOutcome, every: Duration, now: Instant) {
        if ended == TurnOutcome::Done {
            self.0.remove(&tenant);
            return;
        }
        let (failures, until) = self.0.entry(tenant).or_insert((0, now));
        *until = now + back_off(*failures, every);
        *failures += 1;
    }

    fn is_failing(&self, tenant: &TenantId) -> bool {
        self.0.contains_key(tenant)
    }

    fn is_skipped(&self, tenant: &TenantId, now: Instant) -> bool {
        self.0.get(tenant).is_some_and(|(_, until)| *until > now)
    }
}

/// How long a tenant is skipped after this many earlier failures.
fn back_off(failures: u32, every: Duration) -> Duration {
    (every / FIRST_BACK_OFF)
        .saturating_mul(1 << failures.min(FIRST_BACK_OFF))
        .min(every)
}

impl SyncSchedule {
    /// Runs until `end` is cancelled, then lets the current steps finish. Without an interval it returns at once.
    pub(crate) async fn run(self, end: CancellationToken) {
        let every = self.settings.every;
        if every.is_zero() {
            return;
        }
        let check_interval = (every / 5).clamp(CHECK_INTERVAL.0, CHECK_INTERVAL.1);
        let mut ticks = interval(check_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let lanes = SyncLanes::new(self.settings.at_once);
        let mut turns: JoinSet<TurnOutcome> = JoinSet::new();
        let mut running: HashMap<Id, TenantId> = HashMap::new();
        let mut back_offs = BackOffs::default();
        loop {
            tokio::select! {
                () = end.cancelled() => break,
                Some(ended) = turns.join_next_with_id() => {
                    let (id, ended) = ended.unwrap_or_else(|error| {
                        tracing::error!(error = &error as &dyn std::error::Error, "a sync task failed");
                        (error.id(), TurnOutcome::Failed)
                    });
                    if let Some(tenant) = running.remove(&id) {
                        back_offs.record(tenant, ended, every, Instant::now());
                    }
                },
                _ = ticks.tick() => {
                    let busy: HashSet<TenantId> = running.values().cloned().collect();
                    for tenant in self.federated().await {
                        if busy.contains(&tenant.id) || back_offs.is_skipped(&tenant.id, Instant::now()) {
                            continue;
                        }
                        let id = tenant.id.clone();
                        let failing = back_offs.is_failing(&id);
                        let turn = turns.spawn(self.turn(tenant, failing, lanes.clone(), end.clone()));
                        running.insert(turn.id(), id);
                    }
                }
            }
        }
        while turns.join_next().await.is_some() {}
    }

    /// Waits for a permit, and makes a run if the tenant's mirror is due. If another process has the run, it checks again when
    /// the lease of that process ends: the process may have been killed.
    fn turn(
        &self,
        tenant: Arc<Tenant>,
        failing: bool,
        lanes: SyncLanes,
        end: CancellationToken,
    ) -> impl Future<Output = TurnOutcome> + Send + use<> {
        let (syncs, clock, every) = (self.syncs.clone(), Arc::clone(&self.clock), self.settings.every);
        async move {
            loop {
                let mut turn = tokio::select! {
                    turn = lanes.turn(failing) => turn,
                    () = end.cancelled() => return TurnOutcome::Done,
                };
                let standing = syncs.status(&tenant).await;
                if !standing.is_ok_and(|standing| is_due(standing.as_ref(), clock.now(), every)) {
                    return TurnOutcome::Done;
                }
                let (stop, mut yielded) = (end.child_token(), false);
                let mut on_progress = |progress: &SyncProgress| {
                    if !turn.can_continue(progress.failures > 0) {
                        yielded = true;
                        stop.cancel();
                    }
                };
                let (_, outcome) = syncs.run(&tenant, RemovalBrake::On, &stop, &mut on_progress).await;
                drop(turn);
                match outcome {
                    SyncOutcome::Failed(_) => return TurnOutcome::Failed,
                    _ if yielded => return TurnOutcome::Failed,
                    SyncOutcome::Busy { left } => tokio::select! {
                        () = sleep(left.max(CHECK_INTERVAL.0)) => {}
                        () = end.cancelled() => return TurnOutcome::Done,
                    },
                    _ => return TurnOutcome::Done,
                }
            }
        }
    }

    /// The tenants with a provider; none if the store is unavailable, which readiness reports.
    async fn federated(&self) -> Vec<Arc<Tenant>> {
        let rows = match self.admin.tenants().await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the tenants to sync cannot be read"
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

/// Whether a mirror must be updated.
fn is_due(standing: Option<&MirrorStatus>, now: OffsetDateTime, every: Duration) -> bool {
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
    fn old_mirror_is_due_unless_braked() {
        const NOW: OffsetDateTime = datetime!(2026-03-01 12:00 UTC);
        let every = Duration::from_mins(15);
        let due = |as_of: Option<Span>, braked: Option<Span>| {
            let standing = MirrorStatus {
                as_of: as_of.map(|ago| NOW - ago),
                whole: true,
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

    #[test]
    fn failing_tenant_is_retried_later_each_time() {
        let every = Duration::from_mins(16);
        let pauses = [0, 1, 2, 3, 4, 5, u32::MAX].map(|failures| back_off(failures, every).as_secs() / 60);
        assert_eq!(pauses, [1, 2, 4, 8, 16, 16, 16]);

        let (mut back_offs, now) = (BackOffs::default(), Instant::now());
        let tenant = TenantId::parse("north/daily/herald").expect("an id");
        for minutes in [1, 2] {
            back_offs.record(tenant.clone(), TurnOutcome::Failed, every, now);
            assert!(back_offs.is_skipped(&tenant, now + Duration::from_secs(60 * minutes - 1)));
            assert!(!back_offs.is_skipped(&tenant, now + Duration::from_secs(60 * minutes)));
        }
        assert!(back_offs.is_failing(&tenant));
        back_offs.record(tenant.clone(), TurnOutcome::Done, every, now);
        assert!(!back_offs.is_failing(&tenant) && !back_offs.is_skipped(&tenant, now));
    }
}

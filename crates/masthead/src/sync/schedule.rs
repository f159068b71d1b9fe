//! When the server keeps which directory up to date.

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

use super::{Syncs, lanes::Lanes};
use crate::settings::SyncSettings;

/// How often is looked for directories that are due, at most and at least.
const LOOKS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(5));

/// How long a tenant is left alone whose directory the brake has stopped: going through all its users anew would show
/// the same until somebody has looked.
const BRAKED_FOR: Duration = Duration::from_hours(24);

/// A tenant whose run failed is left alone for this part of `sync.every`, twice as long after each further failure, up to all
/// of it.
const FIRST_BACK_OFF: u32 = 16;

/// Keeps every federated tenant's directory up to date, some at a time.
pub(crate) struct Schedule {
    pub(crate) syncs: Syncs,
    pub(crate) admin: Admin,
    pub(crate) tenants: Arc<dyn Tenants>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: SyncSettings,
}

/// What a tenant's turn has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// The provider answered to the end, or was not asked.
    Well,
    /// It failed: the tenant comes back later, among those that fail.
    Failed,
}

/// The tenants whose last run failed: how often in a row, and until when each is left alone.
#[derive(Debug, Default)]
struct BackOffs(HashMap<TenantId, (u32, Instant)>);

impl BackOffs {
    fn ended(&mut self, tenant: TenantId, ended: Ended, every: Duration, now: Instant) {
        if ended == Ended::Well {
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

    fn is_left_alone(&self, tenant: &TenantId, now: Instant) -> bool {
        self.0.get(tenant).is_some_and(|(_, until)| *until > now)
    }
}

/// How long a tenant is left alone that had failed so often before.
fn back_off(failures: u32, every: Duration) -> Duration {
    (every / FIRST_BACK_OFF)
        .saturating_mul(1 << failures.min(FIRST_BACK_OFF))
        .min(every)
}

impl Schedule {
    /// Goes on until the end is told; then it lets the steps under way be kept. Without an interval it ends at once.
    pub(crate) async fn keep(self, end: CancellationToken) {
        let every = self.settings.every;
        if every.is_zero() {
            return;
        }
        let looks = (every / 5).clamp(LOOKS.0, LOOKS.1);
        let mut ticks = interval(looks);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let lanes = Lanes::new(self.settings.at_once);
        let mut turns: JoinSet<Ended> = JoinSet::new();
        let mut running: HashMap<Id, TenantId> = HashMap::new();
        let mut back_offs = BackOffs::default();
        loop {
            tokio::select! {
                () = end.cancelled() => break,
                Some(ended) = turns.join_next_with_id() => {
                    let (id, ended) = ended.unwrap_or_else(|error| {
                        tracing::error!(error = &error as &dyn std::error::Error, "a sync broke off");
                        (error.id(), Ended::Failed)
                    });
                    if let Some(tenant) = running.remove(&id) {
                        back_offs.ended(tenant, ended, every, Instant::now());
                    }
                },
                _ = ticks.tick() => {
                    let at_it: HashSet<TenantId> = running.values().cloned().collect();
                    for tenant in self.federated().await {
                        if at_it.contains(&tenant.id) || back_offs.is_left_alone(&tenant.id, Instant::now()) {
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

    /// Looks whether a tenant's directory is due when its turn comes, and then makes a run. Where another process is at it,
    /// it looks again once that one's lease should have ended: the process may have been killed.
    fn turn(
        &self,
        tenant: Arc<Tenant>,
        failing: bool,
        lanes: Lanes,
        end: CancellationToken,
    ) -> impl Future<Output = Ended> + Send + use<> {
        let (syncs, clock, every) = (self.syncs.clone(), Arc::clone(&self.clock), self.settings.every);
        async move {
            loop {
                let mut turn = tokio::select! {
                    turn = lanes.turn(failing) => turn,
                    () = end.cancelled() => return Ended::Well,
                };
                let standing = syncs.standing(&tenant).await;
                if !standing.is_ok_and(|standing| is_due(standing.as_ref(), clock.now(), every)) {
                    return Ended::Well;
                }
                let (stop, mut gave_way) = (end.child_token(), false);
                let mut told = |progress: &SyncProgress| {
                    if !turn.may_go_on(progress.failures > 0) {
                        gave_way = true;
                        stop.cancel();
                    }
                };
                let (_, outcome) = syncs.run(&tenant, RemovalBrake::On, &stop, &mut told).await;
                drop(turn);
                match outcome {
                    SyncOutcome::Failed(_) => return Ended::Failed,
                    _ if gave_way => return Ended::Failed,
                    SyncOutcome::Busy { left } => tokio::select! {
                        () = sleep(left.max(LOOKS.0)) => {}
                        () = end.cancelled() => return Ended::Well,
                    },
                    _ => return Ended::Well,
                }
            }
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
    fn a_directory_is_due_when_it_is_old_and_not_again_at_once_when_the_brake_stopped_it() {
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
    fn a_tenant_that_goes_on_failing_comes_back_later_each_time() {
        let every = Duration::from_mins(16);
        let pauses = [0, 1, 2, 3, 4, 5, u32::MAX].map(|failures| back_off(failures, every).as_secs() / 60);
        assert_eq!(pauses, [1, 2, 4, 8, 16, 16, 16]);

        let (mut back_offs, now) = (BackOffs::default(), Instant::now());
        let tenant = TenantId::parse("north/daily/herald").expect("an id");
        for minutes in [1, 2] {
            back_offs.ended(tenant.clone(), Ended::Failed, every, now);
            assert!(back_offs.is_left_alone(&tenant, now + Duration::from_secs(60 * minutes - 1)));
            assert!(!back_offs.is_left_alone(&tenant, now + Duration::from_secs(60 * minutes)));
        }
        assert!(back_offs.is_failing(&tenant));
        back_offs.ended(tenant.clone(), Ended::Well, every, now);
        assert!(!back_offs.is_failing(&tenant) && !back_offs.is_left_alone(&tenant, now));
    }
}

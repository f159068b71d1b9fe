//! A mirror in memory: it stores the profiles, and joins all of them with all registrations for every list.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use async_trait::async_trait;
use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    evidence::Evidence,
    join::{AccountPair, join},
    merge::SourceNames,
    order::{ListCursor, SortKey},
    query::{CountMode, Position, Total, UserQuery},
    tenant::{PoolId, Tenant},
    user_key::UserKey,
};
use masthead_ports::{
    mirror::{
        ChangeCounts, MAX_FULL_INTERVAL_UNTIL_WHOLE, MAX_PASSES, MirrorEntry, MirrorPage, MirrorStatus, Profile,
        ProfileChange, RemovalBrake, RunError, RunSummary, StartOutcome, StartRun, SyncRun, UserMirror,
    },
    scan::{ScanExtent, ScanPage},
    source::{CallContext, SourceError, SourceErrorKind},
};
use time::OffsetDateTime;

use crate::store::FakeStore;

mod bulk;
mod pool;

pub(crate) use bulk::is_named;
use pool::{HeldRun, MirrorPool, ScanPass};

/// The source names; provenance is not used.
const NAMES: SourceNames = SourceNames {
    provider: "provider",
    store: "store",
};

/// A mirror in memory over the registrations of a [`FakeStore`].
#[derive(Debug)]
pub struct FakeMirror {
    registrations: Arc<FakeStore>,
    pools: Mutex<BTreeMap<PoolId, MirrorPool>>,
}

/// The settings that a mirror depends on.
fn made_for(tenant: &Tenant) -> (&'static str, String) {
    let provider = tenant.settings.user_provider.map_or("", |provider| provider.name());
    (provider, tenant.settings.precedence.canonical())
}

impl FakeMirror {
    /// An empty mirror over these registrations.
    #[must_use]
    pub fn over(registrations: Arc<FakeStore>) -> Self {
        Self {
            registrations,
            pools: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PoolId, MirrorPool>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held(&self, cx: &CallContext, run: &SyncRun, act: impl FnOnce(&mut MirrorPool)) -> Result<(), RunError> {
        let mut pools = self.lock();
        let pool = pools.get_mut(&cx.tenant.pool).ok_or(RunError::Lost)?;
        if pool.run.as_ref().is_none_or(|held| held.run.number != run.number) {
            return Err(RunError::Lost);
        }
        act(pool);
        Ok(())
    }
}

#[async_trait]
impl UserMirror for FakeMirror {
    async fn search(&self, cx: &CallContext, query: &UserQuery) -> Result<Option<MirrorPage>, SourceError> {
        let (as_of, whole, profiles) = {
            let pools = self.lock();
            let served = pools
                .get(&cx.tenant.pool)
                .filter(|pool| pool.made_for == made_for(&cx.tenant));
            let whole = |pool: &MirrorPool| pool.whole && pool.braked_at.is_none();
            match served.and_then(|pool| Some((pool.as_of?, whole(pool), pool.profiles.clone()))) {
                Some(found) => found,
                None => return Ok(None),
            }
        };
        let store = self.registrations.accounts(cx).await?;
        let provider = profiles.values().map(|kept| kept.profile.account.clone()).collect();
        let mut matches: Vec<(SortKey, AccountPair)> = join(Evidence::whole(provider), Evidence::whole(store))
            .into_pairs()
            .filter_map(|pair| {
                let (merged, _) = pair.merged(&cx.tenant.settings.precedence, NAMES)?;
                query
                    .filter
                    .matches(&merged)
                    .then(|| (SortKey::for_account(&merged, query.order.column, true), pair))
            })
            .collect();
        matches.sort_by(|(a, _), (b, _)| a.compare(b, query.order.direction));
        let total = matches.len();
        let skipped = match &query.position {
            Position::Offset(offset) => usize::try_from(*offset).unwrap_or(usize::MAX),
            Position::After(ListCursor::Opaque(_)) => return Err(SourceError::new("search", SourceErrorKind::Refused)),
            Position::After(ListCursor::Key(last)) => matches
                .iter()
                .filter(|(place, _)| place.compare(last, query.order.direction) != Ordering::Greater)
                .count(),
        };
        let entries: Vec<_> = matches
            .into_iter()
            .skip(skipped)
            .take(usize::from(query.size))
            .map(|(_, pair)| MirrorEntry {
                profile: pair.provider.map(|provider| profiles[&provider.crid].profile.clone()),
                registration: pair.store,
            })
            .collect();
        Ok(Some(MirrorPage {
            more: skipped.saturating_add(entries.len()) < total,
            entries,
            total: match query.count {
                CountMode::Exact => Some(Total::Exact(total as u64)),
                CountMode::Estimate => Some(Total::Estimate(total as u64)),
                CountMode::None => None,
            },
            as_of,
            whole,
        }))
    }

    async fn profiles(&self, cx: &CallContext, key: &UserKey) -> Result<Vec<Profile>, SourceError> {
        let pools = self.lock();
        let kept = pools
            .get(&cx.tenant.pool)
            .into_iter()
            .flat_map(|pool| pool.profiles.values());
        Ok(kept
            .filter(|kept| key.matches(&kept.profile.account))
            .map(|kept| kept.profile.clone())
            .collect())
    }

    async fn status(&self, cx: &CallContext) -> Result<Option<MirrorStatus>, SourceError> {
        let pools = self.lock();
        let pool = pools
            .get(&cx.tenant.pool)
            .filter(|pool| pool.made_for == made_for(&cx.tenant));
        Ok(pool.map(|pool| MirrorStatus {
            as_of: pool.as_of,
            whole: pool.whole,
            profiles: pool.profiles.len() as u64,
            braked_at: pool.braked_at,
        }))
    }

    async fn record_accounts(
        &self,
        cx: &CallContext,
        accounts: &[Account],
        as_of: OffsetDateTime,
    ) -> Result<ChangeCounts, SourceError> {
        let mut pools = self.lock();
        let pool = pools.get_mut(&cx.tenant.pool);
        let Some(pool) = pool else {
            return Ok(ChangeCounts::default());
        };
        let taken = pool.keep(accounts, as_of);
        pool.whole &= taken.refused == 0;
        Ok(taken)
    }

    async fn record_absence(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        as_of: OffsetDateTime,
    ) -> Result<(), SourceError> {
        if let Some(pool) = self.lock().get_mut(&cx.tenant.pool) {
            pool.mark(&cx.tenant, id, as_of);
        }
        Ok(())
    }

    async fn start_run(&self, cx: &CallContext, start: StartRun<'_>) -> Result<StartOutcome, SourceError> {
        let mut pools = self.lock();
        let pool = pools.entry(cx.tenant.pool).or_insert_with(|| MirrorPool {
            made_for: made_for(&cx.tenant),
            ..MirrorPool::default()
        });
        let now = Instant::now();
        if let Some(held) = &pool.run
            && let Some(until) = held.until.filter(|until| *until > now)
            && held.holder != start.holder
        {
            return Ok(StartOutcome::Busy { left: until - now });
        }
        if pool.made_for != made_for(&cx.tenant) {
            return Ok(StartOutcome::Elsewhere);
        }
        let full_every = if pool.whole {
            start.full_every
        } else {
            start.full_every.min(MAX_FULL_INTERVAL_UNTIL_WHOLE)
        };
        let extent = match (pool.as_of, pool.full_as_of) {
            (Some(as_of), Some(full)) if start.at - full < full_every => ScanExtent::ChangedSince(as_of),
            _ => ScanExtent::Everything,
        };
        pool.last_run += 1;
        let left = pool
            .run
            .take()
            .filter(|held| held.run.extent == ScanExtent::Everything || extent != ScanExtent::Everything);
        let mut held = left.unwrap_or_else(|| HeldRun {
            run: SyncRun {
                number: pool.last_run,
                lease: start.lease,
                extent,
                started: start.at,
                cursor: None,
                scanned: false,
                resumed: false,
            },
            holder: String::new(),
            until: None,
            pass: ScanPass::default(),
            passes: 0,
            shown: BTreeSet::new(),
        });
        held.run.resumed = held.run.number != pool.last_run;
        (held.run.number, held.run.lease) = (pool.last_run, start.lease);
        start.holder.clone_into(&mut held.holder);
        held.until = Some(now + start.lease);
        let run = held.run.clone();
        pool.run = Some(held);
        Ok(StartOutcome::Run(run))
    }

    async fn record_page(
        &self,
        cx: &CallContext,
        run: &SyncRun,
        page: &ScanPage,
        as_of: OffsetDateTime,
    ) -> Result<ChangeCounts, RunError> {
        let mut taken = ChangeCounts::default();
        self.held(cx, run, |pool| {
            taken = pool.keep(&page.accounts, as_of);
            for crid in page.left_out.iter().flatten() {
                pool.not_missing(crid, as_of);
            }
            if let Some(held) = &mut pool.run {
                let kept = page.accounts.iter().map(|account| account.crid.clone());
                held.shown.extend(kept);
                held.pass.truncated |= page.truncated || page.left_out.contains(&None);
                held.pass.gaps |= page.gaps || taken.refused > 0 || !page.left_out.is_empty();
                held.pass.expected = held.pass.expected.max(page.expected);
                let may_help = !held.pass.truncated && !held.pass.gaps && held.passes + 1 < MAX_PASSES;
                if page.next.is_none() && may_help && !held.has_shown_all() {
                    taken.again = true;
                    held.passes += 1;
                    held.pass = ScanPass::default();
                }
                held.run.cursor.clone_from(&page.next);
                held.run.scanned = page.next.is_none() && !taken.again;
                held.until = Some(Instant::now() + run.lease);
            }
        })?;
        Ok(taken)
    }

    async fn renew_lease(&self, cx: &CallContext, run: &SyncRun) -> Result<bool, RunError> {
        self.held(cx, run, |pool| {
            if let Some(held) = &mut pool.run {
                held.until = Some(Instant::now() + run.lease);
            }
        })?;
        Ok(true)
    }

    async fn release_run(&self, cx: &CallContext, run: &SyncRun) -> Result<(), RunError> {
        self.held(cx, run, |pool| {
            if let Some(held) = &mut pool.run {
                held.until = None;
            }
        })
    }

    async fn finish_run(
        &self,
        cx: &CallContext,
        run: &SyncRun,
        at: OffsetDateTime,
        brake: RemovalBrake,
    ) -> Result<RunSummary, RunError> {
        let mut finished = None;
        self.held(cx, run, |pool| {
            let profiles = pool.profiles.len();
            let is_full = run.extent == ScanExtent::Everything;
            let whole = pool.run.take().is_some_and(|held| held.has_shown_all());
            let marks_missing = is_full && whole;
            let unseen: Vec<CustomerRegistrationId> = pool
                .profiles
                .iter()
                .filter(|(_, kept)| marks_missing && kept.profile.as_of < run.started)
                .filter(|(_, kept)| kept.missing > 0 || kept.missing_at.is_none_or(|at| at < run.started))
                .map(|(crid, _)| crid.clone())
                .collect();
            let braked = brake == RemovalBrake::On && unseen.len() > (profiles / 100).max(1);
            let mut removed = 0;
            if braked {
                pool.braked_at = Some(at);
                pool.full_as_of = None;
            } else {
                removed = unseen.iter().map(|crid| pool.mark(&cx.tenant, crid, at)).sum();
                pool.as_of = Some(run.started);
                pool.whole = whole && (is_full || pool.whole);
                if is_full {
                    pool.full_as_of = Some(run.started);
                }
                if marks_missing {
                    pool.braked_at = None;
                }
            }
            finished = Some(RunSummary {
                profiles: profiles as u64,
                whole,
                missing: unseen.len() as u64,
                removed,
                braked,
            });
        })?;
        finished.ok_or(RunError::Lost)
    }

    async fn preview_changes(&self, cx: &CallContext, accounts: &[Account]) -> Result<Vec<ProfileChange>, SourceError> {
        let pools = self.lock();
        let empty = MirrorPool::default();
        let pool = pools.get(&cx.tenant.pool).unwrap_or(&empty);
        Ok(accounts.iter().map(|account| pool.judge(account)).collect())
    }
}

//! A directory in memory: it keeps the profiles, and joins all of them with all registrations anew for every list.

use std::{
    cmp::Ordering,
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use masthead_domain::{
    account::Account,
    crid::Crid,
    email::EmailKey,
    join::{Pair, join},
    merge::SideNames,
    order::{Place, SortKey},
    query::{CountMode, Position, Total, UserQuery},
    tenant::{PoolId, Tenant},
};
use masthead_ports::{
    bulk::{BulkAnswer, BulkEntries, BulkLookups, LookupKey},
    directory::{
        Beginning, Begun, Brake, Change, Directory, DirectoryEntry, DirectoryPage, Finished, Profile, Run, RunError,
        Standing, Taken,
    },
    source::{CallContext, SourceError, SourceErrorKind},
    walk::{Scope, Step},
};
use time::OffsetDateTime;

use crate::store::FakeStore;

/// Who merged: nobody asks here.
const NAMES: SideNames = SideNames {
    provider: "provider",
    store: "store",
};

/// A directory in memory over the registrations of a [`FakeStore`].
#[derive(Debug)]
pub struct FakeDirectory {
    registrations: Arc<FakeStore>,
    pools: Mutex<BTreeMap<PoolId, Pool>>,
}

#[derive(Debug, Default)]
struct Pool {
    made_for: (&'static str, String),
    as_of: Option<OffsetDateTime>,
    full_as_of: Option<OffsetDateTime>,
    braked_at: Option<OffsetDateTime>,
    whole: bool,
    profiles: BTreeMap<Crid, Kept>,
    last_run: i64,
    run: Option<Held>,
}

#[derive(Debug, Clone)]
struct Kept {
    profile: Profile,
    missing: u16,
    missing_at: Option<OffsetDateTime>,
}

#[derive(Debug)]
struct Held {
    run: Run,
    holder: String,
    until: Option<OffsetDateTime>,
    truncated: bool,
    gaps: bool,
}

/// What decides which directory serves a tenant.
fn made_for(tenant: &Tenant) -> (&'static str, String) {
    let provider = tenant.settings.user_provider.map_or("", |provider| provider.name());
    (provider, tenant.settings.precedence.canonical())
}

impl FakeDirectory {
    /// An empty directory over these registrations.
    #[must_use]
    pub fn over(registrations: Arc<FakeStore>) -> Self {
        Self {
            registrations,
            pools: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PoolId, Pool>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held(&self, cx: &CallContext, run: &Run, act: impl FnOnce(&mut Pool)) -> Result<(), RunError> {
        let mut pools = self.lock();
        let pool = pools.get_mut(&cx.tenant.pool).ok_or(RunError::Lost)?;
        if pool.run.as_ref().is_none_or(|held| held.run.number != run.number) {
            return Err(RunError::Lost);
        }
        act(pool);
        Ok(())
    }
}

impl Pool {
    fn keep(&mut self, accounts: &[Account], as_of: OffsetDateTime) -> Taken {
        let mut taken = Taken::default();
        let last: BTreeMap<&Crid, &Account> = accounts.iter().map(|account| (&account.crid, account)).collect();
        for (crid, account) in last {
            match self.judge(account) {
                Change::Refused => {
                    taken.refused += 1;
                    continue;
                }
                Change::Added => taken.added += 1,
                _ if self.profiles[crid].profile.as_of > as_of => {
                    taken.unchanged += 1;
                    continue;
                }
                Change::Changed => taken.changed += 1,
                Change::Unchanged => taken.unchanged += 1,
            }
            let profile = Profile {
                account: account.clone(),
                as_of,
            };
            let kept = Kept {
                profile,
                missing: 0,
                missing_at: None,
            };
            self.profiles.insert(crid.clone(), kept);
        }
        taken
    }

    fn judge(&self, account: &Account) -> Change {
        if account.first_name.len() > 255 || account.last_name.len() > 255 {
            return Change::Refused;
        }
        match self.profiles.get(&account.crid) {
            None => Change::Added,
            Some(known) if known.profile.account == *account => Change::Unchanged,
            Some(_) => Change::Changed,
        }
    }

    fn mark(&mut self, tenant: &Tenant, crid: &Crid, at: OffsetDateTime) -> u64 {
        let settings = tenant.settings.directory;
        let Some(kept) = self.profiles.get_mut(crid).filter(|kept| kept.profile.as_of < at) else {
            return 0;
        };
        if kept
            .missing_at
            .is_some_and(|marked| marked > at - settings.removal_apart)
        {
            return 0;
        }
        kept.missing += 1;
        kept.missing_at = Some(at);
        if kept.missing < settings.removal_confirmations {
            return 0;
        }
        self.profiles.remove(crid);
        1
    }
}

#[async_trait]
impl Directory for FakeDirectory {
    async fn search(&self, cx: &CallContext, query: &UserQuery) -> Result<Option<DirectoryPage>, SourceError> {
        let (as_of, profiles) = {
            let pools = self.lock();
            let served = pools
                .get(&cx.tenant.pool)
                .filter(|pool| pool.made_for == made_for(&cx.tenant));
            match served.and_then(|pool| Some((pool.as_of?, pool.profiles.clone()))) {
                Some(found) => found,
                None => return Ok(None),
            }
        };
        let ours = self.registrations.accounts(cx).await?;
        let theirs = profiles.values().map(|kept| kept.profile.account.clone()).collect();
        let mut matches: Vec<(SortKey, Pair)> = join(theirs, ours)
            .pairs
            .into_iter()
            .filter_map(|pair| {
                let (merged, _) = pair.merged(&cx.tenant.settings.precedence, NAMES)?;
                query
                    .filter
                    .matches(&merged)
                    .then(|| (SortKey::of(&merged, query.order.column, true), pair))
            })
            .collect();
        matches.sort_by(|(a, _), (b, _)| a.compare(b, query.order.direction));
        let total = matches.len();
        let skipped = match &query.position {
            Position::Offset(offset) => usize::try_from(*offset).unwrap_or(usize::MAX),
            Position::After(Place::Mark(_)) => return Err(SourceError::new("search", SourceErrorKind::Refused)),
            Position::After(Place::Key(last)) => matches
                .iter()
                .filter(|(place, _)| place.compare(last, query.order.direction) != Ordering::Greater)
                .count(),
        };
        let entries: Vec<_> = matches
            .into_iter()
            .skip(skipped)
            .take(usize::from(query.size))
            .map(|(_, pair)| DirectoryEntry {
                profile: pair.theirs.map(|theirs| profiles[&theirs.crid].profile.clone()),
                registration: pair.ours,
            })
            .collect();
        Ok(Some(DirectoryPage {
            more: skipped.saturating_add(entries.len()) < total,
            entries,
            total: match query.count {
                CountMode::Exact => Some(Total::Exact(total as u64)),
                CountMode::Estimate => Some(Total::Estimate(total as u64)),
                CountMode::None => None,
            },
            as_of,
        }))
    }

    async fn profile(&self, cx: &CallContext, id: &Crid) -> Result<Option<Profile>, SourceError> {
        let pools = self.lock();
        let pool = pools.get(&cx.tenant.pool);
        Ok(pool
            .and_then(|pool| pool.profiles.get(id))
            .map(|kept| kept.profile.clone()))
    }

    async fn profiles_by_email(&self, cx: &CallContext, email: &EmailKey) -> Result<Vec<Profile>, SourceError> {
        let pools = self.lock();
        let profiles = pools
            .get(&cx.tenant.pool)
            .into_iter()
            .flat_map(|pool| pool.profiles.values());
        let has = |account: &Account| account.email.as_ref().is_some_and(|known| known.key() == email);
        Ok(profiles
            .filter(|kept| has(&kept.profile.account))
            .map(|kept| kept.profile.clone())
            .collect())
    }

    async fn standing(&self, cx: &CallContext) -> Result<Option<Standing>, SourceError> {
        let pools = self.lock();
        let pool = pools
            .get(&cx.tenant.pool)
            .filter(|pool| pool.made_for == made_for(&cx.tenant));
        Ok(pool.map(|pool| Standing {
            as_of: pool.as_of,
            profiles: pool.profiles.len() as u64,
            braked_at: pool.braked_at,
        }))
    }

    async fn feed(&self, cx: &CallContext, accounts: &[Account], as_of: OffsetDateTime) -> Result<Taken, SourceError> {
        let mut pools = self.lock();
        let pool = pools.get_mut(&cx.tenant.pool);
        Ok(pool.map(|pool| pool.keep(accounts, as_of)).unwrap_or_default())
    }

    async fn absent(&self, cx: &CallContext, id: &Crid, as_of: OffsetDateTime) -> Result<(), SourceError> {
        if let Some(pool) = self.lock().get_mut(&cx.tenant.pool) {
            pool.mark(&cx.tenant, id, as_of);
        }
        Ok(())
    }

    async fn begin(&self, cx: &CallContext, beginning: Beginning<'_>) -> Result<Begun, SourceError> {
        let mut pools = self.lock();
        let pool = pools.entry(cx.tenant.pool).or_insert_with(|| Pool {
            made_for: made_for(&cx.tenant),
            ..Pool::default()
        });
        if let Some(held) = &pool.run
            && let Some(until) = held.until.filter(|until| *until > beginning.at)
            && held.holder != beginning.holder
        {
            return Ok(Begun::Busy { until });
        }
        if pool.made_for != made_for(&cx.tenant) {
            return Ok(Begun::Elsewhere);
        }
        let scope = match (pool.as_of, pool.full_as_of) {
            (Some(as_of), Some(full)) if beginning.at - full < beginning.full_every => Scope::ChangedSince(as_of),
            _ => Scope::Everything,
        };
        pool.last_run += 1;
        let left = pool
            .run
            .take()
            .filter(|held| held.run.scope == Scope::Everything || scope != Scope::Everything);
        let truncated = left.as_ref().is_some_and(|held| held.truncated);
        let gaps = left.as_ref().is_some_and(|held| held.gaps);
        let run = match left {
            Some(held) => Run {
                number: pool.last_run,
                lease: beginning.lease,
                resumed: true,
                ..held.run
            },
            None => Run {
                number: pool.last_run,
                lease: beginning.lease,
                scope,
                started: beginning.at,
                place: None,
                walked: false,
                resumed: false,
            },
        };
        pool.run = Some(Held {
            run: run.clone(),
            holder: beginning.holder.to_owned(),
            until: Some(beginning.at + beginning.lease),
            truncated,
            gaps,
        });
        Ok(Begun::Run(run))
    }

    async fn take(&self, cx: &CallContext, run: &Run, step: &Step, as_of: OffsetDateTime) -> Result<Taken, RunError> {
        let mut taken = Taken::default();
        self.held(cx, run, |pool| {
            taken = pool.keep(&step.accounts, as_of);
            if let Some(held) = &mut pool.run {
                held.run.place.clone_from(&step.next);
                held.run.walked = step.next.is_none();
                held.truncated |= step.truncated;
                held.gaps |= step.gaps || taken.refused > 0;
                held.until = Some(as_of + run.lease);
            }
        })?;
        Ok(taken)
    }

    async fn pause(&self, cx: &CallContext, run: &Run) -> Result<(), RunError> {
        self.held(cx, run, |pool| {
            if let Some(held) = &mut pool.run {
                held.until = None;
            }
        })
    }

    async fn finish(
        &self,
        cx: &CallContext,
        run: &Run,
        at: OffsetDateTime,
        brake: Brake,
    ) -> Result<Finished, RunError> {
        let mut finished = None;
        self.held(cx, run, |pool| {
            let profiles = pool.profiles.len();
            let is_full = run.scope == Scope::Everything;
            let (truncated, gaps) = pool.run.take().map_or((true, true), |held| (held.truncated, held.gaps));
            let tells_missing = is_full && !truncated;
            let unseen: Vec<Crid> = pool
                .profiles
                .iter()
                .filter(|(_, kept)| tells_missing && kept.profile.as_of < run.started)
                .map(|(crid, _)| crid.clone())
                .collect();
            let braked = brake == Brake::On && unseen.len() > (profiles / 100).max(1);
            let mut removed = 0;
            if braked {
                pool.braked_at = Some(at);
                pool.full_as_of = None;
            } else {
                removed = unseen.iter().map(|crid| pool.mark(&cx.tenant, crid, at)).sum();
                pool.as_of = Some(run.started);
                pool.whole = !truncated && !gaps && (is_full || pool.whole);
                if is_full {
                    pool.full_as_of = Some(run.started);
                }
                if tells_missing {
                    pool.braked_at = None;
                }
            }
            finished = Some(Finished {
                profiles: profiles as u64,
                missing: unseen.len() as u64,
                removed,
                braked,
            });
        })?;
        finished.ok_or(RunError::Lost)
    }

    async fn preview(&self, cx: &CallContext, accounts: &[Account]) -> Result<Vec<Change>, SourceError> {
        let pools = self.lock();
        let empty = Pool::default();
        let pool = pools.get(&cx.tenant.pool).unwrap_or(&empty);
        Ok(accounts.iter().map(|account| pool.judge(account)).collect())
    }
}

#[async_trait]
impl BulkLookups for FakeDirectory {
    async fn by_keys(
        &self,
        cx: &CallContext,
        keys: &[LookupKey],
        directory_since: Option<OffsetDateTime>,
    ) -> Result<BulkAnswer, SourceError> {
        let answer = self.registrations.by_keys(cx, keys, None).await?;
        let served = {
            let pools = self.lock();
            let pool = pools
                .get(&cx.tenant.pool)
                .filter(|pool| pool.made_for == made_for(&cx.tenant));
            pool.and_then(|pool| {
                let as_of = pool
                    .as_of
                    .filter(|as_of| directory_since.is_some_and(|since| *as_of > since))?;
                Some((as_of, pool.whole, pool.profiles.clone()))
            })
        };
        let Some((as_of, whole, profiles)) = served else {
            return Ok(answer);
        };
        let ours = self.registrations.kept(cx.tenant.pool);
        let theirs = profiles.values().map(|kept| kept.profile.account.clone()).collect();
        let pairs = join(theirs, ours).pairs;
        let of_key = |key: &LookupKey| {
            let named: Vec<&Pair> = pairs.iter().filter(|pair| is_named(pair, key, &cx.tenant)).collect();
            let doubt = |pair: &&Pair| {
                pair.theirs
                    .as_ref()
                    .is_some_and(|theirs| profiles[&theirs.crid].missing > 0)
            };
            let entry = |pair: &Pair| DirectoryEntry {
                profile: pair
                    .theirs
                    .as_ref()
                    .map(|theirs| profiles[&theirs.crid].profile.clone()),
                registration: pair.ours.clone(),
            };
            (!named.iter().any(doubt)).then(|| named.into_iter().map(entry).collect())
        };
        Ok(BulkAnswer {
            directory: Some(BulkEntries {
                as_of,
                whole,
                of_keys: keys.iter().map(of_key).collect(),
            }),
            ..answer
        })
    }
}

/// Whether the key names this user.
pub(crate) fn is_named(pair: &Pair, key: &LookupKey, tenant: &Tenant) -> bool {
    match key {
        LookupKey::Id(id) => [&pair.theirs, &pair.ours]
            .into_iter()
            .flatten()
            .any(|one| one.crid == *id),
        LookupKey::Email(email) => {
            let merged = pair.merged(&tenant.settings.precedence, NAMES);
            merged.is_some_and(|(user, _)| user.email.is_some_and(|own| own.key() == email))
        }
        LookupKey::Registration(number) => pair.ours.as_ref().and_then(|ours| ours.registration_id) == Some(*number),
    }
}

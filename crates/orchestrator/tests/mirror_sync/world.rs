//! A provider of numbered users that can be scripted to fail, and a directory that keeps the port's promises in memory.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    email::EmailKey,
    query::UserQuery,
    settings::TenantSettings,
    tenant::{PoolId, Tenant, TenantId},
};
use masthead_orchestrator::{MirrorSync, RetryOptions, SyncOptions};
use masthead_ports::{
    clock::Clock,
    mirror::{
        ChangeCounts, MirrorPage, MirrorStatus, Profile, ProfileChange, RemovalBrake, RunError, RunSummary,
        StartOutcome, StartRun, SyncRun, UserMirror,
    },
    scan::{ScanCursor, ScanExtent, ScanPage, UserScan, UserScans},
    source::{CallContext, Priority, SourceError, SourceErrorKind, SourceName},
};
use masthead_testkit::clock::StoppedClock;
use time::OffsetDateTime;
use tokio::time::Instant;

/// A provider of so many users, shown in pages.
pub(crate) struct Numbers {
    pub(crate) users: Mutex<Vec<u32>>,
    pub(crate) per_page: usize,
    pub(crate) can_list_changes: bool,
    pub(crate) truncated: Mutex<bool>,
    /// What the next calls are answered with in the place of a page.
    pub(crate) failures: Mutex<VecDeque<SourceErrorKind>>,
    /// The pages that were asked for, in their order.
    pub(crate) asked: Mutex<Vec<usize>>,
    /// How long a call takes.
    pub(crate) takes: Mutex<Duration>,
}

pub(crate) fn account(number: u32) -> Account {
    Account::new(CustomerRegistrationId::parse(&format!("n|{number:05}")).unwrap())
}

#[async_trait]
impl UserScan for Numbers {
    fn name(&self) -> SourceName {
        "Numbers"
    }

    fn can_list_changes(&self) -> bool {
        self.can_list_changes
    }

    async fn fetch_page(
        &self,
        cx: &CallContext,
        _: ScanExtent,
        from: Option<&ScanCursor>,
    ) -> Result<ScanPage, SourceError> {
        assert_eq!(cx.priority, Priority::Sync);
        let page: usize = from.map_or(0, |place| place.as_str().parse().unwrap());
        self.asked.lock().unwrap().push(page);
        let takes = *self.takes.lock().unwrap();
        tokio::time::sleep(takes).await;
        if let Some(kind) = self.failures.lock().unwrap().pop_front() {
            return Err(SourceError::new("walk", kind));
        }
        let users = self.users.lock().unwrap();
        let shown = users.iter().skip(page * self.per_page).take(self.per_page);
        Ok(ScanPage {
            accounts: shown.map(|number| account(*number)).collect(),
            next: ((page + 1) * self.per_page < users.len())
                .then(|| ScanCursor::parse(&(page + 1).to_string()).unwrap()),
            expected: Some(users.iter().collect::<BTreeSet<_>>().len() as u64),
            truncated: *self.truncated.lock().unwrap(),
            gaps: false,
            left_out: Vec::new(),
        })
    }
}

/// What the directory in memory holds.
#[derive(Default)]
pub(crate) struct Held {
    pub(crate) profiles: BTreeMap<CustomerRegistrationId, (Account, OffsetDateTime)>,
    /// The run under way, its holder, and the end of its lease by the store's clock.
    pub(crate) run: Option<(SyncRun, Box<str>, Instant)>,
    /// How many passes are to be made again before one is whole.
    pub(crate) again: u32,
    pub(crate) renewed: u32,
    pub(crate) runs: i64,
    pub(crate) seen: BTreeSet<CustomerRegistrationId>,
    pub(crate) finished: u32,
    pub(crate) paused: u32,
    /// How often the store says nothing before it answers again.
    pub(crate) silent: u32,
    pub(crate) full_every: Option<Duration>,
}

#[derive(Default)]
pub(crate) struct Memory(Mutex<Held>);

impl Memory {
    pub(crate) fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap()
    }

    fn of(&self, run: &SyncRun) -> Result<MutexGuard<'_, Held>, RunError> {
        let mut held = self.held();
        if held.silent > 0 {
            held.silent -= 1;
            return Err(SourceError::new("take", SourceErrorKind::Unavailable).into());
        }
        match &held.run {
            Some((current, _, _)) if current.number == run.number => Ok(held),
            _ => Err(RunError::Lost),
        }
    }
}

#[async_trait]
impl UserMirror for Memory {
    async fn search(&self, _: &CallContext, _: &UserQuery) -> Result<Option<MirrorPage>, SourceError> {
        Ok(None)
    }

    async fn profile(&self, _: &CallContext, _: &CustomerRegistrationId) -> Result<Option<Profile>, SourceError> {
        Ok(None)
    }

    async fn profiles_by_email(&self, _: &CallContext, _: &EmailKey) -> Result<Vec<Profile>, SourceError> {
        Ok(Vec::new())
    }

    async fn status(&self, _: &CallContext) -> Result<Option<MirrorStatus>, SourceError> {
        Ok(Some(MirrorStatus {
            as_of: None,
            whole: false,
            profiles: self.held().profiles.len() as u64,
            braked_at: None,
        }))
    }

    async fn record_accounts(
        &self,
        _: &CallContext,
        _: &[Account],
        _: OffsetDateTime,
    ) -> Result<ChangeCounts, SourceError> {
        Ok(ChangeCounts::default())
    }

    async fn record_absence(
        &self,
        _: &CallContext,
        _: &CustomerRegistrationId,
        _: OffsetDateTime,
    ) -> Result<(), SourceError> {
        Ok(())
    }

    async fn start_run(&self, _: &CallContext, beginning: StartRun<'_>) -> Result<StartOutcome, SourceError> {
        let mut held = self.held();
        held.full_every = Some(beginning.full_every);
        held.runs += 1;
        let left = held.run.take();
        if let Some((run, holder, until)) = &left
            && &**holder != beginning.holder
            && let left = until.saturating_duration_since(Instant::now())
            && !left.is_zero()
        {
            held.run = Some((run.clone(), holder.clone(), *until));
            return Ok(StartOutcome::Busy { left });
        }
        let run = SyncRun {
            number: held.runs,
            lease: beginning.lease,
            scope: ScanExtent::Everything,
            started: beginning.at,
            resumed: left.is_some(),
            walked: left.as_ref().is_some_and(|(run, _, _)| run.walked),
            place: left.and_then(|(run, _, _)| run.place),
        };
        if !run.resumed {
            held.seen.clear();
        }
        held.run = Some((run.clone(), beginning.holder.into(), Instant::now() + beginning.lease));
        Ok(StartOutcome::Run(run))
    }

    async fn record_page(
        &self,
        _: &CallContext,
        run: &SyncRun,
        step: &ScanPage,
        as_of: OffsetDateTime,
    ) -> Result<ChangeCounts, RunError> {
        let mut held = self.of(run)?;
        let mut taken = ChangeCounts::default();
        for account in &step.accounts {
            held.seen.insert(account.crid.clone());
            match held.profiles.insert(account.crid.clone(), (account.clone(), as_of)) {
                None => taken.added += 1,
                Some((before, _)) if before != *account => taken.changed += 1,
                Some(_) => taken.unchanged += 1,
            }
        }
        if step.next.is_none() && held.again > 0 {
            held.again -= 1;
            taken.again = true;
        }
        let (current, _, until) = held.run.as_mut().unwrap();
        current.place.clone_from(&step.next);
        current.walked = step.next.is_none() && !taken.again;
        *until = Instant::now() + run.lease;
        Ok(taken)
    }

    async fn renew_lease(&self, _: &CallContext, run: &SyncRun) -> Result<bool, RunError> {
        let mut held = self.of(run)?;
        held.renewed += 1;
        held.run.as_mut().unwrap().2 = Instant::now() + run.lease;
        Ok(true)
    }

    async fn release_run(&self, _: &CallContext, run: &SyncRun) -> Result<(), RunError> {
        let mut held = self.of(run)?;
        held.paused += 1;
        held.run.as_mut().unwrap().2 = Instant::now();
        Ok(())
    }

    async fn finish_run(
        &self,
        _: &CallContext,
        run: &SyncRun,
        _: OffsetDateTime,
        brake: RemovalBrake,
    ) -> Result<RunSummary, RunError> {
        let mut held = self.of(run)?;
        held.run = None;
        held.finished += 1;
        let profiles = held.profiles.len() as u64;
        let missing = profiles - held.seen.len() as u64;
        Ok(RunSummary {
            profiles,
            whole: true,
            missing,
            removed: 0,
            braked: brake == RemovalBrake::On && missing > 1 && missing * 100 > profiles,
        })
    }

    async fn preview_changes(&self, _: &CallContext, accounts: &[Account]) -> Result<Vec<ProfileChange>, SourceError> {
        let held = self.held();
        let change = |account: &Account| match held.profiles.get(&account.crid) {
            None => ProfileChange::Added,
            Some((known, _)) if known != account => ProfileChange::Changed,
            Some(_) => ProfileChange::Unchanged,
        };
        Ok(accounts.iter().map(change).collect())
    }
}

struct Only(Option<Arc<Numbers>>);

impl UserScans for Only {
    fn for_tenant(&self, _: &Arc<Tenant>) -> Option<Arc<dyn UserScan>> {
        self.0.clone().map(|walk| walk as _)
    }
}

/// A provider, a directory, and the time between them.
pub(crate) struct World {
    pub(crate) provider: Arc<Numbers>,
    pub(crate) directory: Arc<Memory>,
    pub(crate) clock: Arc<StoppedClock>,
    pub(crate) tenant: Arc<Tenant>,
}

impl World {
    /// A provider of so many users, five on a page.
    pub(crate) fn of(users: u32) -> Self {
        Self::with(users, true)
    }

    pub(crate) fn with(users: u32, can_list_changes: bool) -> Self {
        Self {
            provider: Arc::new(Numbers {
                users: Mutex::new((0..users).collect()),
                per_page: 5,
                can_list_changes,
                truncated: Mutex::default(),
                failures: Mutex::default(),
                asked: Mutex::default(),
                takes: Mutex::new(Duration::from_millis(10)),
            }),
            directory: Arc::default(),
            clock: Arc::default(),
            tenant: Arc::new(Tenant {
                id: TenantId::parse("north/daily/herald").unwrap(),
                pool: PoolId(1),
                settings: TenantSettings::default(),
            }),
        }
    }

    /// What one process makes runs with.
    pub(crate) fn process(&self, holder: &str) -> MirrorSync {
        self.process_with(holder, Some(Arc::clone(&self.provider)))
    }

    pub(crate) fn process_with(&self, holder: &str, provider: Option<Arc<Numbers>>) -> MirrorSync {
        let options = SyncOptions {
            holder: holder.into(),
            lease: Duration::from_mins(5),
            full_every: Duration::from_hours(24),
            page_deadline: Duration::from_mins(1),
            grace: Duration::from_secs(5),
            patience: RetryOptions {
                tries: 4,
                first_pause: Duration::from_secs(1),
                longest_pause: Duration::from_secs(30),
            },
        };
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        MirrorSync::new(
            Arc::clone(&self.directory) as _,
            Arc::new(Only(provider)),
            clock,
            options,
        )
    }

    pub(crate) fn asked(&self) -> Vec<usize> {
        self.provider.asked.lock().unwrap().clone()
    }

    /// How many users the directory has.
    pub(crate) fn kept(&self) -> usize {
        self.directory.held().profiles.len()
    }

    pub(crate) fn fail(&self, kinds: impl IntoIterator<Item = SourceErrorKind>) {
        self.provider.failures.lock().unwrap().extend(kinds);
    }
}

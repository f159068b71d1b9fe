//! The mirror: our dated copy of a provider's users, joined with our registrations. Lists are read from it; syncs update it.

use std::time::Duration;

use async_trait::async_trait;
use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    query::{Total, UserQuery},
    user_key::UserKey,
};
use thiserror::Error;
use time::OffsetDateTime;

use crate::{
    scan::{ScanCursor, ScanExtent, ScanPage},
    source::{CallContext, SourceError},
};

/// The last known account of the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The account, as the provider returned it.
    pub account: Account,
    /// When it was true.
    pub as_of: OffsetDateTime,
}

/// One user: a registration, a profile, or both joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorEntry {
    /// The registration in our store.
    pub registration: Option<Account>,
    /// The account of the provider.
    pub profile: Option<Profile>,
}

/// One page of the users of both sources, each once, in the order of the query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorPage {
    /// The users of the page.
    pub entries: Vec<MirrorEntry>,
    /// Whether more match after the last of them.
    pub more: bool,
    /// The number of matches before paging; `None` when not requested.
    pub total: Option<Total>,
    /// When the mirror was last complete: [`MirrorStatus::as_of`].
    pub as_of: OffsetDateTime,
    /// Whether the mirror is known to have every user of the provider: [`MirrorStatus::whole`], and no brake is on. If false, a
    /// user who is not found may still exist, and a total is an estimate.
    pub whole: bool,
}

/// The state of a mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MirrorStatus {
    /// When the last finished run started: all users that the provider had then are in the mirror. `None` before the first
    /// finished run and while the mirror is rebuilt for other settings; then no list is read from it.
    pub as_of: Option<OffsetDateTime>,
    /// Whether that run, and each run since the last full one, was complete: [`RunSummary::whole`].
    pub whole: bool,
    /// The number of profiles.
    pub profiles: u64,
    /// When the brake last stopped a removal that was not released since.
    pub braked_at: Option<OffsetDateTime>,
}

/// The maximum time between full runs while the mirror is not whole: a run over changes cannot make it whole.
pub const MAX_FULL_INTERVAL_UNTIL_WHOLE: Duration = Duration::from_hours(24);

/// The maximum number of scans of one run, where a scan returns fewer users than the provider reports.
pub const MAX_PASSES: u16 = 3;

/// A request to start a sync run.
#[derive(Debug, Clone, Copy)]
pub struct StartRun<'a> {
    /// The process that makes the run. It can resume its own run immediately; another process waits until the lease ends.
    pub holder: &'a str,
    /// The current time.
    pub at: OffsetDateTime,
    /// How long the run belongs to this holder without a renewal, measured by the clock of the store.
    pub lease: Duration,
    /// The time between full runs; runs in between cover changes only. Zero makes each run a full one. At most
    /// [`MAX_FULL_INTERVAL_UNTIL_WHOLE`] while the mirror is not whole.
    pub full_every: Duration,
}

/// A sync run, held by one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncRun {
    /// Its number. A run that another process resumes has a new number, so that the first process can no longer write.
    pub number: i64,
    /// How long it belongs to its holder without a renewal.
    pub lease: Duration,
    /// Which users it covers.
    pub extent: ScanExtent,
    /// When it first started.
    pub started: OffsetDateTime,
    /// Where the scan continues; `None` at the beginning.
    pub cursor: Option<ScanCursor>,
    /// Whether all pages are recorded, so that only [`UserMirror::finish_run`] is left.
    pub scanned: bool,
    /// Whether it continues a run that was not finished.
    pub resumed: bool,
}

/// The answer to [`UserMirror::start_run`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartOutcome {
    /// The run belongs to the caller.
    Run(SyncRun),
    /// Another process holds the run.
    Busy {
        /// How long its lease lasts without a renewal.
        left: Duration,
    },
    /// The mirror of the pool serves another tenant with another provider or merge precedence; lists of this tenant are not
    /// read from it.
    Elsewhere,
}

/// The profiles that a write changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChangeCounts {
    /// New profiles.
    pub added: u64,
    /// Changed profiles.
    pub changed: u64,
    /// Profiles with only a new date, or not even that.
    pub unchanged: u64,
    /// Accounts that cannot be stored: a text is too long, or contains a NUL.
    pub refused: u64,
    /// The last page of a scan was recorded with fewer users than the provider reports: the run scans again from the
    /// beginning. At most [`MAX_PASSES`] scans are made.
    pub again: bool,
}

/// The effect of an account on the mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProfileChange {
    /// A new profile.
    Added,
    /// A changed profile.
    Changed,
    /// Only a new date.
    Unchanged,
    /// The account cannot be stored.
    Refused,
}

/// Whether many missing profiles prevent their removal at the end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovalBrake {
    /// If more than one profile, and more than 1 % of all, are missing.
    On,
    /// Never: an operator has confirmed that they are gone.
    Released,
}

/// The result of a finished run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunSummary {
    /// The number of profiles before removals.
    pub profiles: u64,
    /// Whether the provider returned, and the mirror stored, every user that the run covers: no page was truncated or had gaps,
    /// every account could be stored, and no fewer users were returned than the provider reports.
    pub whole: bool,
    /// The number of profiles that the run did not find; 0 for a run over changes and for an incomplete run, which prove no
    /// user absent.
    pub missing: u64,
    /// The number of profiles removed, because they were missing often and long enough.
    pub removed: u64,
    /// The brake stopped the removal: nothing is marked or removed, the mirror keeps its date, and the next run is a full
    /// one. An alarm is due.
    pub braked: bool,
}

/// Why a run cannot continue.
#[derive(Debug, Error)]
pub enum RunError {
    /// Another process has resumed the run, or it has ended: nothing was written.
    #[error("the run belongs to another process")]
    Lost,
    /// The store did not answer. Nothing was written, unless the kind is an unknown outcome.
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// The mirror of a tenant's pool. Each method that writes is one transaction or, where documented, several that leave the
/// mirror consistent between them.
///
/// Profiles and registrations are joined as by [`masthead_domain::join::join`] over all of them, independent of the order of
/// writes: the mirror changes in the transaction that changes the registration or the profile.
#[async_trait]
pub trait UserMirror: Send + Sync {
    /// Returns one page of the users that meet every condition of the query, in its order; `None` while no list of this
    /// tenant can be read from the mirror ([`MirrorStatus::as_of`], [`StartOutcome::Elsewhere`]).
    async fn search(&self, cx: &CallContext, query: &UserQuery) -> Result<Option<MirrorPage>, SourceError>;

    /// Finds the last known accounts of the provider with this key, in the order of their ids. An empty answer does not mean
    /// that the provider has no account.
    async fn profiles(&self, cx: &CallContext, key: &UserKey) -> Result<Vec<Profile>, SourceError>;

    /// The state of the mirror; `None` where this tenant has none.
    async fn status(&self, cx: &CallContext) -> Result<Option<MirrorStatus>, SourceError>;

    /// Records accounts that the provider just returned; newer profiles are kept. An account that cannot be stored makes the
    /// mirror incomplete. Nothing is recorded before the first run.
    async fn record_accounts(
        &self,
        cx: &CallContext,
        accounts: &[Account],
        as_of: OffsetDateTime,
    ) -> Result<ChangeCounts, SourceError>;

    /// Marks the profile with this id as missing, as the provider confirmed, and removes it once it was missing as often and
    /// as long as the tenant's settings require. A later account with the id removes the marks.
    async fn record_absence(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        as_of: OffsetDateTime,
    ) -> Result<(), SourceError>;

    /// Starts a run, or resumes one that was not finished. The first run of a pool adds its registrations first, in several
    /// transactions.
    async fn start_run(&self, cx: &CallContext, start: StartRun<'_>) -> Result<StartOutcome, SourceError>;

    /// Records the accounts of a page as of the time before it was fetched, and the cursor after it, and renews the lease.
    /// Profiles of left out rows ([`ScanPage::left_out`]) and of accounts that cannot be stored are kept and are not missing.
    /// The run ends with [`UserMirror::finish_run`], unless the scan must be repeated ([`ChangeCounts::again`]).
    async fn record_page(
        &self,
        cx: &CallContext,
        run: &SyncRun,
        page: &ScanPage,
        as_of: OffsetDateTime,
    ) -> Result<ChangeCounts, RunError>;

    /// Renews the lease for another [`SyncRun::lease`]. `false` while a transaction locks the mirror, perhaps one of this
    /// run: the lease is unchanged, and can be renewed soon.
    async fn renew_lease(&self, cx: &CallContext, run: &SyncRun) -> Result<bool, RunError>;

    /// Releases a run, so that any process can resume it immediately.
    async fn release_run(&self, cx: &CallContext, run: &SyncRun) -> Result<(), RunError>;

    /// Ends a run whose last page is recorded. After a complete full run each profile that was not found is marked as missing,
    /// as by [`UserMirror::record_absence`], unless the brake stops it; in several transactions.
    async fn finish_run(
        &self,
        cx: &CallContext,
        run: &SyncRun,
        at: OffsetDateTime,
        brake: RemovalBrake,
    ) -> Result<RunSummary, RunError>;

    /// The effect of each account on the mirror, in their order. Nothing is written.
    async fn preview_changes(&self, cx: &CallContext, accounts: &[Account]) -> Result<Vec<ProfileChange>, SourceError>;
}

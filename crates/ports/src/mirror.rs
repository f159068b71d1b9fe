//! The directory: our own, dated knowledge of a provider's users, joined with our registrations; lists are answered from
//! it, and a synchronisation keeps it.

use std::time::Duration;

use async_trait::async_trait;
use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    email::EmailKey,
    query::{Total, UserQuery},
};
use thiserror::Error;
use time::OffsetDateTime;

use crate::{
    scan::{ScanCursor, ScanExtent, ScanPage},
    source::{CallContext, SourceError},
};

/// The last account that a provider is known to have had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The account, as the provider told it.
    pub account: Account,
    /// When that was true.
    pub as_of: OffsetDateTime,
}

/// One user: a registration, a profile, or both joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorEntry {
    /// Our registration.
    pub registration: Option<Account>,
    /// The provider's account.
    pub profile: Option<Profile>,
}

/// One page of the users of both sides, each once, in the order that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorPage {
    /// The users of the page.
    pub entries: Vec<MirrorEntry>,
    /// Whether more match after the last of them.
    pub more: bool,
    /// How many match before paging; `None` when it was not asked.
    pub total: Option<Total>,
    /// When the provider's side was last true as a whole: [`MirrorStatus::as_of`].
    pub as_of: OffsetDateTime,
    /// Whether every user of the provider is known to be in the directory: [`MirrorStatus::whole`], and no brake is on. Where it
    /// is false, a user who is not found may still exist, and a total is an estimate.
    pub whole: bool,
}

/// What is known of the provider's side as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MirrorStatus {
    /// When the last run that came to its end began: whatever the provider had then is in the directory. `None` before the
    /// first one has, and while the directory is made over for other settings: then no list is answered from it.
    pub as_of: Option<OffsetDateTime>,
    /// Whether that run, and each run since the last one about everything, showed and kept every user of the provider:
    /// [`RunSummary::whole`].
    pub whole: bool,
    /// How many profiles there are.
    pub profiles: u64,
    /// When the brake last stopped a removal that nobody has released since.
    pub braked_at: Option<OffsetDateTime>,
}

/// How long after a run about everything the next one is due at the latest while the directory is not whole: no run about
/// changes can make it whole again.
pub const MAX_FULL_INTERVAL_UNTIL_WHOLE: Duration = Duration::from_hours(24);

/// How often a run goes through all users when a pass shows fewer of them than the provider says that it has.
pub const MAX_PASSES: u16 = 3;

/// Who begins a run, and how.
#[derive(Debug, Clone, Copy)]
pub struct StartRun<'a> {
    /// The process that will make the run. The same one may take up its own run at once; another waits for the lease's end.
    pub holder: &'a str,
    /// The moment.
    pub at: OffsetDateTime,
    /// How long the run is this holder's without being renewed. The store counts it by its own clock, so that processes whose
    /// clocks differ agree on it.
    pub lease: Duration,
    /// How long after a run about everything the runs are about changes alone; zero makes each run about everything. While
    /// the directory is not whole it is [`MAX_FULL_INTERVAL_UNTIL_WHOLE`] at most.
    pub full_every: Duration,
}

/// A run through the provider's users, held by one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncRun {
    /// Its number: a run that is taken up by another process has another one, so that the former does no more harm.
    pub number: i64,
    /// How long it stays its holder's without being renewed.
    pub lease: Duration,
    /// Which users it is about.
    pub scope: ScanExtent,
    /// When it began, the first time.
    pub started: OffsetDateTime,
    /// Where to go on; `None` at the beginning.
    pub place: Option<ScanCursor>,
    /// Every step is taken; only [`UserMirror::finish_run`] is left.
    pub walked: bool,
    /// Whether it was begun before, and not brought to its end.
    pub resumed: bool,
}

/// What became of the wish to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartOutcome {
    /// The run is the caller's.
    Run(SyncRun),
    /// Another process is at it.
    Busy {
        /// How long its lease still lasts unless it is renewed.
        left: Duration,
    },
    /// The pool's directory serves another tenant, whose provider or field precedence differs from this tenant's. Lists of
    /// this tenant are not answered from it.
    Elsewhere,
}

/// What a step has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChangeCounts {
    /// Profiles that are new.
    pub added: u64,
    /// Profiles that are different now.
    pub changed: u64,
    /// Profiles of which only the date is new, or not even that.
    pub unchanged: u64,
    /// Accounts that cannot be kept: a text is too long, or holds a NUL.
    pub refused: u64,
    /// The last step of a pass is kept, and the pass showed fewer users than the provider says that it has: the walk goes on
    /// from its beginning, in the same run. At most [`MAX_PASSES`] passes are made.
    pub again: bool,
}

/// What an account would change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProfileChange {
    /// The profile would be new.
    Added,
    /// The profile would be different.
    Changed,
    /// Only the date would be new.
    Unchanged,
    /// The account cannot be kept.
    Refused,
}

/// Whether many missing profiles at once stop a run's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovalBrake {
    /// When more than one profile, and more than 1 % of all, were not seen.
    On,
    /// Never: an operator has looked, and says that they are gone.
    Released,
}

/// What came of a run's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunSummary {
    /// How many profiles there were before anything was removed.
    pub profiles: u64,
    /// Whether the provider showed, and the directory kept, every user the run was about: no step was truncated or had gaps,
    /// every account could be kept, and no fewer users were shown than the provider says that it has.
    pub whole: bool,
    /// How many the run should have seen and has not; 0 when it was about changes, or was not whole: then it proves nobody
    /// absent.
    pub missing: u64,
    /// How many of them were removed, being missing often and long enough.
    pub removed: u64,
    /// The brake stopped it: nothing is marked or removed, the directory stays as old as it was, and the next run is about
    /// everything. An alarm is due.
    pub braked: bool,
}

/// Why a run does not go on.
#[derive(Debug, Error)]
pub enum RunError {
    /// Another process has taken the run up, or it has ended: nothing was written.
    #[error("the run is another's")]
    Lost,
    /// The store gives no answer. Nothing was written, unless the kind says that nobody knows.
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// The directory of a tenant's pool. Each method that writes is one transaction or, where it says so, several that leave
/// the directory true between them.
///
/// Profiles and registrations are joined as [`masthead_domain::join::join`] joins all of them, whatever the order in which
/// they came: the directory changes in the transaction of the registration or the profile that it is made of.
#[async_trait]
pub trait UserMirror: Send + Sync {
    /// One page of the users that meet every condition of the query, in its order, or `None` while no list of this tenant
    /// may be answered from the directory ([`MirrorStatus::as_of`], [`StartOutcome::Elsewhere`]).
    async fn search(&self, cx: &CallContext, query: &UserQuery) -> Result<Option<MirrorPage>, SourceError>;

    /// The last known account of the provider with this id. `None` says nothing about the provider.
    async fn profile(&self, cx: &CallContext, id: &CustomerRegistrationId) -> Result<Option<Profile>, SourceError>;

    /// The last known accounts of the provider with exactly this address, in the order of their ids. Their absence says
    /// nothing about the provider.
    async fn profiles_by_email(&self, cx: &CallContext, email: &EmailKey) -> Result<Vec<Profile>, SourceError>;

    /// How the directory stands; `None` where there is none for this tenant.
    async fn status(&self, cx: &CallContext) -> Result<Option<MirrorStatus>, SourceError>;

    /// Keeps what the provider has just said of these accounts. What is known of a later moment stays. An account that cannot
    /// be kept makes the directory not whole. Nothing happens where no run has ever begun.
    async fn record_accounts(
        &self,
        cx: &CallContext,
        accounts: &[Account],
        as_of: OffsetDateTime,
    ) -> Result<ChangeCounts, SourceError>;

    /// Marks the profile of this id as missing, as the provider itself has confirmed; removes it once the tenant's settings
    /// have it missing often and long enough. A later word of the provider takes the marks back.
    async fn record_absence(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        as_of: OffsetDateTime,
    ) -> Result<(), SourceError>;

    /// Begins a run, or takes up the one that did not come to its end. The first run of a pool enters its registrations
    /// before anything else, in several transactions.
    async fn start_run(&self, cx: &CallContext, beginning: StartRun<'_>) -> Result<StartOutcome, SourceError>;

    /// Keeps the accounts of a step as of the moment before the step was made, the place after it, and renews the lease. Of the
    /// users whom the step left out ([`ScanPage::left_out`]), and of those whose account cannot be kept, what was known stays, and
    /// they are not missing. The run's end is [`UserMirror::finish_run`], whatever the step's `next` says, unless the walk is to be
    /// made again ([`ChangeCounts::again`]).
    async fn record_page(
        &self,
        cx: &CallContext,
        run: &SyncRun,
        step: &ScanPage,
        as_of: OffsetDateTime,
    ) -> Result<ChangeCounts, RunError>;

    /// Renews the lease: it now ends [`SyncRun::lease`] after this moment of the store's clock. `false` when a transaction that
    /// is under way holds the directory, perhaps a step of this very run: the lease stays as it is, and can be renewed soon.
    async fn renew_lease(&self, cx: &CallContext, run: &SyncRun) -> Result<bool, RunError>;

    /// Gives a run up for others to take up at once where it is.
    async fn release_run(&self, cx: &CallContext, run: &SyncRun) -> Result<(), RunError>;

    /// Ends a run whose last step is taken. After a whole run about everything each profile that was not seen is marked as
    /// missing, as [`UserMirror::record_absence`] does, unless the brake stops it; in several transactions.
    async fn finish_run(
        &self,
        cx: &CallContext,
        run: &SyncRun,
        at: OffsetDateTime,
        brake: RemovalBrake,
    ) -> Result<RunSummary, RunError>;

    /// What each of these accounts would change, in their order. Nothing is written.
    async fn preview_changes(&self, cx: &CallContext, accounts: &[Account]) -> Result<Vec<ProfileChange>, SourceError>;
}

//! The contract of every mirror, as cases for the fake and for Postgres.
//!
//! A [`MirrorFactory`] creates a mirror beside registrations; [`for_each_mirror_case`](crate::for_each_mirror_case)
//! names the cases.

mod bulk;
mod joins;
mod passes;
mod runs;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    evidence::Evidence,
    join::{AccountPair, join},
    merge::SourceNames,
    order::{Order, SortKey},
    query::{CountMode, Position, Total, UserFilter, UserQuery},
    tenant::Tenant,
};
use masthead_ports::{
    bulk::BulkLookups,
    mirror::{MirrorEntry, RemovalBrake, RunSummary, StartOutcome, StartRun, SyncRun, UserMirror},
    scan::{ScanCursor, ScanPage},
    source::{CallContext, Priority, UserSource},
};
use time::{OffsetDateTime, macros::datetime};

pub use bulk::*;
pub use joins::*;
pub use passes::*;
pub use runs::*;

use super::{ids, list, model};

/// Creates a mirror for one case.
#[async_trait]
pub trait MirrorFactory: Send + Sync {
    /// An empty mirror, and this number of tenants with a provider, each with a separate pool and these settings.
    async fn subject(&self, tenants: usize, settings: &[(&str, &str)]) -> MirrorSubject;
}

/// Writes registrations like the store.
#[async_trait]
pub trait Registrar: Send + Sync {
    /// Creates or changes a registration.
    async fn register(&self, cx: &CallContext, account: &Account);
}

/// A mirror, its registrations, and the tenants.
pub struct MirrorSubject {
    /// The mirror.
    pub mirror: Arc<dyn UserMirror>,
    /// Reads the registrations.
    pub registrations: Arc<dyn UserSource>,
    /// Writes the registrations.
    pub registrar: Arc<dyn Registrar>,
    /// Bulk lookups of both.
    pub bulk: Arc<dyn BulkLookups>,
    /// The tenants.
    pub tenants: Vec<Arc<Tenant>>,
    /// Resources that must outlive the mirror.
    pub keep: Box<dyn std::any::Any + Send + Sync>,
}

/// How a list is paged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PagedBy {
    /// By page numbers.
    Number,
    /// By cursors.
    Cursor,
}

/// The start of the first run of each case; other times are relative to it.
pub const NOON: OffsetDateTime = datetime!(2026-03-04 12:00 UTC);

/// The source names; these cases ignore provenance.
const NAMES: SourceNames = SourceNames {
    provider: "provider",
    store: "store",
};

/// A day, in minutes.
const DAY: i64 = 24 * 60;

/// This number of minutes after [`NOON`].
#[must_use]
pub fn minute(minutes: i64) -> OffsetDateTime {
    NOON + time::Duration::minutes(minutes)
}

/// A start at this time, with a lease of five minutes and a full run every week.
#[must_use]
pub fn start_run(holder: &str, at: OffsetDateTime) -> StartRun<'_> {
    StartRun {
        holder,
        at,
        lease: Duration::from_mins(5),
        full_every: Duration::from_hours(7 * 24),
    }
}

/// A page of these accounts with this cursor.
#[must_use]
pub fn scan_page(accounts: &[Account], next: Option<&str>) -> ScanPage {
    ScanPage {
        accounts: accounts.to_vec(),
        next: next.and_then(ScanCursor::parse),
        expected: None,
        truncated: false,
        gaps: false,
        left_out: Vec::new(),
    }
}

impl MirrorSubject {
    /// The context of a call for the tenant with this number.
    #[must_use]
    pub fn context(&self, tenant: usize) -> CallContext {
        let deadline = Instant::now() + Duration::from_mins(10);
        CallContext::new(Arc::clone(&self.tenants[tenant]), deadline, Priority::Sync)
    }

    /// Writes a registration of the first tenant.
    pub async fn register(&self, account: &Account) {
        self.registrar.register(&self.context(0), account).await;
    }

    /// Starts a run.
    ///
    /// # Panics
    /// The mirror is busy or does not answer.
    pub async fn begin(&self, beginning: StartRun<'_>) -> SyncRun {
        let begun = self.mirror.start_run(&self.context(0), beginning).await;
        let run = match begun.expect("an answer") {
            StartOutcome::Run(run) => Some(run),
            StartOutcome::Busy { .. } | StartOutcome::Elsewhere => None,
        };
        run.expect("a run")
    }

    /// A complete full run with these accounts on one page.
    ///
    /// # Panics
    /// The mirror does not answer.
    pub async fn run(&self, accounts: &[Account], at: OffsetDateTime, brake: RemovalBrake) -> RunSummary {
        let all = StartRun {
            full_every: Duration::ZERO,
            ..start_run("a", at)
        };
        let run = self.begin(all).await;
        let cx = self.context(0);
        let taken = self.mirror.record_page(&cx, &run, &scan_page(accounts, None), at).await;
        assert_eq!(taken.expect("taken").refused, 0);
        let finished = self.mirror.finish_run(&cx, &run, at, brake).await;
        finished.expect("finished")
    }

    /// Records a live answer of the provider.
    ///
    /// # Panics
    /// The mirror does not answer.
    pub async fn feed(&self, accounts: &[Account], as_of: OffsetDateTime) {
        let fed = self.mirror.record_accounts(&self.context(0), accounts, as_of).await;
        fed.expect("fed");
    }

    /// The entries of the first tenant, by id: the id of the profile and of the registration, `-` for none.
    ///
    /// # Panics
    /// The mirror has no list.
    pub async fn pairs(&self) -> Vec<String> {
        let page = self.mirror.search(&self.context(0), &list(UserFilter::default())).await;
        let page = page.expect("an answer").expect("a finished run");
        let id = |account: Option<&Account>| account.map_or("-", |account| account.crid.as_str()).to_owned();
        let mut pairs: Vec<_> = page
            .entries
            .iter()
            .map(|entry| {
                let profiles = entry.profile.as_ref().map(|profile| &profile.account);
                format!("{} {}", id(profiles), id(entry.registration.as_ref()))
            })
            .collect();
        assert_eq!(page.total, Some(Total::Exact(pairs.len() as u64)));
        pairs.sort();
        pairs
    }

    /// The date of the profile with this id.
    ///
    /// # Panics
    /// The mirror does not answer.
    pub async fn as_of(&self, id: &str) -> Option<OffsetDateTime> {
        let id = CustomerRegistrationId::parse(id).expect("an id");
        let profiles = self.mirror.profiles(&self.context(0), &id.into()).await;
        let profile = profiles.expect("an answer").pop();
        profile.map(|profile| profile.as_of)
    }

    /// All registrations of the first tenant.
    async fn all_registrations(&self) -> Vec<Account> {
        let mut query = UserQuery {
            size: 1000,
            count: CountMode::None,
            ..list(UserFilter::default())
        };
        let mut all: Vec<Account> = Vec::new();
        loop {
            let page = self.registrations.search(&self.context(0), &query).await;
            let page = page.expect("a page");
            all.extend(page.accounts);
            match all.last() {
                Some(last) if page.more => {
                    query.position = Position::After(SortKey::for_account(last, query.order.column, true).into());
                }
                _ => return all,
            }
        }
    }

    /// The expected content: all accounts of the provider and all registrations, joined and merged.
    pub async fn merged(&self, profiles: &[Account]) -> Vec<Account> {
        let joined = join(
            Evidence::whole(profiles.to_vec()),
            Evidence::whole(self.all_registrations().await),
        );
        let precedence = &self.tenants[0].settings.precedence;
        let users = joined.into_pairs().filter_map(|pair| pair.merged(precedence, NAMES));
        users.map(|(user, _)| user).collect()
    }

    /// Reads every page of this filter and order, by number and by cursor, and compares them with the naive list.
    ///
    /// # Panics
    /// Anything differs.
    pub async fn answers_like(&self, merged: &[Account], filter: &UserFilter, order: Order, size: u16) {
        for by in [PagedBy::Number, PagedBy::Cursor] {
            self.answers_by(by, merged, filter, order, size).await;
        }
    }

    /// As [`Self::answers_like`], by one kind of paging.
    ///
    /// # Panics
    /// Anything differs.
    pub async fn answers_by(&self, by: PagedBy, merged: &[Account], filter: &UserFilter, order: Order, size: u16) {
        let wanted = model::list(merged, filter, order, true);
        let mut query = UserQuery {
            filter: filter.clone(),
            order,
            position: Position::Offset(0),
            size,
            count: CountMode::Exact,
        };
        let mut found: Vec<Account> = Vec::new();
        loop {
            let page = self.mirror.search(&self.context(0), &query).await;
            let page = page.expect("an answer").expect("a finished run");
            assert_eq!(page.total, Some(Total::Exact(wanted.len() as u64)), "{order:?}");
            found.extend(page.entries.into_iter().map(|entry| self.user(entry)));
            assert_eq!(page.more, found.len() < wanted.len());
            match (by, found.last()) {
                _ if !page.more => break,
                (PagedBy::Cursor, Some(last)) => {
                    query.position = Position::After(SortKey::for_account(last, order.column, true).into());
                }
                _ => query.position = Position::Offset(found.len() as u64),
            }
        }
        assert_eq!(ids(&found), ids(&wanted), "by {by:?}, {order:?}");
        assert!(found == wanted, "a field came back changed, {order:?}");
    }

    fn user(&self, entry: MirrorEntry) -> Account {
        let pair = AccountPair {
            provider: entry.profile.map(|profile| profile.account),
            store: entry.registration,
        };
        let merged = pair.merged(&self.tenants[0].settings.precedence, NAMES);
        merged.expect("an account").0
    }
}

/// Calls a macro with the name of every case, for making a test of each.
#[macro_export]
macro_rules! for_each_mirror_case {
    ($callback:ident) => {
        $callback! {
            no_list_before_first_finished_run,
            joined_user_is_one_entry,
            shared_address_separates_joined_users,
            id_has_precedence_over_address,
            older_account_never_replaces_newer,
            profiles_are_found_by_key,
            mirrors_of_pools_are_separate,
            lists_equal_the_model_during_changes,
            one_run_at_a_time_is_resumed,
            lost_run_writes_nothing,
            changes_run_follows_full_run,
            missing_user_is_removed_after_confirmations,
            brake_prevents_mass_removal,
            lease_lasts_from_last_renewal,
            incomplete_run_removes_no_user,
            incomplete_scan_is_repeated,
            repeatedly_incomplete_run_is_not_whole,
            users_deleted_during_run_keep_it_whole,
            list_reports_whether_mirror_is_whole,
            user_in_unreadable_row_is_not_missing,
            preview_reports_changes_without_writing,
            bulk_lookup_returns_joined_users,
            old_or_foreign_mirror_answers_no_keys,
            user_missing_since_is_in_doubt,
            mirror_is_whole_only_without_gaps,
        }
    };
}

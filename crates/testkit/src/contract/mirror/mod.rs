//! What every directory promises, as cases that run on the fake and on Postgres alike.
//!
//! A [`MirrorFactory`] makes a directory beside registrations; [`for_each_mirror_case`](crate::for_each_mirror_case)
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

/// Makes a directory for one case.
#[async_trait]
pub trait MirrorFactory: Send + Sync {
    /// An empty directory, and so many federated tenants, each with a pool of its own and these settings besides.
    async fn directory(&self, tenants: usize, settings: &[(&str, &str)]) -> MirrorSubject;
}

/// Writes registrations as the store does.
#[async_trait]
pub trait Registrar: Send + Sync {
    /// Makes the registration of this id, or changes it.
    async fn register(&self, cx: &CallContext, account: &Account);
}

/// A directory beside its registrations, and the tenants.
pub struct MirrorSubject {
    /// The directory.
    pub directory: Arc<dyn UserMirror>,
    /// The registrations beside it, as they are read,
    pub registrations: Arc<dyn UserSource>,
    /// and as they are written.
    pub registrar: Arc<dyn Registrar>,
    /// Both, asked for many users at once.
    pub bulk: Arc<dyn BulkLookups>,
    /// The tenants.
    pub tenants: Vec<Arc<Tenant>>,
    /// What must live as long as the directory does.
    pub keep: Box<dyn std::any::Any + Send + Sync>,
}

/// How a list is gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PagedBy {
    /// By page numbers.
    Number,
    /// From the place of the last user.
    Cursor,
}

/// When the first run of each case begins; all other moments are counted from it.
pub const NOON: OffsetDateTime = datetime!(2026-03-04 12:00 UTC);

/// Who merged, as far as these cases ask.
const NAMES: SourceNames = SourceNames {
    provider: "provider",
    store: "store",
};

/// A day, in minutes.
const DAY: i64 = 24 * 60;

/// So many minutes after [`NOON`].
#[must_use]
pub fn minute(minutes: i64) -> OffsetDateTime {
    NOON + time::Duration::minutes(minutes)
}

/// A beginning at this moment, with a lease of five minutes, about changes for a week.
#[must_use]
pub fn start_run(holder: &str, at: OffsetDateTime) -> StartRun<'_> {
    StartRun {
        holder,
        at,
        lease: Duration::from_mins(5),
        full_every: Duration::from_hours(7 * 24),
    }
}

/// A step that shows these accounts and goes on at this place.
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
    /// A call on behalf of the tenant of this number, with all the time in the world.
    #[must_use]
    pub fn context(&self, tenant: usize) -> CallContext {
        let deadline = Instant::now() + Duration::from_mins(10);
        CallContext::new(Arc::clone(&self.tenants[tenant]), deadline, Priority::Sync)
    }

    /// Writes a registration of the first tenant.
    pub async fn register(&self, account: &Account) {
        self.registrar.register(&self.context(0), account).await;
    }

    /// Begins a run that nothing stands in the way of.
    ///
    /// # Panics
    /// Something does.
    pub async fn begin(&self, beginning: StartRun<'_>) -> SyncRun {
        let begun = self.directory.start_run(&self.context(0), beginning).await;
        let run = match begun.expect("an answer") {
            StartOutcome::Run(run) => Some(run),
            StartOutcome::Busy { .. } | StartOutcome::Elsewhere => None,
        };
        run.expect("a run")
    }

    /// A whole run about everything that shows these accounts in one step.
    ///
    /// # Panics
    /// The directory does not answer.
    pub async fn run(&self, accounts: &[Account], at: OffsetDateTime, brake: RemovalBrake) -> RunSummary {
        let all = StartRun {
            full_every: Duration::ZERO,
            ..start_run("a", at)
        };
        let run = self.begin(all).await;
        let cx = self.context(0);
        let taken = self
            .directory
            .record_page(&cx, &run, &scan_page(accounts, None), at)
            .await;
        assert_eq!(taken.expect("taken").refused, 0);
        let finished = self.directory.finish_run(&cx, &run, at, brake).await;
        finished.expect("finished")
    }

    /// The provider says these accounts live.
    ///
    /// # Panics
    /// The directory does not answer.
    pub async fn feed(&self, accounts: &[Account], as_of: OffsetDateTime) {
        let fed = self.directory.record_accounts(&self.context(0), accounts, as_of).await;
        fed.expect("fed");
    }

    /// Every entry of the first tenant, by id: the provider's id and ours, `-` for none.
    ///
    /// # Panics
    /// No list is answered.
    pub async fn pairs(&self) -> Vec<String> {
        let page = self
            .directory
            .search(&self.context(0), &list(UserFilter::default()))
            .await;
        let page = page.expect("an answer").expect("a finished run");
        let id = |account: Option<&Account>| account.map_or("-", |account| account.crid.as_str()).to_owned();
        let mut pairs: Vec<_> = page
            .entries
            .iter()
            .map(|entry| {
                let theirs = entry.profile.as_ref().map(|profile| &profile.account);
                format!("{} {}", id(theirs), id(entry.registration.as_ref()))
            })
            .collect();
        assert_eq!(page.total, Some(Total::Exact(pairs.len() as u64)));
        pairs.sort();
        pairs
    }

    /// When the profile of this id was true; `None` where there is none.
    ///
    /// # Panics
    /// The directory does not answer.
    pub async fn as_of(&self, id: &str) -> Option<OffsetDateTime> {
        let id = CustomerRegistrationId::parse(id).expect("an id");
        let profile = self.directory.profile(&self.context(0), &id).await;
        profile.expect("an answer").map(|profile| profile.as_of)
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

    /// What the directory should hold: all of the provider's accounts and all registrations, joined and merged.
    pub async fn merged(&self, theirs: &[Account]) -> Vec<Account> {
        let joined = join(
            Evidence::whole(theirs.to_vec()),
            Evidence::whole(self.all_registrations().await),
        );
        let precedence = &self.tenants[0].settings.precedence;
        let users = joined.into_pairs().filter_map(|pair| pair.merged(precedence, NAMES));
        users.map(|(user, _)| user).collect()
    }

    /// Asks for every page of this filter and order, by number and by cursor, and compares all of it with the naive list.
    ///
    /// # Panics
    /// Anything differs.
    pub async fn answers_like(&self, merged: &[Account], filter: &UserFilter, order: Order, size: u16) {
        for by in [PagedBy::Number, PagedBy::Cursor] {
            self.answers_by(by, merged, filter, order, size).await;
        }
    }

    /// The same by one of both.
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
            let page = self.directory.search(&self.context(0), &query).await;
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
        merged.expect("somebody").0
    }
}

/// Calls a macro with the name of every case, for making a test of each.
#[macro_export]
macro_rules! for_each_mirror_case {
    ($callback:ident) => {
        $callback! {
            no_list_is_answered_before_a_run_has_ended,
            one_user_of_both_sides_is_one_entry,
            a_shared_address_parts_who_was_joined_until_it_is_shared_no_more,
            the_id_comes_before_the_address,
            an_older_word_never_takes_the_place_of_a_newer,
            profiles_are_found_by_id_and_by_address,
            directories_of_other_pools_are_apart,
            lists_are_the_models_while_both_sides_change,
            one_run_at_a_time_and_it_is_taken_up_where_it_was_left,
            who_has_lost_a_run_writes_nothing,
            a_run_about_changes_follows_one_about_everything,
            whoever_is_gone_is_removed_after_several_confirmations_far_apart,
            a_mass_disappearance_removes_nobody_until_the_brake_is_released,
            a_lease_lasts_from_its_last_renewal,
            a_run_that_is_not_whole_removes_nobody,
            a_pass_that_showed_fewer_users_than_there_are_is_made_again,
            a_run_that_never_shows_all_ends_not_whole,
            users_who_go_during_a_run_do_not_make_it_less_than_whole,
            a_list_tells_whether_the_directory_is_whole,
            whoever_is_in_a_row_that_cannot_be_read_is_not_missing,
            a_preview_tells_what_would_change_and_changes_nothing,
            keys_are_answered_with_the_users_of_both_sides,
            a_directory_that_is_too_old_or_anothers_tells_nothing_of_keys,
            who_is_missing_since_is_in_doubt,
            a_directory_is_whole_only_where_nobody_was_left_out,
        }
    };
}

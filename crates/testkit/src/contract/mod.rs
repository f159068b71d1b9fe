//! What every source of registrations promises, as cases that run on the fake and on Postgres alike.
//!
//! A [`SourceFactory`] makes a source of given accounts; [`for_each_source_case`](crate::for_each_source_case) names the cases.

mod bulk;
mod lists;
mod look_ups;
pub mod mirror;
pub mod model;
mod pages;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use masthead_domain::{
    account::Account,
    order::Order,
    query::{CountMode, Position, UserFilter, UserQuery},
    tenant::Tenant,
};
use masthead_ports::{
    bulk::BulkLookups,
    source::{CallContext, Priority, UserSource},
};

pub use bulk::*;
pub use lists::*;
pub use look_ups::*;
pub use pages::*;

/// Makes a source for one case.
#[async_trait]
pub trait SourceFactory: Send + Sync {
    /// A source of these tenants, each with a pool of its own that holds exactly these accounts.
    async fn source(&self, tenants: Vec<TenantAccounts>) -> SourceSubject;
}

/// A tenant, and what is in its pool.
pub struct TenantAccounts {
    /// Whether an outside provider keeps the accounts; only then may an address occur twice.
    pub federated: bool,
    /// Who is in the pool; registration numbers are the source's to choose.
    pub accounts: Vec<Account>,
}

/// A source, and its tenants in the order in which they were loaded.
pub struct SourceSubject {
    /// The source.
    pub source: Arc<dyn UserSource>,
    /// The same, asked for many users at once.
    pub bulk: Arc<dyn BulkLookups>,
    /// The tenants.
    pub tenants: Vec<Arc<Tenant>>,
    /// What must live as long as the source does.
    pub keep: Box<dyn std::any::Any + Send + Sync>,
}

impl SourceSubject {
    /// A call on behalf of the tenant of this number, with all the time in the world.
    #[must_use]
    pub fn context(&self, tenant: usize) -> CallContext {
        let deadline = Instant::now() + Duration::from_mins(1);
        CallContext::new(Arc::clone(&self.tenants[tenant]), deadline, Priority::Interactive)
    }
}

/// A tenant without a provider.
#[must_use]
pub fn local(accounts: Vec<Account>) -> TenantAccounts {
    TenantAccounts {
        federated: false,
        accounts,
    }
}

/// A tenant with one.
#[must_use]
pub fn federated(accounts: Vec<Account>) -> TenantAccounts {
    TenantAccounts {
        federated: true,
        accounts,
    }
}

/// The first hundred of this filter by e-mail, counted.
#[must_use]
pub fn list(filter: UserFilter) -> UserQuery {
    UserQuery {
        filter,
        order: Order::default(),
        position: Position::Offset(0),
        size: 100,
        count: CountMode::Exact,
    }
}

/// The ids of accounts, in their order.
#[must_use]
pub fn ids(accounts: &[Account]) -> Vec<&str> {
    accounts.iter().map(|account| account.crid.as_str()).collect()
}

/// Calls a macro with the name of every case, for making a test of each.
#[macro_export]
macro_rules! for_each_source_case {
    ($callback:ident) => {
        $callback! {
            finds_a_user_by_id_with_every_field,
            says_absent_for_an_unknown_id,
            finds_every_user_of_an_address_in_the_order_of_ids,
            an_address_is_found_in_any_spelling_of_its_key,
            ids_are_compared_byte_for_byte,
            keeps_tenants_apart,
            strange_keys_match_nobody,
            many_keys_are_each_answered_as_if_alone,
            every_account_of_a_key_is_answered_wherever_it_stands,
            keeps_tenants_apart_in_bulk,
            strange_keys_match_nobody_in_bulk,
            an_empty_filter_lists_the_tenants_users,
            part_of_an_address_matches_by_contains,
            wildcards_are_letters_like_any_other,
            accents_count_in_addresses_and_not_in_names,
            names_match_by_their_beginning,
            metadata_pairs_are_all_required,
            names_are_found_as_metadata,
            only_the_active_are_those_who_are_not_unverified,
            every_condition_counts,
            exact_conditions_work_in_lists_too,
            hostile_needles_match_nobody_and_do_no_harm,
            every_order_is_the_models_with_empty_values_last,
            pages_put_together_are_the_list,
            cursors_go_through_the_whole_list_once,
            a_cursor_goes_on_where_its_user_has_gone,
            past_the_end_is_an_empty_page_with_the_true_total,
            the_total_counts_all_matches_whatever_the_page,
            a_count_is_given_only_when_asked_for,
            more_says_whether_something_follows,
            all_states_of_a_federated_tenant_are_one,
        }
    };
}

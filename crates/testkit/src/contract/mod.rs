//! The contract of every source of registrations, as cases for the fake and for Postgres.
//!
//! A [`SourceFactory`] creates a source of given accounts; [`for_each_source_case`](crate::for_each_source_case) names the cases.

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

/// Creates a source for one case.
#[async_trait]
pub trait SourceFactory: Send + Sync {
    /// A source of these tenants, each with a separate pool of exactly these accounts.
    async fn source(&self, tenants: Vec<TenantAccounts>) -> SourceSubject;
}

/// A tenant and the accounts of its pool.
pub struct TenantAccounts {
    /// Whether an outside provider keeps the accounts; only then may an address occur twice.
    pub federated: bool,
    /// The accounts; the source assigns registration numbers.
    pub accounts: Vec<Account>,
}

/// A source, and its tenants in the order in which they were loaded.
pub struct SourceSubject {
    /// The source.
    pub source: Arc<dyn UserSource>,
    /// The same source, for bulk lookups.
    pub bulk: Arc<dyn BulkLookups>,
    /// The tenants.
    pub tenants: Vec<Arc<Tenant>>,
    /// Resources that must outlive the source.
    pub keep: Box<dyn std::any::Any + Send + Sync>,
}

impl SourceSubject {
    /// The context of a call for the tenant with this number.
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

/// A tenant with a provider.
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
            lookup_by_id_returns_every_field,
            unknown_id_is_absent,
            lookup_by_address_returns_all_users,
            addresses_match_in_any_spelling,
            ids_are_compared_byte_for_byte,
            keeps_tenants_apart,
            unusual_keys_match_no_user,
            bulk_lookup_equals_single_lookups,
            bulk_lookup_keeps_order_and_repeats,
            keeps_tenants_apart_in_bulk,
            unusual_keys_match_no_user_in_bulk,
            empty_filter_lists_all_users,
            address_part_matches_by_contains,
            wildcards_are_literal,
            accents_count_in_addresses_only,
            names_match_by_prefix,
            metadata_pairs_are_all_required,
            names_are_searchable_as_metadata,
            only_active_excludes_unverified_users,
            every_condition_counts,
            exact_conditions_apply_in_lists,
            hostile_search_texts_match_no_user,
            every_order_equals_the_model,
            pages_form_the_list,
            cursors_traverse_the_list_once,
            cursor_works_after_its_user_is_deleted,
            page_past_the_end_has_total,
            total_counts_all_matches,
            count_is_returned_only_on_request,
            more_is_set_before_last_page,
            federated_users_sort_by_id_for_state,
        }
    };
}

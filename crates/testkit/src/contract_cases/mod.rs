//! The public contract as a table of requests and what must come back, one function a line of it.
//!
//! The same table runs on the router with fakes and over a real socket with a real store: an [`CaseEnvironment`] fills in what
//! differs, [`fixture`] lists what must be loaded before.
#![expect(
    clippy::must_use_candidate,
    reason = "each line of the contract is a function that only makes a table"
)]

mod case;
pub mod fixture;
mod headers;
mod keys;
mod list;
mod paging;
mod shape;

pub use case::{CaseAnswer, CaseEnvironment, CaseRequest, CaseToken, ContractCase, Expectation, Method};
pub use headers::*;
pub use keys::*;
pub use list::*;
pub use paging::*;
pub use shape::*;

/// Calls a macro with the name of every line of the contract, for making a test of each.
#[macro_export]
macro_rules! for_each_contract_line {
    ($callback:ident) => {
        $callback! {
            first_missing_header_is_named,
            malformed_header_is_named,
            bearer_scheme_ignores_case,
            x_media_group_code_is_an_alias,
            invalid_token_is_401,
            missing_grant_is_403_for_any_tenant,
            unknown_source_system_is_401,
            request_id_is_echoed_or_generated,
            path_aliases_are_accepted,
            unknown_paths_and_methods_are_rejected,
            path_id_is_decoded_once,
            tenant_without_provider_reads_registrations,
            state_is_lite_unverified_or_standard,
            user_response_is_exact,
            list_response_is_exact,
            unknown_user_is_404,
            tenant_settings_shape_envelopes,
            sealed_values_open_or_are_rejected,
            fields_keep_published_order,
            explain_lists_field_sources,
            ignore_provider_is_a_bool,
            complete_email_matches_exactly,
            email_match_parameter_overrides_default,
            plus_in_address_is_preserved,
            customer_registration_id_matches_exactly,
            names_match_by_folded_prefix,
            metadata_pairs_match_without_case,
            metadata_names_match_top_level_fields,
            no_match_returns_empty_list,
            missing_filter_lists_all_users,
            empty_filter_value_is_rejected,
            unknown_parameter_is_rejected,
            path_id_restricts_list,
            deprecated_parameter_names_successor,
            repeated_parameter_is_rejected,
            badly_encoded_parameter_is_rejected,
            search_body_accepts_same_parameters,
            invalid_search_body_is_rejected,
            page_size_is_bounded,
            page_number_is_one_based,
            too_deep_page_suggests_cursor,
            order_by_selects_column,
            empty_values_are_last,
            count_can_be_estimated_or_omitted,
            foreign_cursor_is_rejected,
        }
    };
}

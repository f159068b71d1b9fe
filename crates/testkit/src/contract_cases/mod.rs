//! The public contract as a table of requests and what must come back, one function a line of it.
//!
//! The same table runs on the router with fakes and over a real socket with a real store: an [`CaseEnvironment`] fills in what
//! differs, [`fixture`] says what must be loaded before.
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
            every_header_is_required_and_the_first_missing_one_is_named,
            a_header_that_is_no_code_is_named,
            the_scheme_is_bearer_in_any_case,
            x_media_group_code_is_an_alias,
            a_bad_token_is_401,
            what_is_not_granted_is_403_and_does_not_tell_whether_it_exists,
            a_source_system_that_the_tenant_does_not_know_is_401,
            the_request_id_is_echoed_or_made_up,
            the_aliases_of_the_path_are_taken_with_and_without_a_trailing_slash,
            other_addresses_and_methods_are_refused_in_the_envelope,
            an_id_in_the_path_is_decoded_fully_and_once,
            a_tenant_without_provider_is_answered_from_its_registrations,
            the_state_is_lite_unverified_or_standard,
            one_user_is_answered_byte_for_byte,
            a_list_is_answered_byte_for_byte,
            a_user_who_is_not_there_is_404,
            the_switches_of_a_tenant_shape_its_envelopes,
            encrypted_values_open_and_bad_ones_are_refused_alike,
            fields_are_sparse_and_in_published_order,
            explain_names_the_source_of_each_field,
            ignore_provider_is_a_bool,
            email_matches_exactly_when_complete_and_by_contains_otherwise,
            email_match_overrides_the_rule,
            a_plus_in_an_address_survives,
            customer_registration_id_matches_exactly,
            names_match_by_their_beginning_without_case_and_accents,
            metadata_pairs_are_all_required_and_match_without_case,
            metadata_names_also_match_the_top_level_fields,
            no_match_is_an_empty_list,
            no_filter_lists_the_tenants_users,
            a_filter_that_is_empty_is_refused,
            an_unknown_parameter_is_refused_by_name,
            an_id_in_the_path_restricts_a_list,
            a_deprecated_parameter_is_refused_with_its_successor,
            a_repeated_parameter_is_refused,
            a_badly_encoded_parameter_is_refused_by_name,
            the_body_of_a_search_takes_the_same,
            a_body_that_is_no_search_is_refused,
            page_size_is_bounded,
            page_number_is_one_based_and_may_lie_past_the_end,
            a_page_too_deep_names_cursor,
            order_by_numbers_the_columns,
            empty_values_come_last_in_both_directions,
            count_may_be_estimated_or_left_out,
            a_cursor_that_is_not_of_this_list_is_refused,
        }
    };
}

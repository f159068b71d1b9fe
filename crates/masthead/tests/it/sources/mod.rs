//! One test suite for every source, a provider or a remote Users API in the store's place: the answer table and the fault
//! matrix, through the real adapter, against the sandbox over loopback, with the other side in memory.

mod false_answers;
pub(crate) mod faults;
mod harness;
mod matrix;
mod oddities;
mod recovery;
mod scarce_calls;
mod sharing;
mod table;

/// The suite for each of these sources.
macro_rules! held_against {
    ($($module:ident: $source:ident,)*) => {
        $(mod $module {
            use crate::support::sources::$source;

            #[tokio::test]
            async fn the_answer_table_holds() {
                crate::sources::table::holds(&$source).await;
            }

            #[tokio::test]
            async fn the_store_alone_is_asked_where_the_request_wants_it() {
                crate::sources::table::store_alone_holds(&$source).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn whatever_it_sends_the_answer_is_true_and_in_time_and_it_recovers() {
                crate::sources::matrix::holds(&$source).await;
            }

            #[tokio::test]
            async fn an_answer_about_somebody_else_is_refused() {
                crate::sources::false_answers::somebody_else_is_refused(&$source).await;
            }

            #[tokio::test]
            async fn a_list_that_lost_somebody_is_never_called_whole() {
                crate::sources::false_answers::a_loss_is_noticed(&$source).await;
            }

            #[tokio::test]
            async fn every_read_path_is_complete_again_a_second_after_the_open_time() {
                crate::sources::recovery::every_path_recovers(&$source).await;
            }

            #[tokio::test]
            async fn an_oddity_in_an_unread_field_costs_nothing() {
                crate::sources::oddities::unread_fields_cost_nothing(&$source).await;
            }

            #[tokio::test]
            async fn a_mapped_field_that_cannot_be_read_costs_itself() {
                crate::sources::oddities::a_mapped_field_costs_itself(&$source).await;
            }

            #[tokio::test]
            async fn one_row_that_cannot_be_read_costs_that_row_only() {
                crate::sources::oddities::one_row_costs_itself(&$source).await;
            }

            #[tokio::test]
            async fn five_hundred_who_ask_for_the_same_user_make_one_call() {
                crate::sources::sharing::makes_one_call(&$source).await;
            }
        })*
    };
}

/// The suite of those that are remembered: the providers.
macro_rules! held_against_providers {
    ($($module:ident: $source:ident,)*) => {
        $(mod $module {
            use crate::support::sources::$source;

            #[tokio::test]
            async fn kept_answers_are_shown_at_once_while_calls_are_scarce() {
                crate::sources::scarce_calls::kept_answers_are_shown(&$source).await;
            }

            #[tokio::test]
            async fn a_look_up_by_address_comes_to_its_end_while_calls_are_scarce() {
                crate::sources::scarce_calls::both_calls_are_made(&$source).await;
            }

            #[tokio::test]
            async fn who_has_no_use_for_a_kept_answer_waits_for_a_turn() {
                crate::sources::scarce_calls::live_answers_are_waited_for(&$source).await;
            }

            #[tokio::test]
            async fn a_change_of_budget_or_secret_drops_no_kept_answer() {
                crate::sources::scarce_calls::changes_keep_answers(&$source).await;
            }
        })*
    };
}

mod scarce {
    held_against_providers! {
        auth0: AUTH0,
        gigya: GIGYA,
        ssor: SSOR,
        firefly: FIREFLY,
    }
}

// One line for each source.
held_against! {
    auth0: AUTH0,
    gigya: GIGYA,
    ssor: SSOR,
    firefly: FIREFLY,
    users: USERS,
    legacy_users: LEGACY_USERS,
}

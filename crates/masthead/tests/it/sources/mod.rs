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
            async fn answer_table_holds() {
                crate::sources::table::holds(&$source).await;
            }

            #[tokio::test]
            async fn ignore_provider_reads_only_the_store() {
                crate::sources::table::store_alone_holds(&$source).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn fault_matrix_holds() {
                crate::sources::matrix::holds(&$source).await;
            }

            #[tokio::test]
            async fn answer_about_another_user_is_refused() {
                crate::sources::false_answers::somebody_else_is_refused(&$source).await;
            }

            #[tokio::test]
            async fn incomplete_list_is_marked_incomplete() {
                crate::sources::false_answers::a_loss_is_noticed(&$source).await;
            }

            #[tokio::test]
            async fn every_read_path_recovers() {
                crate::sources::recovery::every_path_recovers(&$source).await;
            }

            #[tokio::test]
            async fn invalid_unread_field_costs_nothing() {
                crate::sources::oddities::unread_fields_cost_nothing(&$source).await;
            }

            #[tokio::test]
            async fn invalid_mapped_field_costs_itself() {
                crate::sources::oddities::a_mapped_field_costs_itself(&$source).await;
            }

            #[tokio::test]
            async fn invalid_row_costs_itself() {
                crate::sources::oddities::one_row_costs_itself(&$source).await;
            }

            #[tokio::test]
            async fn concurrent_equal_lookups_share_one_call() {
                crate::sources::sharing::makes_one_call(&$source).await;
            }
        })*
    };
}

/// The suite for providers, whose answers are cached.
macro_rules! held_against_providers {
    ($($module:ident: $source:ident,)*) => {
        $(mod $module {
            use crate::support::sources::$source;

            #[tokio::test]
            async fn cached_answers_are_used_while_calls_are_scarce() {
                crate::sources::scarce_calls::kept_answers_are_shown(&$source).await;
            }

            #[tokio::test]
            async fn lookup_by_address_completes_while_calls_are_scarce() {
                crate::sources::scarce_calls::both_calls_are_made(&$source).await;
            }

            #[tokio::test]
            async fn strict_request_waits_for_a_call() {
                crate::sources::scarce_calls::live_answers_are_waited_for(&$source).await;
            }

            #[tokio::test]
            async fn changed_budget_or_secret_keeps_the_cache() {
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

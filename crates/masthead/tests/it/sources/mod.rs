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

/// A module of each source with a test of each case.
macro_rules! suite {
    (@ $module:ident $source:ident {$($(#[$test:meta])+ $file:ident::$case:ident,)+}) => {
        mod $module {
            $($(#[$test])+
            async fn $case() {
                crate::sources::$file::$case(&crate::support::sources::$source).await;
            })+
        }
    };
    ([$($module:ident: $source:ident),+] $cases:tt) => {
        $(suite! { @ $module $source $cases })+
    };
}

suite! {
    [auth0: AUTH0, gigya: GIGYA, ssor: SSOR, firefly: FIREFLY, users: USERS, legacy_users: LEGACY_USERS] {
        #[tokio::test] table::answer_table_holds,
        #[tokio::test] table::ignore_provider_reads_only_the_store,
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)] matrix::fault_matrix_holds,
        #[tokio::test] false_answers::answer_about_another_user_is_refused,
        #[tokio::test] false_answers::incomplete_list_is_marked_incomplete,
        #[tokio::test] recovery::every_read_path_recovers,
        #[tokio::test] oddities::invalid_unread_field_costs_nothing,
        #[tokio::test] oddities::invalid_mapped_field_costs_itself,
        #[tokio::test] oddities::invalid_row_costs_itself,
        #[tokio::test] sharing::concurrent_equal_lookups_share_one_call,
    }
}

/// For providers, whose answers are cached.
mod scarce {
    suite! {
        [auth0: AUTH0, gigya: GIGYA, ssor: SSOR, firefly: FIREFLY] {
            #[tokio::test] scarce_calls::cached_answers_are_used_while_calls_are_scarce,
            #[tokio::test] scarce_calls::lookup_by_address_completes_while_calls_are_scarce,
            #[tokio::test] scarce_calls::strict_request_waits_for_a_call,
            #[tokio::test] scarce_calls::changed_budget_or_secret_keeps_the_cache,
        }
    }
}

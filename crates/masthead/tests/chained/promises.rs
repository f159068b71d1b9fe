//! Through either API of a far Masthead, the adapter keeps what every source of registrations promises.

use std::sync::Arc;

use async_trait::async_trait;
use masthead_domain::{
    account::Account,
    order::{Order, SortColumn, SortKey},
    query::{Position, UserFilter, UserQuery},
};
use masthead_ports::source::SourceErrorKind;
use masthead_testkit::{
    accounts::{account, with_metadata},
    contract::{self, SourceFactory, SourceSubject, TenantAccounts, list, local},
    store::FakeStore,
};
use time::macros::datetime;

use crate::far::{Far, remote};

/// Asks the far side in one of three ways.
struct Through(&'static [(&'static str, &'static str)]);

#[async_trait]
impl SourceFactory for Through {
    async fn source(&self, loaded: Vec<TenantAccounts>) -> SourceSubject {
        let federated: Vec<bool> = loaded.iter().map(|loaded| loaded.federated).collect();
        let far = Far::serving(loaded).await;
        let tenants = (0..)
            .zip(federated)
            .map(|(number, federated)| Arc::new(far.near(number, federated, self.0)));
        SourceSubject {
            tenants: tenants.collect(),
            source: Arc::new(remote()),
            // A Users API answers one question at a time: no promise about many is held here.
            bulk: Arc::new(FakeStore::default()),
            keep: Box::new(far),
        }
    }
}

/// A test of each case, through each API that it is listed for.
macro_rules! kept {
    (@ $api:ident, $settings:expr, [$($case:ident),+ $(,)?]) => {
        mod $api {
            use super::*;
            $(#[tokio::test]
            async fn $case() {
                contract::$case(&Through($settings)).await;
            })*
        }
    };
    ($($($api:ident through $settings:expr),+ => $cases:tt;)*) => {
        $($(kept! { @ $api, $settings, $cases })+)*
    };
}

// Two promises are not kept to the letter, and the tests below say what is in their place: no API shows every field, and v4
// shows no dates to find a place by.
kept! {
    v4 through &[], v4_by_query_string through &[("Subscribe.Method", "GET")] => [
        says_absent_for_an_unknown_id,
        finds_every_user_of_an_address_in_the_order_of_ids,
        an_address_is_found_in_any_spelling_of_its_key,
        ids_are_compared_byte_for_byte,
        keeps_tenants_apart,
        strange_keys_match_nobody,
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
        past_the_end_is_an_empty_page_with_the_true_total,
        the_total_counts_all_matches_whatever_the_page,
        a_count_is_given_only_when_asked_for,
        more_says_whether_something_follows,
        all_states_of_a_federated_tenant_are_one,
    ];
    legacy through &[("Subscribe.Api", "legacy")] => [
        says_absent_for_an_unknown_id,
        finds_every_user_of_an_address_in_the_order_of_ids,
        an_address_is_found_in_any_spelling_of_its_key,
        ids_are_compared_byte_for_byte,
        keeps_tenants_apart,
        strange_keys_match_nobody,
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
    ];
}

/// In v4 there are no dates and no number of the registration; the legacy API has them, dates in whole milliseconds.
#[tokio::test]
async fn every_field_that_an_api_shows_survives() {
    let full = Account {
        registration_id: Some(64),
        registered_at: Some(datetime!(1969-12-31 23:59:59.999 UTC)),
        last_logout_at: Some(datetime!(2023-03-04 05:06:07.008 UTC)),
        ..with_metadata(
            account(
                "auth0|64'7 %2F+",
                "José.O'Neil+tag@Example.COM",
                "José \"Pepe\"",
                "O'Neil\u{1F600}",
            ),
            &[
                ("city", "Ålesund\n\\\"\u{7f}"),
                ("custom Key", ""),
                ("ebill_flag", "Y"),
                ("ads_flag", "no"),
                ("isOkToMail", "78"),
            ],
        )
    };
    let bare = Account {
        registration_id: Some(2),
        email: None,
        verified: Some(false),
        has_password: false,
        registered_at: None,
        changed_at: None,
        ..account("2", "x@example.org", "", "")
    };
    let waiting = Account {
        registration_id: Some(3),
        verified: Some(false),
        ..account("3", "c@example.org", "", "")
    };
    let everybody = vec![full, bare, waiting];
    for (settings, is_legacy) in [
        (&[][..], false),
        (&[("Subscribe.Method", "GET")], false),
        (&[("Subscribe.Api", "legacy")], true),
    ] {
        let subject = Through(settings).source(vec![local(everybody.clone())]).await;
        for account in &everybody {
            let found = subject.source.by_id(&subject.context(0), &account.crid).await;
            let wanted = if is_legacy {
                account.clone()
            } else {
                Account {
                    registration_id: None,
                    registered_at: None,
                    changed_at: None,
                    last_logout_at: None,
                    ..account.clone()
                }
            };
            assert!(
                found.unwrap() == Some(wanted),
                "{settings:?}: some field came back changed"
            );
        }
    }
}

/// A place by date that another source's account has: nobody could say who comes after it.
#[tokio::test]
async fn a_place_that_v4_has_no_dates_to_find_is_refused_and_not_guessed() {
    let subject = Through(&[])
        .source(vec![local(vec![account("1", "a@example.org", "", "")])])
        .await;
    for column in [SortColumn::DateRegistered, SortColumn::ChangeDate] {
        let query = UserQuery {
            order: Order {
                column,
                ..Order::default()
            },
            position: Position::After(
                SortKey::for_account(&account("0", "z@example.org", "", ""), column, false).into(),
            ),
            ..list(UserFilter::default())
        };
        let refused = subject.source.search(&subject.context(0), &query).await.unwrap_err();
        assert_eq!(refused.kind, SourceErrorKind::Refused);
    }
}

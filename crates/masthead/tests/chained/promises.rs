//! Through either API of a far Masthead, the adapter keeps what every source of registrations promises.

use std::sync::Arc;

use async_trait::async_trait;
use masthead_domain::{
    account::Account,
    order::{Order, SortColumn, SortKey},
    query::{Position, UserFilter, UserQuery},
};
use masthead_ports::source::SourceErrorKind;
use masthead_testkit::source_client::FindByKey as _;
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
        unknown_id_is_absent,
        lookup_by_address_returns_all_users,
        addresses_match_in_any_spelling,
        ids_are_compared_byte_for_byte,
        keeps_tenants_apart,
        unusual_keys_match_no_user,
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
        page_past_the_end_has_total,
        total_counts_all_matches,
        count_is_returned_only_on_request,
        more_is_set_before_last_page,
        federated_users_sort_by_id_for_state,
    ];
    legacy through &[("Subscribe.Api", "legacy")] => [
        unknown_id_is_absent,
        lookup_by_address_returns_all_users,
        addresses_match_in_any_spelling,
        ids_are_compared_byte_for_byte,
        keeps_tenants_apart,
        unusual_keys_match_no_user,
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

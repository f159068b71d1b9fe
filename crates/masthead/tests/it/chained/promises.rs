//! Through either API of a remote Masthead, the adapter keeps the promises of every source of registrations.

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

use crate::chained::remote_api::{RemoteApiServer, adapter};

/// Calls the remote side in one of three ways.
struct ThroughApi(&'static [(&'static str, &'static str)]);

#[async_trait]
impl SourceFactory for ThroughApi {
    async fn source(&self, loaded: Vec<TenantAccounts>) -> SourceSubject {
        let federated: Vec<bool> = loaded.iter().map(|loaded| loaded.federated).collect();
        let remote = RemoteApiServer::serving(loaded).await;
        let tenants = (0..)
            .zip(federated)
            .map(|(number, federated)| Arc::new(remote.near(number, federated, self.0)));
        SourceSubject {
            tenants: tenants.collect(),
            source: Arc::new(adapter()),
            // A Users API has no bulk lookups: their promises are not checked here.
            bulk: Arc::new(FakeStore::default()),
            keep: Box::new(remote),
        }
    }
}

/// A test of each case, through each API in the list.
macro_rules! kept {
    (@ $api:ident, $settings:expr, [$($case:ident),+ $(,)?]) => {
        mod $api {
            use super::*;
            $(#[tokio::test]
            async fn $case() {
                contract::$case(&ThroughApi($settings)).await;
            })*
        }
    };
    ($($($api:ident through $settings:expr),+ => $cases:tt;)*) => {
        $($(kept! { @ $api, $settings, $cases })+)*
    };
}

// Two promises are only partly kept, which the tests below check: no API returns every field, and v4 returns no dates to
// resume a cursor by.
kept! {
    v4 through &[],
    v4_by_query_string through &[("Subscribe.Method", "GET")],
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
        page_past_the_end_has_total,
        total_counts_all_matches,
        count_is_returned_only_on_request,
        more_is_set_before_last_page,
        federated_users_sort_by_id_for_state,
    ];
    legacy_cursors through &[("Subscribe.Api", "legacy")] => [
        cursor_works_after_its_user_is_deleted,
    ];
}

/// v4 returns neither dates nor registration numbers; the legacy API returns both, with dates in milliseconds.
#[tokio::test]
async fn returned_fields_survive_the_round_trip() {
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
    let accounts = vec![full, bare, waiting];
    for (settings, is_legacy) in [
        (&[][..], false),
        (&[("Subscribe.Method", "GET")], false),
        (&[("Subscribe.Api", "legacy")], true),
    ] {
        let subject = ThroughApi(settings).source(vec![local(accounts.clone())]).await;
        for account in &accounts {
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

/// A position by the date of another source's account cannot be found in responses without dates.
#[tokio::test]
async fn position_by_date_is_refused_over_v4() {
    let subject = ThroughApi(&[])
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

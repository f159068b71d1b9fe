//! Lists from the mirror, the age of the mirror, and the mirror in place of an unreachable provider (contract `answers.md`).

use masthead_domain::{
    account::Account,
    answer::SourceStatus,
    customer_registration_id::CustomerRegistrationId,
    flow::Sources,
    order::{Direction, Order, SortColumn},
    query::{CountMode, OnProviderFailure, Position, Total, UserFilter, UserQuery},
};
use masthead_orchestrator::{ReadError, SearchRequest};
use masthead_ports::{mirror::UserMirror as _, source::SourceErrorKind};
use masthead_testkit::{
    accounts::{account, readers},
    contract::model,
    providers::ProviderMode,
    store::StoreMode,
};
use time::{OffsetDateTime, macros::datetime};

use crate::fixture::{FEDERATED, ReadFixture, first_page, with_address_part, with_exact_address};

const NOW: OffsetDateTime = datetime!(2026-03-04 12:00 UTC);
const DOWN: SourceErrorKind = SourceErrorKind::Unavailable;

/// A fixture of a tenant with a provider and these settings.
fn fixture_with(settings: &[(&str, &str)]) -> ReadFixture {
    ReadFixture::at(NOW, &[FEDERATED, settings].concat())
}

impl ReadFixture {
    async fn profile(&self, id: &str) -> Option<(Account, OffsetDateTime)> {
        let profile = self
            .mirror
            .profiles(&self.sync_context(), &CustomerRegistrationId::parse(id).unwrap().into())
            .await;
        profile.unwrap().pop().map(|profile| (profile.account, profile.as_of))
    }
}

fn list(email: &str) -> UserQuery {
    first_page(with_address_part(email))
}

fn ann() -> Account {
    Account {
        has_password: false,
        ..account("a|1", "ann@example.com", "Ann", "Lee")
    }
}

#[tokio::test]
async fn mirror_list_needs_no_provider_call() {
    let fixture = fixture_with(&[]);
    let provider = [ann(), account("a|2", "bob@example.com", "Bob", "")];
    fixture.put_at_provider(provider.clone());
    fixture.put_in_store([
        account("2", "bob@example.com", "Bobby", "Ray"),
        account("3", "cy@example.com", "Cy", ""),
    ]);
    let live = fixture.search(list("example"), OnProviderFailure::Fail).await.unwrap();
    let calls = fixture.provider.calls();
    assert!(calls > 0);
    let ran = NOW - time::Duration::minutes(59);
    fixture.sync(&provider, ran, false).await;
    let answer = fixture.search(list("example"), OnProviderFailure::Fail).await.unwrap();
    assert_eq!(fixture.provider.calls(), calls);
    assert_eq!(answer.users, live.users);
    assert_eq!(answer.total, Some(Total::Exact(3)));
    let completeness = answer.completeness.unwrap();
    assert!(completeness.complete);
    let report: Vec<_> = completeness
        .sources
        .iter()
        .map(|source| (source.name, source.status, source.as_of))
        .collect();
    assert_eq!(
        report,
        [
            ("Auth0", SourceStatus::Ok, Some(ran)),
            ("Subscribe", SourceStatus::Ok, Some(NOW))
        ]
    );
}

#[tokio::test]
async fn old_mirror_is_stale() {
    let fixture = fixture_with(&[("Mirror.MaxAgeMinutes", "5")]);
    let ran = NOW - time::Duration::minutes(5);
    fixture.sync(&[ann()], ran, false).await;
    let answer = fixture.search(list("ann"), OnProviderFailure::Degrade).await.unwrap();
    let completeness = answer.completeness.unwrap();
    assert!(!completeness.complete);
    let provider = &completeness.sources[0];
    assert_eq!(
        (provider.status, provider.as_of, provider.reason),
        (SourceStatus::Stale, Some(ran), Some("sync_overdue"))
    );
    // An unconfirmed absence is not an empty answer; the page after the last one is.
    for (query, mode) in [
        (list("ann"), OnProviderFailure::Fail),
        (list("unknown"), OnProviderFailure::Degrade),
    ] {
        let refused = fixture.search(query, mode).await;
        assert!(matches!(refused, Err(ReadError::Unavailable { .. })));
    }
    let past = UserQuery {
        position: Position::Offset(10),
        ..list("ann")
    };
    let past = fixture.search(past, OnProviderFailure::Degrade).await.unwrap();
    assert_eq!((past.users.len(), past.total), (0, Some(Total::Exact(1))));
    assert_eq!(fixture.provider.calls(), 0);

    fixture.sync(&[ann()], NOW, false).await;
    let answer = fixture.search(list("unknown"), OnProviderFailure::Fail).await.unwrap();
    assert_eq!(answer.total, Some(Total::Exact(0)));
}

/// Contract `answers.md`: an incomplete mirror is `stale`, never `ok`, and an empty answer requires the confirmation of every
/// queried source.
#[tokio::test]
async fn incomplete_mirror_is_stale() {
    let fixture = fixture_with(&[]);
    let ran = NOW - time::Duration::minutes(1);
    fixture.sync(&[ann()], ran, true).await;
    let answer = fixture.search(list("ann"), OnProviderFailure::Degrade).await.unwrap();
    assert_eq!((answer.users.len(), answer.total), (1, Some(Total::Estimate(1))));
    let completeness = answer.completeness.unwrap();
    assert!(!completeness.complete);
    let provider = &completeness.sources[0];
    assert_eq!(
        (provider.status, provider.as_of, provider.reason),
        (SourceStatus::Stale, Some(ran), Some("sync_incomplete"))
    );
    assert_eq!(completeness.sources[1].status, SourceStatus::Ok);

    for count in [CountMode::Exact, CountMode::Estimate, CountMode::None] {
        let query = UserQuery { count, ..list("bob") };
        let refused = fixture.search(query, OnProviderFailure::Degrade).await;
        assert!(matches!(refused, Err(ReadError::Unavailable { .. })), "{count:?}");
    }
    let refused = fixture.search(list("ann"), OnProviderFailure::Fail).await;
    assert!(matches!(refused, Err(ReadError::Unavailable { .. })));
    assert_eq!(fixture.provider.calls(), 0);

    fixture.sync(&[ann()], NOW, false).await;
    let answer = fixture.search(list("bob"), OnProviderFailure::Degrade).await.unwrap();
    assert_eq!(answer.total, Some(Total::Exact(0)));
    assert!(answer.completeness.unwrap().complete);
}

#[tokio::test]
async fn pages_of_every_order_repeat_no_user() {
    let fixture = fixture_with(&[]);
    let mut provider = readers(200);
    for reader in &mut provider {
        (reader.registration_id, reader.has_password) = (None, false);
    }
    fixture.sync(&provider, NOW, false).await;
    let registrations = readers(320).split_off(120);
    fixture.put_in_store(registrations);
    let merged: Vec<Account> = {
        let all = UserQuery {
            filter: UserFilter::default(),
            size: 1000,
            ..list("")
        };
        let answer = fixture.search(all, OnProviderFailure::Fail).await.unwrap();
        answer.users.into_iter().map(|user| user.account).collect()
    };
    assert_eq!(merged.len(), 320);
    for column in SortColumn::ALL {
        for direction in [Direction::Ascending, Direction::Descending] {
            let order = Order { column, direction };
            let mut query = UserQuery {
                order,
                size: 70,
                ..list("reader")
            };
            let mut seen = Vec::new();
            loop {
                let answer = fixture.search(query.clone(), OnProviderFailure::Fail).await.unwrap();
                assert_eq!(answer.total, Some(Total::Exact(320)));
                seen.extend(answer.users.into_iter().map(|user| user.account));
                match answer.next {
                    Some(place) => query.position = Position::After(place),
                    None => break,
                }
            }
            assert_eq!(seen, model::list(&merged, &query.filter, order, true), "{order:?}");
        }
    }
    assert_eq!(fixture.provider.calls(), 0);
}

#[tokio::test]
async fn accounts_with_shared_address_are_reported() {
    let fixture = fixture_with(&[]);
    let twin = account("g|1", "ann@example.com", "Ann", "Li");
    fixture.sync(&[ann(), twin], NOW, false).await;
    let answer = fixture.search(list("ann"), OnProviderFailure::Fail).await.unwrap();
    assert_eq!(answer.users.len(), 2);
    let report = answer.completeness.unwrap();
    assert_eq!(
        [report.sources[0].ambiguous, report.sources[1].ambiguous],
        [true, false]
    );
}

#[tokio::test]
async fn mirror_replaces_unreachable_provider() {
    let fixture = fixture_with(&[]);
    let then = NOW - time::Duration::days(3);
    fixture.sync(&[ann()], then, false).await;
    fixture.provider.set_mode(ProviderMode::Failing(DOWN));
    let answer = fixture.find("a|1", OnProviderFailure::Degrade).await.unwrap();
    let exact = first_page(with_exact_address("ann@example.com"));
    let listed = fixture.search(exact, OnProviderFailure::Degrade).await.unwrap();
    assert_eq!(answer.user.account, listed.users[0].account);
    for completeness in [answer.completeness.unwrap(), listed.completeness.unwrap()] {
        let provider = &completeness.sources[0];
        assert!(!completeness.complete);
        assert_eq!(
            (provider.status, provider.as_of, provider.reason),
            (SourceStatus::Stale, Some(then), Some("unavailable"))
        );
    }
    // A user who is not in the mirror may exist.
    assert!(matches!(
        fixture.find("a|9", OnProviderFailure::Degrade).await,
        Err(ReadError::Unavailable { .. })
    ));
}

#[tokio::test]
async fn live_answers_are_recorded_and_failures_are_not() {
    let settings = [("Mirror.RemovalConfirmations", "1"), ("Mirror.RemovalApartHours", "0")];
    let fixture = fixture_with(&settings);
    let then = NOW - time::Duration::hours(2);
    let gone = account("a|8", "gone@example.com", "", "");
    fixture.sync(&[ann(), gone], then, false).await;
    let renamed = Account {
        first_name: "Anna".into(),
        ..ann()
    };
    fixture.put_at_provider([renamed.clone()]);
    fixture.find("a|1", OnProviderFailure::Degrade).await.unwrap();
    assert!(matches!(
        fixture.find("a|8", OnProviderFailure::Degrade).await,
        Err(ReadError::NoSuchUser { .. })
    ));
    fixture.provider.set_mode(ProviderMode::Failing(DOWN));
    fixture.find("a|1", OnProviderFailure::Degrade).await.unwrap();
    fixture.use_cases.close().await;
    assert_eq!(fixture.profile("a|1").await, Some((renamed, NOW)));
    assert_eq!(fixture.profile("a|8").await, None);
}

#[tokio::test]
async fn ignored_provider_lists_registrations_only() {
    let fixture = fixture_with(&[]);
    fixture.sync(&[ann()], NOW, false).await;
    fixture.put_in_store([account("3", "joann@example.com", "Jo", "")]);
    let request = SearchRequest {
        query: list("ann"),
        sources: Sources::Store,
        on_provider_failure: OnProviderFailure::Fail,
    };
    let answer = fixture
        .use_cases
        .list_users
        .search(&fixture.caller(), &request)
        .await
        .unwrap();
    let ids: Vec<_> = answer.users.iter().map(|user| user.account.crid.as_str()).collect();
    assert_eq!(ids, ["3"]);
}

#[tokio::test]
async fn provider_answers_if_mirror_fails() {
    let fixture = fixture_with(&[]);
    fixture.put_at_provider([ann()]);
    fixture.sync(&[ann()], NOW, false).await;
    fixture.store.set_mode(StoreMode::Failing(DOWN));
    let answer = fixture.search(list("ann"), OnProviderFailure::Degrade).await.unwrap();
    assert_eq!(answer.users.len(), 1);
    let report = answer.completeness.unwrap();
    assert!(!report.complete);
    assert_eq!(
        [report.sources[0].status, report.sources[1].status],
        [SourceStatus::Ok, SourceStatus::Unavailable]
    );
}

//! A tenant with a remote store: it is read-only, lookups are limited, and its lists continue at its own cursors.

use std::sync::Arc;

use async_trait::async_trait;
use masthead_domain::{
    account::Account,
    answer::{ListAnswer, SourceStatus},
    flow::Sources,
    order::ListCursor,
    query::{OnProviderFailure, Position, Total, UserFilter, UserQuery},
    user_key::UserKey,
};
use masthead_orchestrator::{LookupRequest, ReadError};
use masthead_ports::{
    clock::Clock,
    source::{AccountPage, CallContext, SUBSCRIBE, SourceError, SourceErrorKind, SourceName, UserSource},
};
use masthead_testkit::{
    accounts::account,
    clock::StoppedClock,
    providers::ProviderMode,
    store::{FakeStore, StoreMode},
};

use crate::fixture::{FEDERATED, ReadFixture, first_page, with_address_part, with_exact_address};

impl ReadFixture {
    fn over(store: Arc<dyn UserSource>, settings: &[(&str, &str)]) -> Self {
        Self::with_source(store, &[FEDERATED, settings].concat())
    }

    async fn list(&self, filter: UserFilter, position: Position) -> ListAnswer {
        self.search(page(filter, position), OnProviderFailure::Degrade)
            .await
            .unwrap()
    }
}

const REMOTE: &[(&str, &str)] = &[("Subscribe.Url", "https://remote.example")];

fn user(n: u32) -> Account {
    account(&format!("u{n}"), &format!("u{n}@example.com"), "Ann", "Lee")
}

fn some() -> UserFilter {
    with_address_part("example")
}

fn page(filter: UserFilter, position: Position) -> UserQuery {
    UserQuery {
        position,
        size: 100,
        ..first_page(filter)
    }
}

#[tokio::test]
async fn remote_store_is_never_written() {
    for (settings, written) in [(&[][..], 1), (REMOTE, 0)] {
        let fixture = ReadFixture::over(Arc::new(FakeStore::default()), settings);
        fixture.put_at_provider((0..3).map(user));
        let one = with_exact_address("u1@example.com");
        assert_eq!(fixture.list(one, Position::Offset(0)).await.users.len(), 1);
        fixture.use_cases.close().await;
        assert_eq!(fixture.registrations.take().len(), written, "{settings:?}");
    }
}

/// Each lookup is a call over the network; missing lookups are reported.
#[tokio::test]
async fn follow_up_lookups_at_remote_store_are_limited() {
    for (count, settings, complete) in [(30, &[][..], true), (10, REMOTE, true), (11, REMOTE, false)] {
        let fixture = ReadFixture::over(Arc::new(FakeStore::default()), settings);
        fixture.put_at_provider((0..count).map(user));
        let report = fixture.list(some(), Position::Offset(0)).await.completeness.unwrap();
        assert_eq!(report.complete, complete, "{count} {settings:?}");
        let reason = report
            .sources
            .iter()
            .find(|source| source.name == SUBSCRIBE)
            .unwrap()
            .reason;
        assert_eq!(reason, (!complete).then_some("unconfirmed"));
    }
}

/// A source of two pages, with an opaque cursor for the second.
struct CursorSource;

#[async_trait]
impl UserSource for CursorSource {
    fn name(&self) -> SourceName {
        SUBSCRIBE
    }

    async fn find(&self, _: &CallContext, _: &UserKey) -> Result<Vec<Account>, SourceError> {
        Ok(Vec::new())
    }

    async fn search(&self, _: &CallContext, query: &UserQuery) -> Result<AccountPage, SourceError> {
        let (account, cursor) = match &query.position {
            Position::Offset(0) => (user(1), Some("on".into())),
            Position::After(ListCursor::Opaque(cursor)) if **cursor == *"on" => (user(2), None),
            _ => return Err(SourceError::new("search", SourceErrorKind::Refused)),
        };
        Ok(AccountPage {
            accounts: vec![account],
            more: cursor.is_some(),
            cursor,
            total: Some(Total::Exact(2)),
            truncated: false,
            unreadable: false,
        })
    }
}

#[tokio::test]
async fn opaque_cursor_continues_store_list() {
    let fixture = ReadFixture::over(Arc::new(CursorSource), REMOTE);
    fixture.put_at_provider([user(7)]);
    fixture
        .provider
        .set_mode(ProviderMode::Failing(SourceErrorKind::Unavailable));
    let first = fixture.list(some(), Position::Offset(0)).await;
    let next = first.next.unwrap();
    assert_eq!(next, ListCursor::Opaque("on".into()));
    // Also when the provider answers again: only the store knows the cursor.
    fixture
        .provider
        .set_mode(ProviderMode::Live(StoppedClock::default().now()));
    let second = fixture.list(some(), Position::After(next)).await;
    let ids: Vec<_> = second.users.iter().map(|user| user.account.crid.as_str()).collect();
    assert_eq!((ids, second.next), (vec!["u2"], None));
    let report = second.completeness.unwrap();
    assert!(!report.complete);
    let statuses: Vec<_> = report
        .sources
        .iter()
        .map(|source| (source.name, source.status))
        .collect();
    assert_eq!(
        statuses,
        [("Auth0", SourceStatus::Skipped), (SUBSCRIBE, SourceStatus::Ok)]
    );
}

/// Corrupt registrations are an internal error; a corrupt remote store is unavailable.
#[tokio::test]
async fn corrupt_remote_store_is_unavailable() {
    for (settings, is_remote) in [(&[][..], false), (REMOTE, true)] {
        let store = Arc::new(FakeStore::default());
        store.set_mode(StoreMode::Failing(SourceErrorKind::Corrupt));
        let fixture = ReadFixture::over(store, settings);
        fixture.put_at_provider([user(7)]);
        let request = LookupRequest {
            crid: user(7).crid,
            sources: Sources::Store,
            on_provider_failure: OnProviderFailure::Degrade,
        };
        match fixture.use_cases.lookup_user.find(&fixture.caller(), &request).await {
            Err(ReadError::Corrupt) => assert!(!is_remote),
            Err(ReadError::Unavailable { completeness, .. }) => {
                assert!(is_remote);
                let report = completeness.unwrap();
                let sources = report.sources.iter();
                let sources: Vec<_> = sources.map(|source| (source.status, source.reason)).collect();
                let wanted = [
                    (SourceStatus::Skipped, None),
                    (SourceStatus::Unavailable, Some("corrupt")),
                ];
                assert_eq!((report.complete, sources), (false, wanted.to_vec()));
            }
            other => unreachable!("{other:?}"),
        }
        // A list beside an available provider is incomplete in both cases.
        let list = fixture.list(some(), Position::Offset(0)).await;
        let report = list.completeness.unwrap();
        assert_eq!((list.users.len(), report.complete), (1, false), "{settings:?}");
        assert_eq!(report.sources[1].reason, Some("corrupt"));
    }
}

#[tokio::test]
async fn opaque_cursor_of_failed_store_is_unavailable() {
    let store = Arc::new(FakeStore::default());
    store.set_mode(StoreMode::Failing(SourceErrorKind::Unavailable));
    let fixture = ReadFixture::over(store, REMOTE);
    fixture.put_at_provider([user(7)]);
    let query = page(some(), Position::After(ListCursor::Opaque("on".into())));
    let Err(ReadError::Unavailable { completeness, .. }) = fixture.search(query, OnProviderFailure::Degrade).await
    else {
        unreachable!("only the store knows the cursor");
    };
    let report = completeness.unwrap();
    let sources: Vec<_> = report
        .sources
        .iter()
        .map(|source| (source.name, source.status))
        .collect();
    let wanted = [("Auth0", SourceStatus::Skipped), (SUBSCRIBE, SourceStatus::Unavailable)];
    assert_eq!((report.complete, sources), (false, wanted.to_vec()));
}

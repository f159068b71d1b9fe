//! A tenant whose registrations are a remote Users API: it is only read, sparingly, and its lists go on where it says.

#![expect(clippy::unwrap_used, reason = "a test may stop where its stage is wrong")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use masthead_domain::{
    account::Account,
    answer::{ListAnswer, SourceStatus},
    customer_registration_id::CustomerRegistrationId,
    email::{EmailFragment, EmailKey},
    order::{ListCursor, Order},
    query::{CountMode, EmailFilter, OnProviderFailure, Position, Total, UserFilter, UserQuery},
    tenant::{PoolId, Tenant},
};
use masthead_orchestrator::{Caller, Dependencies, LookupRequest, ReadError, SearchRequest, Users};
use masthead_ports::{
    clock::Clock,
    source::{AccountPage, CallContext, SUBSCRIBE, SourceError, SourceErrorKind, SourceName, UserSource},
};
use masthead_testkit::{
    accounts::account,
    clock::StoppedClock,
    events::RecordingEvents,
    mirror::FakeMirror,
    providers::{FakeProvider, FakeProviders, ProviderMode},
    registrations::RecordingRegistrationWriter,
    store::{FakeStore, StoreMode},
    tenants::tenant,
};

const POOL: PoolId = PoolId(1);

struct Stage {
    users: Users,
    provider: Arc<FakeProvider>,
    registrations: Arc<RecordingRegistrationWriter>,
    tenant: Arc<Tenant>,
}

impl Stage {
    fn over(store: Arc<dyn UserSource>, settings: &[(&str, &str)]) -> Self {
        let clock = Arc::new(StoppedClock::default());
        let provider = Arc::new(FakeProvider::new("Auth0", ProviderMode::Live(clock.now())));
        let registrations = Arc::new(RecordingRegistrationWriter::default());
        let world = Dependencies {
            store,
            registrations: Arc::clone(&registrations) as _,
            providers: Arc::new(FakeProviders(Some(Arc::clone(&provider)))),
            directory: Arc::new(FakeMirror::over(Arc::default())),
            events: Arc::new(RecordingEvents::default()),
            clock,
        };
        let settings = [&[("Flow.UserProvider", "Auth0")], settings].concat();
        Self {
            users: Users::new(world, 100_000),
            provider,
            registrations,
            tenant: Arc::new(tenant("north/daily/herald", POOL.0, &settings)),
        }
    }

    fn caller(&self) -> Caller {
        Caller {
            tenant: Arc::clone(&self.tenant),
            source_system: "CRM".into(),
            request_id: "r-1".into(),
            deadline: Instant::now() + Duration::from_mins(1),
        }
    }

    async fn list(&self, filter: UserFilter, position: Position) -> ListAnswer {
        let request = SearchRequest {
            query: page(filter, position),
            ignore_provider: false,
            on_provider_failure: OnProviderFailure::Degrade,
        };
        self.users.search(&self.caller(), &request).await.unwrap()
    }
}

const REMOTE: &[(&str, &str)] = &[("Subscribe.Url", "https://far.example")];

fn user(n: u32) -> Account {
    account(&format!("u{n}"), &format!("u{n}@example.com"), "Ann", "Lee")
}

fn some() -> UserFilter {
    UserFilter {
        emails: vec![EmailFilter::Contains(EmailFragment::from_text("example"))],
        ..UserFilter::default()
    }
}

fn page(filter: UserFilter, position: Position) -> UserQuery {
    UserQuery {
        filter,
        order: Order::default(),
        position,
        size: 100,
        count: CountMode::Exact,
    }
}

#[tokio::test]
async fn nothing_is_synchronised_into_a_remote_store() {
    for (settings, written) in [(&[][..], 1), (REMOTE, 0)] {
        let stage = Stage::over(Arc::new(FakeStore::default()), settings);
        stage.provider.put(POOL, (0..3).map(user));
        let one = UserFilter {
            emails: vec![EmailFilter::Exact(EmailKey::from_text("u1@example.com"))],
            ..UserFilter::default()
        };
        assert_eq!(stage.list(one, Position::Offset(0)).await.users.len(), 1);
        stage.users.close().await;
        assert_eq!(stage.registrations.take().len(), written, "{settings:?}");
    }
}

/// Each look-up is a call over the network there: what no call was left for is said.
#[tokio::test]
async fn a_remote_store_is_asked_for_a_few_of_many_whom_only_the_provider_lists() {
    for (count, settings, complete) in [(30, &[][..], true), (10, REMOTE, true), (11, REMOTE, false)] {
        let stage = Stage::over(Arc::new(FakeStore::default()), settings);
        stage.provider.put(POOL, (0..count).map(user));
        let told = stage.list(some(), Position::Offset(0)).await.completeness.unwrap();
        assert_eq!(told.complete, complete, "{count} {settings:?}");
        let reason = told
            .sources
            .iter()
            .find(|source| source.name == SUBSCRIBE)
            .unwrap()
            .reason;
        assert_eq!(reason, (!complete).then_some("unconfirmed"));
    }
}

/// Two pages, of which the second is known by a mark alone.
struct Marking;

#[async_trait]
impl UserSource for Marking {
    fn name(&self) -> SourceName {
        SUBSCRIBE
    }

    async fn by_id(&self, _: &CallContext, _: &CustomerRegistrationId) -> Result<Option<Account>, SourceError> {
        Ok(None)
    }

    async fn by_email(&self, _: &CallContext, _: &EmailKey) -> Result<Vec<Account>, SourceError> {
        Ok(Vec::new())
    }

    async fn search(&self, _: &CallContext, query: &UserQuery) -> Result<AccountPage, SourceError> {
        let (account, mark) = match &query.position {
            Position::Offset(0) => (user(1), Some("on".into())),
            Position::After(ListCursor::Opaque(mark)) if **mark == *"on" => (user(2), None),
            _ => return Err(SourceError::new("search", SourceErrorKind::Refused)),
        };
        Ok(AccountPage {
            accounts: vec![account],
            more: mark.is_some(),
            mark,
            total: Some(Total::Exact(2)),
            truncated: false,
            unreadable: false,
        })
    }
}

#[tokio::test]
async fn a_list_that_began_without_the_provider_goes_on_where_the_store_said() {
    let stage = Stage::over(Arc::new(Marking), REMOTE);
    stage.provider.put(POOL, [user(7)]);
    stage
        .provider
        .set_mode(ProviderMode::Failing(SourceErrorKind::Unavailable));
    let first = stage.list(some(), Position::Offset(0)).await;
    let next = first.next.unwrap();
    assert_eq!(next, ListCursor::Opaque("on".into()));
    // Also when the provider answers again: no union of both knows the mark.
    stage
        .provider
        .set_mode(ProviderMode::Live(StoppedClock::default().now()));
    let second = stage.list(some(), Position::After(next)).await;
    let ids: Vec<_> = second.users.iter().map(|user| user.account.crid.as_str()).collect();
    assert_eq!((ids, second.next), (vec!["u2"], None));
    let told = second.completeness.unwrap();
    assert!(!told.complete);
    let statuses: Vec<_> = told.sources.iter().map(|source| (source.name, source.status)).collect();
    assert_eq!(
        statuses,
        [("Auth0", SourceStatus::Skipped), (SUBSCRIBE, SourceStatus::Ok)]
    );
}

/// What is corrupt in our own registrations stays so; a remote one is only not heard.
#[tokio::test]
async fn a_remote_store_that_says_what_cannot_be_true_is_silent() {
    for (settings, is_remote) in [(&[][..], false), (REMOTE, true)] {
        let store = Arc::new(FakeStore::default());
        store.set_mode(StoreMode::Failing(SourceErrorKind::Corrupt));
        let stage = Stage::over(store, settings);
        stage.provider.put(POOL, [user(7)]);
        let request = LookupRequest {
            crid: user(7).crid,
            ignore_provider: true,
            on_provider_failure: OnProviderFailure::Degrade,
        };
        match stage.users.by_id(&stage.caller(), &request).await {
            Err(ReadError::Corrupt) => assert!(!is_remote),
            Err(ReadError::Unavailable { completeness, .. }) => {
                assert!(is_remote);
                let told = completeness.unwrap();
                let sources = told.sources.iter();
                let sources: Vec<_> = sources.map(|source| (source.status, source.reason)).collect();
                let wanted = [
                    (SourceStatus::Skipped, None),
                    (SourceStatus::Unavailable, Some("corrupt")),
                ];
                assert_eq!((told.complete, sources), (false, wanted.to_vec()));
            }
            other => unreachable!("{other:?}"),
        }
        // Beside a provider that is heard, either is.
        let list = stage.list(some(), Position::Offset(0)).await;
        let told = list.completeness.unwrap();
        assert_eq!((list.users.len(), told.complete), (1, false), "{settings:?}");
        assert_eq!(told.sources[1].reason, Some("corrupt"));
    }
}

#[tokio::test]
async fn a_list_that_goes_on_without_a_silent_store_says_who_was_not_asked() {
    let store = Arc::new(FakeStore::default());
    store.set_mode(StoreMode::Failing(SourceErrorKind::Unavailable));
    let stage = Stage::over(store, REMOTE);
    stage.provider.put(POOL, [user(7)]);
    let request = SearchRequest {
        query: page(some(), Position::After(ListCursor::Opaque("on".into()))),
        ignore_provider: false,
        on_provider_failure: OnProviderFailure::Degrade,
    };
    let Err(ReadError::Unavailable { completeness, .. }) = stage.users.search(&stage.caller(), &request).await else {
        unreachable!("only the store knows the mark");
    };
    let told = completeness.unwrap();
    let sources: Vec<_> = told.sources.iter().map(|source| (source.name, source.status)).collect();
    let wanted = [("Auth0", SourceStatus::Skipped), (SUBSCRIBE, SourceStatus::Unavailable)];
    assert_eq!((told.complete, sources), (false, wanted.to_vec()));
}

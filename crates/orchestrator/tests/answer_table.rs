//! The published answer table, cell by cell × by id, full e-mail and list × degrade and fail: answer, meta, events and
//! writes (contract `answers.md`).

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop where its stage is wrong"
)]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_domain::{
    account::Account,
    answer::{Completeness, SourceStatus, User},
    customer_registration_id::CustomerRegistrationId,
    email::{EmailFragment, EmailKey},
    order::Order,
    query::{CountMode, EmailFilter, OnProviderFailure, Position, UserFilter, UserQuery},
    tenant::Tenant,
};
use masthead_orchestrator::{Caller, Dependencies, LookupRequest, ReadError, SearchRequest, Users};
use masthead_ports::{clock::Clock, source::SourceErrorKind};
use masthead_testkit::{
    accounts::{account, with_metadata},
    answer_table::{CellFinding, ObservedRead, SourceMarkers, TableCell},
    clock::StoppedClock,
    events::RecordingEvents,
    mirror::FakeMirror,
    providers::{FakeProvider, FakeProviders, ProviderMode},
    registrations::RecordingRegistrationWriter,
    store::{FakeStore, StoreMode},
    tenants::tenant,
};
use time::{OffsetDateTime, macros::datetime};

const THEN: OffsetDateTime = datetime!(2026-02-28 08:00 UTC);
const DOWN: SourceErrorKind = SourceErrorKind::Unavailable;
const ID: &str = "auth0|7";
const ADDRESS: &str = "ann@example.com";
const MARKS: SourceMarkers = SourceMarkers {
    theirs: ("Ann", "nickname"),
    ours: ("Anna", "promo_flag"),
};

/// The three ways to ask for the one user.
#[derive(Debug, Clone, Copy)]
enum Way {
    ById,
    ByEmail,
    List,
}

struct Stage {
    users: Users,
    store: Arc<FakeStore>,
    provider: Arc<FakeProvider>,
    events: Arc<RecordingEvents>,
    registrations: Arc<RecordingRegistrationWriter>,
    tenant: Arc<Tenant>,
}

impl Stage {
    fn new() -> Self {
        let clock = Arc::new(StoppedClock::default());
        let store = Arc::new(FakeStore::default());
        let provider = Arc::new(FakeProvider::new("Auth0", ProviderMode::Live(clock.now())));
        let events = Arc::new(RecordingEvents::default());
        let registrations = Arc::new(RecordingRegistrationWriter::default());
        let world = Dependencies {
            store: Arc::clone(&store) as _,
            registrations: Arc::clone(&registrations) as _,
            providers: Arc::new(FakeProviders(Some(Arc::clone(&provider)))),
            directory: Arc::new(FakeMirror::over(Arc::clone(&store))),
            events: Arc::clone(&events) as _,
            clock,
        };
        Self {
            users: Users::new(world, 100_000),
            store,
            provider,
            events,
            registrations,
            tenant: Arc::new(tenant("north/daily/herald", 1, &[("Flow.UserProvider", "Auth0")])),
        }
    }

    fn staged(theirs: CellFinding, ours: CellFinding) -> Self {
        let stage = Self::new();
        if matches!(theirs, CellFinding::Found | CellFinding::Stale) {
            stage.provider.put(stage.tenant.pool, [their_ann()]);
        }
        match theirs {
            CellFinding::Found | CellFinding::Absent => {}
            CellFinding::Stale => stage.provider.set_mode(ProviderMode::Remembered(THEN, DOWN)),
            CellFinding::Unknown => stage.provider.set_mode(ProviderMode::Failing(DOWN)),
        }
        match ours {
            CellFinding::Found => stage.store.put(stage.tenant.pool, [our_ann()]),
            CellFinding::Absent => {}
            CellFinding::Unknown => stage.store.set_mode(StoreMode::Failing(DOWN)),
            CellFinding::Stale => unreachable!("the store has no memory"),
        }
        stage
    }

    fn caller(&self) -> Caller {
        Caller {
            tenant: Arc::clone(&self.tenant),
            source_system: "CRM".into(),
            request_id: "r-1".into(),
            deadline: Instant::now() + Duration::from_secs(5),
        }
    }

    async fn ask(
        &self,
        way: Way,
        on_provider_failure: OnProviderFailure,
    ) -> Result<(Vec<User>, Completeness), ReadError> {
        let list = |filter| SearchRequest {
            query: UserQuery {
                filter,
                order: Order::default(),
                position: Position::Offset(0),
                size: 10,
                count: CountMode::Exact,
            },
            ignore_provider: false,
            on_provider_failure,
        };
        let email = |filter| UserFilter {
            emails: vec![filter],
            ..UserFilter::default()
        };
        let search = match way {
            Way::ById => {
                let crid = CustomerRegistrationId::parse(ID).unwrap();
                let request = LookupRequest {
                    crid,
                    ignore_provider: false,
                    on_provider_failure,
                };
                let answer = self.users.by_id(&self.caller(), &request).await?;
                return Ok((vec![answer.user], answer.completeness.unwrap()));
            }
            Way::ByEmail => list(email(EmailFilter::Exact(EmailKey::from_text(ADDRESS)))),
            Way::List => list(email(EmailFilter::Contains(EmailFragment::from_text("nn@exa")))),
        };
        let answer = self.users.search(&self.caller(), &search).await?;
        Ok((answer.users, answer.completeness.unwrap()))
    }

    async fn written(&self) -> Vec<Account> {
        self.users.close().await;
        self.registrations.take()
    }
}

fn their_ann() -> Account {
    Account {
        has_password: false,
        ..with_metadata(account(ID, ADDRESS, "Ann", "Lee"), &[("nickname", "annie")])
    }
}

fn our_ann() -> Account {
    Account {
        registration_id: Some(7),
        ..with_metadata(account(ID, ADDRESS, "Anna", "Lee"), &[("promo_flag", "Y")])
    }
}

async fn holds(cell: TableCell, way: Way) {
    let stage = Stage::staged(cell.theirs, cell.ours);
    let answer = match stage.ask(way, cell.on_failure).await {
        Ok(answer) => Some(answer),
        Err(ReadError::NoSuchUser { completeness }) if matches!(way, Way::ById) => {
            Some((Vec::new(), completeness.unwrap()))
        }
        Err(ReadError::Unavailable { .. }) => None,
        Err(error) => panic!("{cell:?}, {way:?}: {error}"),
    };
    if cell.theirs == CellFinding::Stale
        && let Some((_, completeness)) = &answer
    {
        assert_eq!(completeness.sources[0].as_of, Some(THEN), "{cell:?}, {way:?}");
    }
    let events = stage.events.take();
    let written = stage.written().await;
    let came = ObservedRead {
        answer,
        events,
        written,
        read_only: matches!(way, Way::List),
    };
    let store_event = if matches!(way, Way::ById) { 4001 } else { 4000 };
    cell.holds(&format!("{way:?}"), MARKS, store_event, &came);
}

async fn whole_table(way: Way) {
    for cell in TableCell::all() {
        holds(cell, way).await;
    }
}

#[tokio::test]
async fn the_answer_table_holds_by_id() {
    whole_table(Way::ById).await;
}

#[tokio::test]
async fn the_answer_table_holds_by_full_email() {
    whole_table(Way::ByEmail).await;
}

#[tokio::test]
async fn the_answer_table_holds_for_lists() {
    whole_table(Way::List).await;
}

#[tokio::test]
async fn ids_that_differ_are_joined_by_the_address_that_each_side_has_once() {
    let stage = Stage::new();
    stage.provider.put(stage.tenant.pool, [their_ann()]);
    stage.store.put(
        stage.tenant.pool,
        [Account {
            crid: CustomerRegistrationId::parse("2937").unwrap(),
            ..our_ann()
        }],
    );
    for way in [Way::ById, Way::ByEmail] {
        let (users, completeness) = stage.ask(way, OnProviderFailure::Degrade).await.unwrap();
        assert_eq!(users.len(), 1, "{way:?}");
        assert_eq!(users[0].account.crid.as_str(), ID);
        assert_eq!(users[0].account.metadata.get("promo_flag"), Some("Y"));
        assert!(completeness.complete);
    }
    let written = stage.written().await;
    assert!(
        written
            .iter()
            .all(|account| account.registration_id == Some(7) && account.crid.as_str() == ID)
    );
}

#[tokio::test]
async fn several_accounts_with_one_address_are_kept_apart_and_told() {
    let stage = Stage::new();
    let google = account("google-oauth2|8", ADDRESS, "Ann", "Li");
    stage.provider.put(stage.tenant.pool, [their_ann(), google]);
    stage.store.put(
        stage.tenant.pool,
        [Account {
            crid: CustomerRegistrationId::parse("2937").unwrap(),
            ..our_ann()
        }],
    );
    let (users, completeness) = stage.ask(Way::ByEmail, OnProviderFailure::Degrade).await.unwrap();
    let ids: Vec<_> = users.iter().map(|user| user.account.crid.as_str()).collect();
    assert_eq!(ids, ["2937", ID, "google-oauth2|8"]);
    assert_eq!(
        completeness
            .sources
            .iter()
            .map(|source| source.ambiguous)
            .collect::<Vec<_>>(),
        [true, false]
    );
    assert_eq!(stage.written().await, []);
}

#[tokio::test]
async fn an_address_that_the_provider_has_changed_no_longer_finds_the_user() {
    let stage = Stage::new();
    stage
        .provider
        .put(stage.tenant.pool, [account(ID, "new@example.com", "Ann", "Lee")]);
    stage.store.put(stage.tenant.pool, [our_ann()]);
    let (users, completeness) = stage.ask(Way::ByEmail, OnProviderFailure::Degrade).await.unwrap();
    assert_eq!(users, []);
    assert!(completeness.complete);
    let (users, _) = stage.ask(Way::ById, OnProviderFailure::Degrade).await.unwrap();
    assert_eq!(users[0].account.email.as_ref().unwrap().as_str(), "new@example.com");
}

#[tokio::test]
async fn ignoring_the_provider_asks_the_store_alone_and_says_so() {
    let stage = Stage::staged(CellFinding::Found, CellFinding::Found);
    let request = LookupRequest {
        crid: CustomerRegistrationId::parse(ID).unwrap(),
        ignore_provider: true,
        on_provider_failure: OnProviderFailure::Fail,
    };
    let answer = stage.users.by_id(&stage.caller(), &request).await.unwrap();
    assert_eq!(&*answer.user.account.first_name, "Anna");
    assert_eq!(stage.provider.calls(), 0);
    let told: Vec<_> = answer
        .completeness
        .unwrap()
        .sources
        .iter()
        .map(|source| source.status)
        .collect();
    assert_eq!(told, [SourceStatus::Skipped, SourceStatus::Ok]);
}

#[tokio::test]
async fn a_list_of_both_sides_has_each_user_once_in_order_with_the_true_total() {
    let stage = Stage::new();
    let user = |n: u32| account(&format!("u{n}"), &format!("u{n}@example.com"), "Ann", "Lee");
    stage.provider.put(stage.tenant.pool, (0..30).map(user));
    stage.store.put(stage.tenant.pool, (20..50).map(user));
    let mut request = SearchRequest {
        query: UserQuery {
            filter: UserFilter::default(),
            order: Order::default(),
            position: Position::Offset(0),
            size: 7,
            count: CountMode::Exact,
        },
        ignore_provider: false,
        on_provider_failure: OnProviderFailure::Degrade,
    };
    let mut seen = Vec::new();
    loop {
        let answer = stage.users.search(&stage.caller(), &request).await.unwrap();
        assert_eq!(answer.total, Some(masthead_domain::query::Total::Exact(50)));
        seen.extend(answer.users.iter().map(|user| user.account.crid.as_str().to_owned()));
        match answer.next {
            Some(place) => request.query.position = Position::After(place),
            None => break,
        }
    }
    let mut expected: Vec<_> = (0..50).map(|n| format!("u{n}")).collect();
    expected.sort_by_key(|id| format!("{id}@example.com"));
    assert_eq!(seen, expected);
}

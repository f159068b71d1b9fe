//! Lists from the directory, what its age means, and the directory as a provider's memory (contract `answers.md`).

#![expect(clippy::unwrap_used, reason = "a test may stop where its stage is wrong")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_domain::{
    account::Account,
    answer::{ListAnswer, SourceStatus, UserAnswer},
    customer_registration_id::CustomerRegistrationId,
    email::{EmailFragment, EmailKey},
    order::{Direction, Order, SortColumn},
    query::{CountMode, EmailFilter, OnProviderFailure, Position, Total, UserFilter, UserQuery},
};
use masthead_orchestrator::{Caller, Dependencies, LookupRequest, ReadError, SearchRequest, Users};
use masthead_ports::{
    mirror::{RemovalBrake, StartOutcome, StartRun, UserMirror as _},
    scan::ScanPage,
    source::{CallContext, Priority, SourceErrorKind},
};
use masthead_testkit::{
    accounts::{account, readers},
    clock::StoppedClock,
    contract::model,
    events::RecordingEvents,
    mirror::FakeMirror,
    providers::{FakeProvider, FakeProviders, ProviderMode},
    registrations::RecordingRegistrationWriter,
    store::{FakeStore, StoreMode},
    tenants::tenant,
};
use time::{OffsetDateTime, macros::datetime};

const NOW: OffsetDateTime = datetime!(2026-03-04 12:00 UTC);
const DOWN: SourceErrorKind = SourceErrorKind::Unavailable;

struct Stage {
    users: Users,
    store: Arc<FakeStore>,
    provider: Arc<FakeProvider>,
    directory: Arc<FakeMirror>,
    caller: Caller,
}

fn stage(settings: &[(&str, &str)]) -> Stage {
    let settings: Vec<_> = settings
        .iter()
        .copied()
        .chain([("Flow.UserProvider", "Auth0")])
        .collect();
    let store = Arc::new(FakeStore::default());
    let provider = Arc::new(FakeProvider::new("Auth0", ProviderMode::Live(NOW)));
    let directory = Arc::new(FakeMirror::over(Arc::clone(&store)));
    let world = Dependencies {
        store: Arc::clone(&store) as _,
        registrations: Arc::new(RecordingRegistrationWriter::default()),
        providers: Arc::new(FakeProviders(Some(Arc::clone(&provider)))),
        directory: Arc::clone(&directory) as _,
        events: Arc::new(RecordingEvents::default()),
        clock: Arc::new(StoppedClock::at(NOW)),
    };
    Stage {
        users: Users::new(world, 100_000),
        store,
        provider,
        directory,
        caller: Caller {
            tenant: Arc::new(tenant("north/daily/herald", 1, &settings)),
            source_system: "CRM".into(),
            request_id: "r-1".into(),
            deadline: Instant::now() + Duration::from_mins(1),
        },
    }
}

impl Stage {
    fn context(&self) -> CallContext {
        self.caller.context(Priority::Sync)
    }

    /// A whole run that began at this moment and showed these accounts.
    async fn synchronised(&self, theirs: &[Account], at: OffsetDateTime) {
        self.synchronised_but_for(theirs, at, false).await;
    }

    /// The same; with gaps, some users of the provider could not be shown.
    async fn synchronised_but_for(&self, theirs: &[Account], at: OffsetDateTime, gaps: bool) {
        let beginning = StartRun {
            holder: "test",
            at,
            lease: Duration::from_mins(1),
            full_every: Duration::ZERO,
        };
        let StartOutcome::Run(run) = self.directory.start_run(&self.context(), beginning).await.unwrap() else {
            unreachable!("nobody else is at it")
        };
        let step = ScanPage {
            accounts: theirs.to_vec(),
            next: None,
            expected: None,
            truncated: false,
            gaps,
            left_out: Vec::new(),
        };
        self.directory
            .record_page(&self.context(), &run, &step, at)
            .await
            .unwrap();
        self.directory
            .finish_run(&self.context(), &run, at, RemovalBrake::On)
            .await
            .unwrap();
    }

    async fn search(&self, query: UserQuery, mode: OnProviderFailure) -> Result<ListAnswer, ReadError> {
        let request = SearchRequest {
            query,
            ignore_provider: false,
            on_provider_failure: mode,
        };
        self.users.search(&self.caller, &request).await
    }

    async fn by_id(&self, id: &str) -> Result<UserAnswer, ReadError> {
        let request = LookupRequest {
            crid: CustomerRegistrationId::parse(id).unwrap(),
            ignore_provider: false,
            on_provider_failure: OnProviderFailure::Degrade,
        };
        self.users.by_id(&self.caller, &request).await
    }

    async fn known(&self, id: &str) -> Option<(Account, OffsetDateTime)> {
        let profile = self
            .directory
            .profile(&self.context(), &CustomerRegistrationId::parse(id).unwrap())
            .await;
        profile.unwrap().map(|profile| (profile.account, profile.as_of))
    }
}

fn list(email: &str) -> UserQuery {
    UserQuery {
        filter: UserFilter {
            emails: vec![EmailFilter::Contains(EmailFragment::from_text(email))],
            ..UserFilter::default()
        },
        order: Order::default(),
        position: Position::Offset(0),
        size: 10,
        count: CountMode::Exact,
    }
}

fn ann() -> Account {
    Account {
        has_password: false,
        ..account("a|1", "ann@example.com", "Ann", "Lee")
    }
}

#[tokio::test]
async fn a_list_of_both_sides_needs_no_call_once_a_run_has_ended() {
    let stage = stage(&[]);
    let pool = stage.caller.tenant.pool;
    let theirs = [ann(), account("a|2", "bob@example.com", "Bob", "")];
    stage.provider.put(pool, theirs.clone());
    stage.store.put(
        pool,
        [
            account("2", "bob@example.com", "Bobby", "Ray"),
            account("3", "cy@example.com", "Cy", ""),
        ],
    );
    let live = stage.search(list("example"), OnProviderFailure::Fail).await.unwrap();
    let asked = stage.provider.calls();
    assert!(asked > 0);
    let ran = NOW - time::Duration::minutes(59);
    stage.synchronised(&theirs, ran).await;
    let answer = stage.search(list("example"), OnProviderFailure::Fail).await.unwrap();
    assert_eq!(stage.provider.calls(), asked);
    assert_eq!(answer.users, live.users);
    assert_eq!(answer.total, Some(Total::Exact(3)));
    let completeness = answer.completeness.unwrap();
    assert!(completeness.complete);
    let told: Vec<_> = completeness
        .sources
        .iter()
        .map(|source| (source.name, source.status, source.as_of))
        .collect();
    assert_eq!(
        told,
        [
            ("Auth0", SourceStatus::Ok, Some(ran)),
            ("Subscribe", SourceStatus::Ok, Some(NOW))
        ]
    );
}

#[tokio::test]
async fn a_directory_older_than_the_tenant_allows_is_stale_and_says_so() {
    let stage = stage(&[("Directory.MaxAgeMinutes", "5")]);
    let ran = NOW - time::Duration::minutes(5);
    stage.synchronised(&[ann()], ran).await;
    let answer = stage.search(list("ann"), OnProviderFailure::Degrade).await.unwrap();
    let completeness = answer.completeness.unwrap();
    assert!(!completeness.complete);
    let theirs = &completeness.sources[0];
    assert_eq!(
        (theirs.status, theirs.as_of, theirs.reason),
        (SourceStatus::Stale, Some(ran), Some("sync_overdue"))
    );
    // Where nobody can confirm that there is nobody, nobody is told so; the page after the last is not such an answer.
    for (query, mode) in [
        (list("ann"), OnProviderFailure::Fail),
        (list("nobody"), OnProviderFailure::Degrade),
    ] {
        let refused = stage.search(query, mode).await;
        assert!(matches!(refused, Err(ReadError::Unavailable { .. })));
    }
    let past = UserQuery {
        position: Position::Offset(10),
        ..list("ann")
    };
    let past = stage.search(past, OnProviderFailure::Degrade).await.unwrap();
    assert_eq!((past.users.len(), past.total), (0, Some(Total::Exact(1))));
    assert_eq!(stage.provider.calls(), 0);

    stage.synchronised(&[ann()], NOW).await;
    let answer = stage.search(list("nobody"), OnProviderFailure::Fail).await.unwrap();
    assert_eq!(answer.total, Some(Total::Exact(0)));
}

/// Contract `answers.md`: "a directory that is not whole (something could not be kept or shown) is `stale` with the reason,
/// never `ok`", and an empty answer is given only when every source asked confirmed it.
#[tokio::test]
async fn a_directory_that_is_not_whole_is_stale_with_the_reason() {
    let stage = stage(&[]);
    let ran = NOW - time::Duration::minutes(1);
    stage.synchronised_but_for(&[ann()], ran, true).await;
    let answer = stage.search(list("ann"), OnProviderFailure::Degrade).await.unwrap();
    assert_eq!((answer.users.len(), answer.total), (1, Some(Total::Estimate(1))));
    let completeness = answer.completeness.unwrap();
    assert!(!completeness.complete);
    let theirs = &completeness.sources[0];
    assert_eq!(
        (theirs.status, theirs.as_of, theirs.reason),
        (SourceStatus::Stale, Some(ran), Some("sync_incomplete"))
    );
    assert_eq!(completeness.sources[1].status, SourceStatus::Ok);

    for count in [CountMode::Exact, CountMode::Estimate, CountMode::None] {
        let query = UserQuery { count, ..list("bob") };
        let refused = stage.search(query, OnProviderFailure::Degrade).await;
        assert!(matches!(refused, Err(ReadError::Unavailable { .. })), "{count:?}");
    }
    let refused = stage.search(list("ann"), OnProviderFailure::Fail).await;
    assert!(matches!(refused, Err(ReadError::Unavailable { .. })));
    assert_eq!(stage.provider.calls(), 0);

    stage.synchronised(&[ann()], NOW).await;
    let answer = stage.search(list("bob"), OnProviderFailure::Degrade).await.unwrap();
    assert_eq!(answer.total, Some(Total::Exact(0)));
    assert!(answer.completeness.unwrap().complete);
}

#[tokio::test]
async fn every_page_of_every_order_has_each_user_once() {
    let stage = stage(&[]);
    let mut theirs = readers(200);
    for reader in &mut theirs {
        (reader.registration_id, reader.has_password) = (None, false);
    }
    stage.synchronised(&theirs, NOW).await;
    let ours = readers(320).split_off(120);
    stage.store.put(stage.caller.tenant.pool, ours);
    let merged: Vec<Account> = {
        let all = UserQuery {
            filter: UserFilter::default(),
            size: 1000,
            ..list("")
        };
        let answer = stage.search(all, OnProviderFailure::Fail).await.unwrap();
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
                let answer = stage.search(query.clone(), OnProviderFailure::Fail).await.unwrap();
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
    assert_eq!(stage.provider.calls(), 0);
}

#[tokio::test]
async fn accounts_that_share_an_address_are_told_of() {
    let stage = stage(&[]);
    let twin = account("g|1", "ann@example.com", "Ann", "Li");
    stage.synchronised(&[ann(), twin], NOW).await;
    let answer = stage.search(list("ann"), OnProviderFailure::Fail).await.unwrap();
    assert_eq!(answer.users.len(), 2);
    let told = answer.completeness.unwrap();
    assert_eq!([told.sources[0].ambiguous, told.sources[1].ambiguous], [true, false]);
}

#[tokio::test]
async fn the_directory_remembers_for_a_provider_that_cannot_be_asked() {
    let stage = stage(&[]);
    let then = NOW - time::Duration::days(3);
    stage.synchronised(&[ann()], then).await;
    stage.provider.set_mode(ProviderMode::Failing(DOWN));
    let answer = stage.by_id("a|1").await.unwrap();
    let exact = UserQuery {
        filter: UserFilter {
            emails: vec![EmailFilter::Exact(EmailKey::from_text("ann@example.com"))],
            ..UserFilter::default()
        },
        ..list("")
    };
    let listed = stage.search(exact, OnProviderFailure::Degrade).await.unwrap();
    assert_eq!(answer.user.account, listed.users[0].account);
    for completeness in [answer.completeness.unwrap(), listed.completeness.unwrap()] {
        let theirs = &completeness.sources[0];
        assert!(!completeness.complete);
        assert_eq!(
            (theirs.status, theirs.as_of, theirs.reason),
            (SourceStatus::Stale, Some(then), Some("unavailable"))
        );
    }
    // That it is not among the remembered says nothing about anybody.
    assert!(matches!(stage.by_id("a|9").await, Err(ReadError::Unavailable { .. })));
}

#[tokio::test]
async fn what_a_provider_says_live_is_kept_and_its_silence_is_not() {
    let settings = [
        ("Directory.RemovalConfirmations", "1"),
        ("Directory.RemovalApartHours", "0"),
    ];
    let stage = stage(&settings);
    let then = NOW - time::Duration::hours(2);
    let gone = account("a|8", "gone@example.com", "", "");
    stage.synchronised(&[ann(), gone], then).await;
    let renamed = Account {
        first_name: "Anna".into(),
        ..ann()
    };
    stage.provider.put(stage.caller.tenant.pool, [renamed.clone()]);
    stage.by_id("a|1").await.unwrap();
    assert!(matches!(stage.by_id("a|8").await, Err(ReadError::NoSuchUser { .. })));
    stage.provider.set_mode(ProviderMode::Failing(DOWN));
    stage.by_id("a|1").await.unwrap();
    stage.users.close().await;
    assert_eq!(stage.known("a|1").await, Some((renamed, NOW)));
    assert_eq!(stage.known("a|8").await, None);
}

#[tokio::test]
async fn ignoring_the_provider_lists_registrations_alone() {
    let stage = stage(&[]);
    stage.synchronised(&[ann()], NOW).await;
    stage
        .store
        .put(stage.caller.tenant.pool, [account("3", "joann@example.com", "Jo", "")]);
    let request = SearchRequest {
        query: list("ann"),
        ignore_provider: true,
        on_provider_failure: OnProviderFailure::Fail,
    };
    let answer = stage.users.search(&stage.caller, &request).await.unwrap();
    let ids: Vec<_> = answer.users.iter().map(|user| user.account.crid.as_str()).collect();
    assert_eq!(ids, ["3"]);
}

#[tokio::test]
async fn where_the_directory_does_not_answer_the_provider_is_still_heard() {
    let stage = stage(&[]);
    stage.provider.put(stage.caller.tenant.pool, [ann()]);
    stage.synchronised(&[ann()], NOW).await;
    stage.store.set_mode(StoreMode::Failing(DOWN));
    let answer = stage.search(list("ann"), OnProviderFailure::Degrade).await.unwrap();
    assert_eq!(answer.users.len(), 1);
    let told = answer.completeness.unwrap();
    assert!(!told.complete);
    assert_eq!(
        [told.sources[0].status, told.sources[1].status],
        [SourceStatus::Ok, SourceStatus::Unavailable]
    );
}

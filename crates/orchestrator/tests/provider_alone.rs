//! The provider's word alone: the answer table with the store left out, by id, full e-mail and list × degrade and fail.
#![expect(clippy::unwrap_used, reason = "a test may stop where its stage is wrong")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_domain::{
    account::Account,
    answer::{Completeness, SourceStatus, User},
    customer_registration_id::CustomerRegistrationId,
    email::{EmailFragment, EmailKey},
    event::EventKind,
    order::{Order, SortColumn},
    query::{CountMode, EmailFilter, OnProviderFailure, Position, Total, UserFilter, UserQuery},
};
use masthead_orchestrator::{Caller, Dependencies, ReadError, Users};
use masthead_ports::{
    mirror::{RemovalBrake, StartOutcome, StartRun, UserMirror as _},
    scan::ScanPage,
    source::{Priority, SourceErrorKind},
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
use time::{OffsetDateTime, macros::datetime};

const NOW: OffsetDateTime = datetime!(2026-03-01 12:00 UTC);
const THEN: OffsetDateTime = datetime!(2026-02-28 08:00 UTC);
const DOWN: SourceErrorKind = SourceErrorKind::Unavailable;
const ID: &str = "auth0|7";
const ADDRESS: &str = "ann@example.com";

struct Stage {
    users: Users,
    store: Arc<FakeStore>,
    provider: Arc<FakeProvider>,
    directory: Arc<FakeMirror>,
    events: Arc<RecordingEvents>,
    registrations: Arc<RecordingRegistrationWriter>,
    caller: Caller,
}

/// Our store has Ann under another name, and Bob, of whom the provider does not know.
fn stage(settings: &[(&str, &str)]) -> Stage {
    let tenant = Arc::new(tenant("north/daily/herald", 1, settings));
    let store = Arc::new(FakeStore::with(
        tenant.pool,
        [
            account(ID, ADDRESS, "Anna", "Lee"),
            Account {
                verified: Some(false),
                ..account("8", "bob@example.com", "Bob", "")
            },
        ],
    ));
    let provider = Arc::new(FakeProvider::new("Auth0", ProviderMode::Live(NOW)));
    let directory = Arc::new(FakeMirror::over(store.clone()));
    let (events, registrations) = <(Arc<RecordingEvents>, Arc<RecordingRegistrationWriter>)>::default();
    let world = Dependencies {
        store: store.clone(),
        registrations: registrations.clone(),
        providers: Arc::new(FakeProviders(Some(provider.clone()))),
        directory: directory.clone(),
        events: events.clone(),
        clock: Arc::new(StoppedClock::at(NOW)),
    };
    Stage {
        users: Users::new(world, 100),
        store,
        provider,
        directory,
        events,
        registrations,
        caller: Caller {
            tenant,
            source_system: "CRM".into(),
            request_id: "r-1".into(),
            deadline: Instant::now() + Duration::from_secs(5),
        },
    }
}

fn federated() -> Stage {
    stage(&[("Flow.UserProvider", "Auth0")])
}

fn query(filter: UserFilter) -> UserQuery {
    UserQuery {
        filter,
        order: Order::default(),
        position: Position::Offset(0),
        size: 10,
        count: CountMode::Exact,
    }
}

/// The three ways to ask for Ann.
#[derive(Debug, Clone, Copy)]
enum Way {
    ById,
    ByEmail,
    List,
}

async fn ask(stage: &Stage, way: Way, mode: OnProviderFailure) -> Result<(Vec<User>, Option<Completeness>), ReadError> {
    let filter = match way {
        Way::ById => {
            let id = CustomerRegistrationId::parse(ID).unwrap();
            return match stage.users.by_id_at_provider(&stage.caller, &id, mode).await {
                Ok(answer) => Ok((vec![answer.user], answer.completeness)),
                Err(ReadError::NoSuchUser { completeness }) => Ok((Vec::new(), completeness)),
                Err(error) => Err(error),
            };
        }
        Way::ByEmail => EmailFilter::Exact(EmailKey::from_text(ADDRESS)),
        Way::List => EmailFilter::Contains(EmailFragment::from_text("nn@exa")),
    };
    let query = query(UserFilter {
        emails: vec![filter],
        ..UserFilter::default()
    });
    let answer = stage.users.search_at_provider(&stage.caller, &query, mode).await?;
    Ok((answer.users, answer.completeness))
}

#[tokio::test]
async fn the_answer_table_holds_with_the_store_left_out() {
    use OnProviderFailure::{Degrade, Fail};
    for way in [Way::ById, Way::ByEmail, Way::List] {
        for mode in [Degrade, Fail] {
            for (has_ann, voice, users, status) in [
                (true, ProviderMode::Live(NOW), Some(1), SourceStatus::Ok),
                (false, ProviderMode::Live(NOW), Some(0), SourceStatus::Ok),
                (true, ProviderMode::Remembered(THEN, DOWN), Some(1), SourceStatus::Stale),
                (
                    false,
                    ProviderMode::Remembered(THEN, DOWN),
                    None,
                    SourceStatus::Unavailable,
                ),
                (true, ProviderMode::Failing(DOWN), None, SourceStatus::Unavailable),
            ] {
                let what = format!("{way:?}, {mode:?}, {voice:?}, {has_ann}");
                let stage = federated();
                if has_ann {
                    stage
                        .provider
                        .put(stage.caller.tenant.pool, [account(ID, ADDRESS, "Ann", "")]);
                }
                stage.provider.set_mode(voice);
                let users = users.filter(|_| mode == Degrade || status == SourceStatus::Ok);
                let (found, completeness) = match ask(&stage, way, mode).await {
                    Ok((found, completeness)) => (Some(found), completeness),
                    Err(ReadError::Unavailable { completeness, .. }) => (None, completeness),
                    Err(error) => unreachable!("{what}: {error}"),
                };
                assert_eq!(found.as_ref().map(Vec::len), users, "{what}");
                for user in found.iter().flatten() {
                    assert_eq!(
                        (&*user.account.first_name, &*user.account.last_name),
                        ("Ann", ""),
                        "{what}"
                    );
                }
                let told: Vec<_> = completeness
                    .unwrap()
                    .sources
                    .iter()
                    .map(|source| source.status)
                    .collect();
                assert_eq!(told, [status, SourceStatus::Skipped], "{what}");

                assert_eq!(stage.store.calls(), 0, "{what}: the store is left out");
                let kinds: Vec<_> = stage.events.take().iter().map(|event| event.kind).collect();
                assert_eq!(kinds, [EventKind::AuthSystemUserGet], "{what}");
                stage.users.close().await;
                assert_eq!(
                    stage.registrations.take(),
                    [],
                    "{what}: nothing is known of the store, so nothing is written"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_silent_store_does_no_harm() {
    let stage = federated();
    stage
        .provider
        .put(stage.caller.tenant.pool, [account(ID, ADDRESS, "Ann", "")]);
    stage.store.set_mode(StoreMode::Failing(DOWN));
    let (users, completeness) = ask(&stage, Way::ById, OnProviderFailure::Fail).await.unwrap();
    assert_eq!(users.len(), 1);
    assert!(completeness.unwrap().complete);
}

#[tokio::test]
async fn a_tenant_without_a_provider_is_asked_for_what_it_masters_itself() {
    let stage = stage(&[]);
    for way in [Way::ById, Way::ByEmail, Way::List] {
        let (users, completeness) = ask(&stage, way, OnProviderFailure::Degrade).await.unwrap();
        assert_eq!((&*users[0].account.first_name, completeness), ("Anna", None), "{way:?}");
    }
    assert_eq!(stage.provider.calls(), 0);
}

#[tokio::test]
async fn a_list_that_the_provider_cannot_show_whole_says_so_and_has_only_those_who_match() {
    let stage = federated();
    let many = (0..1200).map(|n| account(&format!("u{n:04}"), &format!("u{n:04}@example.com"), "Ann", "Lee"));
    stage.provider.put(stage.caller.tenant.pool, many);
    let everybody = UserQuery {
        order: Order {
            column: SortColumn::State,
            ..Order::default()
        },
        ..query(UserFilter::default())
    };
    let answer = stage
        .users
        .search_at_provider(&stage.caller, &everybody, OnProviderFailure::Degrade)
        .await
        .unwrap();
    assert_eq!((answer.users.len(), answer.total), (10, Some(Total::Estimate(1000))));
    assert!(!answer.completeness.unwrap().complete);
    let too_deep = UserQuery {
        position: Position::Offset(101),
        ..query(UserFilter::default())
    };
    let refused = stage
        .users
        .search_at_provider(&stage.caller, &too_deep, OnProviderFailure::Degrade)
        .await;
    assert!(matches!(refused, Err(ReadError::TooDeep { limit: 100 })));
}

#[tokio::test]
async fn only_the_active_are_asked_for_where_our_store_masters_the_accounts_and_everybody_elsewhere() {
    let active = query(UserFilter {
        only_active: true,
        ..UserFilter::default()
    });
    let ids = |users: Vec<User>| users.into_iter().map(|user| user.account.crid).collect::<Vec<_>>();
    let alone = stage(&[]);
    let answer = alone
        .users
        .search_at_provider(&alone.caller, &active, OnProviderFailure::Degrade)
        .await
        .unwrap();
    assert_eq!(
        ids(answer.users),
        [CustomerRegistrationId::parse(ID).unwrap()],
        "Bob is unverified"
    );
    let federated = federated();
    let bob = Account {
        verified: Some(false),
        ..account("8", "bob@example.com", "Bob", "")
    };
    federated.provider.put(federated.caller.tenant.pool, [bob]);
    let answer = federated
        .users
        .search_at_provider(&federated.caller, &active, OnProviderFailure::Degrade)
        .await
        .unwrap();
    assert_eq!(
        ids(answer.users),
        [CustomerRegistrationId::parse("8").unwrap()],
        "at a provider all are Standard"
    );
}

/// The provider has these accounts, and had them when a synchronisation began so long ago.
async fn synchronised(stage: &Stage, accounts: &[Account], ago: time::Duration) {
    synchronised_but_for(stage, accounts, ago, false).await;
}

/// The same; with gaps, some users of the provider could not be shown.
async fn synchronised_but_for(stage: &Stage, accounts: &[Account], ago: time::Duration, gaps: bool) {
    stage.provider.put(stage.caller.tenant.pool, accounts.iter().cloned());
    let cx = stage.caller.context(Priority::Sync);
    let beginning = StartRun {
        holder: "test",
        at: NOW - ago,
        lease: Duration::from_mins(1),
        full_every: Duration::ZERO,
    };
    let StartOutcome::Run(run) = stage.directory.start_run(&cx, beginning).await.unwrap() else {
        unreachable!("nobody else is at it")
    };
    let step = ScanPage {
        accounts: accounts.to_vec(),
        next: None,
        expected: None,
        truncated: false,
        gaps,
        left_out: Vec::new(),
    };
    stage
        .directory
        .record_page(&cx, &run, &step, run.started)
        .await
        .unwrap();
    stage
        .directory
        .finish_run(&cx, &run, run.started, RemovalBrake::On)
        .await
        .unwrap();
}

fn named(text: &str) -> UserQuery {
    query(UserFilter {
        emails: vec![EmailFilter::Contains(EmailFragment::from_text(text))],
        ..UserFilter::default()
    })
}

#[tokio::test]
async fn a_list_is_answered_from_the_providers_own_profiles_while_they_are_current() {
    let provider = ("Flow.UserProvider", "Auth0");
    let young = time::Duration::minutes(59);
    let many: Vec<Account> = (0..1_001)
        .map(|n| account(&format!("m{n}"), &format!("many{n}@example.com"), "", ""))
        .collect();
    let people = [
        account(ID, ADDRESS, "Ann", ""),
        account("a|2", "joann@example.com", "Jo", ""),
        // Whose address our store alone has.
        Account {
            email: None,
            ..account("8", "bob@example.com", "Bob", "")
        },
    ];
    let all: Vec<Account> = people.iter().chain(&many).cloned().collect();
    for (settings, ago, asked_for, users, calls) in [
        (vec![provider], young, "ann@", 2, 0),
        (vec![provider], young, "bob@", 0, 0),
        (vec![provider], time::Duration::hours(1), "ann@", 2, 1),
        (vec![provider], young, "many", 1_000, 1),
        (vec![provider, ("Merge.email", "store")], young, "ann@", 2, 1),
    ] {
        let stage = stage(&settings);
        synchronised(&stage, &all, ago).await;
        let query = UserQuery {
            size: 1_000,
            ..named(asked_for)
        };
        let answer = stage
            .users
            .search_at_provider(&stage.caller, &query, OnProviderFailure::Degrade)
            .await
            .unwrap();
        let what = format!("{settings:?} {ago} {asked_for}");
        assert_eq!((answer.users.len(), stage.provider.calls()), (users, calls), "{what}");
        for user in &answer.users {
            assert_eq!(user.account.registration_id, None, "{what}");
            assert_ne!(&*user.account.first_name, "Anna", "{what}: the store's");
        }
        let told = answer.completeness.unwrap();
        assert_eq!(told.complete, users < 1_000, "{what}");
        if calls == 0 {
            assert_eq!(
                (told.sources[0].status, told.sources[0].as_of),
                (SourceStatus::Ok, Some(NOW - ago))
            );
            assert_eq!(answer.total, Some(Total::Exact(users as u64)), "{what}");
        }
        let kinds: Vec<_> = stage.events.take().iter().map(|event| event.kind).collect();
        let kind = if calls == 0 {
            EventKind::SubscribeUserGet
        } else {
            EventKind::AuthSystemUserGet
        };
        assert_eq!(kinds, [kind], "{what}");
        stage.users.close().await;
        assert_eq!(stage.registrations.take(), [], "{what}");
    }
}

/// Contract `answers.md`: a directory that is not whole is never `ok`.
#[tokio::test]
async fn a_list_of_the_provider_alone_is_not_answered_from_a_directory_that_is_not_whole() {
    let stage = federated();
    let ann = account(ID, ADDRESS, "Ann", "");
    synchronised_but_for(&stage, &[], time::Duration::ZERO, true).await;
    stage.provider.put(stage.caller.tenant.pool, [ann]);
    let answer = stage
        .users
        .search_at_provider(&stage.caller, &named("ann@"), OnProviderFailure::Degrade)
        .await
        .unwrap();
    assert_eq!((answer.users.len(), stage.provider.calls()), (1, 1));
}

#[tokio::test]
async fn one_user_is_asked_of_the_provider_however_young_the_directory_is() {
    let stage = federated();
    synchronised(&stage, &[account(ID, ADDRESS, "Ann", "")], time::Duration::ZERO).await;
    for (calls, way) in [(1, Way::ById), (2, Way::ByEmail), (2, Way::List)] {
        let (users, _) = ask(&stage, way, OnProviderFailure::Fail).await.unwrap();
        assert_eq!((users.len(), stage.provider.calls()), (1, calls), "{way:?}");
    }
}

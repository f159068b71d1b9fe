//! The export: one question of the store, three outcomes by the answer table, one event.

#![expect(clippy::unwrap_used, reason = "a test may stop where its stage is wrong")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::EmailKey, event::EventKind,
    event::EventOutcome, tenant::Tenant,
};
use masthead_orchestrator::{Caller, Dependencies, Export, ExportAnswer, ExportRequest, ExportedUser, Users};
use masthead_ports::{bulk::LookupKey, clock::Clock, source::SourceErrorKind};
use masthead_testkit::{
    accounts::{account, readers},
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

struct Stage {
    users: Users,
    export: Export,
    store: Arc<FakeStore>,
    provider: Arc<FakeProvider>,
    events: Arc<RecordingEvents>,
    registrations: Arc<RecordingRegistrationWriter>,
    tenant: Arc<Tenant>,
}

impl Stage {
    fn of(settings: &[(&str, &str)]) -> Self {
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
        let users = Users::new(world, 1_000);
        Self {
            export: Export::new(users.clone(), Arc::clone(&store) as _),
            users,
            store,
            provider,
            events,
            registrations,
            tenant: Arc::new(tenant("north/daily/herald", 1, settings)),
        }
    }

    fn federated() -> Self {
        Self::of(&[("Flow.UserProvider", "Auth0")])
    }

    async fn ask(&self, keys: Vec<Option<LookupKey>>) -> ExportAnswer {
        let caller = Caller {
            tenant: Arc::clone(&self.tenant),
            source_system: "herald".into(),
            request_id: "r-1".into(),
            deadline: Instant::now() + Duration::from_mins(5),
        };
        let request = ExportRequest {
            keys,
            network: Some("203.0.113.0/24".into()),
        };
        self.export.export(&caller, &request).await
    }

    async fn one(&self, key: LookupKey) -> ExportedUser {
        let answer = self.ask(vec![Some(key)]).await;
        answer.outcomes.into_iter().next().unwrap()
    }
}

fn id(text: &str) -> LookupKey {
    LookupKey::Id(CustomerRegistrationId::parse(text).unwrap())
}

fn email(text: &str) -> LookupKey {
    LookupKey::Email(EmailKey::from_text(text))
}

fn numbered(number: i64, account: Account) -> Account {
    Account {
        registration_id: Some(number),
        ..account
    }
}

#[tokio::test]
async fn the_store_is_asked_once_for_twenty_and_for_a_thousand_of_any_kind() {
    for count in [20_u32, 1_000] {
        let stage = Stage::of(&[]);
        stage.store.put(stage.tenant.pool, readers(count));
        let keys = readers(count).into_iter().zip(0..).map(|(reader, n)| {
            Some(match n % 4 {
                0 => LookupKey::Id(reader.crid),
                1 => LookupKey::Email(reader.email.unwrap().key().clone()),
                2 => LookupKey::Registration(reader.registration_id.unwrap()),
                _ => id(&format!("nobody-{n}")),
            })
        });
        let answer = stage.ask(keys.collect()).await;
        assert_eq!(stage.store.calls(), 1, "{count}");
        for (n, (outcome, reader)) in answer.outcomes.iter().zip(readers(count)).enumerate() {
            if n % 4 == 3 {
                assert_eq!(*outcome, ExportedUser::Absent, "{n}");
            } else {
                assert_eq!(*outcome, ExportedUser::User(Box::new(reader)), "{n}");
            }
        }
        let events = stage.events.take();
        assert_eq!(events.len(), 1);
        assert_eq!(
            (events[0].kind, events[0].outcome, events[0].users),
            (EventKind::SubscribeUserExport, EventOutcome::Found, count / 4 * 3)
        );
        assert_eq!(events[0].network.as_deref(), Some("203.0.113.0/24"));
    }
}

#[tokio::test]
async fn a_name_that_nobody_can_have_is_absent_and_nobody_is_asked() {
    for stage in [Stage::of(&[]), Stage::federated()] {
        stage.store.set_mode(StoreMode::Failing(DOWN));
        assert_eq!(
            stage.ask(vec![None, None]).await.outcomes,
            [ExportedUser::Absent, ExportedUser::Absent]
        );
        assert_eq!((stage.store.calls(), stage.provider.calls()), (0, 0));
    }
}

#[tokio::test]
async fn a_silent_store_leaves_everybody_unresolved() {
    let stage = Stage::of(&[]);
    stage
        .store
        .put(stage.tenant.pool, [account("7", "ann@example.com", "Ann", "Lee")]);
    stage.store.set_mode(StoreMode::Failing(DOWN));
    let answer = stage
        .ask(vec![Some(id("7")), Some(email("ann@example.com")), None])
        .await;
    assert_eq!(
        answer.outcomes,
        [ExportedUser::Unresolved, ExportedUser::Unresolved, ExportedUser::Absent]
    );
    assert_eq!(stage.events.take()[0].outcome, EventOutcome::Unknown);
}

/// The answer table, degrading: rows are the provider found, stale, absent, unknown; columns the store found, absent, unknown.
#[tokio::test]
async fn the_answer_table_decides_of_each() {
    use ExportedUser::{Absent, Unresolved, User};
    let ours = || account("auth0|7", "ann@example.com", "Our", "Lee");
    let theirs = || account("auth0|7", "ann@example.com", "Their", "Lee");
    let named = |first_name: &str| {
        User(Box::new(Account {
            first_name: first_name.into(),
            ..ours()
        }))
    };
    let rows = [
        (
            ProviderMode::Live(THEN),
            true,
            [named("Their"), named("Their"), named("Their")],
        ),
        (
            ProviderMode::Remembered(THEN, DOWN),
            true,
            [named("Their"), named("Their"), Unresolved],
        ),
        (ProviderMode::Live(THEN), false, [named("Our"), Absent, Unresolved]),
        (
            ProviderMode::Failing(DOWN),
            false,
            [named("Our"), Unresolved, Unresolved],
        ),
    ];
    for (voice, they_have, cells) in rows {
        for (column, cell) in cells.into_iter().enumerate() {
            for key in [id("auth0|7"), email("ann@example.com")] {
                let stage = Stage::federated();
                if they_have {
                    stage.provider.put(stage.tenant.pool, [theirs()]);
                }
                stage.provider.set_mode(voice);
                match column {
                    0 => stage.store.put(stage.tenant.pool, [ours()]),
                    1 => {}
                    _ => stage.store.set_mode(StoreMode::Failing(DOWN)),
                }
                let told = stage.one(key.clone()).await;
                let first_name = |told: &ExportedUser| match told {
                    User(account) => Some(account.first_name.clone()),
                    Absent | Unresolved => None,
                };
                assert_eq!(first_name(&told), first_name(&cell), "{voice:?} {column} {key:?}");
                assert_eq!(
                    matches!(told, Absent),
                    matches!(cell, Absent),
                    "{voice:?} {column} {key:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_number_of_a_registration_is_the_stores_alone_and_the_user_is_merged() {
    let stage = Stage::federated();
    stage.store.put(
        stage.tenant.pool,
        [numbered(41, account("auth0|7", "ann@example.com", "Our", "Lee"))],
    );
    stage.provider.put(
        stage.tenant.pool,
        [account("auth0|7", "ann@example.com", "Their", "Lee")],
    );
    let ExportedUser::User(user) = stage.one(LookupKey::Registration(41)).await else {
        unreachable!("the user is there")
    };
    assert_eq!((user.registration_id, &*user.first_name), (Some(41), "Their"));
    let calls = stage.provider.calls();
    assert_eq!(stage.one(LookupKey::Registration(42)).await, ExportedUser::Absent);
    assert_eq!(stage.provider.calls(), calls, "nobody else knows our numbers");
    stage.provider.set_mode(ProviderMode::Failing(DOWN));
    assert!(matches!(
        stage.one(LookupKey::Registration(41)).await,
        ExportedUser::User(_)
    ));
    stage.store.set_mode(StoreMode::Failing(DOWN));
    assert_eq!(stage.one(LookupKey::Registration(41)).await, ExportedUser::Unresolved);
}

#[tokio::test]
async fn several_users_of_one_address_are_never_the_first_of_them() {
    let shared = || ["auth0|1", "auth0|2"].map(|crid| account(crid, "shared@example.com", "Ann", crid));
    for stage in [Stage::of(&[]), Stage::federated()] {
        stage.store.put(stage.tenant.pool, shared());
        stage.provider.put(stage.tenant.pool, shared());
        assert_eq!(stage.one(email("shared@example.com")).await, ExportedUser::Unresolved);
        assert!(matches!(stage.one(id("auth0|2")).await, ExportedUser::User(_)));
    }
}

#[tokio::test]
async fn what_the_provider_knows_better_is_written_once_the_answer_is_made() {
    let stage = Stage::federated();
    let theirs = account("auth0|7", "ann@example.com", "Their", "Lee");
    stage.provider.put(stage.tenant.pool, [theirs.clone()]);
    stage
        .ask(vec![Some(id("auth0|7")), Some(email("ann@example.com"))])
        .await;
    let events = stage.events.take();
    let kinds: Vec<_> = events.iter().map(|event| (event.kind, event.users)).collect();
    assert_eq!(
        kinds,
        [(EventKind::SubscribeUserExport, 2), (EventKind::AuthSystemUserGet, 2)],
        "one event of each side, however many are asked for"
    );
    stage.users.close().await;
    let written = stage.registrations.take();
    assert!(written.iter().all(|account| account.crid == theirs.crid) && !written.is_empty());
}

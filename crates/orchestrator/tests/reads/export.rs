//! The export without a mirror: one query to the store, three results by the answer table, one event.

use masthead_domain::{account::Account, event::EventKind, event::EventOutcome, user_key::UserKey};
use masthead_orchestrator::{ExportAnswer, ExportRequest, ExportedUser};
use masthead_ports::{bulk::LookupKey, source::SourceErrorKind};
use masthead_testkit::{
    accounts::{account, readers},
    providers::ProviderMode,
    store::StoreMode,
};
use time::{OffsetDateTime, macros::datetime};

use crate::fixture::{FEDERATED, ReadFixture, email, id};

const THEN: OffsetDateTime = datetime!(2026-02-28 08:00 UTC);
const DOWN: SourceErrorKind = SourceErrorKind::Unavailable;

impl ReadFixture {
    async fn export(&self, keys: Vec<Option<LookupKey>>) -> ExportAnswer {
        let request = ExportRequest { keys };
        self.use_cases
            .export_users
            .export(&self.caller(), &request)
            .await
            .unwrap()
    }

    async fn export_one(&self, key: LookupKey) -> ExportedUser {
        let answer = self.export(vec![Some(key)]).await;
        answer.outcomes.into_iter().next().unwrap()
    }
}

fn numbered(number: i64, account: Account) -> Account {
    Account {
        registration_id: Some(number),
        ..account
    }
}

#[tokio::test]
async fn export_makes_one_store_query() {
    for count in [20_u32, 1_000] {
        let fixture = ReadFixture::new(&[]);
        fixture.put_in_store(readers(count));
        let keys = readers(count).into_iter().zip(0..).map(|(reader, n)| {
            Some(match n % 4 {
                0 => LookupKey::User(UserKey::Id(reader.crid)),
                1 => LookupKey::User(UserKey::Email(reader.email.unwrap().key().clone())),
                2 => LookupKey::Registration(reader.registration_id.unwrap()),
                _ => id(&format!("unknown-{n}")),
            })
        });
        let answer = fixture.export(keys.collect()).await;
        assert_eq!(fixture.store.calls(), 1, "{count}");
        for (n, (outcome, reader)) in answer.outcomes.iter().zip(readers(count)).enumerate() {
            if n % 4 == 3 {
                assert_eq!(*outcome, ExportedUser::Absent, "{n}");
            } else {
                assert_eq!(*outcome, ExportedUser::User(Box::new(reader)), "{n}");
            }
        }
        let events = fixture.events.take();
        assert_eq!(events.len(), 1);
        assert_eq!(
            (events[0].kind, events[0].outcome, events[0].users),
            (EventKind::SubscribeUserExport, EventOutcome::Found, count / 4 * 3)
        );
        assert_eq!(events[0].network.as_deref(), Some("203.0.113.0/24"));
    }
}

#[tokio::test]
async fn reserved_name_is_absent_without_lookup() {
    for fixture in [ReadFixture::new(&[]), ReadFixture::new(FEDERATED)] {
        fixture.store.set_mode(StoreMode::Failing(DOWN));
        assert_eq!(
            fixture.export(vec![None, None]).await.outcomes,
            [ExportedUser::Absent, ExportedUser::Absent]
        );
        assert_eq!((fixture.store.calls(), fixture.provider.calls()), (0, 0));
    }
}

#[tokio::test]
async fn unavailable_store_leaves_keys_unresolved() {
    let fixture = ReadFixture::new(&[]);
    fixture.put_in_store([account("7", "ann@example.com", "Ann", "Lee")]);
    fixture.store.set_mode(StoreMode::Failing(DOWN));
    let answer = fixture
        .export(vec![Some(id("7")), Some(email("ann@example.com")), None])
        .await;
    assert_eq!(
        answer.outcomes,
        [ExportedUser::Unresolved, ExportedUser::Unresolved, ExportedUser::Absent]
    );
    assert_eq!(fixture.events.take()[0].outcome, EventOutcome::Unknown);
}

/// The answer table in mode degrade. Rows: provider found, stale, absent, unknown. Columns: store found, absent, unknown.
#[tokio::test]
async fn answer_table_decides_each_key() {
    use ExportedUser::{Absent, Unresolved, User};
    let registration = || account("auth0|7", "ann@example.com", "Store", "Lee");
    let provider_account = || account("auth0|7", "ann@example.com", "Provider", "Lee");
    let named = |first_name: &str| {
        User(Box::new(Account {
            first_name: first_name.into(),
            ..registration()
        }))
    };
    let rows = [
        (
            ProviderMode::Live(THEN),
            true,
            [named("Provider"), named("Provider"), named("Provider")],
        ),
        (
            ProviderMode::Remembered(THEN, DOWN),
            true,
            [named("Provider"), named("Provider"), Unresolved],
        ),
        (ProviderMode::Live(THEN), false, [named("Store"), Absent, Unresolved]),
        (
            ProviderMode::Failing(DOWN),
            false,
            [named("Store"), Unresolved, Unresolved],
        ),
    ];
    for (mode, provider_has, cells) in rows {
        for (column, cell) in cells.into_iter().enumerate() {
            for key in [id("auth0|7"), email("ann@example.com")] {
                let fixture = ReadFixture::new(FEDERATED);
                if provider_has {
                    fixture.put_at_provider([provider_account()]);
                }
                fixture.provider.set_mode(mode);
                match column {
                    0 => fixture.put_in_store([registration()]),
                    1 => {}
                    _ => fixture.store.set_mode(StoreMode::Failing(DOWN)),
                }
                let report = fixture.export_one(key.clone()).await;
                let first_name = |report: &ExportedUser| match report {
                    User(account) => Some(account.first_name.clone()),
                    Absent | Unresolved => None,
                };
                assert_eq!(first_name(&report), first_name(&cell), "{mode:?} {column} {key:?}");
                assert_eq!(
                    matches!(report, Absent),
                    matches!(cell, Absent),
                    "{mode:?} {column} {key:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn registration_number_finds_merged_user() {
    let fixture = ReadFixture::new(FEDERATED);
    fixture.put_in_store([numbered(41, account("auth0|7", "ann@example.com", "Store", "Lee"))]);
    fixture.put_at_provider([account("auth0|7", "ann@example.com", "Provider", "Lee")]);
    let ExportedUser::User(user) = fixture.export_one(LookupKey::Registration(41)).await else {
        unreachable!("the user is there")
    };
    assert_eq!((user.registration_id, &*user.first_name), (Some(41), "Provider"));
    let calls = fixture.provider.calls();
    assert_eq!(
        fixture.export_one(LookupKey::Registration(42)).await,
        ExportedUser::Absent
    );
    assert_eq!(fixture.provider.calls(), calls, "only the store knows the numbers");
    fixture.provider.set_mode(ProviderMode::Failing(DOWN));
    assert!(matches!(
        fixture.export_one(LookupKey::Registration(41)).await,
        ExportedUser::User(_)
    ));
    fixture.store.set_mode(StoreMode::Failing(DOWN));
    assert_eq!(
        fixture.export_one(LookupKey::Registration(41)).await,
        ExportedUser::Unresolved
    );
}

#[tokio::test]
async fn shared_address_is_unresolved() {
    let shared = || ["auth0|1", "auth0|2"].map(|crid| account(crid, "shared@example.com", "Ann", crid));
    for fixture in [ReadFixture::new(&[]), ReadFixture::new(FEDERATED)] {
        fixture.put_in_store(shared());
        fixture.put_at_provider(shared());
        assert_eq!(
            fixture.export_one(email("shared@example.com")).await,
            ExportedUser::Unresolved
        );
        assert!(matches!(fixture.export_one(id("auth0|2")).await, ExportedUser::User(_)));
    }
}

#[tokio::test]
async fn export_writes_back_live_answers() {
    let fixture = ReadFixture::new(FEDERATED);
    let provider_account = account("auth0|7", "ann@example.com", "Provider", "Lee");
    fixture.put_at_provider([provider_account.clone()]);
    fixture
        .export(vec![Some(id("auth0|7")), Some(email("ann@example.com"))])
        .await;
    let events = fixture.events.take();
    let kinds: Vec<_> = events.iter().map(|event| (event.kind, event.users)).collect();
    assert_eq!(
        kinds,
        [(EventKind::SubscribeUserExport, 2), (EventKind::AuthSystemUserGet, 2)],
        "one event per source, for any number of users"
    );
    fixture.use_cases.close().await;
    let written = fixture.registrations.take();
    assert!(written.iter().all(|account| account.crid == provider_account.crid) && !written.is_empty());
}

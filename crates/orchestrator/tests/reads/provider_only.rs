//! Reads of the provider alone: the answer table without the store, for each access path and failure mode.

use masthead_domain::{
    account::Account,
    answer::{Completeness, SourceStatus, User},
    customer_registration_id::CustomerRegistrationId,
    event::EventKind,
    order::{Order, SortColumn},
    query::{OnProviderFailure, Position, Total, UserFilter, UserQuery},
};
use masthead_orchestrator::ReadError;
use masthead_ports::source::SourceErrorKind;
use masthead_testkit::{accounts::account, providers::ProviderMode, store::StoreMode};
use time::{OffsetDateTime, macros::datetime};

use crate::fixture::{FEDERATED, ReadFixture, first_page, with_address_part, with_exact_address};

const NOW: OffsetDateTime = datetime!(2026-03-01 12:00 UTC);
const THEN: OffsetDateTime = datetime!(2026-02-28 08:00 UTC);
const DOWN: SourceErrorKind = SourceErrorKind::Unavailable;
const ID: &str = "auth0|7";
const ADDRESS: &str = "ann@example.com";

/// A fixture whose store has Ann under another name, and Bob, who is unknown to the provider.
fn fixture_with(settings: &[(&str, &str)]) -> ReadFixture {
    let fixture = ReadFixture::at(NOW, settings);
    fixture.put_in_store([
        account(ID, ADDRESS, "Anna", "Lee"),
        Account {
            verified: Some(false),
            ..account("8", "bob@example.com", "Bob", "")
        },
    ]);
    fixture
}

fn federated() -> ReadFixture {
    fixture_with(FEDERATED)
}

/// The access paths of Ann.
#[derive(Debug, Clone, Copy)]
enum ProviderRead {
    ById,
    ByEmail,
    List,
}

async fn read(
    fixture: &ReadFixture,
    way: ProviderRead,
    mode: OnProviderFailure,
) -> Result<(Vec<User>, Option<Completeness>), ReadError> {
    let filter = match way {
        ProviderRead::ById => {
            let id = CustomerRegistrationId::parse(ID).unwrap();
            return match fixture
                .use_cases
                .search_provider
                .find(&fixture.caller(), &id, mode)
                .await
            {
                Ok(answer) => Ok((vec![answer.user], answer.completeness)),
                Err(ReadError::NoSuchUser { completeness }) => Ok((Vec::new(), completeness)),
                Err(error) => Err(error),
            };
        }
        ProviderRead::ByEmail => with_exact_address(ADDRESS),
        ProviderRead::List => with_address_part("nn@exa"),
    };
    let answer = fixture.search_provider(&first_page(filter), mode).await?;
    Ok((answer.users, answer.completeness))
}

#[tokio::test]
async fn answer_table_holds_for_provider_only() {
    use OnProviderFailure::{Degrade, Fail};
    for way in [ProviderRead::ById, ProviderRead::ByEmail, ProviderRead::List] {
        for mode in [Degrade, Fail] {
            for (has_ann, answers, users, status) in [
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
                let what = format!("{way:?}, {mode:?}, {answers:?}, {has_ann}");
                let fixture = federated();
                if has_ann {
                    fixture.put_at_provider([account(ID, ADDRESS, "Ann", "")]);
                }
                fixture.provider.set_mode(answers);
                let users = users.filter(|_| mode == Degrade || status == SourceStatus::Ok);
                let (found, completeness) = match read(&fixture, way, mode).await {
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
                let report: Vec<_> = completeness
                    .unwrap()
                    .sources
                    .iter()
                    .map(|source| source.status)
                    .collect();
                assert_eq!(report, [status, SourceStatus::Skipped], "{what}");

                assert_eq!(fixture.store.calls(), 0, "{what}: the store is skipped");
                let kinds: Vec<_> = fixture.events.take().iter().map(|event| event.kind).collect();
                assert_eq!(kinds, [EventKind::AuthSystemUserGet], "{what}");
                fixture.use_cases.close().await;
                assert_eq!(
                    fixture.registrations.take(),
                    [],
                    "{what}: nothing is known about the store, so nothing is written"
                );
            }
        }
    }
}

#[tokio::test]
async fn store_failure_is_ignored() {
    let fixture = federated();
    fixture.put_at_provider([account(ID, ADDRESS, "Ann", "")]);
    fixture.store.set_mode(StoreMode::Failing(DOWN));
    let (users, completeness) = read(&fixture, ProviderRead::ById, OnProviderFailure::Fail)
        .await
        .unwrap();
    assert_eq!(users.len(), 1);
    assert!(completeness.unwrap().complete);
}

#[tokio::test]
async fn tenant_without_provider_reads_store() {
    let fixture = fixture_with(&[]);
    for way in [ProviderRead::ById, ProviderRead::ByEmail, ProviderRead::List] {
        let (users, completeness) = read(&fixture, way, OnProviderFailure::Degrade).await.unwrap();
        assert_eq!((&*users[0].account.first_name, completeness), ("Anna", None), "{way:?}");
    }
    assert_eq!(fixture.provider.calls(), 0);
}

#[tokio::test]
async fn truncated_provider_list_is_marked_incomplete() {
    let fixture = federated();
    let many = (0..1200).map(|n| account(&format!("u{n:04}"), &format!("u{n:04}@example.com"), "Ann", "Lee"));
    fixture.put_at_provider(many);
    let all_users = UserQuery {
        order: Order {
            column: SortColumn::State,
            ..Order::default()
        },
        ..first_page(UserFilter::default())
    };
    let answer = fixture
        .search_provider(&all_users, OnProviderFailure::Degrade)
        .await
        .unwrap();
    assert_eq!((answer.users.len(), answer.total), (10, Some(Total::Estimate(1000))));
    assert!(!answer.completeness.unwrap().complete);
    let too_deep = UserQuery {
        position: Position::Offset(101),
        ..first_page(UserFilter::default())
    };
    let refused = fixture.search_provider(&too_deep, OnProviderFailure::Degrade).await;
    assert!(matches!(refused, Err(ReadError::TooDeep { limit: 100 })));
}

#[tokio::test]
async fn only_active_applies_without_provider() {
    let active = first_page(UserFilter {
        only_active: true,
        ..UserFilter::default()
    });
    let ids = |users: Vec<User>| users.into_iter().map(|user| user.account.crid).collect::<Vec<_>>();
    let alone = fixture_with(&[]);
    let answer = alone
        .search_provider(&active, OnProviderFailure::Degrade)
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
    federated.put_at_provider([bob]);
    let answer = federated
        .search_provider(&active, OnProviderFailure::Degrade)
        .await
        .unwrap();
    assert_eq!(
        ids(answer.users),
        [CustomerRegistrationId::parse("8").unwrap()],
        "at a provider all are Standard"
    );
}

/// The provider has these accounts, as the mirror does since a sync this long ago.
async fn sync(fixture: &ReadFixture, accounts: &[Account], ago: time::Duration) {
    fixture.put_at_provider(accounts.iter().cloned());
    fixture.sync(accounts, NOW - ago, false).await;
}

#[tokio::test]
async fn current_profiles_answer_provider_list() {
    let provider = ("Flow.UserProvider", "Auth0");
    let young = time::Duration::minutes(59);
    let many: Vec<Account> = (0..1_001)
        .map(|n| account(&format!("m{n}"), &format!("many{n}@example.com"), "", ""))
        .collect();
    let people = [
        account(ID, ADDRESS, "Ann", ""),
        account("a|2", "joann@example.com", "Jo", ""),
        // Only the store has the address.
        Account {
            email: None,
            ..account("8", "bob@example.com", "Bob", "")
        },
    ];
    let all: Vec<Account> = people.iter().chain(&many).cloned().collect();
    for (settings, ago, text, users, calls) in [
        (vec![provider], young, "ann@", 2, 0),
        (vec![provider], young, "bob@", 0, 0),
        (vec![provider], time::Duration::hours(1), "ann@", 2, 1),
        (vec![provider], young, "many", 1_000, 1),
        (vec![provider, ("Merge.email", "store")], young, "ann@", 2, 1),
    ] {
        let fixture = fixture_with(&settings);
        sync(&fixture, &all, ago).await;
        let query = UserQuery {
            size: 1_000,
            ..first_page(with_address_part(text))
        };
        let answer = fixture
            .search_provider(&query, OnProviderFailure::Degrade)
            .await
            .unwrap();
        let what = format!("{settings:?} {ago} {text}");
        assert_eq!((answer.users.len(), fixture.provider.calls()), (users, calls), "{what}");
        for user in &answer.users {
            assert_eq!(user.account.registration_id, None, "{what}");
            assert_ne!(&*user.account.first_name, "Anna", "{what}: the store's");
        }
        let report = answer.completeness.unwrap();
        assert_eq!(report.complete, users < 1_000, "{what}");
        if calls == 0 {
            assert_eq!(
                (report.sources[0].status, report.sources[0].as_of),
                (SourceStatus::Ok, Some(NOW - ago))
            );
            assert_eq!(answer.total, Some(Total::Exact(users as u64)), "{what}");
        }
        let kinds: Vec<_> = fixture.events.take().iter().map(|event| event.kind).collect();
        let kind = if calls == 0 {
            EventKind::SubscribeUserGet
        } else {
            EventKind::AuthSystemUserGet
        };
        assert_eq!(kinds, [kind], "{what}");
        fixture.use_cases.close().await;
        assert_eq!(fixture.registrations.take(), [], "{what}");
    }
}

/// Contract `answers.md`: an incomplete mirror is never `ok`.
#[tokio::test]
async fn incomplete_mirror_answers_no_provider_list() {
    let fixture = federated();
    let ann = account(ID, ADDRESS, "Ann", "");
    fixture.sync(&[], NOW, true).await;
    fixture.put_at_provider([ann]);
    let answer = fixture
        .search_provider(&first_page(with_address_part("ann@")), OnProviderFailure::Degrade)
        .await
        .unwrap();
    assert_eq!((answer.users.len(), fixture.provider.calls()), (1, 1));
}

#[tokio::test]
async fn single_lookup_always_calls_provider() {
    let fixture = federated();
    sync(&fixture, &[account(ID, ADDRESS, "Ann", "")], time::Duration::ZERO).await;
    for (calls, way) in [
        (1, ProviderRead::ById),
        (2, ProviderRead::ByEmail),
        (2, ProviderRead::List),
    ] {
        let (users, _) = read(&fixture, way, OnProviderFailure::Fail).await.unwrap();
        assert_eq!((users.len(), fixture.provider.calls()), (1, calls), "{way:?}");
    }
}

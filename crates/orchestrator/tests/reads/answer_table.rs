//! The published answer table, for each cell, access path and failure mode: answer, meta, events and write-backs (contract
//! `answers.md`).

use masthead_domain::{
    account::Account,
    answer::{Completeness, SourceStatus, User},
    customer_registration_id::CustomerRegistrationId,
    flow::Sources,
    query::{OnProviderFailure, Position, UserFilter, UserQuery},
};
use masthead_orchestrator::{LookupRequest, ReadError};
use masthead_ports::source::SourceErrorKind;
use masthead_testkit::{
    accounts::{account, with_metadata},
    answer_table::{CellFinding, ObservedRead, SourceMarkers, TableCell},
    providers::ProviderMode,
    store::StoreMode,
};
use time::{OffsetDateTime, macros::datetime};

use crate::fixture::{FEDERATED, ReadFixture, first_page, with_address_part, with_exact_address};

const THEN: OffsetDateTime = datetime!(2026-02-28 08:00 UTC);
const DOWN: SourceErrorKind = SourceErrorKind::Unavailable;
const ID: &str = "auth0|7";
const ADDRESS: &str = "ann@example.com";
const MARKS: SourceMarkers = SourceMarkers {
    provider: ("Ann", "nickname"),
    store: ("Anna", "promo_flag"),
};

/// The access paths of one user.
#[derive(Debug, Clone, Copy)]
enum AccessBy {
    ById,
    ByEmail,
    List,
}

impl ReadFixture {
    fn with_findings(provider: CellFinding, store: CellFinding) -> Self {
        let fixture = Self::new(FEDERATED);
        if matches!(provider, CellFinding::Found | CellFinding::Stale) {
            fixture.put_at_provider([provider_ann()]);
        }
        match provider {
            CellFinding::Found | CellFinding::Absent => {}
            CellFinding::Stale => fixture.provider.set_mode(ProviderMode::Remembered(THEN, DOWN)),
            CellFinding::Unknown => fixture.provider.set_mode(ProviderMode::Failing(DOWN)),
        }
        match store {
            CellFinding::Found => fixture.put_in_store([store_ann()]),
            CellFinding::Absent => {}
            CellFinding::Unknown => fixture.store.set_mode(StoreMode::Failing(DOWN)),
            CellFinding::Stale => unreachable!("the store remembers nothing"),
        }
        fixture
    }

    async fn read(
        &self,
        way: AccessBy,
        on_provider_failure: OnProviderFailure,
    ) -> Result<(Vec<User>, Completeness), ReadError> {
        let filter = match way {
            AccessBy::ById => {
                let answer = self.find(ID, on_provider_failure).await?;
                return Ok((vec![answer.user], answer.completeness.unwrap()));
            }
            AccessBy::ByEmail => with_exact_address(ADDRESS),
            AccessBy::List => with_address_part("nn@exa"),
        };
        let answer = self.search(first_page(filter), on_provider_failure).await?;
        Ok((answer.users, answer.completeness.unwrap()))
    }
}

fn provider_ann() -> Account {
    Account {
        has_password: false,
        ..with_metadata(account(ID, ADDRESS, "Ann", "Lee"), &[("nickname", "annie")])
    }
}

fn store_ann() -> Account {
    Account {
        registration_id: Some(7),
        ..with_metadata(account(ID, ADDRESS, "Anna", "Lee"), &[("promo_flag", "Y")])
    }
}

async fn holds(cell: TableCell, way: AccessBy) {
    let fixture = ReadFixture::with_findings(cell.provider, cell.store);
    let answer = match fixture.read(way, cell.on_failure).await {
        Ok(answer) => Some(answer),
        Err(ReadError::NoSuchUser { completeness }) if matches!(way, AccessBy::ById) => {
            Some((Vec::new(), completeness.unwrap()))
        }
        Err(ReadError::Unavailable { .. }) => None,
        Err(error) => panic!("{cell:?}, {way:?}: {error}"),
    };
    if cell.provider == CellFinding::Stale
        && let Some((_, completeness)) = &answer
    {
        assert_eq!(completeness.sources[0].as_of, Some(THEN), "{cell:?}, {way:?}");
    }
    let events = fixture.events.take();
    let written = fixture.written().await;
    let observed = ObservedRead {
        answer,
        events,
        written,
        read_only: matches!(way, AccessBy::List),
    };
    let store_event = if matches!(way, AccessBy::ById) { 4001 } else { 4000 };
    cell.holds(&format!("{way:?}"), MARKS, store_event, &observed);
}

async fn whole_table(way: AccessBy) {
    for cell in TableCell::all() {
        holds(cell, way).await;
    }
}

#[tokio::test]
async fn answer_table_holds_by_id() {
    whole_table(AccessBy::ById).await;
}

#[tokio::test]
async fn answer_table_holds_by_email() {
    whole_table(AccessBy::ByEmail).await;
}

#[tokio::test]
async fn answer_table_holds_for_lists() {
    whole_table(AccessBy::List).await;
}

#[tokio::test]
async fn unique_address_joins_different_ids() {
    let fixture = ReadFixture::new(FEDERATED);
    fixture.put_at_provider([provider_ann()]);
    fixture.put_in_store([Account {
        crid: CustomerRegistrationId::parse("2937").unwrap(),
        ..store_ann()
    }]);
    for way in [AccessBy::ById, AccessBy::ByEmail] {
        let (users, completeness) = fixture.read(way, OnProviderFailure::Degrade).await.unwrap();
        assert_eq!(users.len(), 1, "{way:?}");
        assert_eq!(users[0].account.crid.as_str(), ID);
        assert_eq!(users[0].account.metadata.get("promo_flag"), Some("Y"));
        assert!(completeness.complete);
    }
    let written = fixture.written().await;
    assert!(
        written
            .iter()
            .all(|account| account.registration_id == Some(7) && account.crid.as_str() == ID)
    );
}

#[tokio::test]
async fn shared_address_is_reported_as_ambiguous() {
    let fixture = ReadFixture::new(FEDERATED);
    let google = account("google-oauth2|8", ADDRESS, "Ann", "Li");
    fixture.put_at_provider([provider_ann(), google]);
    fixture.put_in_store([Account {
        crid: CustomerRegistrationId::parse("2937").unwrap(),
        ..store_ann()
    }]);
    let (users, completeness) = fixture
        .read(AccessBy::ByEmail, OnProviderFailure::Degrade)
        .await
        .unwrap();
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
    assert_eq!(fixture.written().await, []);
}

#[tokio::test]
async fn old_address_no_longer_finds_user() {
    let fixture = ReadFixture::new(FEDERATED);
    fixture.put_at_provider([account(ID, "new@example.com", "Ann", "Lee")]);
    fixture.put_in_store([store_ann()]);
    let (users, completeness) = fixture
        .read(AccessBy::ByEmail, OnProviderFailure::Degrade)
        .await
        .unwrap();
    assert_eq!(users, []);
    assert!(completeness.complete);
    let (users, _) = fixture.read(AccessBy::ById, OnProviderFailure::Degrade).await.unwrap();
    assert_eq!(users[0].account.email.as_ref().unwrap().as_str(), "new@example.com");
}

#[tokio::test]
async fn ignored_provider_is_reported_as_skipped() {
    let fixture = ReadFixture::with_findings(CellFinding::Found, CellFinding::Found);
    let request = LookupRequest {
        crid: CustomerRegistrationId::parse(ID).unwrap(),
        sources: Sources::Store,
        on_provider_failure: OnProviderFailure::Fail,
    };
    let answer = fixture
        .use_cases
        .lookup_user
        .find(&fixture.caller(), &request)
        .await
        .unwrap();
    assert_eq!(&*answer.user.account.first_name, "Anna");
    assert_eq!(fixture.provider.calls(), 0);
    let report: Vec<_> = answer
        .completeness
        .unwrap()
        .sources
        .iter()
        .map(|source| source.status)
        .collect();
    assert_eq!(report, [SourceStatus::Skipped, SourceStatus::Ok]);
}

#[tokio::test]
async fn live_union_has_each_user_once() {
    let fixture = ReadFixture::new(FEDERATED);
    let user = |n: u32| account(&format!("u{n}"), &format!("u{n}@example.com"), "Ann", "Lee");
    fixture.put_at_provider((0..30).map(user));
    fixture.put_in_store((20..50).map(user));
    let mut query = UserQuery {
        size: 7,
        ..first_page(UserFilter::default())
    };
    let mut seen = Vec::new();
    loop {
        let answer = fixture.search(query.clone(), OnProviderFailure::Degrade).await.unwrap();
        assert_eq!(answer.total, Some(masthead_domain::query::Total::Exact(50)));
        seen.extend(answer.users.iter().map(|user| user.account.crid.as_str().to_owned()));
        match answer.next {
            Some(place) => query.position = Position::After(place),
            None => break,
        }
    }
    let mut expected: Vec<_> = (0..50).map(|n| format!("u{n}")).collect();
    expected.sort_by_key(|id| format!("{id}@example.com"));
    assert_eq!(seen, expected);
}

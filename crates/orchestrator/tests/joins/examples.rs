//! Examples of crossing ids and addresses that were joined wrongly in the past.

use std::sync::Arc;

use masthead_domain::account::Account;
use masthead_testkit::{
    accounts::{account, with_metadata},
    registrations::RecordingRegistrationWriter,
};

use crate::{
    fixture::{JoinFixture, MirrorContent, crid},
    read_paths::{ReadAnswer, ReadPath},
};

fn person(id: usize, address: &str, first_name: &str) -> Account {
    account(crid(id).as_str(), address, first_name, "")
}

fn registration(number: i64, account: Account) -> Account {
    Account {
        registration_id: Some(number),
        ..account
    }
}

fn fixture(provider: &[Account], store: &[Account]) -> JoinFixture {
    let fixture = JoinFixture::new(&[]);
    fixture.provider.put(fixture.tenant.pool, provider.iter().cloned());
    fixture.store.put(fixture.tenant.pool, store.iter().cloned());
    fixture
}

/// The id, the first name and the club of each user that a path answers, and the calls of the provider that it takes.
async fn read_path(fixture: &JoinFixture, path: ReadPath) -> (Vec<(String, String, String)>, u64) {
    let before = fixture.provider.calls();
    let reads = fixture.reads(MirrorContent::Never).await;
    let ReadAnswer::Users(users) = path.read(&reads).await else {
        unreachable!("{path:?} is unresolved")
    };
    reads.use_cases.close().await;
    let shown = users.into_iter().map(|user| {
        let club = user.metadata.get("club").unwrap_or_default().to_owned();
        (user.crid.as_str().to_owned(), user.first_name.to_string(), club)
    });
    (shown.collect(), fixture.provider.calls() - before)
}

fn user(id: usize, first_name: &str, club: &str) -> (String, String, String) {
    (crid(id).as_str().to_owned(), first_name.to_owned(), club.to_owned())
}

#[tokio::test(start_paused = true)]
async fn registration_with_known_id_is_not_joined_by_address() {
    let provider = [person(0, "e@example.com", "Ann"), person(1, "f@example.com", "Bob")];
    let bobs = with_metadata(person(1, "e@example.com", "Bob"), &[("club", "gold")]);
    let fixture = fixture(&provider, &[registration(1, bobs)]);
    for path in [
        ReadPath::ById(0),
        ReadPath::ByIdFilter(0),
        ReadPath::ExportId(0, MirrorContent::Never),
    ] {
        assert_eq!(read_path(&fixture, path).await.0, [user(0, "Ann", "")], "{path:?}");
    }
    assert_eq!(read_path(&fixture, ReadPath::ById(1)).await.0, [user(1, "Bob", "gold")]);
    let own = fixture
        .registrations()
        .into_iter()
        .find(|own| own.registration_id == Some(1))
        .unwrap();
    assert_eq!((own.crid, own.metadata.get("club")), (crid(1), Some("gold")));
}

#[tokio::test(start_paused = true)]
async fn id_lookup_ignores_users_with_same_address() {
    let provider = [person(0, "e@example.com", "Ann")];
    let store = [
        registration(1, person(0, "f@example.com", "Anna")),
        registration(2, person(1, "e@example.com", "Bob")),
    ];
    let fixture = fixture(&provider, &store);
    assert_eq!(read_path(&fixture, ReadPath::ById(1)).await.0, [user(1, "Bob", "")]);
    assert_eq!(read_path(&fixture, ReadPath::ById(0)).await.0, [user(0, "Ann", "")]);
}

#[tokio::test(start_paused = true)]
async fn filtered_list_checks_merged_user() {
    let provider = [person(0, "e@example.com", "Ann")];
    let zed = with_metadata(person(3, "e@example.com", "Bob"), &[("club", "gold")]);
    let fixture = fixture(&provider, &[registration(1, zed)]);
    let (first_name_ann, club_gold_and_bob) = (1, 5);
    let by_name = ReadPath::List(first_name_ann, MirrorContent::Never);
    assert_eq!(read_path(&fixture, by_name).await.0, [user(0, "Ann", "gold")]);
    let by_hidden_name = ReadPath::List(club_gold_and_bob, MirrorContent::Never);
    assert_eq!(read_path(&fixture, by_hidden_name).await.0, []);
}

/// Neither account meets both conditions.
#[tokio::test(start_paused = true)]
async fn two_accounts_can_meet_two_conditions() {
    let ann = Account {
        last_name: "".into(),
        ..person(0, "e@example.com", "Ann")
    };
    let lee = Account {
        last_name: "Lee".into(),
        ..person(0, "e@example.com", "Bob")
    };
    let fixture = fixture(&[ann], &[registration(1, lee)]);
    let first_name_ann_and_last_name_lee = 3;
    let path = ReadPath::List(first_name_ann_and_last_name_lee, MirrorContent::Never);
    assert_eq!(read_path(&fixture, path).await.0, [user(0, "Ann", "")]);
}

/// A list once created a second registration for each of fifty users.
#[tokio::test(start_paused = true)]
async fn lists_write_no_registration() {
    let provider: Vec<_> = (0..50)
        .map(|n| person(n, &format!("u{n}@example.com"), "Ann"))
        .collect();
    let store: Vec<_> = (0..50)
        .map(|n| registration(n, account(&format!("{n}"), &format!("u{n}@example.com"), "Zed", "")))
        .collect();
    let fixture = fixture(&provider, &store);
    for filter in [0, 1] {
        let recording = Arc::new(RecordingRegistrationWriter::default());
        let reads = fixture
            .reads_writing_to(Arc::clone(&recording) as _, MirrorContent::Never)
            .await;
        let request = crate::read_paths::list_request(filter);
        let answer = reads
            .use_cases
            .list_users
            .search(&reads.caller, &request)
            .await
            .unwrap();
        reads.use_cases.close().await;
        assert_eq!(recording.take(), [], "filter {filter}");
        // The filtered list would need a hundred lookups at the provider, so it is incomplete.
        assert_eq!(answer.completeness.unwrap().complete, filter == 0);
    }
}

#[tokio::test(start_paused = true)]
async fn user_with_same_id_needs_one_call() {
    let ann = person(0, "e@example.com", "Ann");
    let fixture = fixture(
        std::slice::from_ref(&ann),
        &[registration(1, person(0, "f@example.com", "Anna"))],
    );
    assert_eq!(read_path(&fixture, ReadPath::ById(0)).await.1, 1);
    assert_eq!(read_path(&fixture, ReadPath::ByEmail(0)).await.1, 1);
    let lone = self::fixture(&[ann], &[]);
    assert_eq!(
        read_path(&lone, ReadPath::ById(0)).await.1,
        1,
        "only the store is looked up by address"
    );
}

#[tokio::test(start_paused = true)]
async fn address_join_needs_one_more_call() {
    let provider = [person(0, "e@example.com", "Ann")];
    let store = [registration(1, person(3, "e@example.com", "Anna"))];
    assert_eq!(
        read_path(&fixture(&provider, &store), ReadPath::ById(0)).await,
        (vec![user(0, "Ann", "")], 3)
    );
    assert_eq!(
        read_path(&fixture(&provider, &store), ReadPath::ById(3)).await,
        (vec![user(0, "Ann", "")], 2)
    );
    assert_eq!(
        read_path(&fixture(&provider, &store), ReadPath::ByEmail(0)).await,
        (vec![user(0, "Ann", "")], 2)
    );
}

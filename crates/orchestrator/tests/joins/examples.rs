//! The crossings that were found joined wrongly, one by one.

use std::sync::Arc;

use masthead_domain::account::Account;
use masthead_testkit::{
    accounts::{account, with_metadata},
    registrations::RecordingRegistrationWriter,
};

use crate::{
    doors::{Answer, Door},
    world::{Sides, Synchronised, crid},
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

fn sides(theirs: &[Account], ours: &[Account]) -> Sides {
    let sides = Sides::new(&[]);
    sides.provider.put(sides.tenant.pool, theirs.iter().cloned());
    sides.store.put(sides.tenant.pool, ours.iter().cloned());
    sides
}

/// The id, the first name and the club of each user that a door answers, and the calls of the provider that it takes.
async fn asked(sides: &Sides, door: Door) -> (Vec<(String, String, String)>, u64) {
    let before = sides.provider.calls();
    let reads = sides.reads(Synchronised::Never).await;
    let Answer::Users(users) = door.ask(&reads).await else {
        unreachable!("{door:?} is unresolved")
    };
    reads.users.close().await;
    let told = users.into_iter().map(|user| {
        let club = user.metadata.get("club").unwrap_or_default().to_owned();
        (user.crid.as_str().to_owned(), user.first_name.to_string(), club)
    });
    (told.collect(), sides.provider.calls() - before)
}

fn user(id: usize, first_name: &str, club: &str) -> (String, String, String) {
    (crid(id).as_str().to_owned(), first_name.to_owned(), club.to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_registration_whose_own_id_is_another_accounts_is_not_joined_by_address() {
    let theirs = [person(0, "e@example.com", "Ann"), person(1, "f@example.com", "Bob")];
    let bobs = with_metadata(person(1, "e@example.com", "Bob"), &[("club", "gold")]);
    let sides = sides(&theirs, &[registration(1, bobs)]);
    for door in [
        Door::ById(0),
        Door::ByIdFilter(0),
        Door::ExportId(0, Synchronised::Never),
    ] {
        assert_eq!(asked(&sides, door).await.0, [user(0, "Ann", "")], "{door:?}");
    }
    assert_eq!(asked(&sides, Door::ById(1)).await.0, [user(1, "Bob", "gold")]);
    let own = sides
        .ours()
        .into_iter()
        .find(|own| own.registration_id == Some(1))
        .unwrap();
    assert_eq!((own.crid, own.metadata.get("club")), (crid(1), Some("gold")));
}

#[tokio::test(start_paused = true)]
async fn an_id_answers_the_user_that_has_it_and_no_neighbour_by_address() {
    let theirs = [person(0, "e@example.com", "Ann")];
    let ours = [
        registration(1, person(0, "f@example.com", "Anna")),
        registration(2, person(1, "e@example.com", "Bob")),
    ];
    let sides = sides(&theirs, &ours);
    assert_eq!(asked(&sides, Door::ById(1)).await.0, [user(1, "Bob", "")]);
    assert_eq!(asked(&sides, Door::ById(0)).await.0, [user(0, "Ann", "")]);
}

#[tokio::test(start_paused = true)]
async fn a_filtered_list_joins_halves_by_address_and_checks_the_merged_user() {
    let theirs = [person(0, "e@example.com", "Ann")];
    let zed = with_metadata(person(3, "e@example.com", "Bob"), &[("club", "gold")]);
    let sides = sides(&theirs, &[registration(1, zed)]);
    let (first_name_ann, club_gold_and_bob) = (1, 5);
    let by_name = Door::List(first_name_ann, Synchronised::Never);
    assert_eq!(asked(&sides, by_name).await.0, [user(0, "Ann", "gold")]);
    let by_hidden_name = Door::List(club_gold_and_bob, Synchronised::Never);
    assert_eq!(asked(&sides, by_hidden_name).await.0, []);
}

/// Neither account meets both conditions.
#[tokio::test(start_paused = true)]
async fn two_conditions_may_be_met_by_the_two_accounts_of_one_user() {
    let ann = Account {
        last_name: "".into(),
        ..person(0, "e@example.com", "Ann")
    };
    let lee = Account {
        last_name: "Lee".into(),
        ..person(0, "e@example.com", "Bob")
    };
    let sides = sides(&[ann], &[registration(1, lee)]);
    let first_name_ann_and_last_name_lee = 3;
    let door = Door::List(first_name_ann_and_last_name_lee, Synchronised::Never);
    assert_eq!(asked(&sides, door).await.0, [user(0, "Ann", "")]);
}

/// One list once turned fifty registrations into a hundred.
#[tokio::test(start_paused = true)]
async fn a_list_writes_no_registration() {
    let theirs: Vec<_> = (0..50)
        .map(|n| person(n, &format!("u{n}@example.com"), "Ann"))
        .collect();
    let ours: Vec<_> = (0..50)
        .map(|n| registration(n, account(&format!("{n}"), &format!("u{n}@example.com"), "Zed", "")))
        .collect();
    let sides = sides(&theirs, &ours);
    for filter in [0, 1] {
        let recording = Arc::new(RecordingRegistrationWriter::default());
        let reads = sides
            .reads_writing_to(Arc::clone(&recording) as _, Synchronised::Never)
            .await;
        let request = crate::doors::list_request(filter);
        let answer = reads.users.search(&reads.caller, &request).await.unwrap();
        reads.users.close().await;
        assert_eq!(recording.take(), [], "filter {filter}");
        // Of the filtered one the provider would have to be asked about a hundred keys: it says that it is not complete.
        assert_eq!(answer.completeness.unwrap().complete, filter == 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_user_that_both_sides_have_by_one_id_costs_one_call() {
    let ann = person(0, "e@example.com", "Ann");
    let sides = sides(
        std::slice::from_ref(&ann),
        &[registration(1, person(0, "f@example.com", "Anna"))],
    );
    assert_eq!(asked(&sides, Door::ById(0)).await.1, 1);
    assert_eq!(asked(&sides, Door::ByEmail(0)).await.1, 1);
    let lone = self::sides(&[ann], &[]);
    assert_eq!(
        asked(&lone, Door::ById(0)).await.1,
        1,
        "the store alone is asked by the address"
    );
}

#[tokio::test(start_paused = true)]
async fn a_user_joined_by_address_costs_one_confirmation_of_the_own_id() {
    let theirs = [person(0, "e@example.com", "Ann")];
    let ours = [registration(1, person(3, "e@example.com", "Anna"))];
    assert_eq!(
        asked(&sides(&theirs, &ours), Door::ById(0)).await,
        (vec![user(0, "Ann", "")], 3)
    );
    assert_eq!(
        asked(&sides(&theirs, &ours), Door::ById(3)).await,
        (vec![user(0, "Ann", "")], 2)
    );
    assert_eq!(
        asked(&sides(&theirs, &ours), Door::ByEmail(0)).await,
        (vec![user(0, "Ann", "")], 2)
    );
}

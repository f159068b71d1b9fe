//! Who is one user, and what is known of them.

use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    email::{EmailFragment, EmailKey},
    metadata::MetadataPair,
    order::{Direction, Order, SortColumn},
    query::{EmailFilter, NamePrefix, UserFilter},
};
use masthead_ports::mirror::RemovalBrake;

use super::{super::list, MirrorFactory, MirrorSubject, NOON, minute, scan_page, start_run};
use crate::accounts::{account, readers, with_metadata};

fn ann(crid: &str) -> Account {
    account(crid, "ann@example.com", "Ann", "Lee")
}

/// Neither before the first run nor during it; nothing is recorded before the first run.
pub async fn no_list_before_first_finished_run(factory: &dyn MirrorFactory) {
    let subject = factory.subject(1, &[]).await;
    let cx = subject.context(0);
    let all_users = list(UserFilter::default());
    let search = || subject.mirror.search(&cx, &all_users);
    subject.register(&ann("1")).await;
    subject.feed(&[ann("a|1")], NOON).await;
    assert_eq!(subject.as_of("a|1").await, None);
    assert!(search().await.expect("an answer").is_none());
    let run = subject.begin(start_run("a", NOON)).await;
    let taken = subject
        .mirror
        .record_page(&cx, &run, &scan_page(&[ann("a|1")], None), NOON)
        .await;
    taken.expect("taken");
    assert!(search().await.expect("an answer").is_none());
    let finished = subject.mirror.finish_run(&cx, &run, minute(1), RemovalBrake::On).await;
    finished.expect("finished");
    let page = search().await.expect("an answer").expect("a finished run");
    assert_eq!((page.entries.len(), page.as_of), (1, NOON));
    let standing = subject.mirror.status(&cx).await.expect("an answer").expect("one");
    assert_eq!((standing.as_of, standing.profiles), (Some(NOON), 1));
}

/// By id, or by a unique address; before the first run and after.
pub async fn joined_user_is_one_entry(factory: &dyn MirrorFactory) {
    let subject = factory.subject(1, &[]).await;
    let bob = |crid| account(crid, "bob@example.com", "Bob", "Ray");
    let cy = |crid| account(crid, "cy@example.com", "Cy", "Ash");
    subject.register(&ann("a|1")).await;
    subject.register(&bob("2")).await;
    subject.run(&[ann("a|1"), bob("a|2")], NOON, RemovalBrake::On).await;
    assert_eq!(subject.pairs().await, ["a|1 a|1", "a|2 2"]);
    subject.register(&cy("3")).await;
    assert_eq!(subject.pairs().await, ["- 3", "a|1 a|1", "a|2 2"]);
    subject.feed(&[cy("a|3")], minute(1)).await;
    assert_eq!(subject.pairs().await, ["a|1 a|1", "a|2 2", "a|3 3"]);
    // An address that changes at the provider leaves its registration behind.
    subject
        .feed(&[account("a|3", "cyd@example.com", "Cy", "Ash")], minute(2))
        .await;
    assert_eq!(subject.pairs().await, ["- 3", "a|1 a|1", "a|2 2", "a|3 -"]);
}

/// In either source, in any order of arrival.
pub async fn shared_address_separates_joined_users(factory: &dyn MirrorFactory) {
    let subject = factory.subject(1, &[]).await;
    subject.register(&ann("1")).await;
    subject.run(&[ann("a|1")], NOON, RemovalBrake::On).await;
    assert_eq!(subject.pairs().await, ["a|1 1"]);
    subject.register(&ann("2")).await;
    assert_eq!(subject.pairs().await, ["- 1", "- 2", "a|1 -"]);
    subject.register(&account("2", "other@example.com", "Ann", "Lee")).await;
    assert_eq!(subject.pairs().await, ["- 2", "a|1 1"]);
    subject.feed(&[ann("a|2"), ann("a|3")], minute(1)).await;
    assert_eq!(subject.pairs().await, ["- 1", "- 2", "a|1 -", "a|2 -", "a|3 -"]);
    let elsewhere = [
        account("a|2", "x@example.com", "", ""),
        account("a|1", "y@example.com", "", ""),
    ];
    subject.feed(&elsewhere, minute(2)).await;
    assert_eq!(subject.pairs().await, ["- 2", "a|1 -", "a|2 -", "a|3 1"]);
}

/// Also when the id arrives later and ends a join by address.
pub async fn id_has_precedence_over_address(factory: &dyn MirrorFactory) {
    let subject = factory.subject(1, &[]).await;
    subject.register(&ann("1")).await;
    let bob = |crid| account(crid, "bob@example.com", "Bob", "Ray");
    subject.run(&[ann("a|1")], NOON, RemovalBrake::On).await;
    subject.register(&bob("a|1")).await;
    // Ann's address belongs to a profile that is joined by id to Bob's registration.
    assert_eq!(subject.pairs().await, ["- 1", "a|1 a|1"]);
    // A profile with the id of a registration that an address had joined to another profile.
    subject.register(&account("4", "dee@example.com", "Dee", "")).await;
    subject
        .feed(&[account("a|4", "dee@example.com", "Dee", "")], minute(1))
        .await;
    assert_eq!(subject.pairs().await, ["- 1", "a|1 a|1", "a|4 4"]);
    subject
        .feed(&[account("4", "four@example.com", "Four", "")], minute(2))
        .await;
    assert_eq!(subject.pairs().await, ["- 1", "4 4", "a|1 a|1", "a|4 -"]);
}

/// A page of a slow scan does not replace the answer of a later lookup.
pub async fn older_account_never_replaces_newer(factory: &dyn MirrorFactory) {
    let subject = factory.subject(1, &[]).await;
    subject.run(&[ann("a|1")], NOON, RemovalBrake::On).await;
    let renamed = account("a|1", "ann@example.com", "Anna", "Lee");
    subject.feed(std::slice::from_ref(&renamed), minute(5)).await;
    subject.feed(&[ann("a|1")], minute(3)).await;
    let id = CustomerRegistrationId::parse("a|1").expect("an id");
    let kept = subject.mirror.profiles(&subject.context(0), &id.clone().into()).await;
    let kept = kept.expect("an answer").pop().expect("a profile");
    assert_eq!((&*kept.account.first_name, kept.as_of), ("Anna", minute(5)));
    let absent = subject.mirror.record_absence(&subject.context(0), &id, minute(4)).await;
    absent.expect("an answer");
    assert_eq!(subject.as_of("a|1").await, Some(minute(5)));
}

/// Only accounts of the provider, never registrations.
pub async fn profiles_are_found_by_key(factory: &dyn MirrorFactory) {
    let subject = factory.subject(1, &[("Merge.email", "store")]).await;
    subject
        .register(&account("a|1", "store@example.com", "Ann", "Lee"))
        .await;
    subject.register(&account("2", "two@example.com", "", "")).await;
    let profiles = [ann("a|1"), ann("a|2"), account("a|3", "cy@example.com", "", "")];
    subject.run(&profiles, NOON, RemovalBrake::On).await;
    let by_email = |text: &'static str| {
        let subject = &subject;
        async move {
            let found = subject
                .mirror
                .profiles(&subject.context(0), &EmailKey::from_text(text).into())
                .await;
            let found = found.expect("an answer");
            let ids: Vec<_> = found
                .iter()
                .map(|profile| profile.account.crid.as_str().to_owned())
                .collect();
            ids
        }
    };
    assert_eq!(by_email("Ann@example.com").await, ["a|1", "a|2"]);
    assert_eq!(by_email("cy@example.com").await, ["a|3"]);
    for unknown in ["store@example.com", "two@example.com", ""] {
        assert!(by_email(unknown).await.is_empty(), "{unknown}");
    }
    assert_eq!(subject.as_of("a|1").await, Some(NOON));
    assert_eq!(subject.as_of("2").await, None);
}

/// The same ids and addresses in two pools.
pub async fn mirrors_of_pools_are_separate(factory: &dyn MirrorFactory) {
    let subject = factory.subject(2, &[]).await;
    let other = subject.context(1);
    subject.registrar.register(&other, &ann("1")).await;
    subject.run(&[ann("a|1")], NOON, RemovalBrake::On).await;
    assert_eq!(subject.pairs().await, ["a|1 -"]);
    let page = subject.mirror.search(&other, &list(UserFilter::default())).await;
    assert!(page.expect("an answer").is_none());
    let id = CustomerRegistrationId::parse("a|1").expect("an id");
    let profiles = subject.mirror.profiles(&other, &id.clone().into()).await;
    assert_eq!(profiles.expect("an answer"), []);
    subject
        .mirror
        .record_absence(&other, &id, minute(1))
        .await
        .expect("an answer");
    assert_eq!(subject.as_of("a|1").await, Some(NOON));
}

/// Accounts of every kind: in both sources by id or by address, in one source, with a shared address, without one.
fn both_sides() -> (Vec<Account>, Vec<Account>) {
    let metadata = |n: usize| if n.is_multiple_of(2) { "Oslo" } else { "Bergen" };
    let numbered = readers(40).into_iter().enumerate();
    let profiles: Vec<Account> = numbered
        .clone()
        .filter(|(n, _)| n % 4 != 3)
        .map(|(n, reader)| {
            let mut reader = with_metadata(reader, &[("city", "Paris"), ("nick", metadata(n / 2))]);
            reader.registration_id = None;
            reader.has_password = false;
            if n % 4 == 1 {
                reader.crid = CustomerRegistrationId::parse(&format!("a|{n}")).expect("an id");
            }
            if n % 10 == 6 {
                reader.email = None;
            }
            reader
        })
        .collect();
    let registrations = numbered
        .filter(|(n, _)| n % 4 != 2)
        .map(|(n, reader)| {
            let reader = with_metadata(reader, &[("city", metadata(n)), ("photo", "registrations.png")]);
            match n % 13 {
                12 => account(reader.crid.as_str(), "shared@example.org", "Sam", "Ash"),
                _ => reader,
            }
        })
        .collect();
    (profiles, registrations)
}

fn filters() -> Vec<UserFilter> {
    let metadata = |key, value| UserFilter {
        metadata: vec![MetadataPair::new(key, value)],
        ..UserFilter::default()
    };
    vec![
        UserFilter::default(),
        UserFilter {
            emails: vec![EmailFilter::Contains(EmailFragment::from_text("er1"))],
            ..UserFilter::default()
        },
        UserFilter {
            first_name: Some(NamePrefix::from_text("de")),
            ..UserFilter::default()
        },
        metadata("city", "oslo"),
        metadata("nick", "Bergen"),
        metadata("city", "paris"),
    ]
}

async fn every_list_is_the_models(subject: &MirrorSubject, profiles: &[Account]) {
    let merged = subject.merged(profiles).await;
    for filter in filters() {
        for column in SortColumn::ALL {
            for direction in [Direction::Ascending, Direction::Descending] {
                let order = Order { column, direction };
                subject.answers_like(&merged, &filter, order, 17).await;
            }
        }
    }
}

/// Every filter, order and page after each of several changes to either source.
pub async fn lists_equal_the_model_during_changes(factory: &dyn MirrorFactory) {
    let subject = factory.subject(1, &[("Merge.lastName", "store")]).await;
    let (mut profiles, registrations) = both_sides();
    for account in &registrations[..15] {
        subject.register(account).await;
    }
    subject.run(&profiles[..20], NOON, RemovalBrake::On).await;
    every_list_is_the_models(&subject, &profiles[..20]).await;
    for account in &registrations[15..] {
        subject.register(account).await;
    }
    subject.feed(&profiles[20..], minute(1)).await;
    every_list_is_the_models(&subject, &profiles).await;
    for (n, account) in profiles.iter_mut().enumerate().filter(|(n, _)| n % 3 == 0) {
        account.first_name = format!("New {n}").into();
        account.email.clone_from(&registrations[n % registrations.len()].email);
    }
    subject.feed(&profiles, minute(2)).await;
    every_list_is_the_models(&subject, &profiles).await;
}

//! Counters of failed sign-ins.

use std::time::Duration;

use masthead_domain::event::{EventKind, EventOutcome};
use masthead_ports::{
    attempts::{AttemptCounter, AttemptEnd, AttemptLimit, FullCounter},
    registrations::WriteOrigin,
};

use super::{UsersFactory, UsersSubject, commit, hash, id, minute, new_user};

/// A counter that allows this number of failures in 15 minutes.
const fn counter(key: u8, failures: u32) -> AttemptCounter {
    AttemptCounter {
        key: hash(key),
        limit: AttemptLimit {
            failures,
            window: Duration::from_mins(15),
        },
    }
}

async fn begin(subject: &UsersSubject, counters: &[AttemptCounter], at: i64) -> Result<(), FullCounter> {
    let begun = subject.attempts.begin(&subject.context(0), counters, minute(at)).await;
    begun.expect("an answer")
}

/// An attempt that fails, if it may begin.
async fn fail(subject: &UsersSubject, counters: &[AttemptCounter], at: i64) -> Result<(), FullCounter> {
    begin(subject, counters, at).await?;
    let origin = commit(at).origin;
    let failed = AttemptEnd {
        failed: counters,
        ..AttemptEnd::new(&origin)
    };
    end(subject, &failed).await;
    Ok(())
}

const fn blocked_for(minutes: u64) -> Result<(), FullCounter> {
    Err(FullCounter::Failures(Duration::from_mins(minutes)))
}

async fn end(subject: &UsersSubject, end: &AttemptEnd<'_>) {
    let ended = subject.attempts.end(&subject.context(0), end).await;
    ended.expect("an answer");
}

/// A full counter blocks until its window ends, and not longer; another tenant has its own.
pub async fn full_counter_blocks_until_its_window_ends(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let account = [counter(1, 3)];
    for at in [0, 1, 2] {
        assert_eq!(fail(&subject, &account, at).await, Ok(()));
    }
    for (at, minutes) in [(2, 13), (5, 10), (14, 1)] {
        assert_eq!(begin(&subject, &account, at).await, blocked_for(minutes));
    }
    let elsewhere = subject.attempts.begin(&subject.context(1), &account, minute(5)).await;
    assert_eq!(elsewhere.expect("an answer"), Ok(()));
    for at in [15, 15, 29] {
        assert_eq!(fail(&subject, &account, at).await, Ok(()), "a new window");
    }
    assert_eq!(begin(&subject, &account, 29).await, blocked_for(1));
}

/// Attempts that have not ended fill a counter too, but the counter does not block: whether they fail is known in a moment.
pub async fn unfinished_attempts_fill_a_counter_for_a_moment(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let account = [counter(1, 3)];
    assert_eq!(fail(&subject, &account, 0).await, Ok(()));
    for _ in 0..2 {
        assert_eq!(begin(&subject, &account, 0).await, Ok(()));
    }
    assert_eq!(begin(&subject, &account, 0).await, Err(FullCounter::Unfinished));
    let origin = commit(0).origin;
    let without_answer = AttemptEnd {
        uncounted: &account,
        ..AttemptEnd::new(&origin)
    };
    end(&subject, &without_answer).await;
    assert_eq!(begin(&subject, &account, 1).await, Ok(()), "one of them has not failed");
    assert_eq!(begin(&subject, &account, 1).await, Err(FullCounter::Unfinished));
    for _ in 0..2 {
        let failed = AttemptEnd {
            failed: &account,
            ..AttemptEnd::new(&origin)
        };
        end(&subject, &failed).await;
    }
    assert_eq!(begin(&subject, &account, 1).await, blocked_for(14));
    for _ in 0..3 {
        assert_eq!(fail(&subject, &account, 15).await, Ok(()));
    }
    assert_eq!(begin(&subject, &account, 15).await, blocked_for(15));
}

/// What has no end is counted for good.
pub async fn counted_without_an_end_blocks(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let mails = [counter(1, 2)];
    let count = async |at| {
        let counted = subject.attempts.count(&subject.context(0), &mails, minute(at)).await;
        counted.expect("an answer")
    };
    assert_eq!((count(0).await, count(1).await), (Ok(()), Ok(())));
    assert_eq!(count(2).await, blocked_for(13));
}

/// Where one counter is full, none counts; a counter that is given twice counts once.
pub async fn full_counter_leaves_the_others(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let (account, address) = (counter(1, 1), counter(2, 3));
    assert_eq!(begin(&subject, &[account, address], 0).await, Ok(()));
    for _ in 0..5 {
        assert!(begin(&subject, &[account, address], 1).await.is_err());
    }
    assert_eq!(begin(&subject, &[address, address], 1).await, Ok(()));
    assert_eq!(begin(&subject, &[address], 1).await, Ok(()));
    assert!(begin(&subject, &[address], 1).await.is_err());
}

/// A success takes its own attempt back, and clears what it is given.
pub async fn success_takes_its_attempt_back(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let (account, address) = (counter(1, 2), counter(2, 2));
    assert_eq!(begin(&subject, &[account, address], 0).await, Ok(()));
    assert_eq!(begin(&subject, &[account, address], 0).await, Ok(()));
    let origin = commit(1).origin;
    let success = AttemptEnd {
        uncounted: &[account, address],
        cleared: &[account.key],
        ..AttemptEnd::new(&origin)
    };
    end(&subject, &success).await;
    assert_eq!(begin(&subject, &[address], 2).await, Ok(()));
    assert!(begin(&subject, &[address], 2).await.is_err());
    assert_eq!(begin(&subject, &[account], 2).await, Ok(()));
    assert_eq!(begin(&subject, &[account], 2).await, Ok(()));
    assert!(begin(&subject, &[account], 2).await.is_err());
}

/// An account is known at an address for 90 days after its last success there.
pub async fn known_address_is_remembered_for_90_days(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let cx = subject.context(0);
    let day = |days: i64| minute(days * 24 * 60);
    let is_known = async |at| {
        let known = subject.attempts.is_known(&cx, hash(3), at).await;
        known.expect("an answer")
    };
    assert!(!is_known(day(0)).await);
    for seen in [0, 10] {
        let origin = WriteOrigin {
            at: day(seen),
            ..commit(0).origin
        };
        let success = AttemptEnd {
            known: Some(hash(3)),
            ..AttemptEnd::new(&origin)
        };
        end(&subject, &success).await;
    }
    assert!(is_known(day(99)).await);
    assert!(!is_known(day(100)).await);
    let elsewhere = subject.attempts.is_known(&subject.context(1), hash(3), day(11)).await;
    assert!(!elsewhere.expect("an answer"));
}

/// The events of an attempt are committed with its end, in order, and name the registration of the user, if there is one.
pub async fn end_of_attempt_commits_its_events(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let created = subject.create(&new_user("7", "ann@example.com")).await;
    let before = subject.log.events().await;
    let origin = commit(1).origin;
    let events = [
        (EventKind::AuthSystemUserLogin, EventOutcome::Found),
        (EventKind::SubscribeUserLogin, EventOutcome::Found),
    ];
    let (user, absent) = (id("7"), id("8"));
    for user in [Some(&user), Some(&absent), None] {
        let ended = AttemptEnd {
            user,
            events: &events,
            ..AttemptEnd::new(&origin)
        };
        end(&subject, &ended).await;
    }
    let numbers = [created.registration_id, None, None];
    let expected = numbers
        .into_iter()
        .flat_map(|number| events.map(|(kind, _)| (kind.id(), number)));
    let committed = subject.log.events().await;
    assert_eq!(committed[before.len()..], expected.collect::<Vec<_>>());
}

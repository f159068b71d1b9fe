//! Runs through a provider's users: who makes them, where they go on, and who is forgotten at their end.

use std::time::Duration;

use masthead_domain::{account::Account, customer_registration_id::CustomerRegistrationId};
use masthead_ports::{
    mirror::{ChangeCounts, ProfileChange, RemovalBrake, RunError, RunSummary, StartOutcome, StartRun, SyncRun},
    scan::{ScanCursor, ScanExtent, ScanPage},
};
use time::OffsetDateTime;

use super::{DAY, MirrorFactory, MirrorSubject, NOON, minute, scan_page, start_run};
use crate::accounts::{account, readers};

/// A start with a lease that ends immediately.
fn over_at_once(holder: &str, at: OffsetDateTime) -> StartRun<'_> {
    StartRun {
        lease: Duration::ZERO,
        ..start_run(holder, at)
    }
}

fn is_busy(begun: &StartOutcome) -> bool {
    matches!(begun, StartOutcome::Busy { left } if *left > Duration::from_mins(4))
}

async fn begun(subject: &MirrorSubject, beginning: StartRun<'_>) -> StartOutcome {
    let begun = subject.mirror.start_run(&subject.context(0), beginning).await;
    begun.expect("an answer")
}

/// A second process waits until the lease ends or is released; the same process need not wait.
pub async fn one_run_at_a_time_is_resumed(factory: &dyn MirrorFactory) {
    let subject = factory.subject(1, &[]).await;
    let cx = subject.context(0);
    let first = subject.begin(start_run("a", NOON)).await;
    assert_eq!(
        (first.extent, first.cursor.clone(), first.resumed),
        (ScanExtent::Everything, None, false)
    );
    assert!(is_busy(&begun(&subject, start_run("b", minute(1))).await));
    let people = readers(4);
    let taken = subject
        .mirror
        .record_page(&cx, &first, &scan_page(&people[..2], Some("page 2")), minute(2))
        .await;
    assert_eq!(taken.expect("taken").added, 2);
    assert!(is_busy(&begun(&subject, start_run("b", minute(6))).await));

    let again = subject.begin(over_at_once("a", minute(6))).await;
    assert_eq!(again.cursor, ScanCursor::parse("page 2"));
    assert!(again.resumed && !again.scanned && again.started == NOON);
    let second = subject.begin(start_run("b", minute(12))).await;
    assert_eq!(
        (second.cursor.clone(), second.started),
        (ScanCursor::parse("page 2"), NOON)
    );
    subject.mirror.release_run(&cx, &second).await.expect("paused");
    let third = subject.begin(over_at_once("c", minute(13))).await;
    let taken = subject
        .mirror
        .record_page(&cx, &third, &scan_page(&people[2..], None), minute(13))
        .await;
    taken.expect("taken");
    // The run stopped before its end: its pages are not scanned again.
    let last = subject.begin(start_run("d", minute(30))).await;
    assert!(last.scanned && last.resumed);
    let finished = subject
        .mirror
        .finish_run(&cx, &last, minute(31), RemovalBrake::On)
        .await;
    let all_seen = RunSummary {
        profiles: 4,
        whole: true,
        missing: 0,
        removed: 0,
        braked: false,
    };
    assert_eq!(finished.expect("finished"), all_seen);
    assert_eq!(subject.pairs().await.len(), 4);
}

/// The run is busy for other processes until then, and lost once another process has it.
pub async fn lease_lasts_from_last_renewal(factory: &dyn MirrorFactory) {
    let subject = factory.subject(1, &[]).await;
    let cx = subject.context(0);
    let first = subject.begin(over_at_once("a", NOON)).await;
    let longer = SyncRun {
        lease: Duration::from_mins(5),
        ..first.clone()
    };
    assert!(subject.mirror.renew_lease(&cx, &longer).await.expect("an answer"));
    let StartOutcome::Busy { left } = begun(&subject, start_run("b", minute(1))).await else {
        panic!("it was renewed")
    };
    assert!(left <= longer.lease && left > Duration::from_mins(4), "{left:?}");
    assert!(subject.mirror.renew_lease(&cx, &first).await.expect("an answer"));
    let second = subject.begin(start_run("b", minute(1))).await;
    let lost = subject.mirror.renew_lease(&cx, &first).await;
    assert!(matches!(lost, Err(RunError::Lost)));
    assert!(subject.mirror.renew_lease(&cx, &second).await.expect("an answer"));
}

/// Neither accounts nor cursors.
pub async fn lost_run_writes_nothing(factory: &dyn MirrorFactory) {
    let subject = factory.subject(1, &[]).await;
    let cx = subject.context(0);
    let lost = subject.begin(over_at_once("a", NOON)).await;
    let run = subject.begin(start_run("b", minute(9))).await;
    let people = readers(2);
    let taken = subject
        .mirror
        .record_page(&cx, &lost, &scan_page(&people, Some("x")), minute(9))
        .await;
    assert!(matches!(taken, Err(RunError::Lost)));
    let ended = subject.mirror.finish_run(&cx, &lost, minute(9), RemovalBrake::On).await;
    assert!(matches!(ended, Err(RunError::Lost)));
    let paused = subject.mirror.release_run(&cx, &lost).await;
    assert!(matches!(paused, Err(RunError::Lost)));
    assert_eq!(subject.as_of(people[0].crid.as_str()).await, None);
    let ended = subject.mirror.finish_run(&cx, &run, minute(9), RemovalBrake::On).await;
    ended.expect("finished");
    let over = subject
        .mirror
        .record_page(&cx, &run, &scan_page(&people, None), minute(9))
        .await;
    assert!(matches!(over, Err(RunError::Lost)));
}

/// Changes since the start of the last run, until a full run is due.
pub async fn changes_run_follows_full_run(factory: &dyn MirrorFactory) {
    let subject = factory.subject(1, &[]).await;
    let cx = subject.context(0);
    subject.run(&readers(3), NOON, RemovalBrake::On).await;
    let run = subject.begin(start_run("a", minute(60))).await;
    assert_eq!(run.extent, ScanExtent::ChangedSince(NOON));
    let changed = [account("r-00000", "zoe@example.org", "Zoe", "")];
    let taken = subject
        .mirror
        .record_page(&cx, &run, &scan_page(&changed, None), minute(60))
        .await;
    let one_changed = ChangeCounts {
        changed: 1,
        ..ChangeCounts::default()
    };
    assert_eq!(taken.expect("taken"), one_changed);
    // Those who are not among the changed are not missing.
    let finished = subject.mirror.finish_run(&cx, &run, minute(61), RemovalBrake::On).await;
    assert_eq!(finished.expect("finished").missing, 0);
    let next = subject.begin(start_run("a", minute(120))).await;
    assert_eq!(next.extent, ScanExtent::ChangedSince(minute(60)));
    // A run about changes that was left is not enough where one about everything is due.
    let due = subject.begin(start_run("a", minute(7 * DAY))).await;
    assert_eq!((due.extent, due.resumed), (ScanExtent::Everything, false));
}

/// Three confirmations, a day apart, by default.
pub async fn missing_user_is_removed_after_confirmations(factory: &dyn MirrorFactory) {
    let subject = factory.subject(1, &[]).await;
    let cx = subject.context(0);
    let people = readers(3);
    let gone = &people[2];
    subject.register(gone).await;
    subject.run(&people, NOON, RemovalBrake::On).await;
    let missing = |finished: RunSummary| (finished.missing, finished.removed);
    let left = &people[..2];
    assert_eq!(missing(subject.run(left, minute(DAY), RemovalBrake::On).await), (1, 0));
    assert_eq!(
        missing(subject.run(left, minute(DAY + 60), RemovalBrake::On).await),
        (1, 0)
    );
    assert_eq!(
        missing(subject.run(left, minute(2 * DAY), RemovalBrake::On).await),
        (1, 0)
    );
    // An answer of the provider removes the missing marks.
    subject.feed(std::slice::from_ref(gone), minute(2 * DAY + 1)).await;
    for day in 3..5 {
        assert_eq!(
            missing(subject.run(left, minute(day * DAY), RemovalBrake::On).await),
            (1, 0)
        );
    }
    // An absence by lookup counts the same.
    subject
        .mirror
        .record_absence(&cx, &gone.crid, minute(4 * DAY + 60))
        .await
        .expect("an answer");
    assert_eq!(subject.as_of("r-00002").await, Some(minute(2 * DAY + 1)));
    subject
        .mirror
        .record_absence(&cx, &gone.crid, minute(5 * DAY))
        .await
        .expect("an answer");
    assert_eq!(subject.as_of("r-00002").await, None);
    // The registration stays.
    assert_eq!(subject.pairs().await, ["- r-00002", "r-00000 -", "r-00001 -"]);
}

/// More than one profile, and more than one percent.
pub async fn brake_prevents_mass_removal(factory: &dyn MirrorFactory) {
    let settings = [("Mirror.RemovalConfirmations", "1"), ("Mirror.RemovalApartHours", "0")];
    let subject = factory.subject(1, &settings).await;
    let cx = subject.context(0);
    let people = readers(200);
    subject.run(&people, NOON, RemovalBrake::On).await;
    let braked = subject.run(&people[3..], minute(60), RemovalBrake::On).await;
    assert_eq!(
        (braked.profiles, braked.missing, braked.removed, braked.braked),
        (200, 3, 0, true)
    );
    let standing = || subject.mirror.status(&cx);
    let after = standing().await.expect("an answer").expect("one");
    assert_eq!(
        (after.profiles, after.as_of, after.braked_at),
        (200, Some(NOON), Some(minute(60)))
    );
    // The next run is a full one at any time.
    let next = subject.begin(start_run("a", minute(61))).await;
    assert_eq!(next.extent, ScanExtent::Everything);
    let within = subject.run(&people[2..], minute(120), RemovalBrake::On).await;
    assert_eq!((within.missing, within.removed, within.braked), (2, 2, false));
    let released = subject.run(&people[100..], minute(180), RemovalBrake::Released).await;
    assert_eq!((released.missing, released.removed, released.braked), (98, 98, false));
    let after = standing().await.expect("an answer").expect("one");
    assert_eq!(
        (after.profiles, after.as_of, after.braked_at),
        (100, Some(minute(180)), None)
    );
}

/// The provider has such a user (quality rules, fault table: one row that cannot be read costs that row only), and a run with
/// such a row is not whole.
pub async fn user_in_unreadable_row_is_not_missing(factory: &dyn MirrorFactory) {
    let settings = [("Mirror.RemovalConfirmations", "1"), ("Mirror.RemovalApartHours", "0")];
    let long = Account {
        first_name: "x".repeat(300).into(),
        ..readers(3).remove(1)
    };
    let [known, unknown] = [Some(long.crid.clone()), None].map(|id| vec![id]);
    // The users of the page, the left out ones, and the number of missing ones of three.
    for (shown, left_out, missing) in [
        (vec![], known.clone(), 0),
        (vec![], unknown, 0),
        (vec![long], vec![], 0),
        (vec![], vec![], 2),
    ] {
        let subject = factory.subject(1, &settings).await;
        let cx = subject.context(0);
        let people = readers(3);
        subject.run(&people, NOON, RemovalBrake::On).await;
        let all = StartRun {
            full_every: Duration::ZERO,
            ..start_run("a", minute(60))
        };
        let run = subject.begin(all).await;
        let shown = [&people[..1], &shown].concat();
        let gaps = !left_out.is_empty();
        let is_whole = missing == 2;
        let odd = ScanPage {
            gaps,
            left_out,
            ..scan_page(&shown, None)
        };
        let taken = subject.mirror.record_page(&cx, &run, &odd, minute(60)).await;
        taken.expect("taken");
        let finished = subject
            .mirror
            .finish_run(&cx, &run, minute(62), RemovalBrake::Released)
            .await;
        assert_eq!(finished.expect("finished").missing, missing);
        assert_eq!(subject.pairs().await.len() as u64, 3 - missing);
        assert_eq!(subject.is_whole().await, is_whole);
        // What is known of it is as old as it was.
        let as_of = subject.as_of("r-00001").await;
        assert_eq!(as_of, (missing < 2).then_some(NOON));
    }
}

/// In the order of the accounts.
pub async fn preview_reports_changes_without_writing(factory: &dyn MirrorFactory) {
    let subject = factory.subject(1, &[]).await;
    let people = readers(2);
    subject.run(&people, NOON, RemovalBrake::On).await;
    let long = Account {
        first_name: "x".repeat(300).into(),
        ..Account::new(CustomerRegistrationId::parse("long").expect("an id"))
    };
    let shown = [
        account("new", "new@example.org", "", ""),
        people[1].clone(),
        account("r-00000", "zoe@example.org", "Zoe", ""),
        long,
    ];
    let changes = subject.mirror.preview_changes(&subject.context(0), &shown).await;
    let wanted = [
        ProfileChange::Added,
        ProfileChange::Unchanged,
        ProfileChange::Changed,
        ProfileChange::Refused,
    ];
    assert_eq!(changes.expect("an answer"), wanted);
    assert_eq!(subject.as_of("new").await, None);
    assert_eq!(subject.as_of("r-00001").await, Some(NOON));
    assert_eq!(subject.pairs().await, ["r-00000 -", "r-00001 -"]);
}

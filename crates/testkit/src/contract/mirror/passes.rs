//! Runs that are whole and runs that are not: what they were shown, against what the provider says that it has.

use std::time::Duration;

use masthead_domain::account::Account;
use masthead_ports::{
    mirror::{MAX_PASSES, RemovalBrake, StartRun},
    scan::{ScanExtent, ScanPage},
};
use time::OffsetDateTime;

use super::{DAY, MirrorFactory, NOON, minute, scan_page, start_run};
use crate::accounts::readers;

/// By a step that was truncated or had gaps, or because an account could not be kept (contract `answers.md`).
pub async fn a_run_that_is_not_whole_removes_nobody(factory: &dyn MirrorFactory) {
    let settings = [
        ("Directory.RemovalConfirmations", "1"),
        ("Directory.RemovalApartHours", "0"),
    ];
    let subject = factory.directory(1, &settings).await;
    let cx = subject.context(0);
    let people = readers(3);
    subject.run(&people, NOON, RemovalBrake::On).await;
    let long = Account {
        first_name: "x".repeat(300).into(),
        ..people[0].clone()
    };
    let flawed = [
        ScanPage {
            truncated: true,
            ..scan_page(&people[..1], Some("more"))
        },
        ScanPage {
            gaps: true,
            ..scan_page(&people[..1], Some("more"))
        },
        scan_page(&[long], Some("more")),
    ];
    for (first, hour) in flawed.into_iter().zip(1..) {
        let now = minute(60 * hour);
        let run = subject.begin(about_everything(now)).await;
        let taken = subject.directory.record_page(&cx, &run, &first, now).await;
        taken.expect("taken");
        let last = scan_page(&people[1..2], None);
        let taken = subject.directory.record_page(&cx, &run, &last, now).await;
        assert!(!taken.expect("taken").again, "another pass would end the same way");
        let finished = subject.directory.finish_run(&cx, &run, now, RemovalBrake::On).await;
        let finished = finished.expect("finished");
        assert_eq!((finished.whole, finished.missing, finished.removed), (false, 0, 0));
        assert_eq!(subject.pairs().await.len(), 3);
        let standing = subject.directory.status(&cx).await.expect("an answer").expect("one");
        assert!(!standing.whole);
    }
}

/// Pages may repeat one user and miss another (`providers.md` §2.5: no guarantee against duplicates between pages): a pass
/// that shows fewer different users than the provider says that it has is made again, from where it was killed too.
pub async fn a_pass_that_showed_fewer_users_than_there_are_is_made_again(factory: &dyn MirrorFactory) {
    let subject = factory.directory(1, &[]).await;
    let cx = subject.context(0);
    let people = readers(4);
    let of_four = |accounts: &[Account], next| ScanPage {
        expected: Some(4),
        ..scan_page(accounts, next)
    };
    let run = subject.begin(start_run("a", NOON)).await;
    // Page 2 repeats the last user of page 1, so that the provider's fourth one is on neither.
    let pages = [of_four(&people[..2], Some("2")), of_four(&people[1..3], None)];
    let mut again = Vec::new();
    for page in &pages {
        again.push(
            subject
                .directory
                .record_page(&cx, &run, page, NOON)
                .await
                .expect("taken")
                .again,
        );
    }
    assert_eq!(again, [false, true]);
    let run = subject.begin(start_run("a", minute(1))).await;
    assert_eq!((run.place.clone(), run.walked, run.started), (None, false, NOON));
    // The missing user is told of meanwhile by a look-up, which does not make the walk whole.
    subject.feed(&people[3..], minute(1)).await;
    for page in &pages {
        again.push(
            subject
                .directory
                .record_page(&cx, &run, page, minute(1))
                .await
                .expect("taken")
                .again,
        );
    }
    assert_eq!(again[2..], [false, true]);
    for page in [of_four(&people[..2], Some("2")), of_four(&people[2..], None)] {
        again.push(
            subject
                .directory
                .record_page(&cx, &run, &page, minute(2))
                .await
                .expect("taken")
                .again,
        );
    }
    assert_eq!(again[4..], [false, false]);
    let finished = subject
        .directory
        .finish_run(&cx, &run, minute(3), RemovalBrake::On)
        .await;
    assert!(finished.expect("finished").whole);
    assert_eq!(subject.pairs().await.len(), 4);
}

/// The provider shows the same pages each time: after some passes the run ends, not whole, and removes nobody.
pub async fn a_run_that_never_shows_all_ends_not_whole(factory: &dyn MirrorFactory) {
    let settings = [
        ("Directory.RemovalConfirmations", "1"),
        ("Directory.RemovalApartHours", "0"),
    ];
    let subject = factory.directory(1, &settings).await;
    let cx = subject.context(0);
    let people = readers(3);
    subject.run(&people, NOON, RemovalBrake::On).await;
    let run = subject.begin(about_everything(minute(60))).await;
    let short = ScanPage {
        expected: Some(3),
        ..scan_page(&people[..2], None)
    };
    for pass in 1..=MAX_PASSES {
        let taken = subject.directory.record_page(&cx, &run, &short, minute(60)).await;
        assert_eq!(taken.expect("taken").again, pass < MAX_PASSES);
    }
    let finished = subject
        .directory
        .finish_run(&cx, &run, minute(61), RemovalBrake::On)
        .await;
    let finished = finished.expect("finished");
    assert_eq!((finished.whole, finished.missing, finished.removed), (false, 0, 0));
    assert_eq!(subject.pairs().await.len(), 3);
    // No run about changes can make the directory whole again: the next one about everything is not a week away.
    let soon = subject.begin(start_run("a", minute(60 + DAY))).await;
    assert_eq!(soon.scope, ScanExtent::Everything);
}

/// Who goes while a pass is under way was shown by the pass before: the second one need not show them.
pub async fn users_who_go_during_a_run_do_not_make_it_less_than_whole(factory: &dyn MirrorFactory) {
    let subject = factory.directory(1, &[]).await;
    let cx = subject.context(0);
    let people = readers(4);
    let run = subject.begin(start_run("a", NOON)).await;
    let page = |expected, accounts: &[Account], next| ScanPage {
        expected: Some(expected),
        ..scan_page(accounts, next)
    };
    // The last user goes before the first pass, and the third one before the second pass, comes to the second page.
    let pages = [
        page(4, &people[..2], Some("2")),
        page(3, &people[2..3], None),
        page(3, &people[..2], Some("2")),
        page(2, &[], None),
    ];
    let mut again = Vec::new();
    for page in &pages {
        again.push(
            subject
                .directory
                .record_page(&cx, &run, page, NOON)
                .await
                .expect("taken")
                .again,
        );
    }
    assert_eq!(again, [false, true, false, false]);
    let finished = subject
        .directory
        .finish_run(&cx, &run, minute(1), RemovalBrake::On)
        .await;
    assert!(finished.expect("finished").whole);
}

fn about_everything(at: OffsetDateTime) -> StartRun<'static> {
    StartRun {
        full_every: Duration::ZERO,
        ..start_run("a", at)
    }
}

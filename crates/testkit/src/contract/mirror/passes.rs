//! Complete and incomplete runs, and the number of users that the provider reports.

use std::time::Duration;

use masthead_domain::account::Account;
use masthead_ports::{
    mirror::{MAX_PASSES, RemovalBrake, StartRun},
    scan::{ScanExtent, ScanPage},
};
use time::OffsetDateTime;

use super::{DAY, MirrorFactory, NOON, minute, scan_page, start_run};
use crate::accounts::readers;

/// A page was truncated or had gaps, or an account could not be stored (contract `answers.md`).
pub async fn incomplete_run_removes_no_user(factory: &dyn MirrorFactory) {
    let settings = [("Mirror.RemovalConfirmations", "1"), ("Mirror.RemovalApartHours", "0")];
    let subject = factory.subject(1, &settings).await;
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
        let taken = subject.mirror.record_page(&cx, &run, &first, now).await;
        taken.expect("taken");
        let last = scan_page(&people[1..2], None);
        let taken = subject.mirror.record_page(&cx, &run, &last, now).await;
        assert!(!taken.expect("taken").again, "another pass would end the same way");
        let finished = subject.mirror.finish_run(&cx, &run, now, RemovalBrake::On).await;
        let finished = finished.expect("finished");
        assert_eq!((finished.whole, finished.missing, finished.removed), (false, 0, 0));
        assert_eq!(subject.pairs().await.len(), 3);
        let standing = subject.mirror.status(&cx).await.expect("an answer").expect("one");
        assert!(!standing.whole);
    }
}

/// Pages may repeat one user and miss another (`providers.md` §2.5: no guarantee against duplicates between pages): a scan
/// with fewer different users than the provider reports is repeated, also after a restart.
pub async fn incomplete_scan_is_repeated(factory: &dyn MirrorFactory) {
    let subject = factory.subject(1, &[]).await;
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
                .mirror
                .record_page(&cx, &run, page, NOON)
                .await
                .expect("taken")
                .again,
        );
    }
    assert_eq!(again, [false, true]);
    let run = subject.begin(start_run("a", minute(1))).await;
    assert_eq!((run.cursor.clone(), run.scanned, run.started), (None, false, NOON));
    // A lookup finds the missing user meanwhile, which does not complete the scan.
    subject.feed(&people[3..], minute(1)).await;
    for page in &pages {
        again.push(
            subject
                .mirror
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
                .mirror
                .record_page(&cx, &run, &page, minute(2))
                .await
                .expect("taken")
                .again,
        );
    }
    assert_eq!(again[4..], [false, false]);
    let finished = subject.mirror.finish_run(&cx, &run, minute(3), RemovalBrake::On).await;
    assert!(finished.expect("finished").whole);
    assert_eq!(subject.pairs().await.len(), 4);
}

/// The provider returns the same pages each time: after several scans the run ends incomplete and removes no user.
pub async fn repeatedly_incomplete_run_is_not_whole(factory: &dyn MirrorFactory) {
    let settings = [("Mirror.RemovalConfirmations", "1"), ("Mirror.RemovalApartHours", "0")];
    let subject = factory.subject(1, &settings).await;
    let cx = subject.context(0);
    let people = readers(3);
    subject.run(&people, NOON, RemovalBrake::On).await;
    let run = subject.begin(about_everything(minute(60))).await;
    let short = ScanPage {
        expected: Some(3),
        ..scan_page(&people[..2], None)
    };
    for pass in 1..=MAX_PASSES {
        let taken = subject.mirror.record_page(&cx, &run, &short, minute(60)).await;
        assert_eq!(taken.expect("taken").again, pass < MAX_PASSES);
    }
    let finished = subject.mirror.finish_run(&cx, &run, minute(61), RemovalBrake::On).await;
    let finished = finished.expect("finished");
    assert_eq!((finished.whole, finished.missing, finished.removed), (false, 0, 0));
    assert_eq!(subject.pairs().await.len(), 3);
    // A run over changes cannot make the mirror whole, so the next full run is due earlier.
    let soon = subject.begin(start_run("a", minute(60 + DAY))).await;
    assert_eq!(soon.extent, ScanExtent::Everything);
}

/// A user who is deleted during a repeated scan was found by the previous one.
pub async fn users_deleted_during_run_keep_it_whole(factory: &dyn MirrorFactory) {
    let subject = factory.subject(1, &[]).await;
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
                .mirror
                .record_page(&cx, &run, page, NOON)
                .await
                .expect("taken")
                .again,
        );
    }
    assert_eq!(again, [false, true, false, false]);
    let finished = subject.mirror.finish_run(&cx, &run, minute(1), RemovalBrake::On).await;
    assert!(finished.expect("finished").whole);
}

fn about_everything(at: OffsetDateTime) -> StartRun<'static> {
    StartRun {
        full_every: Duration::ZERO,
        ..start_run("a", at)
    }
}

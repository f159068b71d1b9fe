//! The way through all users, against a model of Auth0's search.

use proptest::prelude::*;
use time::macros::datetime;

use super::*;

const NOW: OffsetDateTime = datetime!(2026-01-01 00:00 UTC);

/// Scans users with these moments; returns the users found, the number of pages, and whether the scan reported a gap.
fn scan(users: &[i64], per_page: u64, mut at: ScanWindow) -> (Vec<usize>, usize, bool) {
    let mut order: Vec<usize> = (0..users.len()).collect();
    order.sort_by_key(|user| (users[*user], *user));
    let (mut seen, mut truncated, mut expected) = (Vec::new(), false, 0);
    for pages in 1..10_000 {
        let inside = |user: &&usize| {
            at.from.is_none_or(|from| users[**user] >= from) && at.end().is_none_or(|end| users[**user] < end)
        };
        let found: Vec<usize> = order.iter().filter(inside).copied().collect();
        let limit = at.per_page.unwrap_or(per_page);
        assert!((at.page + 1) * limit <= CAP, "never past the cap");
        let skip = usize::try_from(at.page * limit).unwrap();
        let page: Vec<usize> = found
            .iter()
            .skip(skip)
            .take(usize::try_from(limit).unwrap())
            .copied()
            .collect();
        let way = at.followed(
            &ShownPage {
                moments: page.iter().map(|user| users[*user]).collect(),
                limit,
                length: page.len() as u64,
                total: found.len() as u64,
            },
            NOW,
        );
        seen.extend(&page);
        truncated |= way.truncated;
        expected = way.expected.max(expected);
        let Some(next) = way.next else {
            seen.sort_unstable();
            seen.dedup();
            assert!(
                truncated || expected == seen.len() as u64,
                "a run that is shown all of them is whole"
            );
            return (seen, pages, truncated);
        };
        at = ScanWindow::read(&next.to_place().unwrap()).unwrap();
    }
    panic!("the scan has no end")
}

#[test]
fn scan_needs_about_one_call_per_page() {
    let users: Vec<i64> = (0..5_000).map(|n| 1_500_000_000_000 + n * 60_000).collect();
    let (seen, pages, truncated) = scan(&users, 100, ScanWindow::from(None));
    assert_eq!((seen.len(), truncated), (5_000, false));
    assert!(pages <= 51, "{pages}");
}

#[test]
fn thousand_users_of_one_moment_truncate() {
    let mut users = vec![1_600_000_000_000; 999];
    users.extend([1_700_000_000_000; 7]);
    let (seen, _, truncated) = scan(&users, 100, ScanWindow::from(None));
    assert_eq!((seen.len(), truncated), (1_006, false));
    users.extend([1_600_000_000_000; 300]);
    let (seen, _, truncated) = scan(&users, 100, ScanWindow::from(None));
    assert_eq!(
        (seen.len(), truncated),
        (1_007, true),
        "a thousand of one moment, and every user behind them"
    );
}

#[test]
fn expected_count_includes_earlier_windows() {
    let shown = ShownPage {
        moments: vec![5_000, 5_000, 6_000],
        limit: 3,
        length: 3,
        total: 10,
    };
    let first = ScanWindow::from(None).followed(&shown, NOW);
    assert_eq!(first.expected, 10);
    let second = first.next.unwrap().followed(&ShownPage { total: 8, ..shown }, NOW);
    assert_eq!(second.expected, 10, "two were before the second window");
}

#[test]
fn slow_window_is_halved_to_a_second() {
    let mut at = ScanWindow::from(None);
    let mut halves = 0;
    while let Some(narrowed) = at.narrowed(NOW) {
        assert!(narrowed.window().0.is_some() && narrowed.window().1.is_some());
        at = narrowed;
        halves += 1;
    }
    assert!((20..40).contains(&halves), "{halves}");
}

#[test]
fn foreign_cursor_is_none() {
    for strange in ["sandbox_1_2", "{}x", "{\"cursor\":\"a\"}", "[]", "7"] {
        assert_eq!(
            ScanWindow::read(&ScanCursor::parse(strange).unwrap()),
            None,
            "{strange}"
        );
    }
}

proptest! {
    #[test]
    fn every_user_is_seen_across_windows(
        users in prop::collection::vec(1_500_000_000_000_i64..1_500_000_000_200, 0..400),
        per_page in 1_u64..=100,
        halvings in 0_usize..50,
    ) {
        let mut at = ScanWindow::from(None);
        for _ in 0..halvings {
            at = at.narrowed(NOW).unwrap_or(at);
        }
        let (seen, _, truncated) = scan(&users, per_page, at);
        prop_assert_eq!(seen.len(), users.len());
        prop_assert!(!truncated);
    }
}

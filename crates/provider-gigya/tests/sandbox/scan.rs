//! Going through all accounts: by cursors, past their end, while accounts come, change and go.

use std::{collections::BTreeSet, time::Duration};

use masthead_ports::{
    scan::{ScanExtent, UserScan},
    source::SourceErrorKind,
};
use masthead_sandbox::{Fault, FaultRule, sample_accounts};
use serde_json::Value;
use time::{OffsetDateTime, macros::datetime};

use crate::support::{called, ids, kind, reader, with};

/// Longer than a cursor waits.
const TOO_LONG: Duration = Duration::from_secs(301);

fn uid(account: &Value) -> String {
    account["UID"].as_str().unwrap().to_owned()
}

/// An account made and changed at a moment.
fn made(uid: &str, at: OffsetDateTime) -> Value {
    let mut account = reader(uid, &format!("{uid}@example.com"));
    stamp(&mut account, "created", at);
    stamp(&mut account, "lastUpdated", at);
    account
}

fn stamp(account: &mut Value, name: &str, at: OffsetDateTime) {
    account[name] = at
        .format(&time::format_description::well_known::Rfc3339)
        .unwrap()
        .into();
    account[format!("{name}Timestamp")] = (at.unix_timestamp() * 1_000).into();
}

/// Those of the samples who count as users: not the lite ones.
fn counted(samples: usize) -> usize {
    sample_accounts(samples)
        .filter(|account| account["isLite"] != true)
        .count()
}

const NOW: OffsetDateTime = datetime!(2026-03-01 12:00 UTC);

#[tokio::test]
async fn scan_passes_the_search_limit() {
    let fixture = with(sample_accounts(5_432).collect(), &[("Gigya.PageSize", "500")]).await;
    let scanned = fixture.scan(ScanExtent::Everything, |_| {}).await;
    assert_eq!(scanned.accounts.len(), counted(5_432), "each once");
    assert_eq!(
        (scanned.ids().len(), scanned.expected),
        (counted(5_432), Some(5_432 - 108))
    );
    assert_eq!((scanned.steps, called(&fixture).len()), (11, 11));
}

#[tokio::test]
async fn expired_cursor_is_reopened() {
    for size in ["100", "37"] {
        let fixture = with(sample_accounts(700).collect(), &[("Gigya.PageSize", size)]).await;
        let scanned = fixture
            .scan(ScanExtent::Everything, |steps| {
                if steps % 3 == 0 {
                    fixture.sandbox.clock().advance(TOO_LONG);
                }
            })
            .await;
        assert_eq!(scanned.ids().len(), counted(700));
        // The new cursor repeats no user.
        assert_eq!(scanned.expected, Some(counted(700) as u64));
        // One extra account for each lost cursor; and two rejected calls, one of them for Masthead's clock, which
        // stands still while Gigya's advances.
        let pages = counted(700).div_ceil(size.parse().unwrap());
        assert!(scanned.steps <= pages + 1, "{}", scanned.steps);
        assert!(called(&fixture).len() <= scanned.steps + 2 * (scanned.steps / 3));
    }
}

#[tokio::test]
async fn accounts_of_one_instant_are_all_shown() {
    let accounts = (0..2_500).map(|n| made(&format!("u{n}"), NOW)).collect();
    let fixture = with(accounts, &[("Gigya.PageSize", "1000")]).await;
    let scanned = fixture.scan(ScanExtent::Everything, |_| {}).await;
    assert_eq!((scanned.ids().len(), scanned.steps), (2_500, 3));
}

#[tokio::test]
async fn change_scan_covers_search_lag() {
    let fixture = with(
        vec![
            made("old", datetime!(2026-01-01 00:00 UTC)),
            made("lagging", datetime!(2026-02-28 23:59:30 UTC)),
            made("new", datetime!(2026-03-01 11:00 UTC)),
        ],
        &[],
    )
    .await;
    let scanned = fixture
        .scan(ScanExtent::ChangedSince(datetime!(2026-03-01 00:00 UTC)), |_| {})
        .await;
    assert_eq!(ids(&scanned.accounts), ["lagging", "new"]);
    assert!(UserScan::can_list_changes(&fixture.adapter));
}

#[tokio::test]
async fn concurrent_changes_skip_no_account() {
    let accounts: Vec<Value> = (0..900)
        .map(|n| made(&format!("u{n:03}"), NOW - time::Duration::minutes(900 - n)))
        .collect();
    for scope in [
        ScanExtent::Everything,
        ScanExtent::ChangedSince(datetime!(2020-01-01 00:00 UTC)),
    ] {
        let fixture = with(accounts.clone(), &[("Gigya.PageSize", "50")]).await;
        let gone: BTreeSet<String> = (0..900).step_by(7).map(|n| uid(&accounts[n])).collect();
        let scanned = fixture
            .scan(scope, |steps| {
                if steps > 12 {
                    return;
                }
                let now = NOW + time::Duration::seconds(i64::try_from(steps).unwrap());
                let mut all = fixture.sandbox.gigya().users();
                if steps == 5 {
                    all.retain(|account| !gone.contains(&uid(account)));
                }
                for account in all.iter_mut().skip(steps).step_by(90) {
                    stamp(account, "lastUpdated", now);
                }
                fixture.sandbox.gigya().clear_users();
                fixture.sandbox.gigya().seed(all);
                fixture.sandbox.gigya().seed([made(&format!("new{steps}"), now)]);
                if steps % 2 == 0 {
                    fixture.sandbox.clock().advance(TOO_LONG);
                }
            })
            .await;
        let seen = scanned.ids();
        for account in &accounts {
            let uid = uid(account);
            assert!(gone.contains(&uid) || seen.contains(&uid), "{scope:?} {uid}");
        }
    }
}

#[tokio::test]
async fn scan_resumes_from_any_cursor() {
    let fixture = with(sample_accounts(500).collect(), &[("Gigya.PageSize", "60")]).await;
    fixture.assert_scan_resumes("{\"page\":7}").await;
}

#[tokio::test]
async fn distorted_batches_lose_no_account() {
    for fault in [None, Some(Fault::Shuffled), Some(Fault::Duplicated)] {
        let fixture = with(sample_accounts(405).collect(), &[("Gigya.PageSize", "100")]).await;
        fixture
            .sandbox
            .gigya()
            .change_settings(|settings| settings.short_batches = true);
        if let Some(fault) = fault.clone() {
            fixture.inject(fault);
        }
        let scanned = fixture
            .scan(ScanExtent::Everything, |steps| {
                if steps % 3 == 0 {
                    fixture.sandbox.clock().advance(TOO_LONG);
                }
            })
            .await;
        assert_eq!(scanned.ids().len(), counted(405), "{fault:?}");
    }
}

/// `providers.md` §2.5: "no guarantee against duplicates between pages". Each batch has its stated length.
#[tokio::test]
async fn repeated_accounts_reduce_the_count() {
    let fixture = with(sample_accounts(405).collect(), &[("Gigya.PageSize", "100")]).await;
    fixture
        .sandbox
        .gigya()
        .change_settings(|settings| settings.overlapping_batches = true);
    let scanned = fixture.scan(ScanExtent::Everything, |_| {}).await;
    let pages = counted(405).div_ceil(100);
    assert_eq!(
        scanned.accounts.len(),
        counted(405),
        "as many rows as there are accounts"
    );
    assert_eq!(
        (scanned.ids().len(), scanned.expected),
        (counted(405) - (pages - 1), Some(counted(405) as u64))
    );
}

#[tokio::test]
async fn incomplete_batch_is_refused() {
    let fixture = with(sample_accounts(200).collect(), &[]).await;
    fixture.inject(FaultRule::from(Fault::Missing));
    assert_eq!(
        kind(fixture.step(ScanExtent::Everything, None).await),
        SourceErrorKind::Corrupt
    );
}

#[tokio::test]
async fn unusable_account_leaves_a_gap() {
    let fixture = with(vec![made("ann", NOW), made(&"x".repeat(300), NOW)], &[]).await;
    let scanned = fixture.scan(ScanExtent::Everything, |_| {}).await;
    assert_eq!((ids(&scanned.accounts), scanned.gaps), (vec!["ann".to_owned()], true));
    let fixture = with(vec![made("ann", NOW)], &[]).await;
    assert!(!fixture.scan(ScanExtent::Everything, |_| {}).await.gaps);
}

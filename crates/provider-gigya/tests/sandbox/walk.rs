//! Going through all accounts: by cursors, past their end, while accounts come, change and go.

use std::{collections::BTreeSet, time::Duration};

use masthead_domain::account::Account;
use masthead_ports::{
    scan::{ScanCursor, ScanExtent, ScanPage, UserScan},
    source::{SourceError, SourceErrorKind},
};
use masthead_sandbox::{Fault, FaultRule, sample_accounts};
use masthead_testkit::scanning::{self, ScannedUsers};
use serde_json::Value;
use time::{OffsetDateTime, macros::datetime};

use crate::support::{SourceClient, World, ids, kind, reader};

/// Longer than a cursor waits.
const TOO_LONG: Duration = Duration::from_secs(301);

impl World {
    async fn step(&self, scope: ScanExtent, from: Option<&ScanCursor>) -> Result<ScanPage, SourceError> {
        self.gigya.fetch_page(&self.cx(), scope, from).await
    }

    /// Goes all the way, letting `between` happen between steps.
    async fn walk(&self, scope: ScanExtent, between: impl FnMut(usize) + Send) -> ScannedUsers {
        scanning::scan_all(self, &self.gigya, scope, between).await.unwrap()
    }
}

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
async fn every_account_past_the_cap_is_shown_and_no_page_is_asked_for_twice() {
    let world = World::with(sample_accounts(5_432).collect(), &[("Gigya.PageSize", "500")]).await;
    let walked = world.walk(ScanExtent::Everything, |_| {}).await;
    assert_eq!(walked.accounts.len(), counted(5_432), "each once");
    assert_eq!(
        (walked.ids().len(), walked.expected),
        (counted(5_432), Some(5_432 - 108))
    );
    assert_eq!((walked.steps, world.called().len()), (11, 11));
}

#[tokio::test]
async fn a_cursor_that_is_gone_is_opened_anew_where_the_walk_was() {
    for size in ["100", "37"] {
        let world = World::with(sample_accounts(700).collect(), &[("Gigya.PageSize", size)]).await;
        let walked = world
            .walk(ScanExtent::Everything, |steps| {
                if steps % 3 == 0 {
                    world.sandbox.clock().advance(TOO_LONG);
                }
            })
            .await;
        assert_eq!(walked.ids().len(), counted(700));
        // Nobody is counted twice because the cursor is another one.
        assert_eq!(walked.expected, Some(counted(700) as u64));
        // An account more than needed for each cursor that was gone; and two refused calls, one of them for our clock, which
        // stands still while Gigya's goes on.
        let pages = counted(700).div_ceil(size.parse().unwrap());
        assert!(walked.steps <= pages + 1, "{}", walked.steps);
        assert!(world.called().len() <= walked.steps + 2 * (walked.steps / 3));
    }
}

#[tokio::test]
async fn accounts_of_one_instant_are_all_shown() {
    let accounts = (0..2_500).map(|n| made(&format!("u{n}"), NOW)).collect();
    let world = World::with(accounts, &[("Gigya.PageSize", "1000")]).await;
    let walked = world.walk(ScanExtent::Everything, |_| {}).await;
    assert_eq!((walked.ids().len(), walked.steps), (2_500, 3));
}

#[tokio::test]
async fn a_walk_over_changes_shows_who_changed_and_looks_back_over_the_lag_of_search() {
    let world = World::with(
        vec![
            made("old", datetime!(2026-01-01 00:00 UTC)),
            made("lagging", datetime!(2026-02-28 23:59:30 UTC)),
            made("new", datetime!(2026-03-01 11:00 UTC)),
        ],
        &[],
    )
    .await;
    let walked = world
        .walk(ScanExtent::ChangedSince(datetime!(2026-03-01 00:00 UTC)), |_| {})
        .await;
    assert_eq!(ids(&walked.accounts), ["lagging", "new"]);
    assert!(UserScan::can_list_changes(&world.gigya));
}

#[tokio::test]
async fn nobody_is_skipped_while_accounts_come_change_and_go() {
    let accounts: Vec<Value> = (0..900)
        .map(|n| made(&format!("u{n:03}"), NOW - time::Duration::minutes(900 - n)))
        .collect();
    for scope in [
        ScanExtent::Everything,
        ScanExtent::ChangedSince(datetime!(2020-01-01 00:00 UTC)),
    ] {
        let world = World::with(accounts.clone(), &[("Gigya.PageSize", "50")]).await;
        let gone: BTreeSet<String> = (0..900).step_by(7).map(|n| uid(&accounts[n])).collect();
        let walked = world
            .walk(scope, |steps| {
                if steps > 12 {
                    return;
                }
                let now = NOW + time::Duration::seconds(i64::try_from(steps).unwrap());
                let mut all = world.sandbox.gigya().accounts();
                if steps == 5 {
                    all.retain(|account| !gone.contains(&uid(account)));
                }
                for account in all.iter_mut().skip(steps).step_by(90) {
                    stamp(account, "lastUpdated", now);
                }
                world.sandbox.gigya().clear_accounts();
                world.sandbox.gigya().seed(all);
                world.sandbox.gigya().seed([made(&format!("new{steps}"), now)]);
                if steps % 2 == 0 {
                    world.sandbox.clock().advance(TOO_LONG);
                }
            })
            .await;
        let seen = walked.ids();
        for account in &accounts {
            let uid = uid(account);
            assert!(gone.contains(&uid) || seen.contains(&uid), "{scope:?} {uid}");
        }
    }
}

#[tokio::test]
async fn a_walk_is_taken_up_again_anywhere_and_shows_the_same() {
    let world = World::with(sample_accounts(500).collect(), &[("Gigya.PageSize", "60")]).await;
    let whole = world.walk(ScanExtent::Everything, |_| {}).await;
    let (mut place, mut shown, mut world): (Option<ScanCursor>, Vec<Account>, World) = (None, Vec::new(), world);
    loop {
        // Another process each time: all that it knows is the text that was kept.
        let (gigya, rest) = world.take_gigya();
        drop(gigya);
        world = rest;
        let kept = place.map(|place| ScanCursor::parse(place.as_str()).unwrap());
        let step = world.step(ScanExtent::Everything, kept.as_ref()).await.unwrap();
        shown.extend(step.accounts);
        place = step.next;
        if place.is_none() {
            break;
        }
    }
    assert_eq!(shown, whole.accounts);
    let foreign = ScanCursor::parse("{\"page\":7}").unwrap();
    let step = world.step(ScanExtent::Everything, Some(&foreign)).await.unwrap();
    assert_eq!(step.accounts[..], whole.accounts[..step.accounts.len()]);
}

#[tokio::test]
async fn batches_that_are_short_shuffled_or_doubled_lose_nobody() {
    for fault in [None, Some(Fault::Shuffled), Some(Fault::Duplicated)] {
        let world = World::with(sample_accounts(405).collect(), &[("Gigya.PageSize", "100")]).await;
        world
            .sandbox
            .gigya()
            .change_settings(|settings| settings.short_batches = true);
        if let Some(fault) = fault.clone() {
            world.sandbox.inject(fault);
        }
        let walked = world
            .walk(ScanExtent::Everything, |steps| {
                if steps % 3 == 0 {
                    world.sandbox.clock().advance(TOO_LONG);
                }
            })
            .await;
        assert_eq!(walked.ids().len(), counted(405), "{fault:?}");
    }
}

/// `providers.md` §2.5: "no guarantee against duplicates between pages". Each batch is as long as it says.
#[tokio::test]
async fn batches_that_repeat_an_account_show_fewer_than_gigya_says() {
    let world = World::with(sample_accounts(405).collect(), &[("Gigya.PageSize", "100")]).await;
    world
        .sandbox
        .gigya()
        .change_settings(|settings| settings.overlapping_batches = true);
    let walked = world.walk(ScanExtent::Everything, |_| {}).await;
    let pages = counted(405).div_ceil(100);
    assert_eq!(
        walked.accounts.len(),
        counted(405),
        "as many rows as there are accounts"
    );
    assert_eq!(
        (walked.ids().len(), walked.expected),
        (counted(405) - (pages - 1), Some(counted(405) as u64))
    );
}

#[tokio::test]
async fn a_batch_that_lacks_accounts_is_no_answer() {
    let world = World::with(sample_accounts(200).collect(), &[]).await;
    world.sandbox.inject(FaultRule::from(Fault::Missing));
    assert_eq!(
        kind(world.step(ScanExtent::Everything, None).await),
        SourceErrorKind::Corrupt
    );
}

#[tokio::test]
async fn an_account_that_cannot_be_kept_stops_nobody() {
    let world = World::with(vec![made("ann", NOW), made(&"x".repeat(300), NOW)], &[]).await;
    let walked = world.walk(ScanExtent::Everything, |_| {}).await;
    assert_eq!((ids(&walked.accounts), walked.gaps), (vec!["ann".to_owned()], true));
    let world = World::with(vec![made("ann", NOW)], &[]).await;
    assert!(!world.walk(ScanExtent::Everything, |_| {}).await.gaps);
}

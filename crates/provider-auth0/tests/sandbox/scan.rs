//! Going through all users: past the cap, over restarts, while users come, change and go.

use std::collections::BTreeSet;

use masthead_ports::{
    scan::{ScanExtent, UserScan},
    source::SourceErrorKind,
};
use masthead_provider_testkit::with_body;
use masthead_sandbox::{Fault, FaultRule, sample_user, sample_users};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime, macros::datetime};

use crate::support::{DATABASE, ids, kind, reader, requests, user, with};

fn id(user: &Value) -> String {
    user["user_id"].as_str().unwrap().to_owned()
}

fn created(own_id: &str, at: &str) -> Value {
    let mut user = reader(own_id, &format!("u{own_id}@example.com"));
    user["created_at"] = at.into();
    user["updated_at"] = at.into();
    user
}

const NOW: OffsetDateTime = datetime!(2026-03-01 12:00 UTC);

#[tokio::test]
async fn scan_passes_the_search_limit() {
    let fixture = with(sample_users(2_345).collect(), &[("Auth0.PageSize", "100")]).await;
    let scanned = fixture.scan(ScanExtent::Everything, |_| {}).await;
    assert_eq!(
        (scanned.ids().len(), scanned.truncated, scanned.gaps),
        (2_345, false, false)
    );
    assert_eq!(scanned.expected, Some(2_345));
    // Each page but the first begins with the last user of the one before.
    assert_eq!(scanned.steps, 2_345_usize.div_ceil(99));
    assert_eq!(requests(&fixture).len(), scanned.steps);
    let distinct: BTreeSet<_> = requests(&fixture).into_iter().collect();
    assert_eq!(distinct.len(), scanned.steps);
}

#[tokio::test]
async fn users_of_one_instant_may_truncate() {
    let imported = |count: usize| (0..count).map(|n| created(&n.to_string(), "2024-05-01T00:00:00.000Z"));
    let later = created("later", "2024-05-02T00:00:00.000Z");
    for (count, shown, truncated) in [(999, 1_000, false), (1_100, 1_001, true)] {
        let users = imported(count).chain([later.clone()]).collect();
        let fixture = with(users, &[("Auth0.PageSize", "100")]).await;
        let scanned = fixture.scan(ScanExtent::Everything, |_| {}).await;
        assert_eq!((scanned.ids().len(), scanned.truncated), (shown, truncated), "{count}");
        assert!(scanned.ids().contains("auth0|later"), "the scan continues behind them");
        assert!(
            fixture.sandbox.log().iter().all(|entry| entry.status == Some(200)),
            "never past the cap"
        );
    }
}

#[tokio::test]
async fn change_scan_covers_search_lag() {
    let fixture = with(
        vec![
            created("old", "2026-01-01T00:00:00.000Z"),
            created("lagging", "2026-02-28T23:57:00.000Z"),
            created("new", "2026-03-01T11:00:00.000Z"),
        ],
        &[],
    )
    .await;
    let since = ScanExtent::ChangedSince(datetime!(2026-03-01 00:00 UTC));
    let scanned = fixture.scan(since, |_| {}).await;
    assert_eq!(ids(&scanned.accounts), ["auth0|lagging", "auth0|new"]);
    assert!(UserScan::can_list_changes(&fixture.adapter));
}

#[tokio::test]
async fn concurrent_changes_skip_no_user() {
    let users: Vec<Value> = sample_users(1_500).collect();
    let fixture = with(users.clone(), &[]).await;
    let gone: BTreeSet<String> = (0..1_500).step_by(7).map(|n| id(&users[n])).collect();
    let scanned = fixture
        .scan(ScanExtent::Everything, |steps| {
            let now = NOW + Duration::seconds(i64::try_from(steps).unwrap());
            let mut all = fixture.sandbox.auth0().users();
            if steps == 5 {
                all.retain(|user| !gone.contains(&id(user)));
            }
            for user in all.iter_mut().skip(steps).step_by(100) {
                user["updated_at"] = now
                    .format(&time::format_description::well_known::Rfc3339)
                    .unwrap()
                    .into();
            }
            fixture.sandbox.auth0().clear_users();
            fixture.sandbox.auth0().seed(all);
            fixture
                .sandbox
                .auth0()
                .seed([created(&format!("new{steps}"), "2026-03-01T12:00:00.000Z")]);
        })
        .await;
    let seen = scanned.ids();
    for user in &users {
        assert!(gone.contains(&id(user)) || seen.contains(&id(user)), "{}", id(user));
    }
    assert!(seen.contains("auth0|new1"), "who came is there as well");

    // The same over changes, where every change moves a user to the end.
    let changed = ScanExtent::ChangedSince(NOW);
    let before = fixture.scan(changed, |_| {}).await.ids();
    let scanned = fixture
        .scan(changed, |steps| {
            let now = NOW + Duration::hours(i64::try_from(steps.min(4)).unwrap());
            let mut some: Vec<Value> = fixture
                .sandbox
                .auth0()
                .users()
                .into_iter()
                .skip(steps)
                .step_by(60)
                .collect();
            for user in &mut some {
                user["updated_at"] = now
                    .format(&time::format_description::well_known::Rfc3339)
                    .unwrap()
                    .into();
            }
            if steps < 4 {
                fixture.sandbox.auth0().seed(some);
            }
        })
        .await;
    assert!(before.is_subset(&scanned.ids()));
}

#[tokio::test]
async fn scan_resumes_from_any_cursor() {
    let fixture = with(sample_users(1_234).collect(), &[("Auth0.PageSize", "50")]).await;
    fixture.assert_scan_resumes("sandbox_1_2c").await;
}

#[tokio::test]
async fn distorted_pages_lose_no_user() {
    for fault in [None, Some(Fault::Shuffled), Some(Fault::Duplicated)] {
        let fixture = with(sample_users(405).collect(), &[("Auth0.PageSize", "100")]).await;
        fixture
            .sandbox
            .auth0()
            .change_settings(|settings| settings.longest_page = 50);
        if let Some(fault) = fault.clone() {
            fixture.inject(FaultRule::from(fault).on("/api/v2/users"));
        }
        let scanned = fixture.scan(ScanExtent::Everything, |_| {}).await;
        assert_eq!(scanned.ids().len(), 405, "{fault:?}");
    }
}

#[tokio::test]
async fn incomplete_page_is_refused() {
    let fixture = with(sample_users(300).collect(), &[]).await;
    fixture.inject(FaultRule::from(Fault::Missing).on("/api/v2/users"));
    assert_eq!(
        kind(fixture.step(ScanExtent::Everything, None).await),
        SourceErrorKind::Corrupt
    );
}

#[tokio::test]
async fn slow_scan_window_is_narrowed() {
    let fixture = with(sample_users(700).collect(), &[("Auth0.PageSize", "100")]).await;
    let body = json!({"statusCode": 503, "error": "Service Unavailable",
        "message": "The query exceeded the timeout. Please try refining your search criteria."});
    let slow = with_body(503, &body.to_string());
    fixture.inject(FaultRule::from(slow).on("/api/v2/users").times(3));
    let scanned = fixture.scan(ScanExtent::Everything, |_| {}).await;
    assert_eq!((scanned.ids().len(), scanned.truncated), (700, false));
    assert!(
        requests(&fixture)[3]
            .2
            .contains("created_at%3A%5B2013-01-01T00%3A00%3A00.000Z%20TO%2020")
    );
}

#[tokio::test]
async fn unusable_user_leaves_a_gap() {
    let unusable = json!({"user_id": "x".repeat(300), "created_at": "2024-01-02T03:04:05.678Z",
        "identities": [{"provider": "auth0", "connection": DATABASE, "user_id": "x"}]});
    let users = vec![
        reader("1", "ann@example.com"),
        user("auth0", "staff", "2", "bob@example.com"),
        unusable,
    ];
    let fixture = with(users, &[("Auth0.Connections", DATABASE)]).await;
    let scanned = fixture.scan(ScanExtent::Everything, |_| {}).await;
    assert_eq!(
        (ids(&scanned.accounts), scanned.gaps),
        (vec!["auth0|1".to_owned()], true)
    );
    assert!(sample_user(0)["created_at"].is_string());
}

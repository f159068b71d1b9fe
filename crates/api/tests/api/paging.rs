//! Cursors over whole lists, and where they do not fit.

use masthead_testkit::contract_cases::{ContractCase, Expectation, fixture::GAZETTE};
use serde_json::Value;

use crate::world::World;

/// The ids of a page, and its cursor ready for a URL.
async fn page(world: &World, query: &str) -> (Vec<String>, Option<String>) {
    let case = ContractCase::get(&format!("/v4/Users?{query}"), Expectation::Status(200)).for_tenant(GAZETTE);
    let answer = world.ask(&case).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.body);
    let whole: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(whole["meta"]["totalRecords"], 25, "{query}");
    let ids = whole["data"].as_array().unwrap().iter();
    let ids = ids.map(|user| user["customerRegistrationId"].as_str().unwrap().to_owned());
    let next = whole["meta"]["nextCursor"].as_str();
    (
        ids.collect(),
        next.map(|cursor| cursor.replace('+', "%2B").replace('=', "%3D")),
    )
}

#[tokio::test]
async fn cursors_go_through_every_order_without_missing_or_repeating_anybody() {
    let world = World::new();
    for column in 1..=8 {
        for direction in 0..=1 {
            let order = format!("orderBy={column}&orderByType={direction}");
            let (whole, next) = page(&world, &format!("{order}&pageSize=25")).await;
            assert_eq!((whole.len(), next), (25, None));
            let mut joined = Vec::new();
            let mut query = format!("{order}&pageSize=4");
            loop {
                let (ids, next) = page(&world, &query).await;
                joined.extend(ids);
                match next {
                    Some(cursor) => query = format!("{order}&pageSize=4&cursor={cursor}"),
                    None => break,
                }
            }
            assert_eq!(joined, whole, "{order}");
        }
    }
}

#[tokio::test]
async fn the_last_page_has_no_cursor_also_when_it_is_full() {
    let world = World::new();
    assert!(page(&world, "pageSize=24").await.1.is_some());
    assert_eq!(page(&world, "pageSize=5&pageNumber=5").await.1, None);
}

#[tokio::test]
async fn a_cursor_fits_only_the_list_that_it_came_from() {
    let world = World::new();
    let (_, cursor) = page(&world, "lastName=&pageSize=3".trim_start_matches("lastName=&")).await;
    let cursor = cursor.unwrap();
    let status = async |query: &str, tenant| {
        let target = format!("/v4/Users?{query}cursor={cursor}");
        world
            .ask(&ContractCase::get(&target, Expectation::Status(200)).for_tenant(tenant))
            .await
            .status
    };
    assert_eq!(status("", GAZETTE).await, 200);
    assert_eq!(
        status("pageSize=1&count=none&fields=email&orderBy=2&", GAZETTE).await,
        200
    );
    assert_eq!(status("ignoreProvider=true&", GAZETTE).await, 200, "the same sources");
    assert_eq!(status("pageNumber=1&", GAZETTE).await, 200, "no contradiction");
    let narrower = ContractCase::get(&format!("/v4/Users/g-01?cursor={cursor}"), Expectation::Status(200));
    assert_eq!(
        world.ask(&narrower.for_tenant(GAZETTE)).await.status,
        400,
        "another filter"
    );
    for other in [
        "email=reader&",
        "lastName=Moor&",
        "metadata.city=Oslo&",
        "orderBy=1&",
        "orderByType=1&",
    ] {
        assert_eq!(status(other, GAZETTE).await, 400, "{other}");
    }
    for tenant in ["north/daily/herald", "south/post/courier"] {
        assert_eq!(status("", tenant).await, 400, "{tenant}");
    }
    // Every way to tamper with one byte of the text.
    let good = cursor.replace("%2B", "+").replace("%3D", "=");
    for at in 0..good.trim_end_matches('=').len() {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let tampered = String::from_utf8(bytes).unwrap();
        let case = ContractCase::search(&format!("{{\"cursor\":\"{tampered}\"}}"), Expectation::Status(200))
            .for_tenant(GAZETTE);
        let answer = world.ask(&case).await;
        assert_ne!(answer.status / 100, 5, "{}", answer.body);
    }
}

#[tokio::test]
async fn a_federated_list_by_state_can_be_continued() {
    let world = World::new();
    let tenant = "south/post/courier";
    let first = ContractCase::get(
        "/v4/Users?ignoreProvider=true&orderBy=5&pageSize=1",
        Expectation::Status(200),
    )
    .for_tenant(tenant);
    let whole: Value = serde_json::from_str(&world.ask(&first).await.body).unwrap();
    let cursor = whole["meta"]["nextCursor"].as_str().unwrap();
    let body = format!(r#"{{"ignoreProvider":true,"orderBy":5,"pageSize":1,"cursor":"{cursor}"}}"#);
    let second = ContractCase::search(&body, Expectation::Users(vec!["auth0|2"], 2)).for_tenant(tenant);
    world.holds(vec![second]).await;
}

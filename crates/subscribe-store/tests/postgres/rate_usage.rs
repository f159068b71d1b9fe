//! The usage of limits that servers report to each other.

use masthead_domain::rate_limit::{RatePolicy, RateScope, RateUnit};
use masthead_ports::rate_limit::{RateUsage, RateUsageExchange as _};
use sqlx::{Connection as _, PgConnection};
use time::Duration;

use crate::support::{StoreFixture, fixture};

const REQUESTS: RatePolicy = RatePolicy::new(RateScope::Subject, RateUnit::Requests);

fn usage(key: u64, used: u64) -> RateUsage {
    RateUsage {
        key,
        policy: REQUESTS,
        per_minute: 600,
        used,
    }
}

/// What the others reported, as a server without usage reads it.
async fn reported(fixture: &StoreFixture, server: &str) -> Vec<(String, u64, u64)> {
    let others = fixture.store.rate_usage().exchange(server, &[]).await.unwrap();
    let mut reported: Vec<_> = others
        .into_iter()
        .map(|(server, usage)| (server.into(), usage.key, usage.used))
        .collect();
    reported.sort();
    reported
}

/// Makes everything that was reported older.
async fn age(fixture: &StoreFixture, by: &str) {
    let mut connection = PgConnection::connect(&fixture.database.url().unwrap()).await.unwrap();
    sqlx::query("UPDATE rate_usage SET reported_at = reported_at - $1::text::interval")
        .bind(by)
        .execute(&mut connection)
        .await
        .unwrap();
}

#[tokio::test]
async fn servers_are_reported_the_sums_of_the_others() {
    let fixture = fixture().await;
    let exchange = fixture.store.rate_usage();
    // Beyond the positive range of a bigint.
    let large = u64::MAX - 7;
    exchange.exchange("a", &[usage(1, 5), usage(large, 7)]).await.unwrap();
    exchange.exchange("a", &[usage(1, 20)]).await.unwrap();
    exchange.exchange("b", &[usage(1, 3)]).await.unwrap();
    let of_a = [("a".to_owned(), 1, 25), ("a".to_owned(), large, 7)];
    assert_eq!(reported(&fixture, "b").await, of_a);
    assert_eq!(reported(&fixture, "a").await, [("b".to_owned(), 1, 3)]);
    assert_eq!(reported(&fixture, "c").await.len(), 3);
}

#[tokio::test]
async fn silent_server_begins_at_zero() {
    let fixture = fixture().await;
    let exchange = fixture.store.rate_usage();
    exchange.exchange("a", &[usage(1, 25)]).await.unwrap();
    age(&fixture, "61 seconds").await;
    assert_eq!(reported(&fixture, "b").await, []);
    exchange.exchange("a", &[usage(1, 4)]).await.unwrap();
    assert_eq!(reported(&fixture, "b").await, [("a".to_owned(), 1, 4)]);
}

#[tokio::test]
async fn old_usage_is_purged() {
    let fixture = fixture().await;
    let exchange = fixture.store.rate_usage();
    exchange.exchange("a", &[usage(1, 25)]).await.unwrap();
    let (users, now) = (fixture.store.users(), crate::support::now());
    for (at, purged) in [(now, 0), (now + Duration::minutes(11), 1)] {
        assert_eq!(users.purge_expired(at, 1000).await.unwrap().others, purged);
    }
}

//! The queue on a paused clock: turns, deadlines, bounds, and searches that end early.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use masthead_domain::tenant::PoolId;
use masthead_ports::source::Priority;
use masthead_testkit::tenants::tenant;
use tokio::task::JoinHandle;

use super::*;

const OPERATION: &str = "search";

/// The searches in the order of their starts: the pool and the caller.
type Started = Arc<Mutex<Vec<(i64, &'static str)>>>;

struct Fixture {
    queue: Arc<SearchQueue>,
    started: Started,
}

impl Fixture {
    fn new(running: usize) -> Self {
        Self::with_limits(SearchLimits {
            running,
            running_short: running,
            waiting: 1_000,
            waiting_per_pool: 500,
        })
    }

    fn with_limits(limits: SearchLimits) -> Self {
        Self {
            queue: Arc::new(SearchQueue::new(limits, Duration::from_secs(3))),
            started: Arc::default(),
        }
    }

    /// A search that runs for this long, once it is its turn. It is in the queue when this returns.
    async fn search(&self, pool: i64, caller: &'static str, takes: u64) -> Search {
        let (queue, started) = (Arc::clone(&self.queue), Arc::clone(&self.started));
        let search = tokio::spawn(async move {
            let running = async {
                started.lock().unwrap().push((pool, caller));
                tokio::time::sleep(Duration::from_millis(takes)).await;
                Ok(())
            };
            queue.run(OPERATION, &cx(pool, caller, 5_000), running).await
        });
        yield_often().await;
        search
    }

    fn order(&self) -> Vec<(i64, &'static str)> {
        self.started.lock().unwrap().clone()
    }

    fn counts(&self) -> (usize, usize) {
        self.queue.update(|lanes| (lanes.waiting(), lanes.running()))
    }
}

type Search = JoinHandle<Result<(), SourceError>>;

fn cx(pool: i64, caller: &str, deadline: u64) -> CallContext {
    let tenant = Arc::new(tenant("north/daily/herald", pool, &[]));
    let deadline = Instant::now() + Duration::from_millis(deadline);
    CallContext {
        caller: CallerKey::from_name(caller),
        ..CallContext::new(tenant, deadline.into_std(), Priority::Interactive)
    }
}

/// Lets the spawned tasks run without advancing the clock.
async fn yield_often() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

async fn all_succeed(searches: Vec<Search>) {
    for search in searches {
        search.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn tenants_and_callers_take_turns() {
    let fixture = Fixture::new(1);
    let mut searches = Vec::new();
    for (pool, caller) in [
        (1, "a"),
        (1, "a"),
        (1, "a"),
        (1, "a"),
        (1, "b"),
        (2, "c"),
        (2, "c"),
        (3, "d"),
    ] {
        searches.push(fixture.search(pool, caller, 10).await);
    }
    all_succeed(searches).await;
    let expected = [
        (1, "a"),
        (2, "c"),
        (3, "d"),
        (1, "a"),
        (2, "c"),
        (1, "b"),
        (1, "a"),
        (1, "a"),
    ];
    assert_eq!(fixture.order(), expected);
    assert_eq!(fixture.counts(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn storm_delays_other_tenant_by_one_search() {
    for running in [1, 2, 4] {
        let fixture = Fixture::new(running);
        let mut storm = Vec::new();
        for _ in 0..60 {
            storm.push(fixture.search(1, "a", 1_000).await);
        }
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let before = Instant::now();
        fixture.search(2, "b", 1).await.await.unwrap().unwrap();
        assert!(before.elapsed() < Duration::from_millis(1_001), "{running}");
        if running > 1 {
            // The storm is known to be slow and has half of the places.
            assert!(before.elapsed() < Duration::from_millis(5), "{running}");
        }
        storm.iter().for_each(JoinHandle::abort);
        yield_often().await;
        assert_eq!(fixture.counts(), (0, 0), "{running}");
    }
}

#[tokio::test(start_paused = true)]
async fn tenants_share_time_not_searches() {
    let fixture = Fixture::new(1);
    let mut searches = Vec::new();
    for (pool, takes) in [(1, 100), (2, 10)] {
        for _ in 0..40 {
            searches.push(fixture.search(pool, "a", takes).await);
        }
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut counts = HashMap::new();
    for (pool, _) in fixture.order() {
        *counts.entry(pool).or_insert(0) += 1;
    }
    // Half of the second each, but for one search of 100 ms: 4 to 6 of 100 ms.
    assert!((4..=6).contains(&counts[&1]), "{counts:?}");
    assert!(counts[&2] >= 40, "{counts:?}");
    searches.iter().for_each(JoinHandle::abort);
}

#[tokio::test(start_paused = true)]
async fn only_short_searches_have_more_places() {
    let fixture = Fixture::with_limits(SearchLimits {
        running: 2,
        running_short: 4,
        waiting: 1_000,
        waiting_per_pool: 500,
    });
    for (pool, takes, expected) in [(1, 2, 4), (2, 15, 2)] {
        let mut searches = Vec::new();
        for _ in 0..40 {
            searches.push(fixture.search(pool, "a", takes).await);
        }
        // Unknown ones count as short until their mean shows what they are.
        assert_eq!(fixture.counts().1, 4, "{pool}");
        tokio::time::sleep(Duration::from_millis(5 * takes / 2)).await;
        assert_eq!(fixture.counts().1, expected, "{pool}");
        all_succeed(searches).await;
    }
}

#[tokio::test(start_paused = true)]
async fn slow_searches_of_many_tenants_leave_room() {
    let fixture = Fixture::new(4);
    let mut storm = Vec::new();
    for pool in 1..=4 {
        for _ in 0..10 {
            storm.push(fixture.search(pool, "a", 1_000).await);
        }
    }
    // A tenant is known to be slow when its first search has ended.
    tokio::time::sleep(Duration::from_millis(3_500)).await;
    assert_eq!(fixture.counts().1, 2);
    let before = Instant::now();
    for _ in 0..20 {
        fixture.search(9, "b", 1).await.await.unwrap().unwrap();
    }
    assert!(before.elapsed() < Duration::from_millis(100), "{:?}", before.elapsed());
    storm.iter().for_each(JoinHandle::abort);
}

/// The searches of the second tenant take longer than usual, since the storm uses the processors.
#[tokio::test(start_paused = true)]
async fn much_faster_tenant_does_not_wait_behind_a_storm() {
    let fixture = Fixture::new(2);
    let mut storm = Vec::new();
    for _ in 0..60 {
        storm.push(fixture.search(1, "a", 1_000).await);
    }
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    // Two callers that go on: the tenant never leaves the queue, and is known to take 50 ms.
    let caller = async |name| {
        for _ in 0..20 {
            fixture.search(2, name, 50).await.await.unwrap().unwrap();
        }
    };
    let before = Instant::now();
    tokio::join!(caller("b"), caller("c"));
    // They have a place for themselves.
    assert!(
        before.elapsed() < Duration::from_millis(2_500),
        "{:?}",
        before.elapsed()
    );
    storm.iter().for_each(JoinHandle::abort);
}

#[tokio::test(start_paused = true)]
async fn search_waits_until_shortly_before_deadline() {
    let fixture = Fixture::new(1);
    let long = fixture.search(1, "a", 4_000).await;
    let before = Instant::now();
    let refused = fixture.queue.wait_for_turn(OPERATION, &cx(1, "a", 3_000)).await;
    assert_eq!(refused.err().unwrap().kind, SourceErrorKind::Unavailable);
    let waited = before.elapsed();
    assert!(
        waited >= Duration::from_millis(2_799) && waited < Duration::from_millis(2_900),
        "{waited:?}"
    );
    assert_eq!(fixture.counts(), (0, 1));
    long.await.unwrap().unwrap();
    // Without another search, a near deadline does not matter.
    drop(fixture.queue.wait_for_turn(OPERATION, &cx(1, "a", 50)).await.unwrap());
    assert_eq!(fixture.counts(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn callers_that_leave_make_room() {
    let fixture = Fixture::new(1);
    let running = fixture.search(1, "a", 1_000).await;
    let waiting = fixture.search(1, "a", 1_000).await;
    let next = fixture.search(1, "b", 1).await;
    assert_eq!(fixture.counts(), (2, 1));
    waiting.abort();
    yield_often().await;
    assert_eq!(fixture.counts(), (1, 1));
    running.abort();
    next.await.unwrap().unwrap();
    assert_eq!(fixture.order(), [(1, "a"), (1, "b")]);

    // One that leaves after it was started, and before it runs.
    let first = fixture
        .queue
        .wait_for_turn(OPERATION, &cx(1, "a", 5_000))
        .await
        .unwrap();
    let context = cx(1, "b", 5_000);
    {
        let mut second = std::pin::pin!(fixture.queue.wait_for_turn(OPERATION, &context));
        assert!(futures_util::poll!(second.as_mut()).is_pending());
        drop(first);
        assert_eq!(fixture.counts(), (0, 1));
    }
    assert_eq!(fixture.counts(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn panic_gives_turn_back() {
    let fixture = Fixture::new(1);
    let queue = Arc::clone(&fixture.queue);
    let search = tokio::spawn(async move {
        let _turn = queue.wait_for_turn(OPERATION, &cx(1, "a", 5_000)).await.unwrap();
        panic!("as a bug would");
    });
    assert!(search.await.unwrap_err().is_panic());
    assert_eq!(fixture.counts(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn full_queue_rejects_at_once() {
    let fixture = Fixture::with_limits(SearchLimits {
        running: 1,
        running_short: 1,
        waiting: 3,
        waiting_per_pool: 2,
    });
    let mut searches = Vec::new();
    for pool in [1, 1, 1, 2] {
        searches.push(fixture.search(pool, "a", 100).await);
    }
    assert_eq!(fixture.counts(), (3, 1));
    let enter = |pool| {
        fixture
            .queue
            .update(|lanes| lanes.push(PoolId(pool), CallerKey::default()).err())
    };
    assert_eq!(enter(3), Some(QueueFullError::All));
    let before = Instant::now();
    let refused = fixture.queue.wait_for_turn(OPERATION, &cx(2, "a", 5_000)).await;
    assert_eq!(refused.err().unwrap().kind, SourceErrorKind::Unavailable);
    assert_eq!(before.elapsed(), Duration::ZERO);
    searches.pop().unwrap().abort();
    yield_often().await;
    assert_eq!(enter(1), Some(QueueFullError::Tenant));
    assert_eq!(fixture.counts(), (2, 1));
    all_succeed(searches).await;
    assert_eq!(fixture.counts(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn search_cut_short_by_waiting_may_be_retried() {
    let fixture = Fixture::new(1);
    let too_broad = || async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        Err::<(), _>(SourceError::new(OPERATION, SourceErrorKind::TooBroad))
    };
    for (waits, deadline, expected) in [
        (0, 1_000, SourceErrorKind::TooBroad),
        (500, 1_000, SourceErrorKind::Unavailable),
        (500, 9_000, SourceErrorKind::TooBroad),
    ] {
        let before = fixture.search(1, "a", waits).await;
        let context = cx(1, "a", deadline);
        let answer = fixture.queue.run(OPERATION, &context, too_broad()).await;
        assert_eq!(answer.unwrap_err().kind, expected, "{waits} {deadline}");
        before.await.unwrap().unwrap();
    }
}

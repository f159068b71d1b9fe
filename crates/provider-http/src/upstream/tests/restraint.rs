//! When a provider is left alone: its pauses, its budget, the breaker.

use super::*;

/// One call a minute: a budget earns no fewer.
const A_MINUTE: f64 = 1.0 / 60.0;

/// Too short to wait for the next call of such a budget.
const NOT_A_MINUTE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_busy_provider_is_left_alone_for_as_long_as_it_asks() {
    let reset = format!(
        "x-ratelimit-limit: 10\r\nx-ratelimit-remaining: 0\r\nx-ratelimit-reset: {}\r\n",
        NOW + 2_000
    );
    for (headers, pause) in [("retry-after: 3000\r\n", 3_000), (reset.as_str(), 2_000)] {
        let headers = headers.to_owned();
        let server = Server::start(move |_, _| json(429, &headers, "{}")).await;
        let upstream = upstream_of(options(), None);
        for _ in 0..2 {
            let after = pause_of(ask(&upstream, &server, Effect::Read).await);
            let pause = Duration::from_secs(pause);
            assert!(after <= pause && after + PATIENCE >= pause, "{after:?}");
        }
        assert_eq!(server.seen().len(), 1, "it was asked during its pause");
    }
}

#[tokio::test]
async fn one_that_does_not_say_for_how_long_is_left_alone_for_a_second() {
    let server = Server::start(|_, _| json(429, "", "{}")).await;
    let once = UpstreamOptions {
        attempts: 1,
        ..options()
    };
    let told = ask(&upstream_of(once, None), &server, Effect::Read).await;
    assert_eq!(pause_of(told), UNNAMED_PAUSE);
}

fn pause_of(told: Result<u32, SourceError>) -> Duration {
    match told.unwrap_err().kind {
        SourceErrorKind::RateLimited { retry_after } => retry_after.unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_short_pause_is_waited_for_within_the_deadline() {
    for status in [429, 503] {
        let server = Server::start(move |n, _| {
            if n == 0 {
                json(status, "retry-after: 1\r\n", "{}")
            } else {
                json(200, "", "7")
            }
        })
        .await;
        let started = Instant::now();
        let upstream = upstream_of(options(), None);
        assert_eq!(ask(&upstream, &server, Effect::Read).await.unwrap(), 7);
        assert!(started.elapsed() >= Duration::from_secs(1));
    }
}

#[tokio::test]
async fn of_two_hundred_callers_two_leave_with_the_two_calls_and_the_others_hear_at_once() {
    let server = Server::start(|_, _| json(200, "", "7")).await;
    let options = UpstreamOptions {
        budget: BudgetOptions {
            burst: 2,
            per_second: A_MINUTE,
        },
        ..options()
    };
    let upstream = Arc::new(upstream_of(options, None));
    let server = Arc::new(server);
    let callers: Vec<_> = (0..200)
        .map(|_| {
            let (upstream, server) = (Arc::clone(&upstream), Arc::clone(&server));
            tokio::spawn(async move { ask_within(NOT_A_MINUTE, &upstream, &server, Effect::Read).await })
        })
        .collect();
    let mut left = 0;
    for caller in callers {
        match caller.await.unwrap() {
            Ok(7) => left += 1,
            told => assert!(pause_of(told) > Duration::ZERO),
        }
    }
    assert_eq!((left, server.seen().len()), (2, 2));
}

#[tokio::test]
async fn what_the_provider_says_is_left_is_believed() {
    let server = Server::start(|_, _| json(200, "x-ratelimit-limit: 50\r\nx-ratelimit-remaining: 1\r\n", "7")).await;
    let options = UpstreamOptions {
        budget: BudgetOptions {
            burst: 50,
            per_second: A_MINUTE,
        },
        ..options()
    };
    let upstream = upstream_of(options, None);
    for good in [true, true, false] {
        // After the first answer one call is left of the fifty that the settings allow at once.
        assert_eq!(
            ask_within(NOT_A_MINUTE, &upstream, &server, Effect::Read).await.is_ok(),
            good
        );
    }
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_provider_that_fails_is_left_alone_and_tried_again_with_one_call() {
    let good = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&good);
    let server = Server::start(move |_, _| {
        if switch.load(Ordering::SeqCst) {
            json(200, "", "7")
        } else {
            None
        }
    })
    .await;
    let upstream = upstream_of(options(), None);
    for _ in 0..2 {
        assert!(ask(&upstream, &server, Effect::Read).await.is_err());
    }
    assert_eq!(upstream.health().breaker, BreakerState::Open);
    let before = server.seen().len();
    for _ in 0..50 {
        assert_eq!(
            ask(&upstream, &server, Effect::Read).await.unwrap_err().kind,
            SourceErrorKind::Unavailable
        );
    }
    assert_eq!(
        server.seen().len(),
        before,
        "it was called while it was to be left alone"
    );
    good.store(true, Ordering::SeqCst);
    later(options().breaker.open_for).await;
    assert_eq!(ask(&upstream, &server, Effect::Read).await.unwrap(), 7);
    assert_eq!(upstream.health().breaker, BreakerState::Closed);
}

#[test]
fn the_parts_of_a_pause_are_between_half_and_all_of_it_and_differ() {
    let upstream = upstream_of(options(), None);
    let parts: Vec<f64> = (0..100).map(|_| upstream.some_part()).collect();
    assert!(parts.iter().all(|part| (0.5..1.0).contains(part)));
    assert!(parts.windows(2).any(|pair| (pair[0] - pair[1]).abs() > 0.01));
}

/// The fault table of the project's quality rules: an answer that cannot be read is never an outage for the breaker.
#[tokio::test]
async fn an_unreadable_200_is_no_outage_for_the_breaker() {
    let huge = "x".repeat(9_000_000);
    let encoded = "content-encoding: br\r\n";
    for (headers, body) in [
        ("", "<html></html>"),
        ("", r#"{"user_id": 7}"#),
        ("", &*huge),
        (encoded, "7"),
    ] {
        let (headers, body) = (headers.to_owned(), body.to_owned());
        let server = Server::start(move |_, _| json(200, &headers, &body)).await;
        let upstream = upstream_of(options(), None);
        for _ in 0..3 {
            let told = ask(&upstream, &server, Effect::Read).await;
            assert_eq!(told.unwrap_err().kind, SourceErrorKind::Unavailable);
        }
        assert_eq!(upstream.health().breaker, BreakerState::Closed);
    }
}

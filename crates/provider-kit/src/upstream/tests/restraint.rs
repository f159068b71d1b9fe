//! When a provider is not called: pauses, budget and breaker.

use masthead_ports::source::{CallContext, Priority};

use super::*;
use crate::upstream::judge::UNNAMED_PAUSE;

/// One call a minute, the least rate of a budget.
const A_MINUTE: f64 = 1.0 / 60.0;

/// Too short to wait for the next call of such a budget.
const NOT_A_MINUTE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn rate_limited_provider_gets_its_pause() {
    let reset = format!(
        "x-ratelimit-limit: 10\r\nx-ratelimit-remaining: 0\r\nx-ratelimit-reset: {}\r\n",
        NOW + 2_000
    );
    for (headers, pause) in [("retry-after: 3000\r\n", 3_000), (reset.as_str(), 2_000)] {
        let headers = headers.to_owned();
        let server = ScriptedServer::start(move |_, _| json(429, &headers, "{}")).await;
        let upstream = upstream_of(options(), None);
        for _ in 0..2 {
            let after = pause_of(call_once(&upstream, &server, Effect::Read).await);
            let pause = Duration::from_secs(pause);
            assert!(after <= pause && after + PATIENCE >= pause, "{after:?}");
        }
        assert_eq!(server.seen().len(), 1, "it was called during its pause");
    }
}

#[tokio::test]
async fn unspecified_pause_is_one_second() {
    let server = ScriptedServer::start(|_, _| json(429, "", "{}")).await;
    let once = UpstreamOptions {
        attempts: 1,
        ..options()
    };
    let result = call_once(&upstream_of(once, None), &server, Effect::Read).await;
    assert_eq!(pause_of(result), UNNAMED_PAUSE);
}

fn pause_of(result: Result<u32, SourceError>) -> Duration {
    match result.unwrap_err().kind {
        SourceErrorKind::RateLimited { retry_after } => retry_after.unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn short_pause_is_waited_out() {
    for status in [429, 503] {
        let server = ScriptedServer::start(move |n, _| {
            if n == 0 {
                json(status, "retry-after: 1\r\n", "{}")
            } else {
                json(200, "", "7")
            }
        })
        .await;
        let started = Instant::now();
        let upstream = upstream_of(options(), None);
        assert_eq!(call_once(&upstream, &server, Effect::Read).await.unwrap(), 7);
        assert!(started.elapsed() >= Duration::from_secs(1));
    }
}

#[tokio::test]
async fn callers_over_budget_fail_at_once() {
    let server = ScriptedServer::start(|_, _| json(200, "", "7")).await;
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
            tokio::spawn(async move { call_within(NOT_A_MINUTE, &upstream, &server, Effect::Read).await })
        })
        .collect();
    let mut left = 0;
    for caller in callers {
        match caller.await.unwrap() {
            Ok(7) => left += 1,
            result => assert!(pause_of(result) > Duration::ZERO),
        }
    }
    assert_eq!((left, server.seen().len()), (2, 2));
}

#[tokio::test]
async fn provider_rate_headers_correct_budget() {
    let server =
        ScriptedServer::start(|_, _| json(200, "x-ratelimit-limit: 50\r\nx-ratelimit-remaining: 1\r\n", "7")).await;
    let options = UpstreamOptions {
        budget: BudgetOptions {
            burst: 50,
            per_second: A_MINUTE,
        },
        ..options()
    };
    let upstream = upstream_of(options, None);
    for good in [true, true, false] {
        // After the first answer one call is left of the fifty in the settings.
        assert_eq!(
            call_within(NOT_A_MINUTE, &upstream, &server, Effect::Read)
                .await
                .is_ok(),
            good
        );
    }
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn failing_provider_opens_breaker_then_probes() {
    let good = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&good);
    let server = ScriptedServer::start(move |_, _| {
        if switch.load(Ordering::SeqCst) {
            json(200, "", "7")
        } else {
            None
        }
    })
    .await;
    let upstream = upstream_of(options(), None);
    for _ in 0..2 {
        assert!(call_once(&upstream, &server, Effect::Read).await.is_err());
    }
    assert_eq!(upstream.health().breaker, BreakerState::Open);
    let before = server.seen().len();
    for _ in 0..50 {
        assert_eq!(
            call_once(&upstream, &server, Effect::Read).await.unwrap_err().kind,
            SourceErrorKind::Unavailable
        );
    }
    assert_eq!(server.seen().len(), before, "it was called while the breaker was open");
    good.store(true, Ordering::SeqCst);
    later(options().breaker.open_for).await;
    assert_eq!(call_once(&upstream, &server, Effect::Read).await.unwrap(), 7);
    assert_eq!(upstream.health().breaker, BreakerState::Closed);
}

/// A half-open breaker with a working server; no call has been made yet.
async fn half_open(per_second: f64, has_token: bool) -> (Arc<ScriptedServer>, Arc<Upstream>) {
    let good = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&good);
    let server = ScriptedServer::start(move |_, seen| match switch.load(Ordering::SeqCst) {
        true if is_token(seen) => json(200, "", r#"{"access_token":"t","expires_in":600}"#),
        true => json(200, "", "7"),
        false => None,
    })
    .await;
    let budget = BudgetOptions { burst: 7, per_second };
    let options = UpstreamOptions { budget, ..options() };
    let credentials = has_token.then(|| {
        let options = ClientCredentialsOptions {
            token_url: server.uri("/token").parse().unwrap(),
            client_id: "id".into(),
            client_secret: Secret::new(*b"secret"),
            audience: None,
        };
        ClientCredentials::new(options, client(), clock())
    });
    let upstream = upstream_of(options, credentials);
    for _ in 0..6 {
        let once = ProviderCall::write("x", &cx(PATIENCE));
        assert!(send_call(once, &upstream, &server).await.is_err());
        // A failed token fetch is remembered for a second.
        if let (true, BreakerState::Closed) = (has_token, upstream.health().breaker) {
            later(Duration::from_millis(1_100)).await;
        }
    }
    assert_eq!(upstream.health().breaker, BreakerState::Open);
    good.store(true, Ordering::SeqCst);
    later(options.breaker.open_for).await;
    (Arc::new(server), Arc::new(upstream))
}

/// ADR 0088: an address is looked up by two calls side by side at Auth0 and Gigya.
#[tokio::test]
async fn two_call_read_can_be_the_trial() {
    for has_token in [false, true] {
        let (server, upstream) = half_open(1000.0, has_token).await;
        let cx = cx(PATIENCE);
        let before = calls(&server);
        let call = || send_call(ProviderCall::read("x", &cx), &upstream, &server);
        let both = tokio::try_join!(call(), call());
        assert_eq!(both.unwrap(), (7, 7));
        assert_eq!(calls(&server) - before, 2);
        assert_eq!(upstream.health().breaker, BreakerState::Closed);
    }
}

#[tokio::test]
async fn waiting_trial_does_not_block_others() {
    let (server, upstream) = half_open(A_MINUTE, false).await;
    for _ in 0..4 {
        drop(
            upstream
                .budget
                .acquire(Priority::Interactive, Instant::now() + PATIENCE)
                .await
                .unwrap(),
        );
    }
    // Half of the bucket is reserved: the sync call waits minutes for its turn.
    let patient = CallContext {
        priority: Priority::Sync,
        ..cx(Duration::from_hours(1))
    };
    let waiting = tokio::spawn({
        let (server, upstream) = (Arc::clone(&server), Arc::clone(&upstream));
        async move { send_call(ProviderCall::read("x", &patient), &upstream, &server).await }
    });
    while upstream.budget.wait(Priority::Sync) < Duration::from_mins(3) {
        tokio::task::yield_now().await;
    }
    assert_eq!(call_once(&upstream, &server, Effect::Read).await.unwrap(), 7);
    assert_eq!(upstream.health().breaker, BreakerState::Closed);
    assert!(!waiting.is_finished());
    waiting.abort();
}

/// Otherwise the calls of a begun read would be wasted, and a read of two calls would never finish.
#[tokio::test]
async fn hasty_read_waits_only_once_begun() {
    let server = ScriptedServer::start(|_, _| json(200, "", "7")).await;
    let one = BudgetOptions {
        burst: 1,
        per_second: 2.0,
    };
    let upstream = upstream_of(
        UpstreamOptions {
            budget: one,
            ..options()
        },
        None,
    );
    let in_haste = || CallContext {
        start_by: Some(Instant::now().into_std()),
        ..cx(PATIENCE)
    };
    let begun = in_haste();
    let call = || send_call(ProviderCall::read("x", &begun), &upstream, &server);
    let late = async { send_call(ProviderCall::read("x", &in_haste()), &upstream, &server).await };
    // The second call of the first read is next; another read fails at once.
    let (first, second, other) = tokio::join!(call(), call(), late);
    assert_eq!((first.unwrap(), second.unwrap()), (7, 7));
    assert!(pause_of(other) > Duration::ZERO);
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn hasty_read_does_not_requeue_after_429() {
    let server = ScriptedServer::start(|_, _| json(429, "retry-after: 1\r\n", "{}")).await;
    let upstream = upstream_of(options(), None);
    let in_haste = CallContext {
        start_by: Some(Instant::now().into_std()),
        ..cx(PATIENCE)
    };
    let result = send_call(ProviderCall::read("x", &in_haste), &upstream, &server).await;
    assert_eq!(pause_of(result), Duration::from_secs(1));
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn local_refusals_do_not_open_breaker() {
    let server = ScriptedServer::start(|_, _| json(200, "", "7")).await;
    let once = BudgetOptions {
        burst: 1,
        per_second: A_MINUTE,
    };
    let upstream = upstream_of(
        UpstreamOptions {
            budget: once,
            ..options()
        },
        None,
    );
    let kind = |result: Result<u32, SourceError>| result.unwrap_err().kind;
    for _ in 0..20 {
        // No time is left.
        let result = call_within(Duration::ZERO, &upstream, &server, Effect::Read).await;
        assert_eq!(kind(result), SourceErrorKind::Unavailable);
        // The request cannot be written.
        let unwritten = || Err(SourceError::new("x", SourceErrorKind::Refused));
        let result = upstream.call_signed(ProviderCall::read("x", &cx(PATIENCE)), unwritten, |_| Ok(7));
        assert_eq!(kind(result.await), SourceErrorKind::Refused);
    }
    assert_eq!(upstream.health().breaker, BreakerState::Closed);
    // Nor did they cost a call.
    assert_eq!(call_once(&upstream, &server, Effect::Read).await.unwrap(), 7);
    for _ in 0..20 {
        // The budget is empty.
        let result = call_within(NOT_A_MINUTE, &upstream, &server, Effect::Read).await;
        assert!(pause_of(result) > Duration::ZERO);
    }
    assert_eq!(upstream.health().breaker, BreakerState::Closed);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn cancelled_call_does_not_open_breaker() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let request = Request::get(format!("http://{}/", listener.local_addr().unwrap()));
    let request = request.body(Bytes::new()).unwrap();
    let upstream = upstream_of(options(), None);
    // It accepts connections and sends nothing.
    let call_once = |patience| {
        let call = ProviderCall::read("x", &cx(patience));
        upstream.call(call, &request, |_| Ok(()))
    };
    for _ in 0..20 {
        assert!(call_once(FAIR_TIME / 2).await.is_err());
    }
    assert_eq!(upstream.health().breaker, BreakerState::Closed);
    for _ in 0..6 {
        assert!(call_once(FAIR_TIME * 2).await.is_err());
    }
    assert_eq!(upstream.health().breaker, BreakerState::Open);
}

/// A failed token endpoint is not called for a second; the remembered failure is no new one.
#[tokio::test]
async fn cached_token_failure_is_no_call() {
    let server = ScriptedServer::start(|_, seen| if is_token(seen) { None } else { json(200, "", "7") }).await;
    let upstream = with_token(&server);
    for _ in 0..50 {
        assert!(call_once(&upstream, &server, Effect::Read).await.is_err());
    }
    let calls_made = server.seen().len();
    assert!(calls_made < 6, "{calls_made} calls");
    assert_eq!(upstream.health().breaker, BreakerState::Closed, "{calls_made} calls");
}

#[test]
fn backoff_jitter_is_between_half_and_one() {
    let parts: Vec<f64> = (0..100).map(|_| jitter()).collect();
    assert!(parts.iter().all(|part| (0.5..1.0).contains(part)));
    assert!(parts.windows(2).any(|pair| (pair[0] - pair[1]).abs() > 0.01));
}

/// The fault table of the project's quality rules: an answer that cannot be read is never an outage for the breaker.
#[tokio::test]
async fn unreadable_200_does_not_open_breaker() {
    let huge = "x".repeat(9_000_000);
    let encoded = "content-encoding: br\r\n";
    for (headers, body) in [
        ("", "<html></html>"),
        ("", r#"{"user_id": 7}"#),
        ("", &*huge),
        (encoded, "7"),
    ] {
        let (headers, body) = (headers.to_owned(), body.to_owned());
        let server = ScriptedServer::start(move |_, _| json(200, &headers, &body)).await;
        let upstream = upstream_of(options(), None);
        for _ in 0..3 {
            let result = call_once(&upstream, &server, Effect::Read).await;
            assert_eq!(result.unwrap_err().kind, SourceErrorKind::Unavailable);
        }
        assert_eq!(upstream.health().breaker, BreakerState::Closed);
    }
}

//! Whole calls against a scripted server: what is tried again, what is not, and who is told what.

use http::StatusCode;

use super::*;
use crate::{
    client_credentials::ClientCredentialsOptions,
    secret::Secret,
    testing::{NOW, Seen, Server, StoppedClock, client, cx, json, later, tenant},
};

fn options() -> UpstreamOptions {
    UpstreamOptions {
        provider: "Fake",
        budget: BudgetOptions {
            burst: 1000,
            per_second: 1000.0,
        },
        breaker: BreakerOptions {
            window: Duration::from_secs(10),
            min_calls: 6,
            failure_ratio: 0.5,
            open_for: Duration::from_mins(5),
        },
        attempts: 3,
        backoff: Duration::from_millis(4),
    }
}

fn upstream_of(options: UpstreamOptions, credentials: Option<ClientCredentials>) -> Upstream {
    Upstream::new(options, &tenant().id, client(), Arc::new(StoppedClock), credentials)
}

fn with_token(server: &Server) -> Upstream {
    let credentials = ClientCredentialsOptions {
        token_url: server.uri("/token").parse().unwrap(),
        client_id: "id".into(),
        client_secret: Secret::new(*b"secret"),
        audience: None,
    };
    upstream_of(
        options(),
        Some(ClientCredentials::new(credentials, client(), Arc::new(StoppedClock))),
    )
}

fn is_token(seen: &Seen) -> bool {
    seen.head.starts_with("post /token")
}

/// The requests that were no token's.
fn calls(server: &Server) -> usize {
    server.seen().iter().filter(|seen| !is_token(seen)).count()
}

async fn ask(upstream: &Upstream, server: &Server, effect: Effect) -> Result<u32, SourceError> {
    ask_within(upstream, server, effect, Duration::from_secs(5)).await
}

async fn ask_within(
    upstream: &Upstream,
    server: &Server,
    effect: Effect,
    patience: Duration,
) -> Result<u32, SourceError> {
    let request = Request::get(server.uri("/x")).body(Bytes::new()).unwrap();
    let call = match effect {
        Effect::Read => Call::read("x", &cx(patience)),
        Effect::Write => Call::write("x", &cx(patience)),
    };
    upstream
        .call(call, &request, |reply| match reply.status {
            StatusCode::OK => Ok(reply.json()?),
            StatusCode::NOT_FOUND => Ok(0),
            StatusCode::GONE => Err(Refusal::For(SourceErrorKind::TooBroad)),
            _ => Err(Refusal::ByStatus),
        })
        .await
}

#[tokio::test]
async fn an_answer_is_read_and_an_absence_too() {
    let server = Server::start(|n, _| {
        if n == 0 {
            json(200, "", "7")
        } else {
            json(404, "", "{}")
        }
    })
    .await;
    let upstream = upstream_of(options(), None);
    assert_eq!(ask(&upstream, &server, Effect::Read).await.unwrap(), 7);
    assert_eq!(ask(&upstream, &server, Effect::Read).await.unwrap(), 0);
}

#[tokio::test]
async fn reads_are_tried_again_for_what_may_pass_and_writes_never() {
    use SourceErrorKind::{OutcomeUnknown, Refused, TooBroad, Unavailable};
    let html = Some("200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nhi".to_owned());
    for (what, bad, read, write) in [
        ("an error", json(500, "", "{}"), Unavailable, OutcomeUnknown),
        ("a gateway's error", json(502, "", "{}"), Unavailable, OutcomeUnknown),
        ("no service", json(503, "", "{}"), Unavailable, Unavailable),
        ("a closed connection", None, Unavailable, OutcomeUnknown),
        ("a page", html, Unavailable, OutcomeUnknown),
        ("half of it", json(200, "", "[1"), Unavailable, OutcomeUnknown),
        ("a refusal", json(400, "", "{}"), Refused, Refused),
        ("a documented refusal", json(410, "", "{}"), TooBroad, TooBroad),
    ] {
        let again = read == Unavailable;
        let script = bad.clone();
        let server = Server::start(move |n, _| if n < 2 { script.clone() } else { json(200, "", "7") }).await;
        let asked = ask(&upstream_of(options(), None), &server, Effect::Read).await;
        match asked {
            Ok(answer) => assert!(again && answer == 7, "{what}"),
            Err(error) => assert!(!again && error.kind == read, "{what}: {error:?}"),
        }
        assert_eq!(server.seen().len(), if again { 3 } else { 1 }, "{what}");

        let server = Server::start(move |_, _| bad.clone()).await;
        let error = ask(&upstream_of(options(), None), &server, Effect::Write)
            .await
            .unwrap_err();
        assert_eq!((error.kind, server.seen().len()), (write, 1), "{what}");
        let error = ask(&upstream_of(options(), None), &server, Effect::Read)
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind, server.seen().len()),
            (read, if again { 4 } else { 2 }),
            "{what}"
        );
    }
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_and_then_an_operator_is_called() {
    for status in [401, 403] {
        // The first token is refused, the second is good.
        let server = Server::start(move |n, seen| match seen {
            seen if is_token(seen) => json(200, "", &format!(r#"{{"access_token":"t{n}","expires_in":3600}}"#)),
            seen if seen.head.contains("authorization: bearer t0\r\n") => json(status, "", "{}"),
            _ => json(200, "", "7"),
        })
        .await;
        for effect in [Effect::Read, Effect::Write] {
            assert_eq!(ask(&with_token(&server), &server, effect).await.unwrap(), 7);
        }

        // Every token is refused.
        let server = Server::start(move |n, seen| {
            if is_token(seen) {
                json(200, "", &format!(r#"{{"access_token":"t{n}","expires_in":3600}}"#))
            } else {
                json(status, "", "{}")
            }
        })
        .await;
        let upstream = with_token(&server);
        for _ in 0..3 {
            let error = ask(&upstream, &server, Effect::Read).await.unwrap_err();
            assert_eq!(error.kind, SourceErrorKind::Misconfigured);
        }
        assert!(upstream.health().misconfigured);
        assert_eq!(
            upstream.health().breaker,
            BreakerState::Closed,
            "our fault is not the provider's"
        );
        let tokens = server.seen().len() - calls(&server);
        assert_eq!(
            (tokens, calls(&server)),
            (2, 4),
            "the token endpoint was asked at every call"
        );
    }
}

#[tokio::test]
async fn the_alarm_ends_with_the_next_good_answer() {
    let server = Server::start(|n, _| {
        if n == 0 {
            json(401, "", "{}")
        } else {
            json(200, "", "7")
        }
    })
    .await;
    let upstream = upstream_of(options(), None);
    assert_eq!(
        ask(&upstream, &server, Effect::Read).await.unwrap_err().kind,
        SourceErrorKind::Misconfigured
    );
    assert!(upstream.health().misconfigured);
    assert!(ask(&upstream, &server, Effect::Read).await.is_ok());
    assert!(!upstream.health().misconfigured);
}

#[tokio::test]
async fn a_busy_provider_is_left_alone_for_as_long_as_it_asks() {
    let reset = format!(
        "x-ratelimit-limit: 10\r\nx-ratelimit-remaining: 0\r\nx-ratelimit-reset: {}\r\n",
        NOW + 40
    );
    for (headers, pause) in [("retry-after: 30\r\n", 30), (reset.as_str(), 40), ("", 1)] {
        let headers = headers.to_owned();
        let server = Server::start(move |_, _| json(429, &headers, "{}")).await;
        let upstream = upstream_of(options(), None);
        for _ in 0..2 {
            let error = ask_within(&upstream, &server, Effect::Read, Duration::from_millis(900))
                .await
                .unwrap_err();
            let SourceErrorKind::RateLimited {
                retry_after: Some(after),
            } = error.kind
            else {
                panic!("{error:?}")
            };
            assert!(
                after <= Duration::from_secs(pause) && after + Duration::from_secs(20) > Duration::from_secs(pause),
                "{after:?}"
            );
        }
        assert_eq!(server.seen().len(), 1, "it was asked during its pause");
    }
}

#[tokio::test]
async fn a_short_pause_is_waited_for_within_the_deadline() {
    let server = Server::start(|n, _| {
        if n == 0 {
            json(429, "retry-after: 1\r\n", "{}")
        } else {
            json(200, "", "7")
        }
    })
    .await;
    let started = Instant::now();
    assert_eq!(
        ask(&upstream_of(options(), None), &server, Effect::Read).await.unwrap(),
        7
    );
    assert!(started.elapsed() >= Duration::from_secs(1));

    let server = Server::start(|n, _| {
        if n == 0 {
            json(503, "retry-after: 1\r\n", "{}")
        } else {
            json(200, "", "7")
        }
    })
    .await;
    let started = Instant::now();
    assert_eq!(
        ask(&upstream_of(options(), None), &server, Effect::Read).await.unwrap(),
        7
    );
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn with_two_calls_a_second_two_hundred_callers_all_hear_in_time_what_is() {
    let server = Server::start(|_, _| json(200, "", "7")).await;
    let options = UpstreamOptions {
        budget: BudgetOptions {
            burst: 2,
            per_second: 2.0,
        },
        ..options()
    };
    let upstream = Arc::new(upstream_of(options, None));
    let (server, started) = (Arc::new(server), Instant::now());
    let callers: Vec<_> = (0..200)
        .map(|_| {
            let (upstream, server) = (Arc::clone(&upstream), Arc::clone(&server));
            tokio::spawn(async move { ask_within(&upstream, &server, Effect::Read, Duration::from_secs(1)).await })
        })
        .collect();
    let (mut left, mut told) = (0_u32, 0_u32);
    for caller in callers {
        match caller.await.unwrap() {
            Err(SourceError {
                kind: SourceErrorKind::RateLimited { retry_after: Some(_) },
                ..
            }) => told += 1,
            // Where the machine is slow, the last one to leave may not be back in time; that is what it is then told.
            Ok(7) => left += 1,
            Err(error) if error.kind == SourceErrorKind::Unavailable => left += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(left + told, 200);
    let most = started.elapsed().as_secs_f64().mul_add(2.0, 3.0);
    assert!(left >= 2 && f64::from(left) <= most, "{left} left");
    assert_eq!(server.seen().len(), left as usize);
}

#[tokio::test]
async fn what_the_provider_says_is_left_is_believed() {
    let server = Server::start(|_, _| json(200, "x-ratelimit-limit: 50\r\nx-ratelimit-remaining: 1\r\n", "7")).await;
    let options = UpstreamOptions {
        budget: BudgetOptions {
            burst: 50,
            per_second: 0.1,
        },
        ..options()
    };
    let upstream = upstream_of(options, None);
    let short = Duration::from_secs(5);
    for good in [true, true, false] {
        // After the first answer one call is left of the fifty that the settings allow at once.
        assert_eq!(ask_within(&upstream, &server, Effect::Read, short).await.is_ok(), good);
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

#[tokio::test]
async fn no_error_tells_an_address_a_token_or_a_body() {
    let server = Server::start(|_, seen| {
        if is_token(seen) {
            json(200, "", r#"{"access_token":"t0ken"}"#)
        } else {
            json(500, "", r#"{"m":"pr1vate"}"#)
        }
    })
    .await;
    let upstream = with_token(&server);
    let error = ask(&upstream, &server, Effect::Read).await.unwrap_err();
    let text = format!("{error} {error:?} {upstream:?}");
    for secret in ["127.0.0.1", "t0ken", "pr1vate", "secret", "herald"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn the_parts_of_a_pause_are_between_half_and_all_of_it_and_differ() {
    let upstream = upstream_of(options(), None);
    let parts: Vec<f64> = (0..100).map(|_| upstream.some_part()).collect();
    assert!(parts.iter().all(|part| (0.5..1.0).contains(part)));
    assert!(parts.windows(2).any(|pair| (pair[0] - pair[1]).abs() > 0.01));
}

#[test]
fn calls_budget_breaker_and_alarm_are_measured() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let server = Server::start(|n, _| match n {
                0 => json(200, "", "7"),
                1 => json(401, "", "{}"),
                _ => json(500, "", "{}"),
            })
            .await;
            let upstream = upstream_of(options(), None);
            for _ in 0..5 {
                let _ = ask(&upstream, &server, Effect::Read).await;
            }
        });
    });
    let text = recorder.handle().render();
    for line in [
        r#"masthead_provider_calls_total{provider="Fake",operation="x",outcome="ok"} 1"#,
        r#"masthead_provider_calls_total{provider="Fake",operation="x",outcome="misconfigured"} 1"#,
        r#"masthead_provider_calls_total{provider="Fake",operation="x",outcome="unavailable"} 4"#,
        r#"masthead_provider_duration_seconds_count{provider="Fake",operation="x"} 6"#,
        r#"masthead_provider_breaker_state{provider="Fake",tenant="north/daily/herald"} 2"#,
        r#"masthead_provider_misconfigured{provider="Fake",tenant="north/daily/herald"} 1"#,
        r#"masthead_provider_budget_remaining{provider="Fake",tenant="north/daily/herald"} "#,
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(text.contains(r#"outcome="breaker_open"}"#));
}

#[tokio::test]
async fn a_mended_request_is_written_anew_and_made_once_more_also_when_it_writes() {
    for effect in [Effect::Read, Effect::Write] {
        let server = Server::start(|n, _| json(if n == 0 { 400 } else { 200 }, "", "7")).await;
        let upstream = upstream_of(options(), None);
        let written = AtomicU64::new(0);
        let ask = || async {
            let call = Call {
                effect,
                ..Call::read("x", &cx(Duration::from_secs(5)))
            };
            let write = || {
                let n = written.fetch_add(1, Ordering::Relaxed);
                Ok(Request::get(server.uri(&format!("/{n}"))).body(Bytes::new()).unwrap())
            };
            let read = |reply: &Reply| match reply.status {
                StatusCode::OK => Ok(reply.json::<u32>()?),
                _ => Err(Refusal::Mended(SourceErrorKind::Misconfigured)),
            };
            upstream.call_written(call, write, read).await
        };
        assert_eq!(ask().await.unwrap(), 7);
        let heads: Vec<String> = server.seen().iter().map(|seen| seen.head.clone()).collect();
        assert!(
            heads[0].starts_with("get /0 ") && heads[1].starts_with("get /1 "),
            "{heads:?}"
        );
        assert!(!upstream.health().misconfigured);
    }
    let server = Server::start(|_, _| json(400, "", "7")).await;
    let upstream = upstream_of(options(), None);
    let read = |_: &Reply| Err::<u32, _>(Refusal::Mended(SourceErrorKind::Misconfigured));
    let request = Request::get(server.uri("/x")).body(Bytes::new()).unwrap();
    let error = upstream
        .call(Call::write("x", &cx(Duration::from_secs(5))), &request, read)
        .await
        .unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Misconfigured);
    assert_eq!(server.seen().len(), 2);
    assert!(upstream.health().misconfigured);
}

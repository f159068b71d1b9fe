//! Alarms, metrics, and that errors contain no private data.

use super::*;

#[tokio::test]
async fn refused_token_is_renewed_once() {
    for status in [401, 403] {
        // The first token is refused, the second is good.
        let server = ScriptedServer::start(move |n, seen| match seen {
            seen if is_token(seen) => json(200, "", &format!(r#"{{"access_token":"t{n}","expires_in":3600}}"#)),
            seen if seen.head.contains("authorization: bearer t0\r\n") => json(status, "", "{}"),
            _ => json(200, "", "7"),
        })
        .await;
        for effect in [Effect::Read, Effect::Write] {
            assert_eq!(call_once(&with_token(&server), &server, effect).await.unwrap(), 7);
        }

        // Every token is refused.
        let server = ScriptedServer::start(move |n, seen| {
            if is_token(seen) {
                json(200, "", &format!(r#"{{"access_token":"t{n}","expires_in":3600}}"#))
            } else {
                json(status, "", "{}")
            }
        })
        .await;
        let upstream = with_token(&server);
        for _ in 0..3 {
            let error = call_once(&upstream, &server, Effect::Read).await.unwrap_err();
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
            "the token endpoint was called every time"
        );
    }
}

#[tokio::test]
async fn alarm_ends_with_next_answer() {
    let server = ScriptedServer::start(|n, _| {
        if n == 0 {
            json(401, "", "{}")
        } else {
            json(200, "", "7")
        }
    })
    .await;
    let upstream = upstream_of(options(), None);
    assert_eq!(
        call_once(&upstream, &server, Effect::Read).await.unwrap_err().kind,
        SourceErrorKind::Misconfigured
    );
    assert!(upstream.health().misconfigured);
    assert!(call_once(&upstream, &server, Effect::Read).await.is_ok());
    assert!(!upstream.health().misconfigured);
}

#[tokio::test]
async fn errors_show_no_private_data() {
    let server = ScriptedServer::start(|_, seen| {
        if is_token(seen) {
            json(200, "", r#"{"access_token":"t0ken"}"#)
        } else {
            json(500, "", r#"{"m":"pr1vate"}"#)
        }
    })
    .await;
    let upstream = with_token(&server);
    let error = call_once(&upstream, &server, Effect::Read).await.unwrap_err();
    let text = format!("{error} {error:?} {upstream:?}");
    for secret in ["127.0.0.1", "t0ken", "pr1vate", "secret", "herald"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn metrics_cover_calls_budget_breaker_alarm() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let server = ScriptedServer::start(|n, _| match n {
                0 => json(200, "", "7"),
                1 => json(401, "", "{}"),
                _ => json(500, "", "{}"),
            })
            .await;
            let upstream = upstream_of(options(), None);
            for _ in 0..5 {
                let _ = call_once(&upstream, &server, Effect::Read).await;
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

//! Which calls are repeated.

use super::*;

#[tokio::test]
async fn answer_and_absence_are_read() {
    let server = ScriptedServer::start(|n, _| {
        if n == 0 {
            json(200, "", "7")
        } else {
            json(404, "", "{}")
        }
    })
    .await;
    let upstream = upstream_of(options(), None);
    assert_eq!(call_once(&upstream, &server, Effect::Read).await.unwrap(), 7);
    assert_eq!(call_once(&upstream, &server, Effect::Read).await.unwrap(), 0);
}

#[tokio::test]
async fn transient_reads_are_retried_writes_never() {
    use SourceErrorKind::{OutcomeUnknown, Refused, TooBroad, Unavailable};
    let html = Some("200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nhi".to_owned());
    for (what, bad, read, write) in [
        ("an error", json(500, "", "{}"), Unavailable, OutcomeUnknown),
        ("a gateway's error", json(502, "", "{}"), Unavailable, OutcomeUnknown),
        ("no service", json(503, "", "{}"), Unavailable, OutcomeUnknown),
        ("a closed connection", None, Unavailable, OutcomeUnknown),
        ("a page", html, Unavailable, OutcomeUnknown),
        ("half of it", json(200, "", "[1"), Unavailable, OutcomeUnknown),
        ("a refusal", json(400, "", "{}"), Refused, Refused),
        ("a documented refusal", json(410, "", "{}"), TooBroad, TooBroad),
    ] {
        let again = read == Unavailable;
        let script = bad.clone();
        let server = ScriptedServer::start(move |n, _| if n < 2 { script.clone() } else { json(200, "", "7") }).await;
        let calls_made = call_once(&upstream_of(options(), None), &server, Effect::Read).await;
        match calls_made {
            Ok(answer) => assert!(again && answer == 7, "{what}"),
            Err(error) => assert!(!again && error.kind == read, "{what}: {error:?}"),
        }
        assert_eq!(server.seen().len(), if again { 3 } else { 1 }, "{what}");

        let server = ScriptedServer::start(move |_, _| bad.clone()).await;
        let error = call_once(&upstream_of(options(), None), &server, Effect::Write)
            .await
            .unwrap_err();
        assert_eq!((error.kind, server.seen().len()), (write, 1), "{what}");
        let error = call_once(&upstream_of(options(), None), &server, Effect::Read)
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
async fn corrected_request_is_sent_once_more() {
    for effect in [Effect::Read, Effect::Write] {
        let server = ScriptedServer::start(|n, _| json(if n == 0 { 400 } else { 200 }, "", "7")).await;
        let upstream = upstream_of(options(), None);
        let written = AtomicU64::new(0);
        let call_once = || async {
            let call = ProviderCall {
                effect,
                ..ProviderCall::read("x", &cx(PATIENCE))
            };
            let write = || {
                let n = written.fetch_add(1, Ordering::Relaxed);
                Ok(Request::get(server.uri(&format!("/{n}"))).body(Bytes::new()).unwrap())
            };
            let read = |reply: &HttpReply| match reply.status {
                StatusCode::OK => Ok(reply.json::<u32>()?),
                _ => Err(ReplyError::Corrected(SourceErrorKind::Misconfigured)),
            };
            upstream.call_signed(call, write, read).await
        };
        assert_eq!(call_once().await.unwrap(), 7);
        let heads: Vec<String> = server.seen().iter().map(|seen| seen.head.clone()).collect();
        assert!(
            heads[0].starts_with("get /0 ") && heads[1].starts_with("get /1 "),
            "{heads:?}"
        );
        assert!(!upstream.health().misconfigured);
    }
    let server = ScriptedServer::start(|_, _| json(400, "", "7")).await;
    let upstream = upstream_of(options(), None);
    let read = |_: &HttpReply| Err::<u32, _>(ReplyError::Corrected(SourceErrorKind::Misconfigured));
    let request = Request::get(server.uri("/x")).body(Bytes::new()).unwrap();
    let error = upstream
        .call(ProviderCall::write("x", &cx(PATIENCE)), &request, read)
        .await
        .unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Misconfigured);
    assert_eq!(server.seen().len(), 2);
    assert!(upstream.health().misconfigured);
}

#[tokio::test]
async fn unsent_write_has_known_outcome() {
    // The budget is empty.
    let server = ScriptedServer::start(|_, _| json(200, "", "7")).await;
    let scarce = UpstreamOptions {
        budget: BudgetOptions {
            burst: 1,
            per_second: 0.01,
        },
        ..options()
    };
    let upstream = upstream_of(scarce, None);
    assert_eq!(call_once(&upstream, &server, Effect::Write).await.unwrap(), 7);
    let error = call_once(&upstream, &server, Effect::Write).await.unwrap_err();
    assert!(matches!(error.kind, SourceErrorKind::RateLimited { .. }), "{error:?}");
    assert_eq!(server.seen().len(), 1);
    // The breaker is open.
    let server = ScriptedServer::start(|_, _| json(500, "", "{}")).await;
    let upstream = upstream_of(options(), None);
    let mut kinds = Vec::new();
    while upstream.health().breaker != BreakerState::Open {
        kinds.push(call_once(&upstream, &server, Effect::Write).await.unwrap_err().kind);
    }
    assert!(
        kinds.iter().all(|kind| *kind == SourceErrorKind::OutcomeUnknown),
        "{kinds:?}"
    );
    let sent = server.seen().len();
    let error = call_once(&upstream, &server, Effect::Write).await.unwrap_err();
    assert_eq!((error.kind, server.seen().len()), (SourceErrorKind::Unavailable, sent));
}

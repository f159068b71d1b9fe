//! Tokens from a scripted endpoint; time advances between calls.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;
use crate::{
    test_support::clock,
    testing::{RecordedRequest, ScriptedServer, client, json, later},
};

fn credentials(server: &ScriptedServer) -> ClientCredentials {
    let options = ClientCredentialsOptions {
        token_url: server.uri("/oauth/token").parse().unwrap(),
        client_id: "an id".into(),
        client_secret: Secret::new(*b"s&cr=t+\xc3\xa9"),
        audience: Some("https://tenant.example/api/v2/".into()),
    };
    ClientCredentials::new(options, client(), clock())
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

fn token(n: usize, lifetime: u32) -> Option<String> {
    let body = format!(r#"{{"access_token":"t{n}","expires_in":{lifetime},"token_type":"Bearer"}}"#);
    json(200, "", &body)
}

fn text(token: &AccessToken) -> &str {
    token.header().to_str().unwrap()
}

#[tokio::test]
async fn concurrent_callers_share_one_token_fetch() {
    let server = ScriptedServer::start(|n, _| token(n, 3600)).await;
    let credentials = credentials(&server);
    let fetch = || {
        let credentials = credentials.clone();
        tokio::spawn(async move { text(&credentials.token(soon()).await.unwrap()).to_owned() })
    };
    let first = fetch();
    tokio::task::yield_now().await;
    let others: Vec<_> = (0..499).map(|_| fetch()).collect();
    first.abort();
    for other in others {
        assert_eq!(other.await.unwrap(), "Bearer t0");
    }
    let [RecordedRequest { head, body, .. }] = &server.seen()[..] else {
        panic!("more than one fetch")
    };
    assert!(head.starts_with("post /oauth/token "));
    assert!(head.contains("content-type: application/x-www-form-urlencoded\r\n"));
    assert_eq!(
        body,
        "grant_type=client_credentials&client_id=an%20id&audience=https%3A%2F%2Ftenant.example%2Fapi%2Fv2%2F\
         &client_secret=s%26cr%3Dt%2B%C3%A9"
    );
}

#[tokio::test]
async fn ageing_token_is_renewed_in_background() {
    let server = ScriptedServer::start(|n, _| token(n, 1000)).await;
    let credentials = credentials(&server);
    assert_eq!(text(&credentials.token(soon()).await.unwrap()), "Bearer t0");
    later(Duration::from_secs(890)).await;
    assert_eq!(text(&credentials.token(soon()).await.unwrap()), "Bearer t0");
    assert_eq!(server.seen().len(), 1);
    later(Duration::from_secs(11)).await;
    assert_eq!(
        text(&credentials.token(soon()).await.unwrap()),
        "Bearer t0",
        "the caller waited for the renewal"
    );
    while text(&credentials.token(soon()).await.unwrap()) == "Bearer t0" {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn token_is_used_until_expiry_during_outage() {
    let down = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&down);
    let server = ScriptedServer::start(move |n, _| {
        if switch.load(Ordering::SeqCst) {
            None
        } else {
            token(n, 1000)
        }
    })
    .await;
    let credentials = credentials(&server);
    assert!(credentials.token(soon()).await.is_ok());
    down.store(true, Ordering::SeqCst);
    later(Duration::from_secs(950)).await;
    assert!(credentials.token(soon()).await.is_ok());
    later(Duration::from_secs(51)).await;
    let TokenFetchError { error, .. } = credentials.token(soon()).await.unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Unavailable);
    down.store(false, Ordering::SeqCst);
    later(FAILED_PAUSE).await;
    assert!(credentials.token(soon()).await.is_ok());
}

#[tokio::test]
async fn token_failure_is_cached_for_its_pause() {
    let limited = SourceErrorKind::RateLimited {
        retry_after: Some(Duration::from_secs(30)),
    };
    for (answer, kind, pause) in [
        (
            json(401, "", r#"{"error":"access_denied"}"#),
            SourceErrorKind::Misconfigured,
            REFUSED_PAUSE,
        ),
        (
            json(403, "", r#"{"error":"access_denied"}"#),
            SourceErrorKind::Misconfigured,
            REFUSED_PAUSE,
        ),
        (
            json(400, "", r#"{"error":"invalid_client"}"#),
            SourceErrorKind::Misconfigured,
            REFUSED_PAUSE,
        ),
        (json(429, "retry-after: 30\r\n", "{}"), limited, Duration::from_secs(30)),
        (json(500, "", "{}"), SourceErrorKind::Unavailable, FAILED_PAUSE),
        (
            json(302, "location: /x\r\n", "{}"),
            SourceErrorKind::Unavailable,
            FAILED_PAUSE,
        ),
        (json(200, "", "{}"), SourceErrorKind::Unavailable, FAILED_PAUSE),
        (
            json(200, "", r#"{"access_token":""}"#),
            SourceErrorKind::Unavailable,
            FAILED_PAUSE,
        ),
        (
            json(200, "", r#"{"access_token":"a\nb"}"#),
            SourceErrorKind::Unavailable,
            FAILED_PAUSE,
        ),
        (
            json(200, "", r#"{"access_token":"a","token_type":"mac"}"#),
            SourceErrorKind::Unavailable,
            FAILED_PAUSE,
        ),
        (
            Some("200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nhi".to_owned()),
            SourceErrorKind::Unavailable,
            FAILED_PAUSE,
        ),
    ] {
        let server = ScriptedServer::start(move |n, _| if n == 0 { answer.clone() } else { token(n, 60) }).await;
        let credentials = credentials(&server);
        for _ in 0..3 {
            let TokenFetchError { error, .. } = credentials.token(soon()).await.unwrap_err();
            assert_eq!(error.kind.name(), kind.name());
            if let SourceErrorKind::RateLimited { retry_after } = error.kind {
                assert!(retry_after.is_some_and(|after| after <= pause && after > pause / 2));
            }
        }
        assert_eq!(server.seen().len(), 1, "{kind}");
        later(pause).await;
        assert!(credentials.token(soon()).await.is_ok(), "{kind}");
    }
}

#[tokio::test]
async fn second_refused_token_blames_credentials() {
    let server = ScriptedServer::start(|n, _| token(n, 3600)).await;
    let credentials = credentials(&server);
    let first = credentials.token(soon()).await.unwrap();
    // Many callers with the same token are refused at once: one new token.
    assert!(credentials.reject(&first));
    assert!(credentials.reject(&first));
    let second = credentials.token(soon()).await.unwrap();
    assert!(credentials.reject(&first), "a straggler may try the new token");
    assert!(Arc::ptr_eq(&second, &credentials.token(soon()).await.unwrap()));
    assert!(!credentials.reject(&second));
    assert_eq!(server.seen().len(), 2);
    // Later it is an ordinary token again.
    later(REFUSED_PAUSE).await;
    assert!(credentials.reject(&second));
    assert_eq!(text(&credentials.token(soon()).await.unwrap()), "Bearer t2");
}

#[tokio::test]
async fn token_wait_ends_at_deadline() {
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    let server = ScriptedServer::start(move |_, _| {
        counted.fetch_add(1, Ordering::SeqCst);
        // A head without its end: the answer never comes.
        Some("200 OK\r\n".to_owned())
    })
    .await;
    let credentials = credentials(&server);
    let TokenFetchError { error, .. } = credentials
        .token(Instant::now() + Duration::from_millis(50))
        .await
        .unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Unavailable);
    assert!(requests.load(Ordering::SeqCst) <= 1);
    assert!(!format!("{credentials:?} {error:?}").contains("cr=t"));
}

//! Each fault, as the client of the socket sees it.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use masthead_sandbox::{Fault, FaultRule, Outage, Sandbox};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::{SandboxClient, user_ids};

const LIST: &str = "api/v2/users?per_page=5";

/// Longer than any expected event takes.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Long enough to conclude that nothing happens.
const SHORT_WAIT: Duration = Duration::from_millis(150);

async fn connect(sandbox: &Sandbox) -> std::io::Result<TcpStream> {
    TcpStream::connect(sandbox.url().trim_start_matches("http://").trim_end_matches('/')).await
}

/// Requests the list and returns the open socket.
async fn request_list(client: &SandboxClient) -> TcpStream {
    let mut stream = connect(&client.sandbox).await.unwrap();
    let authorization = &client.headers[0].1;
    let request = format!("GET /{LIST} HTTP/1.1\r\nhost: x\r\nauthorization: {authorization}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Everything received until the connection ends, and its error.
async fn receive_all(client: &SandboxClient) -> (String, Option<ErrorKind>) {
    let mut stream = request_list(client).await;
    let mut bytes = Vec::new();
    let end = timeout(TIMEOUT, stream.read_to_end(&mut bytes)).await.unwrap();
    (
        String::from_utf8_lossy(&bytes).into_owned(),
        end.err().map(|error| error.kind()),
    )
}

async fn faulty(fault: impl Into<FaultRule>) -> SandboxClient {
    let client = SandboxClient::auth0(30).await;
    client.sandbox.inject(fault.into().on("/api/"));
    client
}

#[tokio::test]
async fn latency_delays_the_right_response() {
    let client = faulty(Fault::Latency { ms: 120 }).await;
    let start = Instant::now();
    assert_eq!(user_ids(&client.get(LIST).await).len(), 5);
    assert!(start.elapsed() >= Duration::from_millis(120));
}

#[tokio::test]
async fn silence_keeps_the_connection_open() {
    let client = faulty(Fault::Silence).await;
    let mut stream = request_list(&client).await;
    assert!(timeout(SHORT_WAIT, stream.read_u8()).await.is_err());
}

#[tokio::test]
async fn status_has_body_and_headers_of_the_provider() {
    let client = SandboxClient::auth0(1).await;
    let inject = |status, retry_after, reset_in| {
        let fault = Fault::Status {
            status,
            retry_after,
            reset_in,
            body: None,
        };
        client.sandbox.inject(FaultRule::from(fault).on("/api/").times(1));
    };
    for (status, error) in [
        (500, "Internal Server Error"),
        (401, "Unauthorized"),
        (403, "Forbidden"),
    ] {
        inject(status, None, None);
        assert_eq!(client.get(LIST).await["error"], error);
    }
    inject(503, Some(7), None);
    let response = client.call("GET", LIST, None).await;
    assert_eq!((response.status.as_u16(), response.number("retry-after")), (503, 7));
    inject(429, None, Some(30));
    let response = client.call("GET", LIST, None).await;
    let wait = response.number("x-ratelimit-reset") - client.sandbox.clock().now().unix_timestamp();
    assert!(response.status == 429 && (28..=30).contains(&wait), "{wait}");
    inject(502, None, None);
    let response = client.call("GET", LIST, None).await;
    assert_eq!(response.headers["content-type"], "text/html; charset=utf-8");
    let rule = FaultRule::from(Fault::Status {
        status: 403,
        retry_after: None,
        reset_in: None,
        body: None,
    });
    let id = client.sandbox.inject(rule.on("/oauth/token"));
    let refused = client.request_token(&client.credentials()).await;
    assert_eq!(refused.json()["error"], "access_denied");
    assert!(client.sandbox.withdraw(id));
    assert_eq!(client.status(LIST).await, 200);
}

#[tokio::test]
async fn reset_comes_at_its_place() {
    let (text, end) = receive_all(&faulty(Fault::ResetBeforeHeaders).await).await;
    assert_eq!((text.as_str(), end), ("", Some(ErrorKind::ConnectionReset)));
    let (text, end) = receive_all(&faulty(Fault::ResetInHeaders).await).await;
    assert!(text.starts_with("HTTP/1.1 200") && !text.contains("\r\n\r\n"), "{text}");
    assert_eq!(end, Some(ErrorKind::ConnectionReset));
    let (text, end) = receive_all(&faulty(Fault::ResetMidBody).await).await;
    assert!(text.split_once("\r\n\r\n").unwrap().1.starts_with('['));
    assert_eq!(end, Some(ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn lost_response_does_not_undo_the_write() {
    let client = faulty(Fault::ResetBeforeHeaders).await;
    let body = json!({"connection": "email", "email": "lost@example.com"});
    assert!(client.try_call("POST", "api/v2/users", Some(&body)).await.is_err());
    assert_eq!(client.sandbox.auth0().user_count(), 31);
}

#[tokio::test]
async fn spoiled_bodies_are_well_framed() {
    let answer = faulty(Fault::TruncatedJson).await.call("GET", LIST, None).await;
    assert!(answer.status == 200 && serde_json::from_slice::<Value>(&answer.body).is_err());
    let answer = faulty(Fault::Html).await.call("GET", LIST, None).await;
    assert!(answer.status == 200 && answer.body.starts_with(b"<html>"));
    let answer = faulty(Fault::WrongContentType).await.call("GET", LIST, None).await;
    assert_eq!(
        (
            answer.headers["content-type"].to_str().unwrap(),
            user_ids(&answer.json()).len()
        ),
        ("text/plain; charset=utf-8", 5)
    );
    let answer = faulty(Fault::Bom).await.call("GET", LIST, None).await;
    assert!(answer.body.starts_with(b"\xEF\xBB\xBF["));
    let answer = faulty(Fault::Nested { depth: 10_000 })
        .await
        .call("GET", LIST, None)
        .await;
    assert!(answer.body.len() == 20_000 && answer.body.starts_with(b"[[[") && answer.body.ends_with(b"]]]"));
}

#[tokio::test]
async fn huge_body_has_its_declared_length() {
    let client = faulty(Fault::Huge { bytes: 1_000_000 }).await;
    assert_eq!(client.get(LIST).await[0].as_str().unwrap().len(), 999_996);
    let client = faulty(Fault::Huge { bytes: 200_000_000 }).await;
    let mut stream = request_list(&client).await;
    let mut part = vec![0; 100_000];
    stream.read_exact(&mut part).await.unwrap();
    assert!(String::from_utf8_lossy(&part).contains("content-length: 200000000"));
}

#[tokio::test]
async fn gzip_bomb_is_small_on_the_wire() {
    let client = faulty(Fault::GzipBomb { bytes: 3_000_000 }).await;
    let (text, end) = receive_all(&client).await;
    assert!(text.contains("content-encoding: gzip") && end.is_none());
    assert!(text.len() < 100_000, "{}", text.len());
    let answer = client.call("GET", LIST, None).await;
    let mut unpacked = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&answer.body[..]), &mut unpacked).unwrap();
    assert_eq!(unpacked.len(), 3_000_000);
}

#[tokio::test]
async fn drip_sends_the_whole_response_slowly() {
    let client = faulty(Fault::Drip {
        interval_ms: 1,
        headers: false,
    })
    .await;
    let answer = client.call("GET", "api/v2/users?per_page=1", None).await;
    assert_eq!(user_ids(&answer.json()).len(), 1);
    let client = faulty(Fault::Drip {
        interval_ms: 60_000,
        headers: true,
    })
    .await;
    assert!(
        timeout(SHORT_WAIT, request_list(&client).await.read_u8())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn endless_chunks_do_not_end() {
    let client = faulty(Fault::EndlessChunks { interval_ms: 0 }).await;
    let mut stream = request_list(&client).await;
    let mut part = vec![0; 3_000_000];
    timeout(TIMEOUT, stream.read_exact(&mut part)).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&part).contains("transfer-encoding: chunked"));
}

#[tokio::test]
async fn list_can_be_shuffled_short_or_doubled() {
    let right = SandboxClient::auth0(30).await.get(LIST).await;
    let right = user_ids(&right);
    let list = async |fault: Fault| faulty(fault).await.get(LIST).await;
    let shuffled = list(Fault::Shuffled).await;
    assert!(user_ids(&shuffled) != right && right.iter().all(|id| user_ids(&shuffled).contains(id)));
    assert_eq!(user_ids(&list(Fault::Missing).await), right[1..]);
    assert_eq!(
        user_ids(&list(Fault::Duplicated).await),
        [&right[..], &right[..1]].concat()
    );
}

#[tokio::test]
async fn off_and_on_keep_the_address() {
    let client = SandboxClient::auth0(3).await;
    let mut open = request_list(&client).await;
    open.read_u8().await.unwrap();
    for _ in 0..3 {
        client.sandbox.off().await.unwrap();
        assert_eq!(
            connect(&client.sandbox).await.unwrap_err().kind(),
            ErrorKind::ConnectionRefused
        );
        client.sandbox.on().await.unwrap();
        assert_eq!(client.call("GET", LIST, None).await.status, 200);
    }
    let mut rest = Vec::new();
    let end = timeout(TIMEOUT, open.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn silent_provider_accepts_connections_only() {
    let client = SandboxClient::auth0(3).await;
    client.sandbox.outage(Outage::Silent).await.unwrap();
    let mut stream = timeout(TIMEOUT, request_list(&client)).await.unwrap();
    assert!(timeout(SHORT_WAIT, stream.read_u8()).await.is_err());
    client.sandbox.on().await.unwrap();
    assert_eq!(client.call("GET", LIST, None).await.status, 200);
}

#[tokio::test]
async fn unreachable_provider_does_not_accept_connections() {
    let client = SandboxClient::auth0(3).await;
    client.sandbox.outage(Outage::Unreachable).await.unwrap();
    assert!(timeout(SHORT_WAIT, connect(&client.sandbox)).await.is_err());
    client.sandbox.on().await.unwrap();
    assert_eq!(
        timeout(TIMEOUT, client.call("GET", LIST, None)).await.unwrap().status,
        200
    );
}

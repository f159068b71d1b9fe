//! Each fault, seen from the other end of the socket.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use crate::support::{World, ids};
use masthead_sandbox::{Fault, FaultRule, Outage, Sandbox};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const LIST: &str = "/api/v2/users?per_page=5";

/// Long enough for anything that is meant to happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// Long enough to believe that nothing happens.
const MOMENT: Duration = Duration::from_millis(150);

async fn connect(sandbox: &Sandbox) -> std::io::Result<TcpStream> {
    TcpStream::connect(sandbox.url().trim_start_matches("http://").trim_end_matches('/')).await
}

/// Asks for the list and hands back the open socket.
async fn asked(world: &World) -> TcpStream {
    let mut stream = connect(&world.sandbox).await.unwrap();
    let token = world.token.as_deref().unwrap();
    let request = format!("GET {LIST} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// What comes until the connection ends, and how it ends.
async fn all(world: &World) -> (String, Option<ErrorKind>) {
    let mut stream = asked(world).await;
    let mut bytes = Vec::new();
    let end = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.unwrap();
    (
        String::from_utf8_lossy(&bytes).into_owned(),
        end.err().map(|error| error.kind()),
    )
}

async fn faulty(fault: impl Into<FaultRule>) -> World {
    let world = World::with(30).await;
    world.sandbox.inject(fault.into().on("/api/"));
    world
}

#[tokio::test]
async fn latency_makes_the_answer_late_and_leaves_it_right() {
    let world = faulty(Fault::Latency { ms: 120 }).await;
    let start = Instant::now();
    assert_eq!(ids(&world.call("GET", LIST, None).await.json()).len(), 5);
    assert!(start.elapsed() >= Duration::from_millis(120));
}

#[tokio::test]
async fn silence_says_nothing_and_keeps_the_connection() {
    let world = faulty(Fault::Silence).await;
    let mut stream = asked(&world).await;
    assert!(timeout(MOMENT, stream.read_u8()).await.is_err());
}

#[tokio::test]
async fn a_status_comes_with_the_body_and_headers_of_the_provider() {
    let world = World::with(1).await;
    let status = |status, retry_after, reset_in| Fault::Status {
        status,
        retry_after,
        reset_in,
        body: None,
    };
    for (fault, expected) in [
        (status(500, None, None), "Internal Server Error"),
        (status(401, None, None), "Unauthorized"),
        (status(403, None, None), "Forbidden"),
    ] {
        let id = world.sandbox.inject(fault);
        assert_eq!(world.call("GET", LIST, None).await.json()["error"], expected);
        assert!(world.sandbox.withdraw(id));
    }
    world
        .sandbox
        .inject(FaultRule::from(status(503, Some(7), None)).times(1));
    let answer = world.call("GET", LIST, None).await;
    assert_eq!((answer.status.as_u16(), answer.number("retry-after")), (503, 7));
    world
        .sandbox
        .inject(FaultRule::from(status(429, None, Some(30))).times(1));
    let answer = world.call("GET", LIST, None).await;
    let wait = answer.number("x-ratelimit-reset") - world.sandbox.clock().now().unix_timestamp();
    assert!(answer.status == 429 && (28..=30).contains(&wait), "{wait}");
    world.sandbox.inject(FaultRule::from(status(502, None, None)).times(1));
    let answer = world.call("GET", LIST, None).await;
    assert!(
        answer.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
    world
        .sandbox
        .inject(FaultRule::from(status(403, None, None)).on("/oauth/token"));
    assert_eq!(
        world.ask_for_token(&world.credentials()).await.json()["error"],
        "access_denied"
    );
    assert_eq!(world.call("GET", LIST, None).await.status, 200);
}

#[tokio::test]
async fn a_reset_comes_where_it_was_ordered() {
    let (text, end) = all(&faulty(Fault::ResetBeforeHeaders).await).await;
    assert_eq!((text.as_str(), end), ("", Some(ErrorKind::ConnectionReset)));
    let (text, end) = all(&faulty(Fault::ResetInHeaders).await).await;
    assert!(text.starts_with("HTTP/1.1 200") && !text.contains("\r\n\r\n"), "{text}");
    assert_eq!(end, Some(ErrorKind::ConnectionReset));
    let (text, end) = all(&faulty(Fault::ResetMidBody).await).await;
    assert!(text.split_once("\r\n\r\n").unwrap().1.starts_with('['));
    assert_eq!(end, Some(ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_has_happened() {
    let world = faulty(Fault::ResetBeforeHeaders).await;
    let body = json!({"connection": "email", "email": "lost@example.com"});
    assert!(world.attempt("POST", "/api/v2/users", Some(&body)).await.is_err());
    assert_eq!(world.sandbox.auth0().user_count(), 31);
}

#[tokio::test]
async fn spoilt_bytes_are_well_framed() {
    let answer = faulty(Fault::TruncatedJson).await.call("GET", LIST, None).await;
    assert!(answer.status == 200 && serde_json::from_slice::<serde_json::Value>(&answer.body).is_err());
    let answer = faulty(Fault::Html).await.call("GET", LIST, None).await;
    assert!(answer.status == 200 && answer.body.starts_with(b"<html>"));
    let answer = faulty(Fault::WrongContentType).await.call("GET", LIST, None).await;
    assert_eq!(
        (
            answer.headers["content-type"].to_str().unwrap(),
            ids(&answer.json()).len()
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
async fn a_huge_body_is_as_long_as_it_says_and_the_caller_may_leave() {
    let world = faulty(Fault::Huge { bytes: 1_000_000 }).await;
    assert_eq!(
        world.call("GET", LIST, None).await.json()[0].as_str().unwrap().len(),
        999_996
    );
    let world = faulty(Fault::Huge { bytes: 200_000_000 }).await;
    let mut stream = asked(&world).await;
    let mut part = vec![0; 100_000];
    stream.read_exact(&mut part).await.unwrap();
    assert!(String::from_utf8_lossy(&part).contains("content-length: 200000000"));
}

#[tokio::test]
async fn a_gzip_bomb_is_small_on_the_wire() {
    let world = faulty(Fault::GzipBomb { bytes: 3_000_000 }).await;
    let (text, end) = all(&world).await;
    assert!(text.contains("content-encoding: gzip") && end.is_none());
    assert!(text.len() < 100_000, "{}", text.len());
    let answer = world.call("GET", LIST, None).await;
    let mut unpacked = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&answer.body[..]), &mut unpacked).unwrap();
    assert_eq!(unpacked.len(), 3_000_000);
}

#[tokio::test]
async fn a_drip_gives_the_whole_answer_in_time() {
    let world = faulty(Fault::Drip {
        interval_ms: 1,
        headers: false,
    })
    .await;
    let answer = world.call("GET", "/api/v2/users?per_page=1&fields=user_id", None).await;
    assert_eq!(ids(&answer.json()).len(), 1);
    let world = faulty(Fault::Drip {
        interval_ms: 60_000,
        headers: true,
    })
    .await;
    assert!(timeout(MOMENT, asked(&world).await.read_u8()).await.is_err());
}

#[tokio::test]
async fn endless_chunks_do_not_end() {
    let world = faulty(Fault::EndlessChunks { interval_ms: 0 }).await;
    let mut stream = asked(&world).await;
    let mut part = vec![0; 3_000_000];
    timeout(PATIENCE, stream.read_exact(&mut part)).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&part).contains("transfer-encoding: chunked"));
}

#[tokio::test]
async fn an_answer_can_be_about_somebody_else() {
    let world = faulty(Fault::OtherUser).await;
    let users = world.sandbox.auth0().users();
    let id = users[0]["user_id"].as_str().unwrap();
    let answer = world
        .call("GET", &format!("/api/v2/users/{}", crate::support::encoded(id)), None)
        .await;
    assert_eq!(answer.status, 200);
    assert_ne!(answer.json()["user_id"], id);
    let right: Vec<_> = users
        .iter()
        .take(5)
        .map(|user| user["user_id"].as_str().unwrap())
        .collect();
    assert_ne!(ids(&world.call("GET", LIST, None).await.json()), right);
}

#[tokio::test]
async fn a_list_can_be_shuffled_short_or_doubled() {
    let right = World::with(30).await.call("GET", LIST, None).await.json();
    let right = ids(&right);
    let list = async |fault: Fault| faulty(fault).await.call("GET", LIST, None).await.json();
    let shuffled = list(Fault::Shuffled).await;
    assert!(ids(&shuffled) != right && right.iter().all(|id| ids(&shuffled).contains(id)));
    assert_eq!(ids(&list(Fault::Missing).await), right[1..]);
    assert_eq!(ids(&list(Fault::Duplicated).await), [&right[..], &right[..1]].concat());
}

#[tokio::test]
async fn off_refuses_and_cuts_and_on_is_at_the_same_address() {
    let world = World::with(3).await;
    let mut open = asked(&world).await;
    open.read_u8().await.unwrap();
    for _ in 0..3 {
        world.sandbox.off().await.unwrap();
        assert_eq!(
            connect(&world.sandbox).await.unwrap_err().kind(),
            ErrorKind::ConnectionRefused
        );
        world.sandbox.on().await.unwrap();
        assert_eq!(world.call("GET", LIST, None).await.status, 200);
    }
    let mut rest = Vec::new();
    let end = timeout(PATIENCE, open.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_silent_provider_takes_the_connection_and_says_nothing() {
    let world = World::with(3).await;
    world.sandbox.outage(Outage::Silent).await.unwrap();
    let mut stream = timeout(PATIENCE, asked(&world)).await.unwrap();
    assert!(timeout(MOMENT, stream.read_u8()).await.is_err());
    world.sandbox.on().await.unwrap();
    assert_eq!(world.call("GET", LIST, None).await.status, 200);
}

#[tokio::test]
async fn an_unreachable_provider_does_not_even_take_the_connection() {
    let world = World::with(3).await;
    world.sandbox.outage(Outage::Unreachable).await.unwrap();
    assert!(timeout(MOMENT, connect(&world.sandbox)).await.is_err());
    world.sandbox.on().await.unwrap();
    assert_eq!(
        timeout(PATIENCE, world.call("GET", LIST, None)).await.unwrap().status,
        200
    );
}

#[tokio::test]
async fn flapping_hits_every_second_call() {
    let world = faulty(FaultRule::from(Fault::ResetBeforeHeaders).percent(50)).await;
    let mut failures = Vec::new();
    for _ in 0..6 {
        failures.push(all_or_one(&world).await);
    }
    assert_eq!(failures, [false, true, false, true, false, true]);
}

/// Whether a call on a fresh connection fails (a pooled one would be tried again by the caller's library).
async fn all_or_one(world: &World) -> bool {
    let mut stream = asked(world).await;
    timeout(PATIENCE, stream.read_u8()).await.unwrap().is_err()
}

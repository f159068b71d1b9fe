//! The rules of HTTP, and the responses to requests that the parser rejects, over real sockets.

use std::time::Duration;

use masthead_http_server::DrainOutcome;
use tokio::{io::AsyncWriteExt, time::sleep};

use crate::{http::connections::TestServer, support::raw_http::RawResponse};

/// The response to this text on a new connection, and whether the connection is closed after it.
async fn answer_to(server: &TestServer, text: &str) -> (RawResponse, bool) {
    let mut wire = server.connect().await;
    // The server may respond and close before it has read everything.
    let _ = wire.send(text).await;
    let answer = wire
        .read_response()
        .await
        .unwrap_or_else(|error| panic!("{text:.200}: {error}"));
    let closed = answer.closes() && wire.read_to_end().await.is_empty();
    (answer, closed)
}

fn code(answer: &RawResponse) -> String {
    answer.json()["message"]["code"].as_str().unwrap_or_default().to_owned()
}

/// RFC 9112 §3.2: 400 for HTTP/1.1 without `Host`, and for several or invalid ones.
#[tokio::test]
async fn exactly_one_valid_host_is_required() {
    let server = TestServer::start().await;
    for (head, status) in [
        ("GET /hello HTTP/1.1\r\nhost: a.example:80\r\n\r\n", 200),
        ("GET /hello HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n", 200),
        ("GET http://b.example/hello HTTP/1.1\r\nhost: a.example\r\n\r\n", 200),
        ("GET /hello HTTP/1.0\r\n\r\n", 200),
        ("GET /hello HTTP/1.0\r\nhost: a.example\r\n\r\n", 200),
        ("GET /hello HTTP/1.1\r\n\r\n", 400),
        ("GET http://a.example/hello HTTP/1.1\r\n\r\n", 400),
        ("GET /health/live HTTP/1.1\r\n\r\n", 400),
        ("GET /hello HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n", 400),
        ("GET /hello HTTP/1.0\r\nhost: a\r\nhost: b\r\n\r\n", 400),
        ("GET /hello HTTP/1.1\r\nhost:\r\n\r\n", 400),
        ("GET /hello HTTP/1.1\r\nhost: a b\r\n\r\n", 400),
        ("GET /hello HTTP/1.1\r\nhost: a/b\r\n\r\n", 400),
        ("GET /hello HTTP/1.1\r\nhost: user@a\r\n\r\n", 400),
        ("GET /hello HTTP/1.1\r\nhost: a:port\r\n\r\n", 400),
        ("GET /hello HTTP/1.1\r\nhost: a, b\r\n\r\n", 400),
    ] {
        let (answer, _) = answer_to(&server, head).await;
        assert_eq!(answer.status, status, "{head}");
        if status == 400 {
            assert_eq!(code(&answer), "UsersOrchestrator_E400", "{head}");
        }
    }
    server.stop().await;
}

/// RFC 9113 §8.3.1: `:authority` replaces `Host`; if both exist, they are equal.
#[tokio::test]
async fn http2_authority_replaces_host() {
    let server = TestServer::start().await;
    let (mut client, connection) = server.connect_http2().await;
    for (hosts, status) in [
        (&[][..], 200),
        (&["TEST"], 200),
        (&["other"], 400),
        (&["test", "test"], 400),
    ] {
        let mut request = http::Request::get("http://test/hello");
        for host in hosts {
            request = request.header("host", *host);
        }
        let request = request.body(http_body_util::Empty::<bytes::Bytes>::new()).unwrap();
        assert_eq!(
            client.send_request(request).await.unwrap().status(),
            status,
            "{hosts:?}"
        );
    }
    drop(client);
    server.stop().await;
    connection.await.unwrap().unwrap();
}

/// RFC 9112 §3.2: no request target has a fragment, so a `#` in it is an invalid request line (§3).
#[tokio::test]
async fn fragment_in_the_target_is_refused() {
    let server = TestServer::start().await;
    for target in [
        "/hello#x",
        "/hello?a=b#x",
        "/hello#",
        "http://test/hello#x",
        "/User/1#0",
        "#",
        "/#?",
    ] {
        let (answer, _) = answer_to(&server, &format!("GET {target} HTTP/1.1\r\nhost: test\r\n\r\n")).await;
        assert_eq!(answer.status, 400, "{target}");
    }
    // Elsewhere a `#` is allowed, also on a connection that had one in a target.
    let mut wire = server.connect().await;
    for _ in 0..2 {
        assert_eq!(wire.get("/hello", &[("x-hash", "/hello#x")]).await.unwrap().status, 200);
        wire.write("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 8\r\n\r\n/hello#x")
            .await;
        assert_eq!(wire.read_response().await.unwrap().status, 200);
        assert_eq!(wire.status("/hello#x").await, 400);
    }
    // Of several requests in one packet, only the one that has it is rejected.
    wire.write("GET /hello HTTP/1.1\r\nhost: a\r\n\r\nGET /hello#x HTTP/1.1\r\nhost: a\r\n\r\nGET /hello HTTP/1.1\r\nhost: a\r\n\r\n").await;
    for status in [200, 400, 200] {
        assert_eq!(wire.read_response().await.unwrap().status, status);
    }
    server.stop().await;
}

/// RFC 9112 §6.1: 501 for an unknown transfer coding.
#[tokio::test]
async fn unknown_transfer_coding_is_501() {
    let server = TestServer::start().await;
    let body = "5\r\nhello\r\n0\r\n\r\n";
    for (version, coding, status) in [
        ("1.1", "chunked", 200),
        ("1.1", "Chunked", 200),
        ("1.1", "gzip, chunked", 501),
        ("1.1", "gzip\r\ntransfer-encoding: chunked", 501),
        ("1.1", "gzip", 501),
        ("1.1", "identity", 501),
        ("1.1", "chunked, gzip", 501),
        ("1.1", "chunked, chunked", 400),
        ("1.0", "chunked", 400),
        ("1.0", "gzip", 400),
    ] {
        let head = format!("POST /echo HTTP/{version}\r\nhost: test\r\ntransfer-encoding: {coding}\r\n\r\n");
        let (answer, closed) = answer_to(&server, &(head + body)).await;
        assert_eq!(answer.status, status, "{version} {coding}");
        if status == 501 {
            assert_eq!(
                (code(&answer).as_str(), closed),
                ("UsersOrchestrator_E501", true),
                "{coding}"
            );
        }
    }
    server.stop().await;
}

/// RFC 9110 §15.5.16: 415, with the accepted codings in `Accept-Encoding` (§12.5.3).
#[tokio::test]
async fn unknown_content_coding_is_415() {
    let server = TestServer::start().await;
    for (coding, status) in [
        ("identity", 200),
        ("Identity", 200),
        ("", 200),
        ("gzip", 415),
        ("br", 415),
        ("identity, gzip", 415),
        ("identity\r\ncontent-encoding: zstd", 415),
    ] {
        let text =
            format!("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-encoding: {coding}\r\ncontent-length: 2\r\n\r\nab");
        let (answer, _) = answer_to(&server, &text).await;
        assert_eq!(answer.status, status, "{coding}");
        if status == 415 {
            assert_eq!(answer.header("accept-encoding"), Some("identity"));
            assert_eq!(code(&answer), "UsersOrchestrator_E415");
        }
    }
    // Without content there is no content coding.
    let mut wire = server.connect().await;
    assert_eq!(
        wire.get("/hello", &[("content-encoding", "gzip")])
            .await
            .unwrap()
            .status,
        200
    );
    server.stop().await;
}

/// RFC 9110 §15.5.9: 408, and the connection is closed.
#[tokio::test]
async fn late_body_is_408() {
    let server = TestServer::with(|http| http.body_timeout = Duration::from_millis(300)).await;
    for framing in ["content-length: 10", "transfer-encoding: chunked"] {
        let text = format!("POST /v4/Users/Search HTTP/1.1\r\nhost: test\r\n{framing}\r\n\r\n");
        let (answer, closed) = answer_to(&server, &text).await;
        assert_eq!((answer.status, closed), (408, true), "{framing}");
    }
    server.stop().await;
}

/// RFC 9112 §3, §5.1, §5.4, §6.3 and RFC 6585 §5: errors of the parser have the shape of their API too.
#[tokio::test]
async fn parser_errors_have_the_shape_of_the_api() {
    const E400: &str = r#"{"message":{"code":"UsersOrchestrator_E400","#;
    const E414: &str = r#"{"message":{"code":"UsersOrchestrator_E414","#;
    const E431: &str = r#"{"message":{"code":"UsersOrchestrator_E431","#;
    let server = TestServer::start().await;
    let many = ["x-a: b"; 150].join("\r\n");
    let target = "a".repeat(100_000);
    let large = format!("x-a: {target}");
    let post = "POST /hello HTTP/1.1\r\nhost: a\r\ncontent-length: ";
    let export = "/v1/customers/export?app_id=a HTTP/1.1\r\nhost";
    let requests = [
        ("nonsense", 400, E400),
        ("\u{16}\u{3}\u{1}\u{2}", 400, E400),
        ("GET  /hello HTTP/1.1", 400, E400),
        ("GET /hello HTTP/9.9\r\nhost: a", 400, E400),
        ("GET /hello HTTP/1.1\r\nhost : a", 400, E400),
        ("GET /hello HTTP/1.1\r\nhost: a\r\n b", 400, E400),
        ("GET /hello HTTP/1.1\r\nhost: a\r\nx: \u{0}", 400, E400),
        (&format!("{post}x"), 400, E400),
        (&format!("{post}1\r\ncontent-length: 2"), 400, E400),
        (&format!("GET /hello HTTP/1.1\r\nhost: a\r\n{many}"), 431, E431),
        (&format!("GET /hello HTTP/1.1\r\nhost: a\r\n{large}"), 431, E431),
        (&format!("GET /{target} HTTP/1.1\r\nhost: a"), 414, E414),
        ("GET /User/7 HTTP/1.1\r\nhost : a", 400, r#"{"error":"Bad Request"}"#),
        (&format!("GET /User?{target} HTTP/1.1"), 414, r#"{"error":"URI "#),
        (
            &format!("POST {export} : a"),
            400,
            r#"{"status":"fail","error":{"message":"Bad Request""#,
        ),
        (
            &format!("POST {export}: a\r\n{many}"),
            431,
            r#"{"status":"fail","error":{"message":"Request Header"#,
        ),
    ];
    for (text, status, body) in requests {
        let text = format!("{text}\r\n\r\n");
        let (answer, closed) = answer_to(&server, &text).await;
        let body_text = String::from_utf8(answer.body.clone()).unwrap();
        assert_eq!((answer.status, closed), (status, true), "{text:.60}: {body_text}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{text:.60}");
        assert!(body_text.starts_with(body), "{text:.60}: {body_text}");
        assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
        for name in ["x-requestid", "date"] {
            assert!(answer.headers.contains_key(name), "{name} of {text:.60}");
        }
    }
    let (_, log) = server.stop().await;
    let statuses = log
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let counted = statuses.filter(|line| line["status"].as_u64() >= Some(400)).count();
    assert_eq!(counted, 16, "each is one access line: {log}");
}

/// RFC 9110 §9.3.2 and RFC 9112 §9.3: HEAD has no content, the caller's id is returned, and earlier responses are complete.
#[tokio::test]
async fn parser_error_follows_earlier_responses() {
    let server = TestServer::start().await;
    let mut wire = server.connect().await;
    assert_eq!(wire.status("/hello").await, 200);
    wire.write("GET /User/panic HTTP/1.1\r\nhost: a\r\n\r\nGET /nowhere HTTP/1.1\r\nhost: a\r\n\r\nGET /User HTTP/1.1\r\nx-requestid: r-7\r\nhost : a\r\n\r\n").await;
    for status in [500, 404] {
        assert_eq!(wire.read_response().await.unwrap().status, status);
    }
    let refused = wire.read_response().await.unwrap();
    assert_eq!(
        (refused.status, refused.closes(), refused.header("x-requestid")),
        (400, true, Some("r-7"))
    );
    assert_eq!(refused.body, br#"{"error":"Bad Request"}"#);
    assert!(wire.read_to_end().await.is_empty());

    let mut wire = server.connect().await;
    wire.write("HEAD /User/ann@example.org HTTP/1.1\r\nhost : ann@example.org\r\n\r\n")
        .await;
    let head = String::from_utf8(wire.read_to_end().await).unwrap();
    assert!(
        head.starts_with("HTTP/1.1 400 ") && head.ends_with("\r\n\r\n") && head.contains("content-length: 23"),
        "{head}"
    );
    let (_, log) = server.stop().await;
    assert!(!log.contains("ann"), "{log}");
    assert!(log.contains(r#""method":"HEAD","route":"none","status":400"#), "{log}");
}

/// RFC 9112 §9.6 and RFC 9293 §3.6: a client that has closed its own side still reads.
#[tokio::test]
async fn half_closed_client_gets_its_response() {
    let server = TestServer::start().await;
    for path in ["/hello", "/wait/300"] {
        let mut wire = server.connect().await;
        wire.write(&format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n")).await;
        wire.stream.shutdown().await.unwrap();
        assert_eq!(wire.read_response().await.unwrap().status, 200, "{path}");
        assert!(wire.read_to_end().await.is_empty());
    }
    let mut wire = server.connect().await;
    wire.write("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 2\r\n\r\nab")
        .await;
    wire.stream.shutdown().await.unwrap();
    assert_eq!(wire.read_response().await.unwrap().body, b"ab");
    // A drain does not lose the response either.
    let mut wire = server.connect().await;
    wire.write("GET /wait/500 HTTP/1.1\r\nhost: test\r\n\r\n").await;
    wire.stream.shutdown().await.unwrap();
    sleep(Duration::from_millis(100)).await;
    server.lifecycle.drain();
    assert_eq!(wire.read_response().await.unwrap().status, 200);
    let (drained, _) = server.stop().await;
    assert_eq!(drained, DrainOutcome { cut: 0 });
}

/// RFC 9112 §9.3.2: responses are in the order of their requests, each complete.
#[tokio::test]
async fn parser_error_waits_for_long_response() {
    let server = TestServer::start().await;
    let mut wire = server.connect().await;
    wire.write("GET /big HTTP/1.1\r\nhost: a\r\n\r\nGET /User HTTP/1.1\r\nhost : a\r\n\r\n")
        .await;
    // The socket buffer is full long before the response is written.
    sleep(Duration::from_millis(300)).await;
    let big = wire.read_response().await.unwrap();
    assert!(big.body.len() == 32 * 1024 * 1024 && big.body.iter().all(|byte| *byte == b'x'));
    let refused = wire.read_response().await.unwrap();
    assert_eq!(
        (refused.status, refused.body.as_slice()),
        (400, &br#"{"error":"Bad Request"}"#[..])
    );
    server.stop().await;
}

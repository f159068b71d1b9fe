//! The HTTP server over real sockets, with slow, large and failing responses.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::support::raw_http::{FOREVER, RawConnection};
use bytes::Bytes;
use futures_util::future::join_all;
use http::{Method, StatusCode, request};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use masthead::{
    client_address::{ForwardedHeader, TrustedProxies},
    clock::SystemClock,
    edge::{Edge, EdgeParts, Routes, TimedBody},
    identifiers::TimedIds,
    logs::{LogGuard, LogWriter, access::AccessLog},
    ops::{Ops, ServiceHealth},
    settings::{HttpSettings, LogFormat, UncheckedSettings},
};
use masthead_api::{ApiResponse, BodyTimeoutError, RequestContext};
use masthead_http_server::{self as http_server, DrainOutcome, Lifecycle, WorkerHandle, WorkerThreads};
use tokio::{
    net::TcpListener,
    runtime::Handle,
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep, timeout},
};

/// A server in this process.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) lifecycle: Lifecycle,
    big_answers: Arc<AtomicUsize>,
    served: JoinHandle<DrainOutcome>,
    log: Arc<Mutex<Vec<u8>>>,
    log_guard: LogGuard,
}

#[derive(Clone, Default)]
struct MemoryLog(Arc<Mutex<Vec<u8>>>);

impl Write for MemoryLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The size of the answer to `/big`: beyond what one connection may leave unread.
const BIG_BYTES: usize = 32 * 1024 * 1024;

/// Routes that the API does not have: slow, large, failing.
struct OddRoutes {
    patterns: BTreeMap<&'static str, Arc<str>>,
    /// How many large answers were made.
    made: Arc<AtomicUsize>,
}

impl OddRoutes {
    fn new(made: Arc<AtomicUsize>) -> Self {
        let paths = [
            "/hello",
            "/wait",
            "/big",
            "/panic",
            "/User/panic",
            "/v1/customers/export",
            "/thread",
            "/echo",
            "/v4/Users/Search",
        ];
        Self {
            patterns: paths.map(|path| (path, path.into())).into(),
            made,
        }
    }
}

impl Routes for OddRoutes {
    type Route<'p> = &'p Arc<str>;

    fn route<'p>(&'p self, path: &'p str) -> Option<&'p Arc<str>> {
        self.patterns
            .get(if path.starts_with("/wait/") { "/wait" } else { path })
    }

    fn pattern<'r>(route: &'r &Arc<str>) -> &'r Arc<str> {
        route
    }

    async fn answer<'p>(
        &'p self,
        route: Option<&'p Arc<str>>,
        context: RequestContext,
        head: &request::Parts,
        body: TimedBody,
    ) -> ApiResponse {
        let text: Bytes = match route.map_or("", |route| &**route) {
            "/hello" => "hello".into(),
            "/wait" => {
                let ms = head.uri.path().trim_start_matches("/wait/").parse().unwrap();
                sleep(Duration::from_millis(ms)).await;
                "waited".into()
            }
            "/big" => {
                context.room.reserve(1, BIG_BYTES).await;
                self.made.fetch_add(1, Ordering::Relaxed);
                vec![b'x'; BIG_BYTES].into()
            }
            "/thread" => std::thread::current().name().unwrap_or_default().to_owned().into(),
            "/echo" if head.method == Method::POST => match body.collect().await {
                Ok(whole) => whole.to_bytes(),
                Err(_broken_off) => return with_status(StatusCode::BAD_REQUEST),
            },
            "/v4/Users/Search" => match body.collect().await {
                Ok(whole) => whole.to_bytes(),
                Err(error) if error.is::<BodyTimeoutError>() => return with_status(StatusCode::REQUEST_TIMEOUT),
                Err(_broken_off) => return with_status(StatusCode::BAD_REQUEST),
            },
            "" => return with_status(StatusCode::NOT_FOUND),
            _ => panicking().into(),
        };
        ApiResponse::new(text.into())
    }
}

fn with_status(status: StatusCode) -> ApiResponse {
    let mut answer = ApiResponse::default();
    *answer.status_mut() = status;
    answer
}

fn panicking() -> String {
    let number: Result<u8, _> = "ann@example.com".parse();
    number.expect("ann@example.com is a number").to_string()
}

fn default_settings() -> HttpSettings {
    const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==";
    let variables = [
        ("MASTHEAD__DATABASE__URL", "postgres://nowhere/at_all"),
        ("MASTHEAD__TOKENS__ISSUER", "i"),
        ("MASTHEAD__TOKENS__AUDIENCE", "a"),
        (
            "MASTHEAD__TOKENS__HS256_SECRET",
            "an-invented-secret-of-more-than-32-bytes",
        ),
        ("MASTHEAD__SEALING__CURRENT", "k1"),
        ("MASTHEAD__SEALING__KEYS__K1", KEY),
    ];
    let variables = variables.iter().map(|(k, v)| (k.into(), v.into())).collect();
    UncheckedSettings::from_layers(None, &variables)
        .settings()
        .unwrap()
        .http
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// Starts it with changed settings.
    pub(crate) async fn with(change: impl FnOnce(&mut HttpSettings)) -> Self {
        let mut http = default_settings();
        change(&mut http);
        Self::start_on(http, &[&Handle::current()]).await
    }

    async fn start_on(http: HttpSettings, runtimes: &[&Handle]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let lifecycle = Lifecycle::new();
        let log = MemoryLog::default();
        let (writer, log_guard) = LogWriter::start(log.clone()).unwrap();
        let clock = Arc::new(SystemClock);
        let metrics = masthead::ops::install().unwrap();
        let ops = Ops::new(
            ServiceHealth::new(Vec::new(), lifecycle.clone()),
            metrics,
            Some(writer.clone()),
        );
        let http = Arc::new(http);
        let options = Arc::new(http.server_options());
        let big_answers = Arc::new(AtomicUsize::new(0));
        let edge = Arc::new(Edge::new(EdgeParts {
            routes: OddRoutes::new(Arc::clone(&big_answers)),
            http: Arc::clone(&http),
            lifecycle: lifecycle.clone(),
            ids: Arc::new(TimedIds::new(clock.clone())),
            access: AccessLog::new(writer, LogFormat::Json, clock),
            ops: Arc::new(ops),
            shows_metrics: true,
        }));
        let ends = lifecycle.clone();
        let worker = |runtime: &&Handle| WorkerHandle::new((*runtime).clone(), Arc::clone(&edge));
        let workers = runtimes.iter().map(worker).collect();
        let served = tokio::spawn(async move { http_server::serve(listener, options, workers, &ends).await });
        Self {
            address,
            lifecycle,
            big_answers,
            served,
            log: log.0,
            log_guard,
        }
    }

    pub(crate) async fn connect(&self) -> RawConnection {
        RawConnection::connect(self.address).await.unwrap()
    }

    /// An HTTP/2 client, and the task of its connection.
    pub(crate) async fn connect_http2(&self) -> (http2::SendRequest<Empty<Bytes>>, JoinHandle<hyper::Result<()>>) {
        let stream = TokioIo::new(tokio::net::TcpStream::connect(self.address).await.unwrap());
        let (client, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
        (client, tokio::spawn(connection))
    }

    /// Drains the server; returns the outcome and the log.
    pub(crate) async fn stop(self) -> (DrainOutcome, String) {
        self.lifecycle.drain();
        let drained = timeout(FOREVER, self.served).await.expect("the server ends").unwrap();
        drop(self.log_guard);
        let log = String::from_utf8(self.log.lock().unwrap().clone()).unwrap();
        (drained, log)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_spread_over_threads() {
    let threads = WorkerThreads::start(2).unwrap();
    let runtimes: Vec<&Handle> = threads.runtimes().collect();
    let server = TestServer::start_on(default_settings(), &runtimes).await;
    let mut wires = Vec::new();
    let mut by_thread: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for _ in 0..6 {
        let mut wire = server.connect().await;
        let first = wire.get("/thread", &[]).await.unwrap().body;
        for _ in 0..5 {
            assert_eq!(wire.get("/thread", &[]).await.unwrap().body, first);
        }
        *by_thread.entry(first).or_default() += 1;
        wires.push(wire);
    }
    assert_eq!(
        by_thread,
        BTreeMap::from([(b"serve-0".to_vec(), 3), (b"serve-1".to_vec(), 3)])
    );
    drop(wires);
    let (drained, _) = server.stop().await;
    assert_eq!(drained.cut, 0);

    // Dropping the threads ends their tasks.
    let (held, gone) = tokio::sync::oneshot::channel::<()>();
    runtimes[0].spawn(async move {
        let _held = held;
        std::future::pending::<()>().await;
    });
    drop(threads);
    assert!(timeout(FOREVER, gone).await.expect("it ends").is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_heads_are_cut() {
    let server = TestServer::with(|http| http.header_timeout = Duration::from_millis(400)).await;
    let mut slow = JoinSet::new();
    for n in 0..20 {
        let mut wire = server.connect().await;
        slow.spawn(async move {
            // One sends a complete request first, one sends nothing, one starts as HTTP/2, the others send slowly.
            if n == 0 {
                assert_eq!(wire.status("/hello").await, 200);
            }
            let text = match n {
                1 => "",
                2 => "PRI * HTTP/2.0\r\n",
                _ => "GET /hello HTTP/1.1\r\nhost: test\r\nx-slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            };
            for byte in text.chars() {
                if wire.send(&byte.to_string()).await.is_err() {
                    return;
                }
                sleep(Duration::from_millis(25)).await;
            }
            wire.read_to_end().await;
        });
    }
    let mut good = server.connect().await;
    let mut answered = 0;
    let mut all_cut = false;
    while !all_cut {
        assert_eq!(good.status("/hello").await, 200);
        answered += 1;
        while let Some(one) = slow.try_join_next() {
            one.unwrap();
        }
        all_cut = slow.is_empty();
        // Shorter than the header timeout, so that the good connection never looks idle.
        sleep(Duration::from_millis(10)).await;
    }
    assert!(answered > 1);
    server.stop().await;
}

#[tokio::test]
async fn idle_connection_lives_until_keep_alive() {
    let server = TestServer::with(|http| {
        http.header_timeout = Duration::from_millis(300);
        http.keep_alive = Duration::from_secs(3);
    })
    .await;
    let mut wire = server.connect().await;
    assert_eq!(wire.status("/hello").await, 200);
    sleep(Duration::from_millis(900)).await;
    assert_eq!(wire.status("/hello").await, 200);
    assert!(wire.read_to_end().await.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn slow_body_is_cut() {
    let server = TestServer::with(|http| http.body_timeout = Duration::from_millis(300)).await;
    let mut wire = server.connect().await;
    wire.write("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 100000\r\n\r\n")
        .await;
    let began = Instant::now();
    let trickle = async {
        while wire.send("x").await.is_ok() && began.elapsed() < FOREVER {
            sleep(Duration::from_millis(50)).await;
        }
        String::from_utf8(wire.read_to_end().await).unwrap()
    };
    let messages = trickle.await;
    assert!(
        messages.is_empty() || messages.starts_with("HTTP/1.1 400"),
        "{messages}"
    );
    assert!(began.elapsed() < FOREVER, "the body was never cut");
    server.stop().await;
}

#[tokio::test]
async fn client_that_does_not_read_is_cut() {
    let server = TestServer::with(|http| {
        http.write_timeout = Duration::from_millis(300);
        http.max_connections = 1;
    })
    .await;
    let mut slow_reader = server.connect().await;
    slow_reader.write("GET /big HTTP/1.1\r\nhost: test\r\n\r\n").await;
    assert_eq!(until_room(&server).await, 200);
    let received = slow_reader.read_to_end().await;
    assert!(received.len() < 32 * 1024 * 1024);
    server.stop().await;
}

/// Opens new connections until one is accepted.
async fn until_room(server: &TestServer) -> u16 {
    let began = Instant::now();
    loop {
        let mut wire = server.connect().await;
        match wire.get("/hello", &[]).await {
            Ok(answer) if answer.status == 503 => assert!(began.elapsed() < FOREVER, "no room was made"),
            answer => return answer.unwrap().status,
        }
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn connections_above_the_limit_get_503() {
    let server = TestServer::with(|http| http.max_connections = 2).await;
    let mut first = server.connect().await;
    let mut second = server.connect().await;
    assert_eq!(first.status("/hello").await, 200);
    assert_eq!(second.status("/hello").await, 200);
    let refused = server.connect().await.read_response().await.unwrap();
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert_eq!(refused.json()["message"]["code"], "UsersOrchestrator_E503");
    assert!(refused.closes());
    assert_eq!(first.status("/hello").await, 200);
    drop(second);
    assert_eq!(until_room(&server).await, 200);
    server.stop().await;
}

#[tokio::test]
async fn liveness_is_answered_when_connections_are_used_up() {
    let server = TestServer::with(|http| http.max_connections = 1).await;
    let mut only = server.connect().await;
    assert_eq!(only.status("/hello").await, 200);
    let alive = server.connect().await.get("/health/live", &[]).await.unwrap();
    assert_eq!((alive.status, alive.body), (200, br#"{"alive":true}"#.to_vec()));
    assert_eq!(server.connect().await.status("/health/ready").await, 503);
    assert_eq!(server.connect().await.status("/hello").await, 503);
    server.stop().await;
}

#[tokio::test]
async fn connections_of_one_address_are_limited() {
    let server = TestServer::with(|http| http.max_connections_per_address = 1).await;
    let mut first = server.connect().await;
    assert_eq!(first.status("/hello").await, 200);
    assert_eq!(server.connect().await.status("/hello").await, 503);
    drop(first);
    assert_eq!(until_room(&server).await, 200);
    server.stop().await;
}

#[tokio::test]
async fn trusted_proxy_may_have_more_connections() {
    let server = TestServer::with(|http| {
        http.max_connections_per_address = 1;
        http.trusted_proxies = TrustedProxies::new(vec!["127.0.0.0/8".parse().unwrap()], ForwardedHeader::default());
    })
    .await;
    let mut first = server.connect().await;
    assert_eq!(first.status("/hello").await, 200);
    assert_eq!(server.connect().await.status("/hello").await, 200);
    server.stop().await;
}

#[tokio::test]
async fn unread_answers_hold_the_next_back() {
    let server = TestServer::start().await;
    let (client, connection) = server.connect_http2().await;
    let send = || {
        let request = http::Request::get("http://test/big").body(Empty::<Bytes>::new());
        tokio::spawn(client.clone().send_request(request.unwrap()))
    };
    let answers: Vec<_> = (0..4).map(|_| send()).collect();
    // Another connection is served meanwhile.
    let mut other = server.connect().await;
    while server.big_answers.load(Ordering::Relaxed) == 0 {
        assert_eq!(other.status("/hello").await, 200);
    }
    for _ in 0..20 {
        assert_eq!(other.status("/hello").await, 200);
    }
    assert_eq!(server.big_answers.load(Ordering::Relaxed), 1);
    // Each is made when those before it are taken.
    let reading = answers.into_iter().map(|answer| async move {
        let mut body = answer.await.unwrap().unwrap().into_body();
        let mut bytes = 0;
        while let Some(frame) = body.frame().await {
            bytes += frame.unwrap().into_data().unwrap().len();
        }
        bytes
    });
    assert_eq!(join_all(reading).await, [BIG_BYTES; 4]);
    assert_eq!(server.big_answers.load(Ordering::Relaxed), 4);
    drop(client);
    timeout(FOREVER, connection).await.unwrap().unwrap().unwrap();
    server.stop().await;
}

#[tokio::test]
async fn answers_without_memory_are_503() {
    let server = TestServer::with(|http| {
        http.max_unsent_bytes = 1024 * 1024;
        http.request_deadline = Duration::from_millis(200);
    })
    .await;
    let mut slow_reader = server.connect().await;
    slow_reader.write("GET /big HTTP/1.1\r\nhost: test\r\n\r\n").await;
    let mut other = server.connect().await;
    while server.big_answers.load(Ordering::Relaxed) == 0 {
        other.status("/health/live").await;
    }
    let refused = other.get("/hello", &[]).await.unwrap();
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert_eq!(refused.json()["message"]["code"], "UsersOrchestrator_E503");
    assert_eq!(other.status("/health/live").await, 200);
    drop(slow_reader);
    let began = Instant::now();
    while other.status("/hello").await == 503 {
        assert!(began.elapsed() < FOREVER, "the memory was not freed");
    }
    server.stop().await;
}

#[tokio::test]
async fn panic_is_500_and_the_connection_survives() {
    let server = TestServer::start().await;
    let mut wire = server.connect().await;
    let failed = wire.get("/panic", &[("X-RequestId", "abc-1")]).await.unwrap();
    assert_eq!(failed.status, 500);
    assert_eq!(failed.json()["message"]["code"], "UsersOrchestrator_E500");
    assert_eq!(failed.header("x-requestid"), Some("abc-1"));
    for (path, logged) in [
        (
            "/User/panic",
            r#"{"error":"Something went wrong. Please try again later."}"#,
        ),
        (
            "/v1/customers/export",
            r#"{"status":"fail","error":{"message":"Internal Server Error","type":"ServerError","request_id":"000abc-1"}}"#,
        ),
    ] {
        let failed = wire.get(path, &[("X-RequestId", "abc-1")]).await.unwrap();
        assert_eq!(
            (failed.status, String::from_utf8(failed.body).unwrap().as_str()),
            (500, logged)
        );
    }
    assert_eq!(wire.status("/hello").await, 200);
    let (_, log) = server.stop().await;
    assert!(log.contains(r#""route":"/panic","status":500"#), "{log}");
    assert!(!log.contains("ann@example.com"));
}

#[tokio::test]
async fn each_response_has_id_and_access_line() {
    let server = TestServer::start().await;
    let mut wire = server.connect().await;
    let headers = [
        ("X-ClientGroupCode", "north"),
        ("X-ClientCode", "daily"),
        ("X-PaperCode", "herald"),
        ("X-SourceSystem", "CRM"),
    ];
    let made_up = wire.get("/hello?email=ann@example.com", &headers).await.unwrap();
    assert_eq!(made_up.header("x-requestid").unwrap().len(), 36);
    let echoed = wire
        .get("/nowhere/ann@example.com", &[("x-requestid", "r-2")])
        .await
        .unwrap();
    assert_eq!((echoed.status, echoed.header("x-requestid")), (404, Some("r-2")));
    let live = wire.get("/health/live", &[]).await.unwrap();
    assert_eq!(live.status, 200);
    assert_ne!(live.header("x-requestid"), made_up.header("x-requestid"));
    let metrics = wire.get("/metrics", &[]).await.unwrap();
    assert_eq!(metrics.status, 200);
    let (_, log) = server.stop().await;
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let logged: Vec<_> = lines
        .iter()
        .map(|line| (line["route"].as_str().unwrap(), line["status"].as_u64().unwrap()))
        .collect();
    assert_eq!(logged, [("/hello", 200), ("none", 404)], "probes are not written");
    assert_eq!(lines[0]["tenant"], "north/daily/herald");
    assert_eq!(lines[0]["source_system"], "CRM");
    assert_eq!(lines[0]["bytes"], 5);
    assert!(!log.contains("ann") && !log.contains("email"), "{log}");
}

#[tokio::test]
async fn http2_is_served_and_drained() {
    let server = TestServer::start().await;
    let (mut client, connection) = server.connect_http2().await;
    let request = |path: &str| {
        http::Request::get(format!("http://test{path}"))
            .body(Empty::<Bytes>::new())
            .unwrap()
    };
    let answer = client.send_request(request("/hello")).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("x-requestid"));
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "hello");
    let long = format!("/hello?{}", "a".repeat(17_000));
    assert_eq!(client.send_request(request(&long)).await.unwrap().status(), 414);
    // A request is open when the drain starts: it is answered, and the connection is then closed in order.
    let waiting = client.send_request(request("/wait/500"));
    let drained = async {
        sleep(Duration::from_millis(100)).await;
        server.stop().await.0
    };
    let (waited, drained) = tokio::join!(waiting, drained);
    assert_eq!(
        waited.unwrap().into_body().collect().await.unwrap().to_bytes(),
        "waited"
    );
    assert_eq!(drained, DrainOutcome { cut: 0 });
    timeout(FOREVER, connection).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn http2_client_that_does_not_read_is_cut() {
    let server = TestServer::with(|http| {
        http.request_deadline = Duration::from_millis(100);
        http.body_timeout = Duration::from_millis(100);
        http.write_timeout = Duration::from_millis(300);
        http.header_timeout = Duration::from_millis(300);
        http.keep_alive = Duration::from_millis(300);
        http.max_connections = 1;
    })
    .await;
    let (mut client, connection) = server.connect_http2().await;
    let request = http::Request::get("http://test/big")
        .body(Empty::<Bytes>::new())
        .unwrap();
    // The head is received; the body exceeds the window and is not read.
    let untaken = client.send_request(request).await.unwrap();
    assert_eq!(until_room(&server).await, 200);
    drop(untaken);
    let _ = timeout(FOREVER, connection).await.expect("the connection has ended");
    server.stop().await;
}

#[tokio::test]
async fn drain_answers_and_then_cuts() {
    let server = TestServer::with(|http| {
        http.drain_idle = Duration::from_secs(1);
        http.drain_timeout = Duration::from_secs(3);
    })
    .await;
    let mut probe = server.connect().await;
    assert_eq!(probe.status("/health/ready").await, 200);
    let mut endless = server.connect().await;
    endless.write("GET /wait/3600000 HTTP/1.1\r\nhost: test\r\n\r\n").await;
    let mut slow = server.connect().await;
    slow.write("GET /wait/1500 HTTP/1.1\r\nhost: test\r\n\r\n").await;
    // Both are being processed once a later request is answered.
    assert_eq!(server.connect().await.status("/wait/50").await, 200);
    server.lifecycle.drain();
    let not_ready = probe.get("/health/ready", &[]).await.unwrap();
    assert_eq!(not_ready.status, 503);
    assert_eq!(not_ready.json()["parts"][0]["why"], "draining");
    assert!(not_ready.closes());
    let answer = slow.read_response().await.unwrap();
    assert_eq!((answer.status, answer.closes()), (200, true));
    let (drained, _) = server.stop().await;
    assert_eq!(drained, DrainOutcome { cut: 1 });
    assert!(endless.read_to_end().await.is_empty());
}

//! `GET /v4/Users/Export` over real sockets: large, slow, stalled and vanished readers.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::{
    exports::{Exported, HERALD, odd_users},
    support::{
        http_client, jwt,
        process::{SECRET, ServerProcess, setting},
        raw_http::FOREVER,
    },
};

/// More than the buffers of sockets take many times over.
const USERS: usize = 100_000;

/// A response that is read chunk by chunk.
struct ChunkedResponse {
    stream: TcpStream,
    read: Vec<u8>,
    head: String,
}

/// How a response ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// By its last chunk.
    Whole,
    /// By the end of the connection.
    Cut,
}

impl ChunkedResponse {
    async fn get(server: &ServerProcess, target: &str) -> Self {
        let mut claims = jwt::claims(&[HERALD]);
        claims["scope"] = "users:export".into();
        let token = jwt::hs256_token(&claims, SECRET);
        let stream = TcpStream::connect(server.address).await.unwrap();
        let mut response = Self {
            stream,
            read: Vec::new(),
            head: String::new(),
        };
        let request = format!(
            "GET {target} HTTP/1.1\r\nhost: test\r\nauthorization: bearer {token}\r\nx-sourcesystem: CRM\r\n\
             x-clientgroupcode: north\r\nx-clientcode: daily\r\nx-papercode: herald\r\n\r\n"
        );
        response.stream.write_all(request.as_bytes()).await.unwrap();
        response.head = response.until(b"\r\n\r\n").await.unwrap();
        response
    }

    /// The text up to this mark, which is taken too; `None` at the end of the connection.
    async fn until(&mut self, mark: &[u8]) -> Option<String> {
        loop {
            if let Some(at) = self.read.windows(mark.len()).position(|some| some == mark) {
                let text = self.read.drain(..at + mark.len()).collect();
                return Some(String::from_utf8(text).unwrap());
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> Option<()> {
        let read = timeout(FOREVER, self.stream.read_buf(&mut self.read)).await;
        match read.expect("the server goes on") {
            Ok(1..) => Some(()),
            Ok(0) | Err(_) => None,
        }
    }

    /// The next chunk; `None` at the end.
    async fn chunk(&mut self) -> Result<Vec<u8>, End> {
        let size = self.until(b"\r\n").await.ok_or(End::Cut)?;
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        if size == 0 {
            self.until(b"\r\n").await.ok_or(End::Cut)?;
            return Err(End::Whole);
        }
        while self.read.len() < size + 2 {
            self.more().await.ok_or(End::Cut)?;
        }
        let chunk = self.read.drain(..size).collect();
        self.read.drain(..2);
        Ok(chunk)
    }

    /// The number of lines until the end.
    async fn rest(&mut self) -> (usize, End) {
        let mut lines = 0;
        loop {
            match self.chunk().await {
                Ok(chunk) => lines += chunk.split(|byte| *byte == b'\n').count() - 1,
                Err(end) => return (lines, end),
            }
        }
    }
}

/// A server whose tenant has many users.
fn large(more: &[(&str, &str)]) -> (Exported, ServerProcess) {
    let exported = Exported::with(&[]);
    let script = format!(
        "INSERT INTO registrations (pool, state, verified, masters_accounts, crid, email_key, first_key, last_key, first_name, \
         last_name, metadata, search_terms) SELECT t.pool, 0, false, true, lpad(n::text, 8, '0'), 'u' || n || '@example.org', \
         '', '', '', '', json_build_object('note', repeat('x', 200)), '{{}}' FROM tenants AS t, generate_series(1, {USERS}) AS n \
         WHERE t.paper = 'herald'; ANALYZE registrations"
    );
    exported.database.run(&script).unwrap();
    let mut settings = exported.settings.clone();
    settings.extend(more.iter().map(|(key, value)| setting(key, value)));
    let server = ServerProcess::start(&settings);
    (exported, server)
}

/// How many exports have a transaction open.
fn snapshots(exported: &Exported) -> u32 {
    let count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL \
                 AND query LIKE '%masthead_export%' AND pid <> pg_backend_pid()";
    exported.database.run(count).unwrap().trim().parse().unwrap()
}

fn wait_until(mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < FOREVER, "it never is so");
        thread::sleep(Duration::from_millis(50));
    }
}

/// The value of a metric; 0 where it is not there yet.
fn metric(server: &ServerProcess, name: &str) -> u64 {
    let metrics = http_client::get(server.address, "/metrics").body;
    let line = metrics.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.map_or(0, |value| value.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn large_export_takes_little_memory() {
    let (exported, server) = large(&[("HTTP__HEADER_TIMEOUT", "1s")]);
    let mut response = ChunkedResponse::get(&server, "/v4/Users/Export").await;
    assert!(response.head.starts_with("HTTP/1.1 200 "), "{}", response.head);
    let first = response.chunk().await.unwrap();
    // While the client reads nothing, what waits for it is counted; the gauge follows every second.
    wait_until(|| metric(&server, "masthead_unsent_bytes") > 0);
    for _ in 0..20 {
        let unsent = metric(&server, "masthead_unsent_bytes");
        assert!(unsent < 3 * 512 * 1024, "{unsent}");
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(metric(&server, "masthead_exports_running"), 1);
    let lines = first.split(|byte| *byte == b'\n').count() - 1;
    let (rest, end) = response.rest().await;
    assert_eq!(lines + rest, USERS);
    assert_eq!(end, End::Whole);
    wait_until(|| snapshots(&exported) == 0 && metric(&server, "masthead_exports_running") == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn vanished_client_frees_the_snapshot() {
    let (exported, server) = large(&[]);
    let mut response = ChunkedResponse::get(&server, "/v4/Users/Export").await;
    response.chunk().await.unwrap();
    assert_eq!(snapshots(&exported), 1);
    drop(response);
    wait_until(|| snapshots(&exported) == 0);
    wait_until(|| metric(&server, "masthead_exports_running") == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn stalled_client_is_cut() {
    let (exported, server) = large(&[("EXPORTS__STALL_LIMIT", "1s")]);
    let mut response = ChunkedResponse::get(&server, "/v4/Users/Export").await;
    response.chunk().await.unwrap();
    wait_until(|| snapshots(&exported) == 0);
    let (lines, end) = response.rest().await;
    assert_eq!(end, End::Cut);
    assert!(lines < USERS);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn export_past_its_time_is_cut() {
    let (exported, server) = large(&[("EXPORTS__TIME_LIMIT", "1s")]);
    let mut response = ChunkedResponse::get(&server, "/v4/Users/Export").await;
    response.chunk().await.unwrap();
    // It waits for the client until the time is over.
    wait_until(|| snapshots(&exported) == 0 || response_is_over(&exported));
    let (_, end) = response.rest().await;
    assert_eq!(end, End::Cut);
}

/// The time of an export is looked at when its client takes more.
fn response_is_over(exported: &Exported) -> bool {
    let old = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%masthead_export%' \
               AND pid <> pg_backend_pid() AND xact_start < now() - interval '2 seconds'";
    exported.database.run(old).unwrap().trim() == "1"
}

#[tokio::test(flavor = "multi_thread")]
async fn filtered_export_is_recorded_with_its_number() {
    let exported = Exported::with(&odd_users());
    let server = ServerProcess::start(&exported.settings);
    let mut response = ChunkedResponse::get(&server, "/v4/Users/Export?email=example.org").await;
    let mut text = Vec::new();
    let end = loop {
        match response.chunk().await {
            Ok(chunk) => text.extend(chunk),
            Err(end) => break end,
        }
    };
    assert_eq!(end, End::Whole);
    let text = String::from_utf8(text).unwrap();
    assert_eq!(text, exported.export(HERALD, &["--filter", "email=example.org"]));
    server.stop();
    assert_eq!(
        recorded(&exported),
        ["0 emailContains unknown started", "2 emailContains found true"]
    );
}

/// The events of exports, which name no user.
fn recorded(exported: &Exported) -> Vec<String> {
    let events = "SELECT users || ' ' || filter_kind || ' ' || outcome || ' ' || coalesce(detail->>'state', detail->>'complete') \
                    FROM events WHERE kind = 4902 AND user_ids IS NULL ORDER BY id";
    let events = exported.database.run(events).unwrap();
    events.lines().map(str::to_owned).collect()
}

/// What was read before SIGKILL is in the log, by its start.
#[tokio::test(flavor = "multi_thread")]
async fn killed_export_has_begun_in_the_log() {
    let (exported, server) = large(&[]);
    let mut response = ChunkedResponse::get(&server, "/v4/Users/Export").await;
    response.chunk().await.unwrap();
    wait_until(|| !recorded(&exported).is_empty());
    server.signal("KILL");
    let (_, end) = response.rest().await;
    assert_eq!(end, End::Cut);
    assert_eq!(recorded(&exported), ["0 all unknown started"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn second_export_is_refused_meanwhile() {
    let (_exported, server) = large(&[]);
    let mut first = ChunkedResponse::get(&server, "/v4/Users/Export").await;
    first.chunk().await.unwrap();
    let second = ChunkedResponse::get(&server, "/v4/Users/Export").await;
    assert!(second.head.starts_with("HTTP/1.1 429 "), "{}", second.head);
    assert!(
        second.head.to_ascii_lowercase().contains("retry-after: 10"),
        "{}",
        second.head
    );
    let (_, end) = first.rest().await;
    assert_eq!(end, End::Whole);
}

/// Every line of an export is JSON with an id.
#[tokio::test(flavor = "multi_thread")]
async fn lines_are_json() {
    let exported = Exported::with(&odd_users());
    let server = ServerProcess::start(&exported.settings);
    let mut response = ChunkedResponse::get(&server, "/v4/Users/Export").await;
    let chunk = response.chunk().await.unwrap();
    for line in String::from_utf8(chunk).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(line["customerRegistrationId"].is_string() && line["passwordHash"].is_null());
    }
}

//! Whole journeys: the program as a child process, on a real Postgres.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::support::{
    process::{self, ServerProcess},
    raw_http::{FOREVER, RawConnection, RawResponse},
};
use masthead_dev_postgres::{PrivateServer, TestDatabase};
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::sleep};

const TENANT: &str = "north/daily/herald";
const READERS: usize = 40;

pub(crate) fn headers(token: &str) -> Vec<(&'static str, String)> {
    vec![
        ("Authorization", format!("Bearer {token}")),
        ("X-SourceSystem", "CRM".to_owned()),
        ("X-ClientCode", "daily".to_owned()),
        ("X-PaperCode", "herald".to_owned()),
        ("X-ClientGroupCode", "north".to_owned()),
    ]
}

pub(crate) async fn get(
    wire: &mut RawConnection,
    path: &str,
    headers: &[(&'static str, String)],
) -> io::Result<RawResponse> {
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    wire.get(path, &headers).await
}

fn registration(n: usize) -> Value {
    json!({
        "customerRegistrationId": format!("crid-{n}"), "email": format!("zebulon{n}@hidden.example"),
        "firstName": "Zebulon", "lastName": format!("Quizzeltop{n}"), "verified": true,
        "passwordHash": "840761ea4ff4d25aeced0c1039ed7725",
        "metadata": {"city": "Nowhereville"},
    })
}

/// Migrates a database and loads one tenant with its users by the program's own commands.
fn filled(settings: &[(String, String)]) {
    process::run_ok(settings, &["migrate"], "");
    process::run_ok(settings, &["tenant", "add", TENANT], "");
    let lines: Vec<_> = (0..READERS).map(|n| registration(n).to_string()).collect();
    let messages = process::run_ok(settings, &["import", "--tenant", TENANT], &lines.join("\n"));
    assert_eq!(
        messages,
        format!(
            r#"{{"hashes":{{"md5":{READERS}}},"imported":{READERS},"merged":0,"rejected":0,"skipped":0,"unusableHashes":{{}}}}"#
        )
    );
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(future)
}

async fn status(address: SocketAddr, path: &str) -> u16 {
    RawConnection::connect(address)
        .await
        .unwrap()
        .get(path, &[])
        .await
        .unwrap()
        .status
}

/// The server rejects a token that lives longer than `tokens.max_lifetime`, so none is minted.
#[test]
fn too_long_token_is_not_minted() {
    let settings = process::settings("postgres://nowhere/at_all");
    let mint = |lifetime: &str| {
        let arguments = ["token", "--tenant", TENANT, "--expires-in", lifetime];
        process::run(&settings, &arguments, "")
    };
    assert!(mint("24h").status.success());
    let refused = mint("25h");
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && refused.stdout.is_empty(), "{error}");
    assert!(error.contains("tokens.max_lifetime"), "{error}");
}

/// A token for machines needs a raised bound of its own: one by mistake is not minted.
#[test]
fn minted_tokens_live_a_week_at_most() {
    let mut settings = process::settings("postgres://nowhere/at_all");
    settings.push(process::setting("TOKENS__MAX_LIFETIME", "365d"));
    let arguments = ["token", "--tenant", TENANT, "--expires-in", "8d"];
    let error = process::run_err(&settings, &arguments, "");
    assert!(error.contains("tokens.max_minted_lifetime"), "{error}");
    settings.push(process::setting("TOKENS__MAX_MINTED_LIFETIME", "365d"));
    process::run_ok(&settings, &arguments, "");
}

#[test]
fn shared_secret_beyond_this_host_is_warned_of() {
    let mut settings = process::settings("postgres://nowhere/at_all");
    let warning = |settings: &[(String, String)]| {
        let output = process::run(settings, &["check-config"], "");
        assert!(output.status.success());
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("tokens.hs256_secret")
    };
    assert!(!warning(&settings));
    settings.push(process::setting("HTTP__LISTEN", "0.0.0.0:8080"));
    assert!(warning(&settings));
}

#[test]
fn empty_database_to_first_response() {
    let database = TestDatabase::empty().unwrap();
    let settings = process::settings(&database.url().unwrap());
    // A database without the schema is refused with a hint.
    assert!(process::run_err(&settings, &["serve"], "").contains("masthead migrate"));

    filled(&settings);
    let token = process::run_ok(&settings, &["token", "--tenant", TENANT], "");
    let server = ServerProcess::start(&settings);
    let address = server.address;
    block_on(async {
        let mut wire = RawConnection::connect(address).await.unwrap();
        let found = get(&mut wire, "/v4/Users/crid-7", &headers(&token)).await.unwrap();
        assert_eq!(found.status, 200);
        assert_eq!(found.json()["data"]["email"], "zebulon7@hidden.example");
        for query in [
            "email=zebulon7@hidden.example",
            "firstName=zeb&lastName=quizzeltop7",
            "metadata.city=nowhereville",
        ] {
            let listed = get(&mut wire, &format!("/v4/Users?{query}"), &headers(&token))
                .await
                .unwrap();
            assert_eq!(listed.status, 200, "{query}");
            assert!(listed.json()["meta"]["totalRecords"].as_u64() >= Some(1), "{query}");
        }
        assert_eq!(status(address, "/health/ready").await, 200);
        let metrics = wire.get("/metrics", &[]).await.unwrap();
        let metrics = String::from_utf8(metrics.body).unwrap();
        assert!(
            metrics.contains("masthead_http_request_duration_seconds_bucket{"),
            "{metrics}"
        );
        assert!(metrics.contains("process_cpu_seconds_total"), "{metrics}");
    });
    let log = server.stop();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let access: Vec<_> = lines
        .iter()
        .filter(|line| line["target"] == "masthead::access")
        .collect();
    assert_eq!(access.len(), 4, "probes are not written");
    assert_eq!(access[0]["route"], "/v4/Users/{crid}");
    assert_eq!(access[0]["tenant"], TENANT);
}

#[test]
fn commands_report_results_and_errors() {
    let database = TestDatabase::empty().unwrap();
    let settings = process::settings(&database.url().unwrap());
    process::run_ok(&settings, &["check-config"], "");
    let mut wrong = settings.clone();
    wrong.push(("MASTHEAD__HTTP__LISTEN".to_owned(), "seagull".to_owned()));
    wrong.push(("MASTHEAD__HTTP__COLOUR".to_owned(), "seagull".to_owned()));
    let error = process::run_err(&wrong, &["check-config"], "");
    assert!(
        error.contains("http.listen") && error.contains("http.colour"),
        "{error}"
    );
    assert!(!error.contains("seagull"), "{error}");
    assert_eq!(
        process::run(&settings, &["tenant", "add", "a/b"], "").status.code(),
        Some(2)
    );

    filled(&settings);
    let shared = [
        "tenant",
        "add",
        "north/daily/times",
        "--pool",
        TENANT,
        "--set",
        "Flow.UserProvider=Okta",
    ];
    let warned = process::run(&settings, &shared, "");
    assert_eq!(warned.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&warned.stderr).contains("warning: Flow.UserProvider"));
    let invalid = ["tenant", "set", TENANT, "Colour=red", "Api.MissAs400=yes"];
    let error = process::run_err(&settings, &invalid, "");
    assert!(error.contains("Colour") && error.contains("Api.MissAs400"), "{error}");
    process::run_ok(&settings, &["tenant", "set", TENANT, "Api.MissAs400=true"], "");
    let listed: Value = serde_json::from_str(&process::run_ok(&settings, &["tenant", "list", "--json"], "")).unwrap();
    assert_eq!(
        listed,
        json!([
            {"tenant": TENANT, "pool": TENANT, "settings": {"Api.MissAs400": "true"}},
            {"tenant": "north/daily/times", "pool": TENANT, "settings": {"Flow.UserProvider": "Okta"}},
        ])
    );
    process::run_ok(&settings, &["tenant", "remove", "north/daily/times", "--yes"], "");
    process::run_err(&settings, &["tenant", "remove", "north/daily/times", "--yes"], "");

    // A repeated import skips all. Then a line for another tenant, and an invalid line: each costs only itself.
    let again = process::run_ok(
        &settings,
        &["import", "--tenant", TENANT, "-"],
        &format!("{}\n", registration(3)),
    );
    assert_eq!(
        again,
        r#"{"hashes":{"md5":1},"imported":0,"merged":0,"rejected":0,"skipped":1,"unusableHashes":{}}"#
    );
    process::run_ok(&settings, &["tenant", "add", "south/daily/sun"], "");
    let mut other = registration(100);
    other["tenant"] = "south/daily/sun".into();
    let mut bad = registration(101);
    bad["email"] = "zebulon\0".into();
    let lines = format!("{other}\n\n{bad}\n{}\n", registration(102));
    let rejecting = process::run(&settings, &["import", "--tenant", TENANT], &lines);
    assert_eq!(rejecting.status.code(), Some(3));
    assert_eq!(
        String::from_utf8_lossy(&rejecting.stdout).trim(),
        r#"{"hashes":{"md5":1},"imported":1,"merged":0,"rejected":2,"skipped":0,"unusableHashes":{}}"#
    );
    let error = String::from_utf8_lossy(&rejecting.stderr).into_owned();
    assert!(
        error.contains("2 of 3 rows are rejected") && !error.contains("zebulon"),
        "{error}"
    );
}

/// The responses that clients under load received.
#[derive(Default)]
struct LoadCounters {
    found: AtomicUsize,
    unavailable: AtomicUsize,
}

/// Clients that send requests without pause until the server stops listening. Any response other than a user, or a 503 with
/// `Retry-After`, is a failure.
fn clients(address: SocketAddr, token: &str, seen: &Arc<LoadCounters>) -> JoinSet<()> {
    let mut clients = JoinSet::new();
    for client in 0..12 {
        let headers = headers(token);
        let seen = Arc::clone(seen);
        clients.spawn(async move {
            while let Ok(mut wire) = RawConnection::connect(address).await {
                for n in 0.. {
                    let path = if client % 2 == 0 {
                        format!("/v4/Users/crid-{}", n % READERS)
                    } else {
                        format!("/v4/Users?email=zebulon{}@hidden.example", n % READERS)
                    };
                    let answer = match get(&mut wire, &path, &headers).await {
                        Ok(answer) => answer,
                        // Still in the listening queue when the listener closed.
                        Err(error) if n == 0 && error.kind() == io::ErrorKind::ConnectionReset => break,
                        Err(error) => panic!("request {n} of a connection was lost: {error}"),
                    };
                    match answer.status {
                        200 => {
                            assert_ne!(answer.json()["data"], json!([]), "silence is not absence");
                            seen.found.fetch_add(1, Ordering::Relaxed);
                        }
                        503 => {
                            assert!(answer.header("retry-after").is_some());
                            seen.unavailable.fetch_add(1, Ordering::Relaxed);
                            // A real client would wait longer.
                            sleep(Duration::from_millis(20)).await;
                        }
                        status => panic!("{status}: {}", answer.json()),
                    }
                    // Every fourth client opens a connection for each request.
                    if answer.closes() || client % 4 == 3 {
                        break;
                    }
                }
            }
        });
    }
    clients
}

async fn until(what: &str, mut reached: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !reached().await {
        assert!(began.elapsed() < FOREVER, "never reached: {what}");
        sleep(Duration::from_millis(50)).await;
    }
}

#[test]
fn sigterm_under_load_loses_nothing() {
    let database = TestDatabase::empty().unwrap();
    let mut settings = process::settings(&database.url().unwrap());
    // Generous limits: a busy machine must not cause a 503.
    for key in [
        "HTTP__REQUEST_DEADLINE",
        "DATABASE__STATEMENT_TIMEOUT",
        "DATABASE__ACQUIRE_TIMEOUT",
    ] {
        settings.push(process::setting(key, "30s"));
    }
    filled(&settings);
    let token = process::run_ok(&settings, &["token", "--tenant", TENANT], "");
    let server = ServerProcess::start(&settings);
    let seen = Arc::new(LoadCounters::default());
    block_on(async {
        let mut clients = clients(server.address, &token, &seen);
        until("load", async || seen.found.load(Ordering::Relaxed) > 1_000).await;
        server.signal("TERM");
        while let Some(client) = clients.join_next().await {
            client.unwrap();
        }
    });
    let (code, log) = server.wait();
    assert_eq!(code, Some(0), "{log}");
    let found = seen.found.load(Ordering::Relaxed);
    assert_eq!(seen.unavailable.load(Ordering::Relaxed), 0);
    assert_eq!(
        log.matches(r#""target":"masthead::access""#).count(),
        found,
        "one access line a request"
    );
    let events = database
        .run("SELECT count(*) FROM events WHERE kind IN (4000, 4001)")
        .unwrap();
    assert_eq!(events.trim(), found.to_string(), "every read has its event");
}

#[test]
fn second_signal_stops_at_once() {
    let database = TestDatabase::empty().unwrap();
    let mut settings = process::settings(&database.url().unwrap());
    process::run_ok(&settings, &["migrate"], "");
    settings.push(("MASTHEAD__HTTP__DRAIN_TIMEOUT".to_owned(), "1h".to_owned()));
    settings.push(("MASTHEAD__HTTP__DRAIN_IDLE".to_owned(), "1h".to_owned()));
    let server = ServerProcess::start(&settings);
    // Kept open until the server has stopped: without open connections the drain would end.
    let idle = block_on(async {
        let mut probe = RawConnection::connect(server.address).await.unwrap();
        let mut idle = RawConnection::connect(server.address).await.unwrap();
        assert_eq!(idle.get("/health/live", &[]).await.unwrap().status, 200);
        server.signal("TERM");
        until("draining", async || match probe.get("/health/ready", &[]).await {
            // A slow database makes it unready too.
            Ok(answer) => answer.json()["parts"][0]["why"] == "draining",
            Err(_) => true,
        })
        .await;
        server.signal("INT");
        idle
    });
    let (code, log) = server.wait();
    drop(idle);
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("second SIGINT"), "{log}");
}

#[test]
fn postgres_restart_causes_only_503() {
    let postgres = PrivateServer::start_new().unwrap();
    postgres.server().create_database("masthead_restart").unwrap();
    let settings = process::settings(&postgres.server().url("masthead_restart").unwrap());
    filled(&settings);
    // Test clusters commit asynchronously: without a checkpoint a crash would lose the users.
    postgres.server().run("masthead_restart", "CHECKPOINT").unwrap();
    let token = process::run_ok(&settings, &["token", "--tenant", TENANT], "");
    let server = ServerProcess::start(&settings);
    let address = server.address;
    let seen = Arc::new(LoadCounters::default());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut clients = {
        let _inside = runtime.enter();
        clients(address, &token, &seen)
    };
    // Liveness is checked all the time.
    let alive = Arc::new(AtomicUsize::new(0));
    let probes = Arc::clone(&alive);
    let liveness = runtime.spawn(async move {
        while let Ok(mut wire) = RawConnection::connect(address).await {
            let Ok(answer) = wire.get("/health/live", &[]).await else {
                break;
            };
            assert_eq!(answer.status, 200);
            probes.fetch_add(1, Ordering::Relaxed);
            sleep(Duration::from_millis(20)).await;
        }
    });
    let more_found = |n: usize| {
        let before = seen.found.load(Ordering::Relaxed);
        let seen = Arc::clone(&seen);
        runtime.block_on(until("users found again", async || {
            seen.found.load(Ordering::Relaxed) > before + n
        }));
    };
    more_found(300);
    postgres.restart_immediate().unwrap();
    more_found(300);
    // A long outage makes the server unready.
    postgres.stop().unwrap();
    runtime.block_on(until("not ready", async || {
        status(address, "/health/ready").await == 503
    }));
    let unavailable = seen.unavailable.load(Ordering::Relaxed);
    runtime.block_on(until("503s", async || {
        seen.unavailable.load(Ordering::Relaxed) > unavailable
    }));
    postgres.start().unwrap();
    more_found(300);
    runtime.block_on(until("ready", async || status(address, "/health/ready").await == 200));
    assert!(alive.load(Ordering::Relaxed) > 0);
    server.signal("TERM");
    runtime.block_on(async {
        while let Some(client) = clients.join_next().await {
            client.unwrap();
        }
        liveness.await.unwrap();
    });
    let (code, log) = server.wait();
    assert_eq!(code, Some(0), "{log}");
    assert!(
        !log.contains("hidden.example") && !log.contains(r#""message":"panic""#),
        "{log}"
    );
}

#[test]
fn server_starts_without_the_database() {
    let postgres = PrivateServer::start_new().unwrap();
    postgres.server().create_database("masthead_down").unwrap();
    let settings = process::settings(&postgres.server().url("masthead_down").unwrap());
    filled(&settings);
    let token = process::run_ok(&settings, &["token", "--tenant", TENANT], "");
    postgres.stop().unwrap();
    let server = ServerProcess::start(&settings);
    let address = server.address;
    let headers = headers(&token);
    block_on(async {
        assert_eq!(status(address, "/health/live").await, 200);
        assert_eq!(status(address, "/health/ready").await, 503);
        for path in [
            "/v4/Users/crid-1",
            "/v4/Users?email=zebulon1@hidden.example",
            "/v4/Users?firstName=zeb",
        ] {
            let mut wire = RawConnection::connect(address).await.unwrap();
            let answer = get(&mut wire, path, &headers).await.unwrap();
            assert_eq!(answer.status, 503, "{path}");
            assert!(answer.header("retry-after").is_some(), "{path}");
        }
    });
    postgres.start().unwrap();
    block_on(async {
        until("ready", async || status(address, "/health/ready").await == 200).await;
        until("answers", async || {
            let mut wire = RawConnection::connect(address).await.unwrap();
            get(&mut wire, "/v4/Users/crid-1", &headers).await.unwrap().status == 200
        })
        .await;
    });
    server.stop();
}

#[test]
fn server_survives_missing_file_descriptors() {
    // Port 1 is closed: liveness needs no database.
    let settings = process::settings("postgres://nobody@127.0.0.1:1/nothing");
    let server = ServerProcess::start_with_descriptors(&settings, 48);
    let address = server.address;
    block_on(async {
        // The kernel accepts connections beyond the server's file descriptors.
        let mut held = Vec::new();
        for _ in 0..80 {
            held.push(RawConnection::connect(address).await.unwrap());
        }
        assert_eq!(held[0].get("/health/live", &[]).await.unwrap().status, 200);
        until("the refusal in the log", async || {
            server.log().contains("cannot accept connections")
        })
        .await;
        drop(held);
        until("alive", async || {
            let mut wire = RawConnection::connect(address).await.unwrap();
            wire.get("/health/live", &[])
                .await
                .is_ok_and(|answer| answer.status == 200)
        })
        .await;
    });
    server.stop();
}

//! A database that accepts connections and then stalls: the half-open socket.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use masthead_testkit::contract_cases::{ContractCase, Expectation};

use crate::support::process::setting;
use crate::{
    contract::server::{ContractServer, contract_tenants},
    support::{http_client, raw_http::FOREVER},
};

/// A proxy between the server and its database that can stall.
struct StallingProxy {
    address: SocketAddr,
    stalled: Arc<AtomicBool>,
}

impl StallingProxy {
    fn start(database: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stalled = Arc::new(AtomicBool::new(false));
        let is_stalled = Arc::clone(&stalled);
        thread::spawn(move || {
            for near in listener.incoming() {
                let near = near.unwrap();
                let far = TcpStream::connect(database).unwrap();
                forward(near.try_clone().unwrap(), far.try_clone().unwrap(), &is_stalled);
                forward(far, near, &is_stalled);
            }
        });
        Self { address, stalled }
    }
}

/// Forwards all bytes until either side closes; while stalled, it waits.
fn forward(mut from: TcpStream, mut to: TcpStream, stalled: &Arc<AtomicBool>) {
    let stalled = Arc::clone(stalled);
    thread::spawn(move || {
        let mut bytes = [0; 16 * 1024];
        while let Ok(read @ 1..) = from.read(&mut bytes) {
            while stalled.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(5));
            }
            if to.write_all(&bytes[..read]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Both);
    });
}

/// The `host:port` of a database's URL.
fn host_of(url: &str) -> &str {
    let (_, behind) = url.rsplit_once('@').unwrap();
    behind.split('/').next().unwrap()
}

#[test]
fn stalled_database_is_503_by_the_deadline() {
    let mut between = None;
    let server = ContractServer::start_with(&contract_tenants(), |settings| {
        let (_, url) = settings
            .iter_mut()
            .find(|(key, _)| key.ends_with("DATABASE__URL"))
            .unwrap();
        let proxy = StallingProxy::start(host_of(url).parse().unwrap());
        *url = url.replace(host_of(url), &proxy.address.to_string());
        between = Some(proxy);
        settings.retain(|(key, _)| !key.ends_with("_DEADLINE") && !key.ends_with("_TIMEOUT"));
        settings.push(setting("HTTP__REQUEST_DEADLINE", "3s"));
        settings.push(setting("DATABASE__STATEMENT_TIMEOUT", "2s"));
    });
    let stalled = between.unwrap().stalled;
    let reads = |status| {
        let code = Expectation::Status(status);
        [
            ContractCase::get("/v4/Users/2937", code.clone()),
            ContractCase::get("/v4/Users?email=ann@example.com", code.clone()),
            ContractCase::get("/v4/Users?firstName=an", code.clone()),
            ContractCase::search(r#"{"metadata":{"city":"Oslo"}}"#, code),
        ]
    };
    server.check_all(&reads(200));

    stalled.store(true, Ordering::SeqCst);
    let server = &server;
    thread::scope(|scope| {
        for case in reads(503) {
            scope.spawn(move || {
                let began = Instant::now();
                let answer = server.send(&case);
                // Much more than the deadline, much less than the stall.
                assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
                case.check(server, &answer).unwrap();
                assert!(
                    answer.body.contains(r#""code":"UsersOrchestrator_E503""#),
                    "{}",
                    answer.body
                );
                assert!(answer.body.ends_with(r#""data":null}"#), "{}", answer.body);
                let wait = http_client::header(&answer, "retry-after").unwrap();
                assert!((1..=60).contains(&wait.parse::<u32>().unwrap()), "{wait}");
            });
        }
        assert_eq!(http_client::get(server.address, "/health/live").status, 200);
    });
    assert_eq!(http_client::get(server.address, "/health/live").status, 200);
    let began = Instant::now();
    while http_client::get(server.address, "/health/ready").status != 503 {
        assert!(began.elapsed() < FOREVER, "still ready");
    }

    stalled.store(false, Ordering::SeqCst);
    let began = Instant::now();
    for case in reads(200) {
        while let Err(difference) = case.check(server, &server.send(&case)) {
            assert!(began.elapsed() < FOREVER, "never recovers: {difference}");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

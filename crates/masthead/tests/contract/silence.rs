//! A database that takes connections and says nothing: the half-open socket that no refusal tells of.

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

use crate::{
    support::wire::FOREVER,
    wire,
    world::{World, of_the_contract, setting},
};

/// Stands between the server and its database, and can fall silent in mid-word.
struct Between {
    address: SocketAddr,
    silent: Arc<AtomicBool>,
}

impl Between {
    fn of(database: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let silent = Arc::new(AtomicBool::new(false));
        let falls_silent = Arc::clone(&silent);
        thread::spawn(move || {
            for near in listener.incoming() {
                let near = near.unwrap();
                let far = TcpStream::connect(database).unwrap();
                pass_on(near.try_clone().unwrap(), far.try_clone().unwrap(), &falls_silent);
                pass_on(far, near, &falls_silent);
            }
        });
        Self { address, silent }
    }
}

/// Passes everything on until either side ends; while it is to be silent, keeps it.
fn pass_on(mut from: TcpStream, mut to: TcpStream, silent: &Arc<AtomicBool>) {
    let silent = Arc::clone(silent);
    thread::spawn(move || {
        let mut bytes = [0; 16 * 1024];
        while let Ok(read @ 1..) = from.read(&mut bytes) {
            while silent.load(Ordering::SeqCst) {
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
fn a_database_that_falls_silent_is_503_by_the_deadline_while_liveness_stays_200() {
    let mut between = None;
    let world = World::with(&of_the_contract(), |settings| {
        let (_, url) = settings
            .iter_mut()
            .find(|(key, _)| key.ends_with("DATABASE__URL"))
            .unwrap();
        let proxy = Between::of(host_of(url).parse().unwrap());
        *url = url.replace(host_of(url), &proxy.address.to_string());
        between = Some(proxy);
        settings.retain(|(key, _)| !key.ends_with("_DEADLINE") && !key.ends_with("_TIMEOUT"));
        settings.push(setting("HTTP__REQUEST_DEADLINE", "3s"));
        settings.push(setting("DATABASE__STATEMENT_TIMEOUT", "2s"));
    });
    let silent = between.unwrap().silent;
    let reads = |status| {
        let code = Expectation::Status(status);
        [
            ContractCase::get("/v4/Users/2937", code.clone()),
            ContractCase::get("/v4/Users?email=ann@example.com", code.clone()),
            ContractCase::get("/v4/Users?firstName=an", code.clone()),
            ContractCase::search(r#"{"metadata":{"city":"Oslo"}}"#, code),
        ]
    };
    world.holds(&reads(200));

    silent.store(true, Ordering::SeqCst);
    let world = &world;
    thread::scope(|scope| {
        for case in reads(503) {
            scope.spawn(move || {
                let began = Instant::now();
                let answer = world.ask(&case);
                // Far more than the deadline, far less than the silence.
                assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
                case.check(world, &answer).unwrap();
                assert!(
                    answer.body.contains(r#""code":"UsersOrchestrator_E503""#),
                    "{}",
                    answer.body
                );
                assert!(answer.body.ends_with(r#""data":null}"#), "{}", answer.body);
                let wait = wire::header(&answer, "retry-after").unwrap();
                assert!((1..=60).contains(&wait.parse::<u32>().unwrap()), "{wait}");
            });
        }
        assert_eq!(wire::get(world.address, "/health/live").status, 200);
    });
    assert_eq!(wire::get(world.address, "/health/live").status, 200);
    let began = Instant::now();
    while wire::get(world.address, "/health/ready").status != 503 {
        assert!(began.elapsed() < FOREVER, "still ready");
    }

    silent.store(false, Ordering::SeqCst);
    let began = Instant::now();
    for case in reads(200) {
        while let Err(difference) = case.check(world, &world.ask(&case)) {
            assert!(began.elapsed() < FOREVER, "never recovers: {difference}");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

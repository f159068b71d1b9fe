//! Servers that are restarted in turn behind a balancer: no request fails.
//!
//! The balancer of the test knows what a real one knows: it checks `/health/ready`, keeps connections open, obeys
//! `connection: close`, and sends each request once.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{task::JoinSet, time::sleep};

use super::{READERS, TENANT, loaded, with};
use crate::{
    journeys::{get, headers},
    support::{
        process::{self, ServerProcess},
        raw_http::{FOREVER, RawConnection},
    },
};

/// The interval of checks; two failures take a server out, as in `deploy/rolling-restart`.
const CHECK: Duration = Duration::from_millis(100);

/// One place behind the balancer.
struct Backend {
    address: Mutex<SocketAddr>,
    is_up: AtomicBool,
    answered: AtomicUsize,
}

impl Backend {
    fn new(address: SocketAddr) -> Self {
        Self {
            address: Mutex::new(address),
            is_up: AtomicBool::new(false),
            answered: AtomicUsize::new(0),
        }
    }

    fn address(&self) -> SocketAddr {
        *self.address.lock().unwrap()
    }

    async fn check_for_ever(&self) {
        let mut failures = 0;
        loop {
            let status = async {
                RawConnection::connect(self.address())
                    .await?
                    .get("/health/ready", &[])
                    .await
            };
            if status.await.is_ok_and(|answer| answer.status == 200) {
                failures = 0;
                self.is_up.store(true, Ordering::SeqCst);
            } else {
                failures += 1;
                if failures >= 2 {
                    self.is_up.store(false, Ordering::SeqCst);
                }
            }
            sleep(CHECK).await;
        }
    }
}

/// Sends requests one after another, each to a server that is up; keeps a connection to each until the server closes it. A
/// client of its own opens a connection for each request.
async fn send_until(end: Arc<AtomicBool>, backends: Arc<[Backend; 2]>, token: String, client: usize) {
    let headers = headers(&token);
    let mut kept: [Option<(SocketAddr, RawConnection)>; 2] = [None, None];
    for n in client.. {
        if end.load(Ordering::SeqCst) {
            return;
        }
        let first = n % 2;
        let up = [first, 1 - first]
            .into_iter()
            .find(|at| backends[*at].is_up.load(Ordering::SeqCst));
        let at = up.expect("one of both is always up");
        let address = backends[at].address();
        let mut wire = match kept[at].take().filter(|(to, _)| *to == address && client % 4 != 3) {
            Some((_, wire)) => wire,
            None => RawConnection::connect(address)
                .await
                .expect("a server that is up accepts"),
        };
        let path = format!("/v4/Users/crid-{}", n % READERS);
        let answer = get(&mut wire, &path, &headers)
            .await
            .expect("a request to a server that is up is answered");
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        backends[at].answered.fetch_add(1, Ordering::SeqCst);
        if !answer.closes() {
            kept[at] = Some((address, wire));
        }
    }
}

async fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !reached() {
        assert!(began.elapsed() < FOREVER, "never reached: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn rolling_restart_fails_no_request() {
    let (_database, settings) = loaded();
    let token = process::run_ok(&settings, &["token", "--tenant", TENANT], "");
    // Longer than two checks take on a busy machine.
    let settings = with(&settings, "HTTP__DRAIN_DELAY", "5s");
    let mut servers = [ServerProcess::start(&settings), ServerProcess::start(&settings)];
    let backends = Arc::new([Backend::new(servers[0].address), Backend::new(servers[1].address)]);
    let end = Arc::new(AtomicBool::new(false));
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut checks = JoinSet::new();
        for at in 0..2 {
            let backends = Arc::clone(&backends);
            checks.spawn(async move { backends[at].check_for_ever().await });
        }
        let is_up = |at: usize| backends[at].is_up.load(Ordering::SeqCst);
        until("both up", || is_up(0) && is_up(1)).await;
        let mut clients = JoinSet::new();
        for client in 0..8 {
            clients.spawn(send_until(
                Arc::clone(&end),
                Arc::clone(&backends),
                token.clone(),
                client,
            ));
        }
        for at in 0..2 {
            let answered = || backends[at].answered.load(Ordering::SeqCst);
            let before = answered();
            until("load", || answered() > before + 100).await;
            servers[at].signal("TERM");
            until("taken out", || !is_up(at)).await;
            let next = tokio::task::block_in_place(|| {
                let next = ServerProcess::start(&settings);
                let (code, log) = std::mem::replace(&mut servers[at], next).wait();
                assert_eq!(code, Some(0), "{log}");
                servers[at].address
            });
            *backends[at].address.lock().unwrap() = next;
            until("up again", || is_up(at)).await;
        }
        end.store(true, Ordering::SeqCst);
        while let Some(client) = clients.join_next().await {
            client.unwrap();
        }
    });
}

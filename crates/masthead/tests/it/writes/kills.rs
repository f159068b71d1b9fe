//! SIGKILL between the steps of two-sided writes, at drawn moments: none is lost, none doubled, and both sides agree.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use masthead_sandbox::{Fault, FaultRule};

use super::{
    harness::{FEDERATED, WriteServer, email},
    kinds::{KINDS, Planned, call_at_provider},
};
use crate::support::raw_http::FOREVER;

/// A generator of numbers that are drawn (xorshift64*).
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }

    fn millis(&mut self, bound: u64) -> Duration {
        Duration::from_millis(self.below(bound))
    }
}

/// The longest delay before a provider writes.
const MAX_LATENCY: u64 = 500;
/// The first and the last moment of a kill, in milliseconds after the writes begin.
const KILL: (u64, u64) = (150, 1_500);

/// The stand-ins take their time before and after they write.
fn slow_down(server: &WriteServer, draw: &mut Draw) {
    for paper in FEDERATED {
        let sandbox = server.sandbox(paper);
        for kind in KINDS {
            let (method, path) = call_at_provider(paper, kind);
            let slow = |fault| FaultRule::from(fault).on(path).method(method).times(1);
            sandbox.inject(slow(Fault::Latency {
                ms: draw.below(MAX_LATENCY),
            }));
            // Half of the answers come byte by byte.
            if draw.below(2) == 0 {
                sandbox.inject(slow(Fault::Drip {
                    interval_ms: 1,
                    headers: true,
                }));
            }
        }
    }
}

/// Kills the server in so many rounds, each with ten writes under way that began at drawn moments.
fn kill_in(rounds: usize, seed: u64) {
    let mut server = WriteServer::start(&[]);
    let mut draw = Draw(seed);
    let mut outcomes = BTreeMap::new();
    for round in 0..rounds {
        let each = FEDERATED.iter().flat_map(|paper| KINDS.map(|kind| (*paper, kind)));
        let writes: Vec<_> = each
            .map(|(paper, kind)| {
                let name = format!("{kind:?}-{round}").to_lowercase();
                (Planned::prepare(&server, paper, kind, name), draw.millis(400))
            })
            .collect();
        slow_down(&server, &mut draw);
        let kill_after = Duration::from_millis(KILL.0) + draw.millis(KILL.1 - KILL.0);
        let to = server.address();
        let answers: Vec<_> = {
            let (sender, receiver) = std::sync::mpsc::channel();
            let shared = &server;
            thread::scope(|scope| {
                for (number, (write, start)) in writes.iter().enumerate() {
                    let sender = sender.clone();
                    scope.spawn(move || {
                        thread::sleep(*start);
                        let (call, body) = write.request();
                        let answer = shared.try_call(to, write.paper, &call, &body, &[]);
                        sender.send((number, answer.ok())).unwrap();
                    });
                }
                thread::sleep(kill_after);
                shared.signal_kill();
            });
            drop(sender);
            let mut answers: Vec<_> = receiver.into_iter().collect();
            answers.sort_by_key(|(number, _)| *number);
            answers.into_iter().map(|(_, answer)| answer).collect()
        };
        server.kill();
        // What a provider has received, it does.
        thread::sleep(Duration::from_millis(MAX_LATENCY + 700));
        for paper in FEDERATED {
            server.sandbox(paper).clear_faults();
        }
        let left = if round % 2 == 0 {
            server.reconcile()
        } else {
            // The server does it by itself.
            server.start_again();
            server.make_intents_due();
            let began = Instant::now();
            loop {
                let open = server.open_intents();
                if open.iter().all(|intent| intent["outcome"] == "needs a decision") {
                    break open;
                }
                assert!(began.elapsed() < FOREVER, "seed {seed}: round {round}: {open:?}");
                thread::sleep(Duration::from_millis(200));
            }
        };
        assert!(left.is_empty(), "seed {seed}: round {round}: {left:?}");
        if round % 2 == 0 {
            server.start_again();
        }
        for (number, (write, _)) in writes.iter().enumerate() {
            let users = server.agreed(write.paper);
            let is_done = write.is_done(&server, &users);
            let answer = answers[number].as_ref();
            let status = answer.map_or(0, |answer| answer.status);
            assert!(is_done || status != 200, "seed {seed}: {write:?} is lost: {answer:?}");
            let address = format!(" {} ", email(&write.name));
            let same = users.iter().filter(|user| user.contains(&address)).count();
            assert!(same <= 1, "seed {seed}: {write:?} is doubled: {users:?}");
            *outcomes.entry((status, is_done)).or_insert(0) += 1;
        }
    }
    println!("status (0: none) and whether it was done: {outcomes:?}");
    // Some were killed on their way.
    assert!(outcomes.contains_key(&(0, true)), "{outcomes:?}");
}

/// Twenty moments; [`two_hundred_killed_writes_are_settled`] has more.
#[test]
fn killed_writes_are_settled() {
    kill_in(2, 0x5eed_0015);
}

/// 200 moments take minutes: `cargo nextest run -p masthead --test it --run-ignored only two_hundred`.
#[test]
#[ignore = "takes minutes"]
fn two_hundred_killed_writes_are_settled() {
    kill_in(20, 0x0015_5eed);
}

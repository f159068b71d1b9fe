//! How the server treats the address of a key set: at most one fetch a cool-down, and keys that come and go.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use masthead_testkit::contract_cases::{ContractCase, Expectation, fixture::HERALD};
use serde_json::json;

use crate::{
    rsa::{Issuer, key_set},
    support::{jwt, wire::FOREVER},
    world::{World, of_the_contract, setting},
};

/// An address that serves a key set and counts who asks.
struct Address {
    url: String,
    fetched: Arc<AtomicUsize>,
    set: Arc<Mutex<String>>,
}

impl Address {
    fn serving(set: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let (fetched, set) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(set)));
        let (counted, served) = (Arc::clone(&fetched), Arc::clone(&set));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut head = Vec::new();
                let mut bytes = [0; 4096];
                while !head.ends_with(b"\r\n\r\n") {
                    match stream.read(&mut bytes) {
                        Ok(0) | Err(_) => break,
                        Ok(read) => head.extend_from_slice(&bytes[..read]),
                    }
                }
                if head.is_empty() {
                    continue;
                }
                counted.fetch_add(1, Ordering::SeqCst);
                let set = served.lock().unwrap().clone();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{set}",
                    set.len(),
                );
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { url, fetched, set }
    }

    fn fetched(&self) -> usize {
        self.fetched.load(Ordering::SeqCst)
    }

    fn world(&self, cooldown: &str) -> World {
        World::with(&of_the_contract(), |settings| {
            settings.retain(|(key, _)| !key.contains("HS256"));
            settings.push(setting("TOKENS__JWKS_URL", &self.url));
            settings.push(setting("TOKENS__JWKS_COOLDOWN", cooldown));
        })
    }
}

fn asked(token: &str, status: u16) -> ContractCase {
    ContractCase::get("/v4/Users/2937", Expectation::Status(status)).with("Authorization", &format!("Bearer {token}"))
}

/// So many tokens of unknown keys, sent by several clients at once; each is refused.
fn send_unknown(world: &World, issuer: &Issuer, count: usize) {
    const CLIENTS: usize = 8;
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            scope.spawn(move || {
                for n in (client..count).step_by(CLIENTS) {
                    let header = json!({"alg": "RS256", "kid": format!("unknown-{n}")});
                    let token = issuer.token_with(&header, &jwt::claims(&[HERALD]));
                    world.holds(&[asked(&token, 401)]);
                }
            });
        }
    });
}

#[test]
fn a_thousand_unknown_keys_fetch_the_key_set_at_most_once_a_cool_down() {
    let issuer = Issuer::new(0, "k1");
    let good = issuer.token(&jwt::claims(&[HERALD]));

    // Within one cool-down: nothing but the fetch that the start made.
    let address = Address::serving(key_set(&[&issuer]));
    let world = address.world("1h");
    world.holds(&[asked(&good, 200)]);
    send_unknown(&world, &issuer, 1_000);
    assert_eq!(address.fetched(), 1);
    world.holds(&[asked(&good, 200)]);
    world.end();

    // Over many cool-downs: as many as there were, and one for the start.
    let address = Address::serving(key_set(&[&issuer]));
    let began = Instant::now();
    let world = address.world("1s");
    world.holds(&[asked(&good, 200)]);
    while began.elapsed() < Duration::from_secs(3) {
        send_unknown(&world, &issuer, 50);
    }
    let fetched = u64::try_from(address.fetched()).unwrap();
    assert!(
        (2..=began.elapsed().as_secs() + 1).contains(&fetched),
        "{fetched} in {:?}",
        began.elapsed()
    );
}

#[test]
fn a_new_key_is_taken_after_the_cool_down_and_a_removed_one_is_forgotten_with_its_tokens() {
    let (old, new) = (Issuer::new(0, "k1"), Issuer::new(1, "k2"));
    let claims = jwt::claims(&[HERALD]);
    let address = Address::serving(key_set(&[&old]));
    let world = address.world("1s");
    world.holds(&[asked(&old.token(&claims), 200)]);
    *address.set.lock().unwrap() = key_set(&[&new]);
    let began = Instant::now();
    loop {
        let answer = world.ask(&asked(&new.token(&claims), 200));
        if answer.status == 200 {
            break;
        }
        assert_eq!(answer.status, 401, "{}", answer.body);
        assert!(began.elapsed() < FOREVER, "the new key is never taken");
        thread::sleep(Duration::from_millis(50));
    }
    world.holds(&[asked(&old.token(&claims), 401)]);
}

/// RFC 7517 §4.5: kids of a set should be distinct, and need not be.
#[test]
fn a_key_set_that_repeats_a_key_or_a_kid_locks_nobody_out() {
    let (one, other) = (Issuer::new(0, "k1"), Issuer::new(1, "k1"));
    let claims = jwt::claims(&[HERALD]);
    let address = Address::serving(key_set(&[&one, &one, &other]));
    let world = address.world("1h");
    world.holds(&[asked(&one.token(&claims), 200), asked(&other.token(&claims), 200)]);
    // Without a kid too.
    world.holds(&[asked(&other.token_with(&json!({"alg": "RS256"}), &claims), 200)]);
    assert_eq!(address.fetched(), 1);
    let (log, _) = world.end();
    for line in [
        "the key set holds a key twice",
        "different keys of the key set share a kid",
    ] {
        assert_eq!(log.matches(line).count(), 1, "{line}: {log}");
    }
}

/// RFC 7517 §5: a set without keys is a set. Its issuer says that no key is valid any more.
#[test]
fn an_empty_published_set_removes_the_keys_and_their_tokens_at_once() {
    let issuer = Issuer::new(0, "k1");
    let claims = jwt::claims(&[HERALD]);
    let good = issuer.token(&claims);
    let address = Address::serving(key_set(&[&issuer]));
    let world = address.world("1s");
    world.holds(&[asked(&good, 200)]);
    *address.set.lock().unwrap() = key_set(&[]);
    let unknown = issuer.token_with(&json!({"alg": "RS256", "kid": "k2"}), &claims);
    let began = Instant::now();
    // Unknown kids have the set fetched anew, once a cool-down.
    while world.ask(&asked(&good, 401)).status != 401 {
        assert!(began.elapsed() < FOREVER, "the removed key is never forgotten");
        world.holds(&[asked(&unknown, 401)]);
        thread::sleep(Duration::from_millis(50));
    }
    *address.set.lock().unwrap() = key_set(&[&issuer]);
    while world.ask(&asked(&good, 200)).status != 200 {
        assert!(began.elapsed() < FOREVER, "the key never comes back");
        thread::sleep(Duration::from_millis(50));
    }
    let (log, _) = world.end();
    assert!(log.contains("the key set holds no usable key"), "{log}");
}

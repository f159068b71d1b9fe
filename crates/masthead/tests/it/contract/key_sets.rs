//! Key sets at a URL: fetches for unknown keys within bounds, and rotation of keys.

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

use crate::support::process::setting;
use crate::{
    contract::{
        rsa::{RsaIssuer, key_set},
        server::{ContractServer, contract_tenants},
    },
    support::{jwt, raw_http::FOREVER},
};

/// A server of a key set that counts its requests.
pub(crate) struct KeySetServer {
    pub(crate) url: String,
    fetched: Arc<AtomicUsize>,
    set: Arc<Mutex<String>>,
}

impl KeySetServer {
    pub(crate) fn serving(set: String) -> Self {
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

    fn server(&self, cooldown: &str) -> ContractServer {
        ContractServer::start_with(&contract_tenants(), |settings| {
            settings.retain(|(key, _)| !key.contains("HS256"));
            settings.push(setting("TOKENS__JWKS_URL", &self.url));
            settings.push(setting("TOKENS__JWKS_COOLDOWN", cooldown));
            settings.push(setting("TOKENS__JWKS_REFRESH", "1h"));
        })
    }
}

fn read_with(token: &str, status: u16) -> ContractCase {
    ContractCase::get("/v4/Users/2937", Expectation::Status(status)).with("Authorization", &format!("Bearer {token}"))
}

/// Sends this number of tokens with unknown keys, from several clients at once; each is rejected.
fn send_unknown(server: &ContractServer, issuer: &RsaIssuer, count: usize) {
    const CLIENTS: usize = 8;
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            scope.spawn(move || {
                for n in (client..count).step_by(CLIENTS) {
                    let header = json!({"alg": "RS256", "kid": format!("unknown-{n}")});
                    let token = issuer.token_with(&header, &jwt::claims(&[HERALD]));
                    server.check_all(&[read_with(&token, 401)]);
                }
            });
        }
    });
}

#[test]
fn unknown_keys_fetch_within_bounds() {
    let issuer = RsaIssuer::new(0, "k1");
    let good = issuer.token(&jwt::claims(&[HERALD]));

    // Within one cooldown: the fetch at the start, and two.
    let address = KeySetServer::serving(key_set(&[&issuer]));
    let server = address.server("1h");
    server.check_all(&[read_with(&good, 200)]);
    send_unknown(&server, &issuer, 1_000);
    assert_eq!(address.fetched(), 3);
    server.check_all(&[read_with(&good, 200)]);
    server.stop();

    // Over many cooldowns: one each, and three at the start.
    let address = KeySetServer::serving(key_set(&[&issuer]));
    let began = Instant::now();
    let server = address.server("1s");
    server.check_all(&[read_with(&good, 200)]);
    // On a busy machine the start alone may take three seconds.
    while began.elapsed() < Duration::from_secs(3) || address.fetched() < 2 {
        send_unknown(&server, &issuer, 50);
        assert!(began.elapsed() < FOREVER, "an unknown key is never fetched");
    }
    let (fetched, took) = (u64::try_from(address.fetched()).unwrap(), began.elapsed());
    assert!(fetched <= took.as_secs() + 3, "{fetched} in {took:?}");
}

#[test]
fn key_rotation_takes_effect_after_cooldown() {
    let (old, new) = (RsaIssuer::new(0, "k1"), RsaIssuer::new(1, "k2"));
    let claims = jwt::claims(&[HERALD]);
    let address = KeySetServer::serving(key_set(&[&old]));
    let server = address.server("1s");
    server.check_all(&[read_with(&old.token(&claims), 200)]);
    *address.set.lock().unwrap() = key_set(&[&new]);
    let began = Instant::now();
    loop {
        let answer = server.send(&read_with(&new.token(&claims), 200));
        if answer.status == 200 {
            break;
        }
        assert_eq!(answer.status, 401, "{}", answer.body);
        assert!(began.elapsed() < FOREVER, "the new key is never taken");
        thread::sleep(Duration::from_millis(50));
    }
    server.check_all(&[read_with(&old.token(&claims), 401)]);
}

/// RFC 7517 §4.5: the kids of a set should be distinct, but may repeat.
#[test]
fn repeated_kids_are_accepted() {
    let (one, other) = (RsaIssuer::new(0, "k1"), RsaIssuer::new(1, "k1"));
    let claims = jwt::claims(&[HERALD]);
    let address = KeySetServer::serving(key_set(&[&one, &one, &other]));
    let server = address.server("1h");
    server.check_all(&[
        read_with(&one.token(&claims), 200),
        read_with(&other.token(&claims), 200),
    ]);
    // A token without a kid is accepted too.
    server.check_all(&[read_with(&other.token_with(&json!({"alg": "RS256"}), &claims), 200)]);
    assert_eq!(address.fetched(), 1);
    let (log, _) = server.stop();
    for line in [
        "the key set holds a key twice",
        "different keys of the key set share a kid",
    ] {
        assert_eq!(log.matches(line).count(), 1, "{line}: {log}");
    }
}

/// RFC 7517 §5: an empty set is valid. Its issuer has revoked all keys.
#[test]
fn empty_key_set_revokes_all_tokens() {
    let issuer = RsaIssuer::new(0, "k1");
    let claims = jwt::claims(&[HERALD]);
    let good = issuer.token(&claims);
    let address = KeySetServer::serving(key_set(&[&issuer]));
    let server = address.server("1s");
    server.check_all(&[read_with(&good, 200)]);
    *address.set.lock().unwrap() = key_set(&[]);
    let unknown = issuer.token_with(&json!({"alg": "RS256", "kid": "k2"}), &claims);
    let began = Instant::now();
    // Unknown kids cause a fetch, once per cooldown.
    while server.send(&read_with(&good, 401)).status != 401 {
        assert!(began.elapsed() < FOREVER, "the removed key is never forgotten");
        server.check_all(&[read_with(&unknown, 401)]);
        thread::sleep(Duration::from_millis(50));
    }
    *address.set.lock().unwrap() = key_set(&[&issuer]);
    while server.send(&read_with(&good, 200)).status != 200 {
        assert!(began.elapsed() < FOREVER, "the key never comes back");
        thread::sleep(Duration::from_millis(50));
    }
    let (log, _) = server.stop();
    assert!(log.contains("the key set holds no usable key"), "{log}");
}

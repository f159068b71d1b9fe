//! Many creates of one address at once: one wins.

use std::{collections::BTreeMap, thread};

use serde_json::{Value, json};

use super::harness::{Answer, FEDERATED, HERALD, PASSWORD, WriteServer, email, new_user};

const AT_ONCE: usize = 50;

/// Sends the same body so often at once; counts the codes.
fn codes(server: &WriteServer, paper: &str, body: &Value) -> BTreeMap<String, usize> {
    thread::scope(|scope| {
        let create = || server.call(paper, "POST /v4/Users", body).code().to_owned();
        let sent: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(create)).collect();
        let mut codes = BTreeMap::new();
        for sent in sent {
            *codes.entry(sent.join().unwrap()).or_default() += 1;
        }
        codes
    })
}

/// The seconds of an answer's `Retry-After`; 0 without one.
fn seconds(answer: &Answer) -> u64 {
    answer
        .retry_after
        .as_deref()
        .map_or(0, |seconds| seconds.parse().unwrap())
}

/// Signs an account in so often at once; counts the codes, and whether the answer demands a wait of more than a second.
fn sign_ins(server: &WriteServer, name: &str, password: &str, at_once: usize) -> BTreeMap<(String, bool), usize> {
    thread::scope(|scope| {
        let sign_in = || {
            let answer = server.sign_in(HERALD, &email(name), password);
            (answer.code().to_owned(), seconds(&answer) > 1)
        };
        let sent: Vec<_> = (0..at_once).map(|_| scope.spawn(sign_in)).collect();
        let mut codes = BTreeMap::new();
        for sent in sent {
            *codes.entry(sent.join().unwrap()).or_default() += 1;
        }
        codes
    })
}

/// §3, authentication: ten *failures*; attempts whose end is not known yet are none.
#[test]
fn right_sign_ins_at_once_are_not_punished() {
    let server = WriteServer::start(&[]);
    server.create(HERALD, "ada").expect("S200_03");
    let mut answered = sign_ins(&server, "ada", PASSWORD, 40);
    let done = answered.remove(&("S200_06".to_owned(), false)).unwrap_or_default();
    let in_a_moment = answered.remove(&("E429".to_owned(), false)).unwrap_or_default();
    assert!(answered.is_empty(), "{answered:?}");
    assert!(done >= 10 && done + in_a_moment == 40, "{done} {in_a_moment}");
    server.sign_in(HERALD, &email("ada"), PASSWORD).expect("S200_06");
}

/// However many are sent at once, ten are checked, and then the account is blocked for minutes.
#[test]
fn guesses_at_once_stay_bounded() {
    let server = WriteServer::start(&[]);
    server.create(HERALD, "eva").expect("S200_03");
    let answered = sign_ins(&server, "eva", "Wrong-umbrella-2", 60);
    let of = |code: &str| {
        answered
            .iter()
            .filter(|((found, _), _)| found == code)
            .map(|(_, count)| count)
            .sum::<usize>()
    };
    assert_eq!((of("E401_01"), of("E429")), (10, 50), "{answered:?}");
    let later = server.sign_in(HERALD, &email("eva"), PASSWORD).expect("E429");
    assert!(seconds(&later) > 1, "{later:?}");
}

fn one_and_the_rest(won: &str, lost: &str) -> BTreeMap<String, usize> {
    BTreeMap::from([(won.to_owned(), 1), (lost.to_owned(), AT_ONCE - 1)])
}

#[test]
fn one_of_fifty_creates_wins() {
    let server = WriteServer::start(&[]);
    let created = codes(&server, HERALD, &new_user("zoe"));
    assert_eq!(created, one_and_the_rest("S200_03", "E400_08"));
    assert_eq!(server.store_side(HERALD).len(), 1);

    let mut pending = new_user("yves");
    pending["verifyEmail"] = json!(true);
    let registered = codes(&server, HERALD, &pending);
    assert_eq!(registered, one_and_the_rest("S200_04", "E400_07"));
    assert_eq!(server.mails(&email("yves"), 1).len(), 1);
    assert_eq!(server.store_side(HERALD).len(), 1);
}

#[test]
fn one_of_fifty_federated_creates_wins() {
    let server = WriteServer::start(&[]);
    for paper in FEDERATED {
        let created = codes(&server, paper, &new_user("zoe"));
        assert_eq!(created, one_and_the_rest("S200_03", "E400_08"), "{paper}");
        assert_eq!(server.agreed(paper).len(), 1);
    }
    assert!(server.open_intents().is_empty());
}

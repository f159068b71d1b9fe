//! Many creates of one address at once: one wins.

use std::{collections::BTreeMap, thread};

use serde_json::{Value, json};

use super::harness::{FEDERATED, HERALD, WriteServer, email, new_user};

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

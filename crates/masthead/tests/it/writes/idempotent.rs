//! `Idempotency-Key`: one write and one answer, also after a restart and after a kill.

use std::{thread, time::Duration};

use masthead_sandbox::{Fault, FaultRule};
use serde_json::json;

use super::{
    harness::{COURIER, HERALD, MIRROR, WriteServer, new_user},
    kinds::{Kind, call_at_provider},
};

const KEY: (&str, &str) = ("Idempotency-Key", "5b2f6c1e-restart");
const CREATE: &str = "POST /v4/Users";

#[test]
fn key_outlives_a_restart() {
    let mut server = WriteServer::start(&[]);
    let body = new_user("ida");
    let first = server.call_with(HERALD, CREATE, &body, &[KEY]).expect("S200_03");
    server.stop();
    server.start_again();
    let again = server.call_with(HERALD, CREATE, &body, &[KEY]).expect("S200_03");
    assert_eq!(again.body, first.body);
    let other = server.call_with(HERALD, CREATE, &new_user("ivo"), &[KEY]);
    other.expect("E422");
    // It is the key of this tenant and this calling system alone.
    server.call_with(COURIER, CREATE, &body, &[KEY]).expect("S200_03");
    let system = ("X-SourceSystem", "ERP");
    server
        .call_with(HERALD, CREATE, &body, &[KEY, system])
        .expect("E400_08");
    assert_eq!(
        (server.store_side(HERALD).len(), server.store_side(COURIER).len()),
        (1, 1)
    );
}

/// A stored answer may show the user, and deleted users are shown nowhere (contract `writes.md` §3, delete).
#[test]
fn answer_ends_with_the_user() {
    let server = WriteServer::start(&[]);
    let created = server
        .call_with(HERALD, CREATE, &new_user("ida"), &[KEY])
        .expect("S200_03");
    let id = created.body["data"]["customerRegistrationId"].as_str().unwrap();
    let change = (format!("PUT /v4/Users/{id}"), json!({"firstName": "Ida"}));
    let update = || server.call_with(HERALD, &change.0, &change.1, &[("Idempotency-Key", "update")]);
    let first = update().expect("S200_05");
    assert_eq!(update().expect("S200_05").body, first.body);
    server
        .call(HERALD, &format!("DELETE /v4/Users/{id}"), &json!(null))
        .expect("S200_14");
    assert_eq!(update().expect("S200_05").body["data"], json!(null));
    // The key still belongs to the create that was done.
    let created_again = server
        .call_with(HERALD, CREATE, &new_user("ida"), &[KEY])
        .expect("S200_03");
    assert_eq!(created_again.body["data"]["customerRegistrationId"], id);
    assert!(server.store_side(HERALD).is_empty());
}

#[test]
fn repeated_call_waits_for_the_first() {
    let server = WriteServer::start(&[]);
    let (method, path) = call_at_provider(MIRROR, Kind::Create);
    let sandbox = server.sandbox(MIRROR);
    sandbox.inject(FaultRule::from(Fault::Latency { ms: 700 }).on(path).method(method));
    let body = new_user("ida");
    let answers = thread::scope(|scope| {
        let create = || server.call_with(MIRROR, CREATE, &body, &[KEY]);
        let sent: Vec<_> = (0..6).map(|_| scope.spawn(create)).collect();
        sent.into_iter().map(|sent| sent.join().unwrap()).collect::<Vec<_>>()
    });
    let first = server.call_with(MIRROR, CREATE, &body, &[KEY]).expect("S200_03");
    for answer in answers {
        match answer.status {
            409 => assert!(answer.retry_after.is_some() && answer.code() == "E409", "{answer:?}"),
            _ => assert_eq!(answer.body, first.body),
        }
    }
    assert_eq!(server.agreed(MIRROR).len(), 1);
}

#[test]
fn key_of_a_killed_write_ends_with_it() {
    let mut server = WriteServer::start(&[]);
    let (method, path) = call_at_provider(MIRROR, Kind::Create);
    let silent = FaultRule::from(Fault::SilenceAfterCall)
        .on(path)
        .method(method)
        .times(1);
    server.sandbox(MIRROR).inject(silent);
    let (body, to) = (new_user("ida"), server.address());
    thread::scope(|scope| {
        scope.spawn(|| server.try_call(to, MIRROR, CREATE, &body, &[KEY]).unwrap_err());
        while server.sandbox(MIRROR).auth0().user_count() == 0 {
            thread::sleep(Duration::from_millis(10));
        }
        server.signal_kill();
    });
    server.kill();
    assert!(server.reconcile().is_empty());
    let users = server.agreed(MIRROR);
    assert_eq!(users.len(), 1);
    server.start_again();
    let again = server.call_with(MIRROR, CREATE, &body, &[KEY]).expect("S200_03");
    assert!(users[0].starts_with(&format!("{} ", again.id())), "{users:?}");
    assert_eq!(server.agreed(MIRROR).len(), 1);
    let other = server.call_with(MIRROR, CREATE, &json!({"email": "x@readers.example"}), &[KEY]);
    other.expect("E422");
}

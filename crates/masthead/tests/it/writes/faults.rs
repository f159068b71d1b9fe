//! Two-sided writes while a side fails: both sides agree afterwards, and the answer states what is known.

use std::{
    thread,
    time::{Duration, Instant},
};

use masthead_dev_postgres::TestDatabase;
use masthead_sandbox::{Fault, FaultRule, RecordedRequest};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    harness::{FEDERATED, MIRROR, WriteServer, email},
    kinds::{KINDS, Kind, Planned},
};
use crate::support::{jwt, raw_http::FOREVER};

fn planned(server: &WriteServer, kinds: &[Kind]) -> Vec<Planned> {
    let each = FEDERATED
        .iter()
        .flat_map(|paper| kinds.iter().map(move |kind| (*paper, *kind)));
    each.map(|(paper, kind)| Planned::prepare(server, paper, kind, format!("{kind:?}").to_lowercase()))
        .collect()
}

/// Whether both sides show the write, which agree.
fn is_done(server: &WriteServer, write: &Planned) -> bool {
    let users = server.agreed(write.paper);
    write.is_done(server, &users)
}

#[test]
fn unreached_provider_leaves_nothing() {
    let server = WriteServer::start(&[]);
    let writes = planned(&server, &KINDS);
    for paper in FEDERATED {
        server.runtime.block_on(server.sandbox(paper).off()).unwrap();
    }
    for write in &writes {
        let refused = write.send(&server).expect("E503");
        assert_eq!(refused.pending(), &Value::Null, "{write:?}");
        assert!(refused.retry_after.is_some(), "{write:?}");
    }
    assert!(server.open_intents().is_empty());
    for paper in FEDERATED {
        server.runtime.block_on(server.sandbox(paper).on()).unwrap();
    }
    for write in &writes {
        assert!(!is_done(&server, write), "{write:?}");
        // It is safe to repeat, until the provider is called again.
        let began = Instant::now();
        while write.send(&server).status != 200 {
            assert!(began.elapsed() < FOREVER, "{write:?}");
            thread::sleep(Duration::from_millis(100));
        }
        assert!(is_done(&server, write), "{write:?}");
    }
}

#[test]
fn lost_answer_of_a_write_is_looked_up() {
    let server = WriteServer::start(&[]);
    for write in planned(&server, &KINDS) {
        write.inject(&server, Fault::ResetBeforeHeaders);
        let answer = write.send(&server);
        assert!(
            server.sandbox(write.paper).faults().is_empty(),
            "{write:?}: the fault happened"
        );
        if write.kind == Kind::SetPassword {
            // A password cannot be read back.
            assert_eq!(answer.status, 503, "{write:?}: {answer:?}");
            assert!(answer.pending().is_array(), "{write:?}: {answer:?}");
            assert_eq!(server.open_intents().len(), 1);
            assert!(server.reconcile().is_empty(), "{write:?}");
        } else {
            assert_eq!(
                (answer.status, answer.pending()),
                (200, &Value::Null),
                "{write:?}: {answer:?}"
            );
        }
        assert!(server.open_intents().is_empty(), "{write:?}");
        assert!(is_done(&server, &write), "{write:?}");
    }
}

#[test]
fn lost_call_of_a_write_leaves_nothing() {
    let server = WriteServer::start(&[]);
    let kinds = [Kind::Create, Kind::Update, Kind::SetEmail, Kind::Delete];
    for write in planned(&server, &kinds) {
        write.inject(&server, Fault::ResetBeforeCall);
        let answer = write.send(&server).expect("E503");
        assert_eq!(answer.pending(), &Value::Null, "{write:?}");
        assert!(server.open_intents().is_empty(), "{write:?}");
        assert!(!is_done(&server, &write), "{write:?}");
        let again = write.send(&server);
        assert_eq!(again.status, 200, "{write:?}: {again:?}");
        assert!(is_done(&server, &write), "{write:?}");
    }
}

/// Refuses connections to the server's database and ends the open ones; or allows them again.
fn allow_connections(beside: &TestDatabase, server: &WriteServer, allowed: bool) {
    let name = server.database.name();
    let script = format!(
        "ALTER DATABASE {name} ALLOW_CONNECTIONS {allowed};
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND NOT {allowed}"
    );
    beside.run(&script).unwrap();
}

#[test]
fn store_that_is_down_follows_later() {
    let server = WriteServer::start(&[("DATABASE__ACQUIRE_TIMEOUT", "1s")]);
    let beside = TestDatabase::empty().unwrap();
    let writes = planned(&server, &KINDS);
    for write in &writes {
        write.inject(&server, Fault::Latency { ms: 2_000 });
    }
    let called = |write: &Planned| {
        let (method, path) = write.call_at_provider();
        let log = server.sandbox(write.paper).log();
        let of_this = |call: &&RecordedRequest| call.method == method && call.path.starts_with(path);
        log.iter().filter(of_this).count()
    };
    let before: Vec<_> = writes.iter().map(called).collect();
    // Some kinds share their call: all of them must have arrived.
    let expected = |write: &Planned| {
        let same =
            |other: &&Planned| (other.paper, other.call_at_provider()) == (write.paper, write.call_at_provider());
        writes.iter().filter(same).count()
    };
    let answers = thread::scope(|scope| {
        let sent: Vec<_> = writes.iter().map(|write| scope.spawn(|| write.send(&server))).collect();
        let began = Instant::now();
        while !writes
            .iter()
            .zip(&before)
            .all(|(write, before)| called(write) >= before + expected(write))
        {
            assert!(began.elapsed() < FOREVER, "not every call arrived");
            thread::sleep(Duration::from_millis(10));
        }
        allow_connections(&beside, &server, false);
        let answers: Vec<_> = sent.into_iter().map(|sent| sent.join().unwrap()).collect();
        allow_connections(&beside, &server, true);
        answers
    });
    let mut waited = 0;
    for (write, answer) in writes.iter().zip(&answers) {
        assert_eq!(answer.status, 200, "{write:?}: {answer:?}");
        waited += usize::from(answer.pending() == &json!(["Subscribe"]));
    }
    // On a slow machine a write may have been through before.
    assert!(waited > 0, "{answers:?}");
    assert!(server.open_intents().len() <= waited);
    assert!(server.reconcile().is_empty(), "{:?}", server.open_intents());
    for write in &writes {
        assert!(is_done(&server, write), "{write:?}");
    }
    // The server goes on with the store that came back.
    let after = Planned::prepare(&server, FEDERATED[0], Kind::Update, "later".to_owned());
    assert_eq!(after.send(&server).status, 200);
}

#[test]
fn account_of_unknown_origin_is_explained() {
    let server = WriteServer::start(&[]);
    let sandbox = server.sandbox(MIRROR);
    let write = Planned::prepare(&server, MIRROR, Kind::Create, "uno".to_owned());
    write.inject(&server, Fault::ResetBeforeCall);
    sandbox.inject(FaultRule::from(Fault::ResetBeforeCall).on("/api/v2/users-by-email"));
    let unknown = write.send(&server).expect("E503");
    assert_eq!(unknown.pending(), &json!(["Auth0"]), "{unknown:?}");
    // Another client of the provider creates it meanwhile, under another name.
    let (address, now) = (email("uno"), OffsetDateTime::from_unix_timestamp(jwt::now()).unwrap());
    let now = now.format(&Rfc3339).unwrap();
    sandbox.auth0().seed([json!({
        "user_id": "auth0|other", "email": address, "email_verified": true, "given_name": "Otto", "created_at": now,
        "updated_at": now,
        "identities": [{"connection": "Username-Password-Authentication", "provider": "auth0", "user_id": "other", "isSocial": false}],
    })]);
    sandbox.clear_faults();
    server.make_intents_due();
    server.command(&["reconcile"]);
    let open = server.open_intents();
    let [intent] = &*open else {
        panic!("{open:?}");
    };
    assert_eq!(intent["outcome"], "needs a decision");
    assert!(intent["reason"].is_string() && intent["kind"] == "create", "{intent}");
    assert!(!intent.to_string().contains("uno@"), "{intent}");
    let waiting = server.command(&["reconcile"]);
    assert_eq!(waiting.status.code(), Some(1), "{waiting:?}");
    let number = intent["intent"].to_string();
    let decided = server.command(&["reconcile", "--intent", &number, "--nothing-written"]);
    assert!(decided.status.success(), "{decided:?}");
    let recorded =
        "SELECT detail::jsonb #>> '{after,intent}' FROM events WHERE detail->>'command' = 'reconcile' ORDER BY id";
    assert_eq!(
        server.rows(recorded).last(),
        Some(&number),
        "the decision is the operator's"
    );
    assert!(server.open_intents().is_empty());
    // The decision is in the tenant's audit log, with what it was about.
    let tenant = format!("north/daily/{MIRROR}");
    let audit = [
        "audit",
        "--operators",
        "--since",
        "2026-01-01T00:00:00Z",
        "--tenant",
        &tenant,
        "--json",
    ];
    let lines = String::from_utf8(server.command(&audit).stdout).unwrap();
    let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let recorded = events
        .iter()
        .find(|event| event["detail"]["command"] == "reconcile")
        .unwrap();
    let detail = &recorded["detail"];
    assert_eq!(
        (&detail["before"]["kind"], &detail["before"]["requestId"]),
        (&intent["kind"], &intent["requestId"])
    );
    assert_eq!(detail["before"]["step"], "unsettled");
    assert_eq!(detail["after"]["decision"], "nothing was written");
    assert!(
        server.store_side(MIRROR).is_empty(),
        "the account of another person is not taken"
    );
}

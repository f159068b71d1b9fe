//! Searches that exceed the statement timeout.

use std::{thread, time::Instant};

use masthead_testkit::contract_cases::{
    ContractCase, Expectation,
    fixture::{GAZETTE, HERALD},
};

use crate::support::process::setting;
use crate::{
    contract::server::{ContractServer, contract_tenants},
    support::raw_http::FOREVER,
};

/// Sessions that have or wait for an exclusive lock on the table. Other tests' databases are copies, with the same numbers of
/// tables, on the same server.
const HOLDERS: &str = "FROM pg_locks WHERE relation = 'registrations'::regclass AND mode = 'AccessExclusiveLock' \
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// Runs `act` while the table is locked, so that a search exceeds its timeout on any machine.
pub(super) fn while_table_is_locked<T>(server: &ContractServer, act: impl FnOnce() -> T) -> T {
    let database = &server.database;
    thread::scope(|scope| {
        // Terminated below, long before.
        scope.spawn(|| database.run("BEGIN; LOCK TABLE registrations; SELECT pg_sleep(300)"));
        let held = format!("SELECT count(*) {HOLDERS} AND granted");
        while database.run(&held).unwrap().trim() == "0" {
            thread::yield_now();
        }
        let done = act();
        let end = format!("SELECT pg_terminate_backend(pid) {HOLDERS}");
        database.run(&end).unwrap();
        done
    })
}

#[test]
fn slow_search_is_e400_90() {
    let server = ContractServer::start_with(&contract_tenants(), |settings| {
        settings.push(setting("DATABASE__STATEMENT_TIMEOUT", "1s"));
    });
    let what = "The search cannot be answered - the search timed out; add filters";
    let v4 = |case: ContractCase| case.for_tenant(GAZETTE);
    let refused = Expectation::Error(400, "E400_90", what.to_owned());
    let cases = [
        v4(ContractCase::get("/v4/Users?lastName=moor", refused.clone())),
        v4(ContractCase::search(r#"{"lastName":"moor"}"#, refused)),
    ];
    let legacy = ["/User?email=reader", "/User/0?email=reader", "/User?OnlyActive=true"];
    let legacy = legacy.map(|target| {
        ContractCase::get(target, Expectation::Status(200))
            .for_tenant(HERALD)
            .with("X-RequestId", "r-1")
    });
    // The first requests are slow; they are repeated until they succeed.
    for case in cases.iter().chain(&legacy) {
        let began = Instant::now();
        while server.send(case).status != 200 {
            assert!(began.elapsed() < FOREVER, "it is never answered: {case:?}");
        }
    }
    let (of_v4, of_legacy) = while_table_is_locked(&server, || {
        (
            cases.each_ref().map(|case| server.send(case)),
            legacy.each_ref().map(|case| server.send(case)),
        )
    });
    for (case, answer) in cases.iter().zip(of_v4) {
        case.check(&server, &answer).unwrap();
    }
    let business = format!(
        concat!(
            r#"{{"Code":200,"Errors":[{{"Message":"{}","Code":"UsersOrchestrator_E400_90","#,
            r#""Type":{{"Id":0,"Code":"Validation"}},"ErrorSource":null}}],"Result":null,"SessionId":"r-1","RequestId":"r-1"}}"#
        ),
        what
    );
    for answer in of_legacy {
        assert_eq!((answer.status, &*answer.body), (200, &*business));
    }
}

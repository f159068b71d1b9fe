//! A search that takes longer than it may.

use std::{thread, time::Instant};

use masthead_testkit::contract_cases::{
    ContractCase, Expectation,
    fixture::{GAZETTE, HERALD},
};

use crate::{
    support::wire::FOREVER,
    world::{World, of_the_contract, setting},
};

/// Sessions that hold, or wait for, the whole of the table.
const HOLDERS: &str = "FROM pg_locks WHERE relation = 'registrations'::regclass AND mode = 'AccessExclusiveLock'";

/// Does something while nobody can read a registration. However slow the machine is, a search does not end before its time.
fn while_nobody_can_read<T>(world: &World, act: impl FnOnce() -> T) -> T {
    let database = &world.database;
    thread::scope(|scope| {
        // Ended below, long before its time.
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
fn a_search_that_is_too_broad_is_e400_90_and_a_business_error_of_the_legacy_api() {
    let world = World::with(&of_the_contract(), |settings| {
        settings.push(setting("DATABASE__STATEMENT_TIMEOUT", "1s"));
    });
    let what = "The search cannot be answered - it takes longer than it may; narrow it";
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
    // What is slow once is done before.
    for case in cases.iter().chain(&legacy) {
        let began = Instant::now();
        while world.ask(case).status != 200 {
            assert!(began.elapsed() < FOREVER, "it is never answered: {case:?}");
        }
    }
    let (of_v4, of_legacy) = while_nobody_can_read(&world, || {
        (
            cases.each_ref().map(|case| world.ask(case)),
            legacy.each_ref().map(|case| world.ask(case)),
        )
    });
    for (case, answer) in cases.iter().zip(of_v4) {
        case.check(&world, &answer).unwrap();
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

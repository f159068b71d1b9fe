//! What is not answered: business errors, which are 200, and infrastructure errors with their own status.

use masthead_testkit::{
    accounts::account,
    contract_cases::{
        CaseToken, ContractCase, Method,
        fixture::{COURIER, HERALD, TIMES},
    },
};
use serde_json::Value;

use super::{call, finds, found, get_of, once_known, refused, start, warm};
use crate::{
    wire::header,
    world::{Loaded, World, of_the_contract},
};

#[test]
fn a_silent_provider_is_500_for_whom_nobody_knows_and_named_for_whom_the_store_has() {
    let world = start();
    // Nobody answers in the place of this tenant's provider.
    let known = get_of(&world, COURIER, "/User/auth0%7C1/0");
    assert_eq!(found(&known), (vec!["auth0|1".to_owned()], 1));
    assert_eq!(header(&known, "x-incomplete"), Some("Auth0"));
    for target in [
        "/User/nobody/0",
        "/User/0?email=nobody@example.com",
        "/User/auth0%7C1/1",
    ] {
        let answer = get_of(&world, COURIER, target);
        let text = r#"{"error":"Something went wrong. Please try again later."}"#;
        assert_eq!((answer.status, &*answer.body), (500, text), "{target}");
        assert!(header(&answer, "retry-after").is_some(), "{target}");
    }
    for target in ["/User/nobody/2", "/User?email=nobody&LookupInUserProvider=false"] {
        finds(&world, COURIER, target, &[]);
    }
}

#[test]
fn business_errors_are_200_with_errors_filled_and_result_null() {
    let world = start();
    let answer = get_of(&world, HERALD, "/User?UsersPerPage=0");
    let expected = concat!(
        r#"{"Code":200,"Errors":[{"Message":"Invalid InputModel - UsersPerPage must be a whole number from 1 to 1000","#,
        r#""Code":"UsersOrchestrator_E400_02","Type":{"Id":0,"Code":"Validation"},"ErrorSource":null}],"Result":null,"#,
        r#""SessionId":"r-1","RequestId":"r-1"}"#
    );
    assert_eq!((answer.status, &*answer.body), (200, expected));
    for (target, message) in [
        ("/User?email=", "email is given without a value"),
        ("/User?email=a&request.email=b", "email is given more than once"),
        ("/User?colour=red", "colour is not a parameter of this call"),
        ("/User?email=%ff", "email is not percent-encoded UTF-8"),
    ] {
        assert_eq!(refused(&world, target), format!("Invalid InputModel - {message}"));
    }
    finds(&world, TIMES, "/User?email=joann&colour=red", &["3001"]);
}

#[test]
fn a_page_that_is_too_deep_is_a_business_error() {
    let world = start();
    let message = refused(&world, "/User?UsersPerPage=1000&PageNumber=102");
    assert!(message.starts_with("The search cannot be answered - "), "{message}");
    let past_the_end = get_of(&world, HERALD, "/User?UsersPerPage=1000&PageNumber=101");
    assert_eq!(found(&past_the_end), (Vec::new(), 7));
}

/// That the answer is `{"error":"…"}` with this status and text, and nothing else.
fn fails(world: &World, case: &ContractCase, status: u16, text: &str) {
    let answer = world.ask(case);
    let expected = format!("{{\"error\":{}}}", Value::from(text));
    assert_eq!((answer.status, &*answer.body), (status, &*expected), "{case:?}");
    assert_eq!(header(&answer, "x-requestid"), Some("r-1"), "{case:?}");
}

fn ann() -> ContractCase {
    call("/User/2937/0")
}

#[test]
fn authorization_is_missing_and_x_source_system_is_missing_are_400() {
    let world = start();
    for name in ["Authorization", "X-SourceSystem", "X-ClientCode", "X-PaperCode"] {
        let text = format!("{name} is missing.");
        fails(&world, &ann().without(name), 400, &text);
        fails(&world, &ann().with(name, "  "), 400, &text);
        let repeated = ann().with(name, "herald").with(name, "herald");
        fails(&world, &repeated, 400, &format!("{name} is given more than once."));
    }
    for (name, odd) in [
        ("X-ClientCode", "da/ly"),
        ("X-PaperCode", "\u{e9}"),
        ("X-ClientGroupCode", "a b"),
    ] {
        let text = format!("{name} must be 1 to 64 letters, digits, '-', '_' or '.'.");
        fails(&world, &ann().with(name, odd), 400, &text);
    }
}

#[test]
fn request_cannot_be_null_is_400() {
    let world = start();
    for target in [
        "/User",
        "/User?",
        "/User/",
        "/User/0",
        "/User/Encrypted",
        "/User/Encrypted/1",
    ] {
        fails(&world, &call(target), 400, "request cannot be null.");
    }
}

#[test]
fn invalid_authorization_is_401() {
    let world = start();
    let text = "Invalid Authorization.";
    for token in [
        CaseToken::Expired,
        CaseToken::Forged,
        CaseToken::OtherTenant,
        CaseToken::WriterOnly,
    ] {
        fails(&world, &ann().bearing(token), 401, text);
    }
    for odd in ["bearer", "bearer x", "Basic aGVyYWxkOmtleQ==", "x"] {
        fails(&world, &ann().with("Authorization", odd), 401, text);
    }
    for (name, code) in [
        ("X-PaperCode", "nowhere"),
        ("X-ClientCode", "weekly"),
        ("X-ClientGroupCode", "east"),
    ] {
        fails(&world, &ann().with(name, code), 401, text);
    }
}

#[test]
fn invalid_x_source_system_is_401() {
    let world = start();
    let text = "Invalid X-SourceSystem.";
    fails(
        &world,
        &ann().for_tenant(TIMES).with("X-SourceSystem", "WEB"),
        401,
        text,
    );
    for odd in ["\u{e9}", &"x".repeat(65)] {
        fails(&world, &ann().with("X-SourceSystem", odd), 401, text);
    }
}

#[test]
fn other_addresses_and_methods_are_told_in_the_same_shape() {
    let world = start();
    fails(&world, &call("/User/a/0/b"), 404, "Not Found.");
    for method in [Method::Delete, Method::Post, Method::Put] {
        fails(&world, &call("/User/a/0").by(method), 405, "Method Not Allowed.");
    }
}

#[test]
fn the_client_group_is_taken_by_both_names_and_needed_where_the_token_grants_several() {
    let mut loaded = of_the_contract();
    loaded.push(Loaded {
        tenant: "south/daily/herald",
        pool: None,
        settings: &[],
        accounts: vec![account("s", "sue@example.com", "Sue", "South")],
    });
    let world = warm(World::of(&loaded));
    let sue = || call("/User?email=sue@");
    // What is slow once is done before.
    for case in [
        sue().with("X-ClientGroupCode", "south"),
        sue().without("X-ClientGroupCode"),
    ] {
        once_known(&world, &case);
    }
    for name in ["X-ClientGroupCode", "X-MediaGroupCode"] {
        let of = |group| sue().without("X-ClientGroupCode").with(name, group);
        assert_eq!(found(&world.ask(&of("south"))), (vec!["s".to_owned()], 1), "{name}");
        assert_eq!(found(&world.ask(&of("north"))), (Vec::new(), 0), "{name}");
    }
    let both = sue()
        .with("X-ClientGroupCode", "south")
        .with("X-MediaGroupCode", "north");
    fails(&world, &both, 400, "X-MediaGroupCode differs from X-ClientGroupCode.");
    let text = "X-ClientGroupCode is missing: the token grants several tenants with this X-ClientCode and X-PaperCode.";
    fails(&world, &sue().without("X-ClientGroupCode"), 400, text);
}

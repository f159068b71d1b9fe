//! Errors of the legacy API: business errors with status 200, and infrastructure errors with their own status.

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
    contract::server::{ContractServer, TenantFixture, contract_tenants},
    support::http_client::header,
};

#[test]
fn unavailable_provider_is_500_for_unknown_users() {
    let server = start();
    // The provider of this tenant is unavailable.
    let known = get_of(&server, COURIER, "/User/auth0%7C1/0");
    assert_eq!(found(&known), (vec!["auth0|1".to_owned()], 1));
    assert_eq!(header(&known, "x-incomplete"), Some("Auth0"));
    for target in [
        "/User/nobody/0",
        "/User/0?email=nobody@example.com",
        "/User/auth0%7C1/1",
    ] {
        let answer = get_of(&server, COURIER, target);
        let text = r#"{"error":"Something went wrong. Please try again later."}"#;
        assert_eq!((answer.status, &*answer.body), (500, text), "{target}");
        assert!(header(&answer, "retry-after").is_some(), "{target}");
    }
    for target in ["/User/nobody/2", "/User?email=nobody&LookupInUserProvider=false"] {
        finds(&server, COURIER, target, &[]);
    }
}

#[test]
fn business_errors_are_200_with_errors() {
    let server = start();
    let answer = get_of(&server, HERALD, "/User?UsersPerPage=0");
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
        assert_eq!(refused(&server, target), format!("Invalid InputModel - {message}"));
    }
    finds(&server, TIMES, "/User?email=joann&colour=red", &["3001"]);
}

#[test]
fn too_deep_page_is_a_business_error() {
    let server = start();
    let message = refused(&server, "/User?UsersPerPage=1000&PageNumber=102");
    assert!(message.starts_with("The search cannot be answered - "), "{message}");
    let past_the_end = get_of(&server, HERALD, "/User?UsersPerPage=1000&PageNumber=101");
    assert_eq!(found(&past_the_end), (Vec::new(), 7));
}

/// Checks that the response is `{"error":"…"}` with this status and text.
fn fails(server: &ContractServer, case: &ContractCase, status: u16, text: &str) {
    let answer = server.send(case);
    let expected = format!("{{\"error\":{}}}", Value::from(text));
    assert_eq!((answer.status, &*answer.body), (status, &*expected), "{case:?}");
    assert_eq!(header(&answer, "x-requestid"), Some("r-1"), "{case:?}");
}

fn ann() -> ContractCase {
    call("/User/2937/0")
}

#[test]
fn missing_headers_are_400() {
    let server = start();
    for name in ["Authorization", "X-SourceSystem", "X-ClientCode", "X-PaperCode"] {
        let text = format!("{name} is missing.");
        fails(&server, &ann().without(name), 400, &text);
        fails(&server, &ann().with(name, "  "), 400, &text);
        let repeated = ann().with(name, "herald").with(name, "herald");
        fails(&server, &repeated, 400, &format!("{name} is given more than once."));
    }
    for (name, odd) in [
        ("X-ClientCode", "da/ly"),
        ("X-PaperCode", "\u{e9}"),
        ("X-ClientGroupCode", "a b"),
    ] {
        let text = format!("{name} must be 1 to 64 letters, digits, '-', '_' or '.'.");
        fails(&server, &ann().with(name, odd), 400, &text);
    }
}

#[test]
fn empty_request_is_400() {
    let server = start();
    for target in [
        "/User",
        "/User?",
        "/User/",
        "/User/0",
        "/User/Encrypted",
        "/User/Encrypted/1",
    ] {
        fails(&server, &call(target), 400, "request cannot be null.");
    }
}

#[test]
fn invalid_authorization_is_401() {
    let server = start();
    let text = "Invalid Authorization.";
    for token in [
        CaseToken::Expired,
        CaseToken::Forged,
        CaseToken::OtherTenant,
        CaseToken::WriterOnly,
    ] {
        fails(&server, &ann().bearing(token), 401, text);
    }
    for odd in ["bearer", "bearer x", "Basic aGVyYWxkOmtleQ==", "x"] {
        fails(&server, &ann().with("Authorization", odd), 401, text);
    }
    for (name, code) in [
        ("X-PaperCode", "nowhere"),
        ("X-ClientCode", "weekly"),
        ("X-ClientGroupCode", "east"),
    ] {
        fails(&server, &ann().with(name, code), 401, text);
    }
}

#[test]
fn invalid_source_system_is_401() {
    let server = start();
    let text = "Invalid X-SourceSystem.";
    fails(
        &server,
        &ann().for_tenant(TIMES).with("X-SourceSystem", "WEB"),
        401,
        text,
    );
    for odd in ["\u{e9}", &"x".repeat(65)] {
        fails(&server, &ann().with("X-SourceSystem", odd), 401, text);
    }
}

#[test]
fn other_paths_and_methods_are_refused() {
    let server = start();
    fails(&server, &call("/User/a/0/b"), 404, "Not Found.");
    for method in [Method::Delete, Method::Post, Method::Put] {
        fails(&server, &call("/User/a/0").by(method), 405, "Method Not Allowed.");
    }
}

#[test]
fn client_group_is_required_if_ambiguous() {
    let mut loaded = contract_tenants();
    loaded.push(TenantFixture::new(
        "south/daily/herald",
        vec![account("s", "sue@example.com", "Sue", "South")],
    ));
    let server = warm(ContractServer::start(&loaded));
    let sue = || call("/User?email=sue@");
    // The first requests are slow; they are repeated until they succeed.
    for case in [
        sue().with("X-ClientGroupCode", "south"),
        sue().without("X-ClientGroupCode"),
    ] {
        once_known(&server, &case);
    }
    for name in ["X-ClientGroupCode", "X-MediaGroupCode"] {
        let of = |group| sue().without("X-ClientGroupCode").with(name, group);
        assert_eq!(found(&server.send(&of("south"))), (vec!["s".to_owned()], 1), "{name}");
        assert_eq!(found(&server.send(&of("north"))), (Vec::new(), 0), "{name}");
    }
    let both = sue()
        .with("X-ClientGroupCode", "south")
        .with("X-MediaGroupCode", "north");
    fails(&server, &both, 400, "X-MediaGroupCode differs from X-ClientGroupCode.");
    let text = "X-ClientGroupCode is missing: the token grants several tenants with this X-ClientCode and X-PaperCode.";
    fails(&server, &sue().without("X-ClientGroupCode"), 400, text);
}

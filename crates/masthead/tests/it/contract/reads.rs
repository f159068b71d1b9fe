//! The contract of reads over more than one request: cursors, events, HEAD.

use masthead_testkit::contract_cases::{
    CaseToken, ContractCase, Expectation,
    fixture::{COURIER, GAZETTE, HERALD, TIMES},
};
use serde_json::{Value, json};

use crate::{
    contract::server::{ContractServer, contract_tenants},
    support::http_client::{self, percent_encoded},
};

fn ok(target: &str) -> ContractCase {
    ContractCase::get(target, Expectation::Status(200)).for_tenant(GAZETTE)
}

fn ids(page: &Value) -> Vec<String> {
    let users = page["data"].as_array().unwrap().iter();
    users
        .map(|user| user["customerRegistrationId"].as_str().unwrap().to_owned())
        .collect()
}

fn json_of(server: &ContractServer, case: &ContractCase) -> Value {
    server.check_all(std::slice::from_ref(case));
    serde_json::from_str(&server.send(case).body).unwrap()
}

#[test]
fn cursor_lists_every_user_once() {
    let server = ContractServer::start(&contract_tenants());
    for column in 1..=8 {
        for direction in 0..=1 {
            let list = format!("orderBy={column}&orderByType={direction}");
            let whole = ids(&json_of(&server, &ok(&format!("/v4/Users?pageSize=1000&{list}"))));
            assert_eq!(whole.len(), 25);
            let mut listed = Vec::new();
            let mut page = json_of(&server, &ok(&format!("/v4/Users?pageSize=7&{list}")));
            loop {
                assert_eq!(page["meta"]["totalRecords"], 25, "{list}");
                listed.extend(ids(&page));
                let Some(cursor) = page["meta"]["nextCursor"].as_str() else {
                    break;
                };
                assert!(listed.len() < 25, "{list}: a cursor past the end");
                // By URL and by body in turn, which accept the same.
                page = if listed.len() % 2 == 0 {
                    json_of(
                        &server,
                        &ok(&format!(
                            "/v4/Users?pageSize=7&{list}&cursor={}",
                            percent_encoded(cursor)
                        )),
                    )
                } else {
                    let body = json!({"pageSize": 7, "orderBy": column, "orderByType": direction, "cursor": cursor});
                    json_of(
                        &server,
                        &ContractCase::search(&body.to_string(), Expectation::Status(200)).for_tenant(GAZETTE),
                    )
                };
            }
            assert_eq!(listed, whole, "{list}");
        }
    }
}

#[test]
fn cursor_belongs_to_one_list() {
    let server = ContractServer::start(&contract_tenants());
    let page = json_of(&server, &ok("/v4/Users?pageSize=2&lastName=moor&orderBy=3"));
    let cursor = percent_encoded(page["meta"]["nextCursor"].as_str().unwrap());
    let text = "Invalid InputModel - cursor is not one of this list; start again without it";
    let refused = |list: &str, cursor: &str| {
        let expect = Expectation::Error(400, "E400_02", text.to_owned());
        ContractCase::get(&format!("/v4/Users?{list}&cursor={cursor}"), expect).for_tenant(GAZETTE)
    };
    let list = "lastName=moor&orderBy=3";
    let raw = page["meta"]["nextCursor"].as_str().unwrap();
    let (before, behind) = raw.split_at(raw.len() / 2);
    let other = if behind.starts_with('A') { 'B' } else { 'A' };
    let tampered = percent_encoded(&format!("{before}{other}{}", &behind[1..]));
    let cut = percent_encoded(&raw[..raw.len() / 8 * 4]);
    server.check_all(&[
        // The same list, written differently and with another page size.
        ok(&format!(
            "/v4/Users?pageSize=3&LASTNAME=M%C3%B6or&orderBy=3&orderByType=0&cursor={cursor}"
        )),
        // A client that always sends the first page number is accepted.
        ok(&format!("/v4/Users?{list}&pageNumber=1&cursor={cursor}")),
        refused("lastName=moo&orderBy=3", &cursor),
        refused("lastName=moor&firstName=r&orderBy=3", &cursor),
        refused("firstName=moor&orderBy=3", &cursor),
        refused("lastName=moor", &cursor),
        refused("lastName=moor&orderBy=3&orderByType=1", &cursor),
        refused(list, &tampered),
        refused(list, &cut),
        refused(list, &cursor).for_tenant(HERALD),
    ]);
    // With and without the provider, a federated tenant has two lists.
    let page = json_of(
        &server,
        &ok("/v4/Users?pageSize=1&ignoreProvider=true").for_tenant(COURIER),
    );
    let cursor = percent_encoded(page["meta"]["nextCursor"].as_str().unwrap());
    server.check_all(&[
        ok(&format!("/v4/Users?pageSize=1&ignoreProvider=true&cursor={cursor}")).for_tenant(COURIER),
        refused("ignoreProvider=false", &cursor).for_tenant(COURIER),
    ]);
}

#[test]
fn reads_write_events_and_errors_none() {
    let server = ContractServer::start(&contract_tenants());
    let named = |case: ContractCase, id: &str| case.with("X-RequestId", id);
    server.check_all(&[
        named(ok("/v4/Users?lastName=moor"), "list"),
        named(ok("/v4/Users?email=nobody@example.org"), "none"),
        named(
            ContractCase::search(r#"{"email":"ann@example.com"}"#, Expectation::Status(200)),
            "search",
        ),
        named(
            ContractCase::get("/v4/Users/2937", Expectation::Status(200)).from("app 7"),
            "by-id",
        ),
        named(
            ContractCase::get("/v4/Users/2937", Expectation::Status(200)).for_tenant(TIMES),
            "same-id",
        ),
        named(
            ContractCase::get("/v4/Users/nobody", Expectation::Status(404)),
            "missing",
        ),
        named(ok("/v4/Users/g-01?pageSize=1"), "one-listed"),
        named(ok("/v4/Users?ignoreProvider=true").for_tenant(COURIER), "store"),
        named(
            ContractCase::get("/v4/Users?colour=red", Expectation::Status(400)),
            "refused",
        ),
        named(
            ContractCase::get("/v4/Users/2937", Expectation::Status(401)).bearing(CaseToken::Expired),
            "refused",
        ),
        named(
            ContractCase::get("/v4/Users/2937", Expectation::Status(403)).bearing(CaseToken::OtherTenant),
            "refused",
        ),
        named(ContractCase::get("/elsewhere", Expectation::Status(404)), "refused"),
    ]);
    let (_, database) = server.stop();
    let events = database
        .run(
            "SELECT kind, tenant, request_id, source_system, outcome, users, \
                    registration_id IS NOT DISTINCT FROM (SELECT id FROM registrations AS r \
                        WHERE r.pool = e.pool AND r.crid = '2937' AND e.request_id IN ('search', 'by-id', 'same-id')), \
                    e.pool = (SELECT t.pool FROM tenants AS t WHERE client_group || '/' || client || '/' || paper = tenant) \
               FROM events AS e WHERE kind < 4900 ORDER BY id",
        )
        .unwrap();
    let rows: Vec<_> = events.trim().lines().collect();
    assert_eq!(
        rows,
        [
            format!("4000|{GAZETTE}|list|CRM|found|10|t|t"),
            format!("4000|{GAZETTE}|none|CRM|absent|0|t|t"),
            format!("4000|{HERALD}|search|CRM|found|1|t|t"),
            format!("4001|{HERALD}|by-id|app 7|found|1|t|t"),
            format!("4001|{TIMES}|same-id|CRM|found|1|t|t"),
            format!("4001|{HERALD}|missing|CRM|absent|0|t|t"),
            format!("4000|{GAZETTE}|one-listed|CRM|found|1|f|t"),
            format!("4000|{COURIER}|store|CRM|found|2|t|t"),
        ]
    );
}

#[test]
fn head_is_get_without_a_body() {
    let server = ContractServer::start(&contract_tenants());
    for target in [
        "/v4/Users/2937",
        "/v4/Users?email=ann@example.com",
        "/v4/Users/nobody",
        "/v4/Users?a=b",
    ] {
        let mut request = ContractCase::get(target, Expectation::Status(200))
            .with("X-RequestId", "7")
            .request(&server);
        let of_get = http_client::send(server.address, &request);
        request.method = "HEAD";
        let of_head = http_client::send(server.address, &request);
        assert_eq!(of_head.body, "");
        let but_date = |answer: &masthead_testkit::contract_cases::CaseAnswer| {
            let mut headers = answer.headers.clone();
            headers.retain(|(name, _)| name != "date");
            (answer.status, headers)
        };
        assert_eq!(but_date(&of_head), but_date(&of_get), "{target}");
    }
}

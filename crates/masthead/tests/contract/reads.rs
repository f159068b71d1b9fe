//! What the contract promises of reads over more than one request: cursors, events, HEAD.

use masthead_testkit::contract_cases::{
    CaseToken, ContractCase, Expectation,
    fixture::{COURIER, GAZETTE, HERALD, TIMES},
};
use serde_json::{Value, json};

use crate::{
    wire::{self, in_url},
    world::{World, of_the_contract},
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

fn json_of(world: &World, case: &ContractCase) -> Value {
    world.holds(std::slice::from_ref(case));
    serde_json::from_str(&world.ask(case).body).unwrap()
}

#[test]
fn a_cursor_goes_through_the_whole_list_in_its_order_each_user_once() {
    let world = World::of(&of_the_contract());
    for column in 1..=8 {
        for direction in 0..=1 {
            let list = format!("orderBy={column}&orderByType={direction}");
            let whole = ids(&json_of(&world, &ok(&format!("/v4/Users?pageSize=1000&{list}"))));
            assert_eq!(whole.len(), 25);
            let mut walked = Vec::new();
            let mut page = json_of(&world, &ok(&format!("/v4/Users?pageSize=7&{list}")));
            loop {
                assert_eq!(page["meta"]["totalRecords"], 25, "{list}");
                walked.extend(ids(&page));
                let Some(cursor) = page["meta"]["nextCursor"].as_str() else {
                    break;
                };
                assert!(walked.len() < 25, "{list}: a cursor past the end");
                // By the URL and by the body, which take the same.
                page = if walked.len() % 2 == 0 {
                    json_of(
                        &world,
                        &ok(&format!("/v4/Users?pageSize=7&{list}&cursor={}", in_url(cursor))),
                    )
                } else {
                    let body = json!({"pageSize": 7, "orderBy": column, "orderByType": direction, "cursor": cursor});
                    json_of(
                        &world,
                        &ContractCase::search(&body.to_string(), Expectation::Status(200)).for_tenant(GAZETTE),
                    )
                };
            }
            assert_eq!(walked, whole, "{list}");
        }
    }
}

#[test]
fn a_cursor_is_bound_to_tenant_filter_order_and_source() {
    let world = World::of(&of_the_contract());
    let page = json_of(&world, &ok("/v4/Users?pageSize=2&lastName=moor&orderBy=3"));
    let cursor = in_url(page["meta"]["nextCursor"].as_str().unwrap());
    let text = "Invalid InputModel - cursor is not one of this list; start again without it";
    let refused = |list: &str, cursor: &str| {
        let expect = Expectation::Error(400, "E400_02", text.to_owned());
        ContractCase::get(&format!("/v4/Users?{list}&cursor={cursor}"), expect).for_tenant(GAZETTE)
    };
    let list = "lastName=moor&orderBy=3";
    let raw = page["meta"]["nextCursor"].as_str().unwrap();
    let (before, behind) = raw.split_at(raw.len() / 2);
    let other = if behind.starts_with('A') { 'B' } else { 'A' };
    let tampered = in_url(&format!("{before}{other}{}", &behind[1..]));
    let cut = in_url(&raw[..raw.len() / 8 * 4]);
    world.holds(&[
        // The same list, in other words and with pages of another size.
        ok(&format!(
            "/v4/Users?pageSize=3&LASTNAME=M%C3%B6or&orderBy=3&orderByType=0&cursor={cursor}"
        )),
        // A client that always sends the first page number contradicts nothing.
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
    // Of a federated tenant: with and without the provider are two lists.
    let page = json_of(
        &world,
        &ok("/v4/Users?pageSize=1&ignoreProvider=true").for_tenant(COURIER),
    );
    let cursor = in_url(page["meta"]["nextCursor"].as_str().unwrap());
    world.holds(&[
        ok(&format!("/v4/Users?pageSize=1&ignoreProvider=true&cursor={cursor}")).for_tenant(COURIER),
        refused("ignoreProvider=false", &cursor).for_tenant(COURIER),
    ]);
}

#[test]
fn a_read_writes_the_event_of_each_side_called_and_a_refusal_none() {
    let world = World::of(&of_the_contract());
    let named = |case: ContractCase, id: &str| case.with("X-RequestId", id);
    world.holds(&[
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
        named(ok("/v4/Users?ignoreProvider=true").for_tenant(COURIER), "ours"),
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
    let (_, database) = world.end();
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
            format!("4000|{COURIER}|ours|CRM|found|2|t|t"),
        ]
    );
}

#[test]
fn head_is_answered_as_get_is_without_the_body() {
    let world = World::of(&of_the_contract());
    for target in [
        "/v4/Users/2937",
        "/v4/Users?email=ann@example.com",
        "/v4/Users/nobody",
        "/v4/Users?a=b",
    ] {
        let mut request = ContractCase::get(target, Expectation::Status(200))
            .with("X-RequestId", "7")
            .request(&world);
        let of_get = wire::send(world.address, &request);
        request.method = "HEAD";
        let of_head = wire::send(world.address, &request);
        assert_eq!(of_head.body, "");
        let but_date = |answer: &masthead_testkit::contract_cases::CaseAnswer| {
            let mut headers = answer.headers.clone();
            headers.retain(|(name, _)| name != "date");
            (answer.status, headers)
        };
        assert_eq!(but_date(&of_head), but_date(&of_get), "{target}");
    }
}

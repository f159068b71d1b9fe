//! What the reads do beside answering: events, time, both sources.

use masthead_domain::{
    event::{EventKind, EventOutcome},
    tenant::PoolId,
};
use masthead_testkit::{
    accounts::account,
    contract_cases::{CaseToken, ContractCase, Expectation, fixture::COURIER},
    providers::ProviderMode,
};
use serde_json::{Value, json};
use time::macros::datetime;

use crate::world::{World, answered};

fn parsed(body: &str) -> Value {
    serde_json::from_str(body).unwrap()
}

#[tokio::test]
async fn one_read_writes_one_event() {
    let world = World::new();
    for (target, kind, outcome, users, registration) in [
        (
            "/v4/Users/2937",
            EventKind::SubscribeUserGetById,
            EventOutcome::Found,
            1,
            Some(1),
        ),
        (
            "/v4/Users/nobody",
            EventKind::SubscribeUserGetById,
            EventOutcome::Absent,
            0,
            None,
        ),
        ("/v4/Users", EventKind::SubscribeUserGet, EventOutcome::Found, 7, None),
        (
            "/v4/Users?email=ann@example.com",
            EventKind::SubscribeUserGet,
            EventOutcome::Found,
            1,
            Some(1),
        ),
        (
            "/v4/Users?email=nobody@example.com",
            EventKind::SubscribeUserGet,
            EventOutcome::Absent,
            0,
            None,
        ),
    ] {
        let case = ContractCase::get(target, Expectation::Status(200)).with("X-RequestId", "r-1");
        world.ask(&case).await;
        let events = world.events.take();
        assert_eq!(events.len(), 1, "{target}");
        let event = &events[0];
        assert_eq!((event.kind, event.outcome), (kind, outcome), "{target}");
        assert_eq!((event.users, event.registration_id), (users, registration), "{target}");
        assert_eq!((&*event.request_id, &*event.source_system), ("r-1", "CRM"));
        assert_eq!(event.tenant.to_string(), "north/daily/herald");
    }
    world.ask(&ContractCase::search("{}", Expectation::Status(200))).await;
    let kinds: Vec<_> = world.events.take().iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::SubscribeUserGet]);
    assert_eq!(EventKind::SubscribeUserGet.id(), 4000);
    assert_eq!(EventKind::SubscribeUserGetById.id(), 4001);
}

#[tokio::test]
async fn what_is_refused_reads_nothing_and_writes_no_event() {
    let world = World::new();
    for case in [
        ContractCase::get("/v4/Users?pageSize=0", Expectation::Status(400)),
        ContractCase::get("/v4/Users/2937?colour=x", Expectation::Status(400)),
        ContractCase::get("/v4/Users/%zz", Expectation::Status(400)),
        ContractCase::get("/v4/Users", Expectation::Status(401)).bearing(CaseToken::Expired),
        ContractCase::get("/v4/Users", Expectation::Status(403)).bearing(CaseToken::OtherTenant),
        ContractCase::get("/v4/Users", Expectation::Status(400)).without("X-SourceSystem"),
        ContractCase::search("[]", Expectation::Status(400)),
    ] {
        world.holds(vec![case]).await;
    }
    assert_eq!(world.store.calls(), 0);
    assert!(world.events.take().is_empty());
}

#[tokio::test]
async fn a_federated_tenant_is_told_of_its_sources() {
    let world = World::new();
    let ours = |target: &str| ContractCase::get(target, Expectation::Status(200)).for_tenant(COURIER);
    let told = |body: &str| parsed(body)["meta"].clone();

    let alone = world
        .ask(&ours("/v4/Users/auth0%7C1?ignoreProvider=true&fields=email"))
        .await;
    assert_eq!(
        alone.body,
        r#"{"message":{"code":"UsersOrchestrator_S200_01","text":"Get by id completed.","type":"Success"},"meta":{"complete":true,"sources":[{"name":"Auth0","status":"skipped"},{"name":"Subscribe","status":"ok","asOf":"2026-03-01T12:00:00.000Z"}]},"data":{"email":"una@example.com"}}"#
    );

    let degraded = world.ask(&ours("/v4/Users?email=una@example.com")).await;
    let meta = told(&degraded.body);
    assert_eq!(degraded.status, 200, "{}", degraded.body);
    assert_eq!((&meta["totalRecords"], &meta["complete"]), (&json!(1), &json!(false)));
    assert_eq!(meta["sources"][0]["status"], "unavailable");

    let failed = world
        .ask(&ours("/v4/Users?email=una@example.com&onProviderFailure=fail"))
        .await;
    assert_eq!(failed.status, 503, "{}", failed.body);
    let nobody = world.ask(&ours("/v4/Users/auth0%7C9")).await;
    assert_eq!(nobody.status, 503, "silence is never absence: {}", nobody.body);
    assert_eq!(told(&nobody.body)["complete"], json!(false));
}

#[tokio::test]
async fn explain_tells_both_sources_apart() {
    let world = World::new();
    world
        .provider
        .set_mode(ProviderMode::Live(datetime!(2026-03-01 11:59:59.5 UTC)));
    let fourth_pool = PoolId(4);
    world
        .provider
        .put(fourth_pool, [account("auth0|1", "una@example.com", "Una Maria", "")]);
    let case = ContractCase::get(
        "/v4/Users/auth0%7C1?explain=true&fields=firstName,lastName",
        Expectation::Data(json!({
            "firstName": "Una Maria",
            "lastName": "Vale",
            "provenance": {"firstName": "Auth0", "lastName": "Subscribe"},
        })),
    );
    world.holds(vec![case.for_tenant(COURIER)]).await;
}

#[tokio::test]
async fn the_same_user_by_get_by_search_and_by_id_is_the_same_record() {
    let world = World::new();
    let by_id = parsed(&world.get("/v4/Users/2937").await.body);
    for case in [
        ContractCase::get("/v4/Users?email=ann@example.com", Expectation::Status(200)),
        ContractCase::get("/v4/Users?customerRegistrationId=2937", Expectation::Status(200)),
        ContractCase::search(r#"{"firstName":"Ann","lastName":"Lee"}"#, Expectation::Status(200)),
    ] {
        let list = parsed(&world.ask(&case).await.body);
        assert_eq!(list["data"], json!([by_id["data"]]));
    }
}

#[tokio::test]
async fn a_head_request_is_answered_without_a_body() {
    let world = World::new();
    let case = ContractCase::get("/v4/Users/2937", Expectation::Status(200));
    let get = world.ask(&case).await;
    let mut request = http::Request::builder().method("HEAD").uri("/v4/Users/2937");
    for (name, value) in case.request(&world).headers {
        request = request.header(name, value);
    }
    let request = request.body(String::new()).unwrap();
    let response = answered(&world.api, None, request).await;
    assert_eq!(response.status(), 200);
    let length = response.headers()["content-length"].to_str().unwrap();
    assert_eq!(length, get.body.len().to_string());
    assert_eq!(http_body::Body::size_hint(response.body()).exact(), Some(0));
}

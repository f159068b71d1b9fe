//! Refusals read nothing, and answers report their sources.

use masthead_domain::{event::EventKind, tenant::PoolId};
use masthead_testkit::{
    accounts::account,
    contract_cases::{CaseToken, ContractCase, Expectation, fixture::COURIER},
    providers::ProviderMode,
};
use serde_json::{Value, json};
use time::macros::datetime;

use crate::fixture::ApiFixture;

fn parsed(body: &str) -> Value {
    serde_json::from_str(body).unwrap()
}

#[tokio::test]
async fn refused_request_reads_nothing() {
    let api = ApiFixture::new();
    for case in [
        ContractCase::get("/v4/Users?pageSize=0", Expectation::Status(400)),
        ContractCase::get("/v4/Users/2937?colour=x", Expectation::Status(400)),
        ContractCase::get("/v4/Users/%zz", Expectation::Status(400)),
        ContractCase::get("/v4/Users", Expectation::Status(401)).bearing(CaseToken::Expired),
        ContractCase::get("/v4/Users", Expectation::Status(403)).bearing(CaseToken::OtherTenant),
        ContractCase::get("/v4/Users", Expectation::Status(400)).without("X-SourceSystem"),
        ContractCase::search("[]", Expectation::Status(400)),
    ] {
        api.check(vec![case]).await;
    }
    assert_eq!(api.store.calls(), 0);
    let refused = api.events.take();
    assert_eq!(refused.len(), 2);
    assert!(refused.iter().all(|event| event.kind == EventKind::CallRefused));
}

#[tokio::test]
async fn federated_answer_reports_its_sources() {
    let api = ApiFixture::new();
    let courier = |target: &str| ContractCase::get(target, Expectation::Status(200)).for_tenant(COURIER);
    let meta_of = |body: &str| parsed(body)["meta"].clone();

    let alone = api
        .send_case(&courier("/v4/Users/auth0%7C1?ignoreProvider=true&fields=email"))
        .await;
    assert_eq!(
        alone.body,
        r#"{"message":{"code":"UsersOrchestrator_S200_01","text":"Get by id completed.","type":"Success"},"meta":{"complete":true,"sources":[{"name":"Auth0","status":"skipped"},{"name":"Subscribe","status":"ok","asOf":"2026-03-01T12:00:00.000Z"}]},"data":{"email":"una@example.com"}}"#
    );

    let degraded = api.send_case(&courier("/v4/Users?email=una@example.com")).await;
    let meta = meta_of(&degraded.body);
    assert_eq!(degraded.status, 200, "{}", degraded.body);
    assert_eq!((&meta["totalRecords"], &meta["complete"]), (&json!(1), &json!(false)));
    assert_eq!(meta["sources"][0]["status"], "unavailable");

    let failed = api
        .send_case(&courier("/v4/Users?email=una@example.com&onProviderFailure=fail"))
        .await;
    assert_eq!(failed.status, 503, "{}", failed.body);
    let absent = api.send_case(&courier("/v4/Users/auth0%7C9")).await;
    assert_eq!(
        absent.status, 503,
        "an unavailable source is not an absent user: {}",
        absent.body
    );
    assert_eq!(meta_of(&absent.body)["complete"], json!(false));
}

#[tokio::test]
async fn explain_names_the_source_of_each_field() {
    let api = ApiFixture::new();
    api.provider
        .set_mode(ProviderMode::Live(datetime!(2026-03-01 11:59:59.5 UTC)));
    let fourth_pool = PoolId(4);
    api.provider
        .put(fourth_pool, [account("auth0|1", "una@example.com", "Una Maria", "")]);
    let case = ContractCase::get(
        "/v4/Users/auth0%7C1?explain=true&fields=firstName,lastName",
        Expectation::Data(json!({
            "firstName": "Una Maria",
            "lastName": "Vale",
            "provenance": {"firstName": "Auth0", "lastName": "Subscribe"},
        })),
    );
    api.check(vec![case.for_tenant(COURIER)]).await;
}

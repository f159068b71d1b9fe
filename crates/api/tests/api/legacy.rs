//! The legacy API where sockets cannot show it: faults behind the router, calls and events of the sources, odd paths. The
//! contract tests of the server check every line of contract §3.3.

use masthead_domain::tenant::PoolId;
use masthead_ports::source::SourceErrorKind;
use masthead_testkit::{
    accounts::account,
    contract_cases::{
        CaseAnswer, ContractCase, Expectation,
        fixture::{COURIER, HERALD},
    },
    providers::ProviderMode,
    store::StoreMode,
};
use serde_json::{Value, json};
use time::macros::datetime;

use crate::fixture::{ApiFixture, header};

/// The pool of the tenant whose provider is Auth0.
const COURIERS: PoolId = PoolId(4);
const NOW: time::OffsetDateTime = datetime!(2026-03-01 12:00 UTC);

/// A legacy request, without a client group.
fn call(target: &str) -> ContractCase {
    ContractCase::get(target, Expectation::Status(200))
        .without("X-ClientGroupCode")
        .with("X-RequestId", "r-1")
}

async fn get_of(api: &ApiFixture, tenant: &'static str, target: &str) -> CaseAnswer {
    api.send_case(&call(target).for_tenant(tenant)).await
}

/// The ids of the users of an answer, and the total.
fn found(answer: &CaseAnswer) -> (Vec<String>, u64) {
    let whole: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(whole["Errors"], json!([]), "{}", answer.body);
    let users = whole["Result"]["Users"].as_array().unwrap();
    let id = |user: &Value| user["CustomerRegistrationId"].as_str().unwrap().to_owned();
    (
        users.iter().map(id).collect(),
        whole["Result"]["TotalUsersFound"].as_u64().unwrap(),
    )
}

async fn fails(api: &ApiFixture, case: &ContractCase, status: u16, text: &str) {
    let answer = api.send_case(case).await;
    let expected = format!("{{\"error\":{}}}", Value::from(text));
    assert_eq!((answer.status, &*answer.body), (status, &*expected), "{case:?}");
    assert_eq!(header(&answer, "x-requestid"), Some("r-1"));
}

/// Auth0 has `auth0|1` and `auth0|3`, the store `auth0|1` and `auth0|2`.
fn federated() -> ApiFixture {
    let api = ApiFixture::new();
    api.provider.set_mode(ProviderMode::Live(NOW));
    api.provider.put(
        COURIERS,
        [
            account("auth0|1", "una@example.com", "Una Maria", ""),
            account("auth0|3", "zoe@example.com", "Zoe", "Dale"),
        ],
    );
    api
}

#[tokio::test]
async fn id_may_look_like_a_type_but_not_be_encrypted() {
    let api = ApiFixture::new();
    let users = [
        account("0", "zero@example.com", "", ""),
        account("Encrypted", "e@example.com", "", ""),
    ];
    api.store.put(PoolId(1), users);
    assert_eq!(found(&get_of(&api, HERALD, "/User/0/0").await).0, ["0"]);
    fails(&api, &call("/User/Encrypted/0"), 400, "request cannot be null.").await;
}

#[tokio::test]
async fn refused_parameters_are_named() {
    let api = ApiFixture::new();
    let path_type = "type in the path must be 0, 1 or 2";
    let contradiction = "Type and LookupInUserProvider contradict each other";
    for (target, message) in [
        ("/User/00?email=ann", path_type),
        ("/User/-1?email=ann", path_type),
        ("/User/%30?email=ann", path_type),
        ("/User/0?onlyActive=true", "email is missing"),
        ("/User/2937/0?email=ann", "email is not a parameter of this call"),
        ("/User/Encrypted?Type=2", "encryptedEmail is missing"),
        ("/User/Encrypted?email=ann", "email is not a parameter of this call"),
        ("/User?email=a%00", "email holds a NUL"),
        ("/User?Type=2&LookupInUserProvider=true", contradiction),
        ("/User?Type=0&LookupInUserProvider=false", contradiction),
        (
            "/User?LookupInUserProvider=maybe",
            "LookupInUserProvider must be true or false",
        ),
        (
            "/User?PageNumber=+1",
            "PageNumber must be a whole number from 1 to 2147483647",
        ),
        (
            "/User?AuthSystemId=6",
            "AuthSystemId must be a whole number from 1 to 5",
        ),
        (
            "/User?SortBy=Password",
            "SortBy must be Email, FirstName, LastName, DateRegistered, ChangeDate or CustomerRegistrationId",
        ),
    ] {
        let answer = get_of(&api, HERALD, target).await;
        let whole: Value = serde_json::from_str(&answer.body).unwrap();
        let text = format!("Invalid InputModel - {message}");
        assert_eq!(whole["Errors"][0]["Message"], text, "{target}");
    }
    assert_eq!(api.store.calls(), 0);
}

#[tokio::test]
async fn provider_only_never_reads_the_store() {
    let api = ApiFixture::new();
    for target in [
        "/User/auth0%7C1/1",
        "/User/1?email=una@example.com",
        "/User?Type=1&email=una",
    ] {
        assert_eq!(get_of(&api, COURIER, target).await.status, 500, "{target}");
    }
    assert_eq!(api.store.calls(), 0);
}

#[tokio::test]
async fn unknown_answer_is_500_with_retry_after() {
    const WENT_WRONG: &str = "Something went wrong. Please try again later.";
    let api = ApiFixture::new();
    for kind in [
        SourceErrorKind::Unavailable,
        SourceErrorKind::Corrupt,
        SourceErrorKind::Misconfigured,
    ] {
        api.store.set_mode(StoreMode::Failing(kind));
        for target in ["/User/2937/0", "/User/2?email=ann@example.com", "/User?email=ann"] {
            let case = call(target);
            fails(&api, &case, 500, WENT_WRONG).await;
            assert_eq!(header(&api.send_case(&case).await, "retry-after"), Some("1"));
        }
    }
    api.store.set_mode(StoreMode::Answering);
    // The provider is unavailable: a user that the store lacks may exist.
    fails(&api, &call("/User/auth0%7C9/0").for_tenant(COURIER), 500, WENT_WRONG).await;
    fails(&api, &call("/User?email=nobody").for_tenant(COURIER), 500, WENT_WRONG).await;
    let ann = || call("/User/2937/0");
    fails(&api, &ann().with("Authorization", "Bearer no-keys"), 500, WENT_WRONG).await;
    fails(&api, &ann().with("Authorization", "Bearer no-rules"), 500, WENT_WRONG).await;
    api.tenants.set_unavailable(true);
    fails(&api, &ann(), 500, WENT_WRONG).await;
    fails(&api, &ann().with("X-ClientGroupCode", "north"), 500, WENT_WRONG).await;
}

#[tokio::test]
async fn unknown_data_is_never_shown_as_absent() {
    let api = ApiFixture::new();
    // Store available, provider not: the user is shown, and reported as incomplete.
    let known = get_of(&api, COURIER, "/User/auth0%7C1/0").await;
    assert_eq!(found(&known), (vec!["auth0|1".to_owned()], 1));
    assert_eq!(header(&known, "x-incomplete"), Some("Auth0"));
    // Provider available, store not: consents, which are false when absent, would be invented.
    let federated = federated();
    let whole = get_of(&federated, COURIER, "/User/auth0%7C1/0").await;
    assert_eq!(header(&whole, "x-incomplete"), None);
    federated
        .store
        .set_mode(StoreMode::Failing(SourceErrorKind::Unavailable));
    for target in ["/User/auth0%7C1/0", "/User/0?email=una@example.com", "/User?email=una"] {
        assert_eq!(get_of(&federated, COURIER, target).await.status, 500, "{target}");
    }
    let provider_only = get_of(&federated, COURIER, "/User/auth0%7C1/1").await;
    assert_eq!(found(&provider_only), (vec!["auth0|1".to_owned()], 1));
    // A remembered answer of the provider is shown, and reported as incomplete.
    federated.store.set_mode(StoreMode::Answering);
    federated
        .provider
        .set_mode(ProviderMode::Remembered(NOW, SourceErrorKind::Unavailable));
    let stale = get_of(&federated, COURIER, "/User/auth0%7C1/0").await;
    assert_eq!((found(&stale).1, header(&stale, "x-incomplete")), (1, Some("Auth0")));
}

#[tokio::test]
async fn v4_and_legacy_write_the_same_events() {
    let api = federated();
    for (new, old) in [
        ("/v4/Users/auth0%7C1", "/User/auth0%7C1/0"),
        ("/v4/Users?email=una@example.com", "/User/0?email=una@example.com"),
        (
            "/v4/Users?email=una&ignoreProvider=true",
            "/User?email=una&LookupInUserProvider=false",
        ),
    ] {
        let kinds = || api.events.take().iter().map(|event| event.kind).collect::<Vec<_>>();
        api.send_case(&ContractCase::get(new, Expectation::Status(200)).for_tenant(COURIER))
            .await;
        let expected = kinds();
        get_of(&api, COURIER, old).await;
        assert_eq!(kinds(), expected, "{old}");
    }
}

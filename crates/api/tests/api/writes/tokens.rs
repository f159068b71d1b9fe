//! Users by a token of their issuer.

use masthead_domain::event::EventKind;
use masthead_testkit::logs::LogCapture;
use serde_json::json;
use tracing::Level;

use super::client::Sent;
use crate::fixture::{ApiFixture, EXAMPLE_TOKEN, TRIBUNE};

async fn with_user() -> ApiFixture {
    let api = ApiFixture::new();
    let user = json!({"email": "ann@example.com", "password": "x", "customerRegistrationId": "2937"});
    assert_eq!(api.post("/v4/Users", user).await.code(), "S200_03");
    api.create(TRIBUNE.0, "bo@example.com").await;
    api
}

#[tokio::test]
async fn user_of_a_token_is_found() {
    let api = with_user().await;
    let by_query = Sent::new("GET", format!("/v4/Users?token={EXAMPLE_TOKEN}")).by("reader");
    let by_body = Sent::new("POST", "/v4/Users/Search")
        .by("reader")
        .json(&json!({"Token": EXAMPLE_TOKEN}));
    for sent in [by_query, by_body] {
        let found = api.write(sent).await;
        assert_eq!(
            (found.code(), &found.json["meta"]["totalRecords"]),
            ("S200_02", &json!(1))
        );
        assert_eq!(found.data()[0]["customerRegistrationId"], "2937");
    }
    let other = Sent::new("GET", format!("/v4/Users?token={EXAMPLE_TOKEN}&email=bo@example.com")).by("reader");
    assert_eq!(api.write(other).await.json["meta"]["totalRecords"], 0);
    let unknown = Sent::new("GET", "/v4/Users?token=of-nobody").by("reader");
    assert_eq!(api.write(unknown).await.data(), &json!([]));
}

#[tokio::test]
async fn refused_token_is_e400_02() {
    let api = with_user().await;
    for (token, code, text) in [
        (
            "foreign",
            "E400_02",
            "Invalid InputModel - token: the token is from another issuer",
        ),
        ("expired", "E400_02", "Invalid InputModel - token: the token is expired"),
        (
            "no-issuer",
            "E400_02",
            "Invalid InputModel - token: the tenant's setting Token.Issuer is missing or unusable",
        ),
        (
            "no-keys",
            "E503",
            "Service Unavailable - a source that should know did not answer",
        ),
    ] {
        let list = api
            .write(Sent::new("GET", format!("/v4/Users?token={token}")).by("reader"))
            .await;
        let sign_in = api.post("/v4/Users/Authentication", json!({"token": token})).await;
        for answer in [list, sign_in] {
            assert_eq!((answer.code(), answer.message()), (code, text));
        }
    }
    let elsewhere = Sent::new("GET", format!("/v4/Users?token={EXAMPLE_TOKEN}")).of("north/daily/gazette");
    assert_eq!(api.write(elsewhere.by("reader")).await.code(), "E400_02");
}

#[tokio::test]
async fn token_signs_its_user_in() {
    let api = with_user().await;
    let sign_in = |token: &str| {
        let sent = Sent::new("POST", "/v4/Users/Authentication").by("login");
        api.write(sent.json(&json!({"token": token})))
    };
    let signed_in = sign_in(EXAMPLE_TOKEN).await;
    assert_eq!(signed_in.code(), "S200_06");
    assert_eq!(signed_in.data()["user"]["customerRegistrationId"], "2937");
    let last = api.users.events().pop().unwrap();
    assert_eq!(last.kind, EventKind::SubscribeUserLogin);
    assert_eq!(sign_in("of-nobody").await.code(), "E401_01");
    let both = json!({"token": EXAMPLE_TOKEN, "password": "x"});
    let refused = api.post("/v4/Users/Authentication", both).await;
    assert_eq!(
        refused.message(),
        "Invalid InputModel - token: must not be given beside loginName or password"
    );
    let block = Sent::new("PUT", "/v4/Users/2937").json(&json!({"blocked": true}));
    assert_eq!(api.write(block).await.code(), "S200_05");
    assert_eq!(sign_in(EXAMPLE_TOKEN).await.code(), "E403_04");
    let last = api.users.events().pop().unwrap();
    assert_eq!(last.kind, EventKind::SubscribeUserLoginFailed);
}

#[tokio::test]
async fn legacy_token_signs_its_user_in() {
    let logs = LogCapture::start(Level::TRACE);
    let api = with_user().await;
    let sign_in = |token: &str| api.write(Sent::new("POST", "/AuthenticateByToken").json(&json!({"Token": token})));
    let signed_in = sign_in(EXAMPLE_TOKEN).await;
    assert_eq!(signed_in.json["Result"]["CustomerRegistrationId"], "2937");
    for (token, code) in [("foreign", "E400_02"), ("of-nobody", "E401_01")] {
        let refused = sign_in(token).await;
        assert_eq!(refused.json["Errors"][0]["Code"], format!("UsersOrchestrator_{code}"));
    }
    assert_eq!(sign_in("no-keys").await.status, 500);
    assert!(!logs.text().contains(EXAMPLE_TOKEN));
}

//! A foreign tenant's ids, addresses, links and codes are worth nothing.

use serde_json::json;

use super::client::{Answer, Sent};
use crate::fixture::{ApiFixture, RETURN_URL, TRIBUNE};

const OTHER: &str = "north/daily/gazette";

fn same(foreign: &Answer, random: &Answer) {
    assert_eq!((foreign.status, &foreign.text), (random.status, &random.text));
    let names = |answer: &Answer| {
        let names = answer.headers.iter().filter(|(name, _)| name != "x-requestid");
        names.cloned().collect::<Vec<_>>()
    };
    assert_eq!(names(foreign), names(random));
}

#[tokio::test]
async fn foreign_id_is_like_a_random_one() {
    let api = ApiFixture::new();
    let id = api.create(TRIBUNE.0, "ann@example.com").await;
    let id = format!("{id}0");
    let body = json!({"email": "bo@example.com", "customerRegistrationId": id, "password": "x"});
    api.post("/v4/Users", body).await;
    let calls = [
        ("PUT", "", json!({"firstName": "x"})),
        ("PATCH", "/Password", json!({"password": "x"})),
        ("PATCH", "/Email", json!({"email": "x@example.com"})),
        ("DELETE", "", json!({})),
        ("DELETE", "?purge=true", json!({})),
    ];
    for (method, rest, body) in calls {
        let send = |id: &str| {
            let sent = Sent::new(method, format!("/v4/Users/{id}{rest}"))
                .of(OTHER)
                .by("eraser");
            api.write(sent.json(&body))
        };
        let before = api.users.events().len();
        same(&send(&id).await, &send("991").await);
        assert_eq!(api.users.events().len(), before);
        let conditional = Sent::new("PUT", format!("/v4/Users/{id}"))
            .of(OTHER)
            .with("if-match", "*");
        assert_eq!(
            api.write(conditional.json(&json!({"firstName": "x"}))).await.code(),
            "E404"
        );
    }
    for body in [
        json!({"FirstName": "x"}),
        json!({"Password": "x"}),
        json!({"Email": "x@example.com"}),
    ] {
        let send = |id: &str| {
            let sent = Sent::new("PUT", format!("/User/{id}")).of(OTHER);
            api.write(sent.with("x-requestid", "r").json(&body))
        };
        same(&send(&id).await, &send("991").await);
    }
    let read = api
        .write(Sent::new("GET", format!("/v4/Users/{id}")).by("reader"))
        .await;
    assert_eq!(read.data()["email"], "bo@example.com");
}

#[tokio::test]
async fn foreign_login_link_and_code_are_like_random_ones() {
    let api = ApiFixture::new();
    api.create(TRIBUNE.0, "ann@example.com").await;
    api.post(
        "/v4/Users",
        json!({"email": "cy@example.com", "password": "x", "verifyEmail": true}),
    )
    .await;
    let code = api.last_code(TRIBUNE.0);
    api.post(
        "/v4/Users/ForgotPassword",
        json!({"loginName": "ann@example.com", "returnUrl": RETURN_URL}),
    )
    .await;
    let link = api.last_link(TRIBUNE.0);
    for (call, foreign, random) in [
        (
            "Authentication",
            json!({"loginName": "ann@example.com", "password": "correct horse"}),
            json!({"loginName": "zoe@example.com", "password": "correct horse"}),
        ),
        (
            "ForgotPassword/Validate",
            json!({"encryptedEventId": link}),
            json!({"encryptedEventId": "random"}),
        ),
        (
            "ForgotPassword/Finish",
            json!({"encryptedEventId": link, "password": "new"}),
            json!({"encryptedEventId": "random", "password": "new"}),
        ),
        (
            "Verification",
            json!({"email": "cy@example.com", "verificationCode": code}),
            json!({"email": "zoe@example.com", "verificationCode": code}),
        ),
        (
            "VerificationCode",
            json!({"email": "cy@example.com"}),
            json!({"email": "zoe@example.com"}),
        ),
    ] {
        let send = |body: &serde_json::Value| {
            let sent = Sent::new("POST", format!("/v4/Users/{call}")).of(OTHER);
            api.write(sent.json(body))
        };
        same(&send(&foreign).await, &send(&random).await);
    }
    let body = json!({"encryptedEventId": link, "password": "new"});
    assert_eq!(
        api.post("/v4/Users/ForgotPassword/Finish", body).await.code(),
        "S200_10"
    );
}

#[tokio::test]
async fn sealed_id_of_another_tenant_does_not_open() {
    let api = ApiFixture::new();
    let created = api.post("/v4/Users", json!({"email": "ann@example.com"})).await;
    let sealed = created.data()["encryptedCustomerRegistrationId"].clone();
    let send = |sealed: serde_json::Value| {
        let body = json!({"email": "bo@example.com", "encryptedCustomerRegistrationId": sealed});
        api.write(Sent::new("POST", "/v4/Users").of(OTHER).json(&body))
    };
    let foreign = send(sealed).await;
    assert_eq!(foreign.code(), "E400_02");
    same(&foreign, &send(json!("AAAA")).await);
}

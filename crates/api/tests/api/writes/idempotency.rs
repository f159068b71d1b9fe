//! `Idempotency-Key`.

use masthead_testkit::{account_writer::AccountFault, users::WriteFault};
use serde_json::json;

use super::client::{Answer, Sent};
use crate::fixture::{ApiFixture, MAIL, TRIBUNE};

fn create(address: &str) -> Sent<'static> {
    let body = json!({"email": address, "password": "x", "firstName": "Ann"});
    Sent::new("POST", "/v4/Users")
        .json(&body)
        .with("idempotency-key", "key-1")
}

fn same(one: &Answer, other: &Answer) {
    assert_eq!((one.status, &one.text), (other.status, &other.text));
}

#[tokio::test]
async fn same_request_has_the_stored_answer() {
    let api = ApiFixture::new();
    let first = api.write(create("ann@example.com")).await;
    assert_eq!(first.code(), "S200_03");
    same(&first, &api.write(create("ann@example.com")).await);
    assert_eq!(api.users.events().len(), 1);
    // The quoted form of the draft is the same key.
    let quoted = Sent::new("POST", "/v4/Users").with("idempotency-key", "\"key-1\"");
    let body = json!({"email": "ann@example.com", "password": "x", "firstName": "Ann"});
    same(&first, &api.write(quoted.json(&body)).await);
    let id = first.data()["customerRegistrationId"].as_str().unwrap();
    for (method, target, body) in [
        ("PUT", format!("/v4/Users/{id}"), json!({"firstName": "Bo"})),
        ("PATCH", format!("/v4/Users/{id}/Password"), json!({"password": "new"})),
        (
            "PATCH",
            format!("/v4/Users/{id}/Email"),
            json!({"email": "bo@example.com"}),
        ),
        (
            "POST",
            "/v4/Users/ForgotPassword".to_owned(),
            json!({"loginName": "bo@example.com"}),
        ),
        (
            "POST",
            "/v4/Users/VerificationCode".to_owned(),
            json!({"email": "bo@example.com"}),
        ),
    ] {
        let sent = Sent::new(method, target.clone())
            .json(&body)
            .with("idempotency-key", &*target);
        let first = api.write(sent.clone()).await;
        assert_eq!(first.status, 200, "{first:?}");
        let events = api.users.events().len();
        same(&first, &api.write(sent).await);
        assert_eq!(api.users.events().len(), events, "{target}");
    }
}

#[tokio::test]
async fn refusal_is_stored_too() {
    let api = ApiFixture::new();
    let id = api.create(TRIBUNE.0, "ann@example.com").await;
    let refused = api.write(create("ann@example.com")).await;
    assert_eq!(refused.code(), "E400_08");
    api.write(Sent::new("DELETE", format!("/v4/Users/{id}"))).await;
    same(&refused, &api.write(create("ann@example.com")).await);
}

#[tokio::test]
async fn other_content_under_a_key_is_e422() {
    let api = ApiFixture::new();
    api.write(create("ann@example.com")).await;
    let events = api.users.events().len();
    let tickets = create("ann@example.com").by("tickets");
    let other_path =
        Sent::new("POST", "/Users").json(&json!({"email": "ann@example.com", "password": "x", "firstName": "Ann"}));
    for other in [
        create("bo@example.com"),
        tickets,
        other_path.with("idempotency-key", "key-1"),
    ] {
        let refused = api.write(other).await;
        assert_eq!((refused.status, refused.code()), (422, "E422"));
        assert_eq!(
            refused.message(),
            "Unprocessable Content - the Idempotency-Key belongs to a request with another content"
        );
    }
    assert_eq!(api.users.events().len(), events);
}

#[tokio::test]
async fn key_belongs_to_tenant_and_calling_system() {
    let api = ApiFixture::new();
    let first = api.write(create("ann@example.com")).await;
    assert_eq!(first.code(), "S200_03");
    let elsewhere = api.write(create("bo@example.com").of("north/daily/gazette")).await;
    assert_eq!(elsewhere.code(), "S200_03");
    assert_eq!(api.write(create("bo@example.com").of(TRIBUNE.0)).await.code(), "E422");
}

#[tokio::test]
async fn running_request_is_e409() {
    let api = ApiFixture::new();
    // The write may have happened, and the outcome is unknown.
    api.writer.fail_next(AccountFault::LostAfter);
    api.writer.fail_look_ups(true);
    let unknown = api.write(create("ann@example.com").of(MAIL.0)).await;
    assert_eq!((unknown.status, unknown.code()), (503, "E503"));
    api.writer.fail_look_ups(false);
    let running = api.write(create("ann@example.com").of(MAIL.0)).await;
    assert_eq!((running.status, running.code()), (409, "E409"));
    assert!(running.header("retry-after").is_some());
    assert_eq!(
        running.message(),
        "Conflict - the earlier request with this Idempotency-Key is still running"
    );
    assert_eq!(api.writer.writes(), 1);
}

#[tokio::test]
async fn key_of_a_request_that_wrote_nothing_is_free() {
    let api = ApiFixture::new();
    api.users.fail_next("create", WriteFault::Unavailable);
    assert_eq!(api.write(create("ann@example.com")).await.code(), "E503");
    assert_eq!(api.write(create("ann@example.com")).await.code(), "S200_03");
    api.users.fail_next("claim_key", WriteFault::Unavailable);
    assert_eq!(api.write(create("ann@example.com")).await.code(), "E503");
}

#[tokio::test]
async fn lost_answer_is_given_anew() {
    let api = ApiFixture::new();
    api.users.fail_next("answer_key", WriteFault::Unavailable);
    let first = api.write(create("ann@example.com")).await;
    assert_eq!(first.code(), "S200_03");
    let again = api.write(create("ann@example.com")).await;
    same(&first, &again);
    assert_eq!(api.users.events().len(), 1);
    let id = first.data()["customerRegistrationId"].as_str().unwrap();
    for (method, target, body, code) in [
        ("PUT", format!("/v4/Users/{id}"), json!({"firstName": "Bo"}), "S200_05"),
        (
            "PATCH",
            format!("/v4/Users/{id}/Password"),
            json!({"password": "new"}),
            "S200_11",
        ),
        (
            "PATCH",
            format!("/v4/Users/{id}/Email"),
            json!({"email": "bo@example.com"}),
            "S200_12",
        ),
        (
            "POST",
            "/v4/Users".to_owned(),
            json!({"email": "cy@example.com", "verifyEmail": true}),
            "S200_04",
        ),
        (
            "POST",
            "/v4/Users/ForgotPassword".to_owned(),
            json!({"loginName": "bo@example.com"}),
            "S200_08",
        ),
        (
            "POST",
            "/v4/Users/VerificationCode".to_owned(),
            json!({"email": "zoe@example.com"}),
            "S200_13",
        ),
    ] {
        api.users.fail_next("answer_key", WriteFault::Unavailable);
        let sent = Sent::new(method, target.clone())
            .json(&body)
            .with("idempotency-key", &*target);
        let sent = if code == "S200_04" {
            sent.with("x-requestid", "other")
        } else {
            sent
        };
        let first = api.write(sent.clone()).await;
        assert_eq!(first.code(), code, "{first:?}");
        let (events, mails) = (api.users.events().len(), api.users.mails().len());
        let again = api.write(sent).await;
        assert_eq!(again.code(), code, "{again:?}");
        assert_eq!(
            (api.users.events().len(), api.users.mails().len()),
            (events, mails),
            "{target}"
        );
    }
}

#[tokio::test]
async fn changed_user_frees_its_key() {
    let api = ApiFixture::new();
    let id = api.create(TRIBUNE.0, "ann@example.com").await;
    let put = |tag: &str| {
        let sent = Sent::new("PUT", format!("/v4/Users/{id}")).json(&json!({"firstName": "Bo"}));
        api.write(sent.with("idempotency-key", "k").with("if-match", tag))
    };
    assert_eq!(put("\"old\"").await.code(), "E412");
    assert_eq!(put("*").await.code(), "S200_05");
}

#[tokio::test]
async fn sign_in_is_decided_anew_each_time() {
    let api = ApiFixture::new();
    let id = api.create(TRIBUNE.0, "ann@example.com").await;
    let body = json!({"loginName": "ann@example.com", "password": "correct horse"});
    let sign_in = || {
        let sent = Sent::new("POST", "/v4/Users/Authentication").json(&body);
        api.write(sent.with("idempotency-key", "k"))
    };
    assert_eq!(sign_in().await.code(), "S200_06");
    let patch = Sent::new("PATCH", format!("/v4/Users/{id}/Password")).json(&json!({"password": "new"}));
    api.write(patch).await;
    assert_eq!(sign_in().await.code(), "E401_01");
}

#[tokio::test]
async fn bad_key_is_refused_before_anything_is_written() {
    let api = ApiFixture::new();
    let body = json!({"email": "ann@example.com"});
    for key in ["", "a b", "\"open", &"k".repeat(256)] {
        let sent = Sent::new("POST", "/v4/Users").json(&body).with("idempotency-key", key);
        let refused = api.write(sent).await;
        assert_eq!(refused.code(), "E400_00");
        assert_eq!(
            refused.message(),
            "Invalid InputModel - Idempotency-Key must be 1 to 255 visible ASCII characters."
        );
    }
    assert_eq!(api.written(), (0, 0, 0));
}

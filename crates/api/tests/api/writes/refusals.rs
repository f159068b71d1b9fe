//! No refusal repeats a value, and no log has one.

use masthead_testkit::{account_writer::AccountFault, logs::LogCapture, users::WriteFault};
use serde_json::json;
use tracing::Level;

use super::client::Sent;
use crate::fixture::{ApiFixture, MAIL, RETURN_URL, TRIBUNE};

const SECRET: &str = "s3cr3t";

#[tokio::test]
async fn refusal_never_repeats_a_value() {
    let api = ApiFixture::new();
    let names = [
        "email",
        "password",
        "firstName",
        "metadata",
        "ignoreProvider",
        "returnUrl",
        "verifyEmail",
        "encryptedCustomerRegistrationId",
        "verified",
        "lastLogoutDate",
        "blocked",
        "loginName",
        "encryptedEventId",
        "verificationCode",
    ];
    let calls = [
        ("POST", "/v4/Users"),
        ("PUT", "/v4/Users/7"),
        ("PATCH", "/v4/Users/7/Password"),
        ("PATCH", "/v4/Users/7/Email"),
        ("POST", "/v4/Users/Authentication"),
        ("POST", "/v4/Users/ForgotPassword"),
        ("POST", "/v4/Users/ForgotPassword/Validate"),
        ("POST", "/v4/Users/ForgotPassword/Finish"),
        ("POST", "/v4/Users/Verification"),
        ("POST", "/v4/Users/VerificationCode"),
    ];
    for (method, target) in calls {
        for name in names {
            for body in [
                json!({name: SECRET}).to_string(),
                json!({name: [SECRET]}).to_string(),
                json!({name: {"a": [SECRET]}}).to_string(),
                format!("{{\"{name}\":{SECRET}}}"),
                format!("{{\"{name}\":\"{SECRET}\""),
                format!("{{\"{name}\":\"{SECRET}\\u0000\"}}"),
            ] {
                let answer = api
                    .write(Sent::new(method, target).bytes(body).with("idempotency-key", SECRET))
                    .await;
                assert!(!answer.text.contains(SECRET), "{target} {name}: {}", answer.text);
                assert!(answer.headers.iter().all(|(_, value)| !value.contains(SECRET)));
            }
        }
    }
}

#[tokio::test]
async fn no_log_has_a_secret_or_an_address() {
    let logs = LogCapture::start(Level::TRACE);
    let api = ApiFixture::new();
    api.post(
        "/v4/Users",
        json!({"email": "cy@example.com", "password": SECRET, "verifyEmail": true}),
    )
    .await;
    let code = api.last_code(TRIBUNE.0);
    let body = json!({"email": "cy@example.com", "verificationCode": code});
    assert_eq!(api.post("/v4/Users/Verification", body).await.code(), "S200_07");
    let id = api.create(TRIBUNE.0, "ann@example.com").await;
    api.post(
        "/v4/Users/ForgotPassword",
        json!({"loginName": "ann@example.com", "returnUrl": RETURN_URL}),
    )
    .await;
    let link = api.last_link(TRIBUNE.0);
    for fault in [WriteFault::Unavailable, WriteFault::OutcomeUnknown] {
        for operation in [
            "create",
            "set_password",
            "credentials",
            "claim_key",
            "answer_key",
            "release_key",
            "use_reset_link",
        ] {
            api.users.fail_next(operation, fault);
        }
        let create = json!({"email": "bo@example.com", "password": SECRET});
        api.write(
            Sent::new("POST", "/v4/Users")
                .json(&create)
                .with("idempotency-key", SECRET),
        )
        .await;
        api.write(
            Sent::new("POST", "/v4/Users")
                .json(&create)
                .with("idempotency-key", "s3cr3t-2"),
        )
        .await;
        let set = json!({"password": SECRET});
        api.write(Sent::new("PATCH", format!("/v4/Users/{id}/Password")).json(&set))
            .await;
        let sign_in = json!({"loginName": "ann@example.com", "password": SECRET});
        api.post("/v4/Users/Authentication", sign_in).await;
        let finish = json!({"encryptedEventId": link, "password": SECRET});
        api.post("/v4/Users/ForgotPassword/Finish", finish).await;
    }
    for fault in [
        AccountFault::LostAfter,
        AccountFault::NotReached,
        AccountFault::Refused(SECRET),
    ] {
        api.writer.fail_next(fault);
        let create = json!({"email": "bo@example.com", "password": SECRET});
        api.write(Sent::new("POST", "/v4/Users").of(MAIL.0).json(&create)).await;
    }
    let text = logs.text();
    assert!(text.contains("not written"), "{text}");
    for secret in [SECRET, "example.com", "correct horse", &code, &link] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

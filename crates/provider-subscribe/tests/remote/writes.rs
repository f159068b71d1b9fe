//! Writes: the suite against the sandbox, the exact requests, and the meaning of each published refusal.

use masthead_domain::email::Email;
use masthead_ports::{
    accounts::{
        Ability, AccountChange, AccountWriter as _, MissingSetting, SignIn as _, SignInAnswer, SignInAttempt,
        WriteError,
    },
    passwords::PlainPassword,
    source::{CallContext, SourceError, SourceErrorKind},
};
use masthead_provider_kit::AccountAbilities as _;
use masthead_provider_subscribe::RemoteSubscribe;
use masthead_provider_testkit::{
    AdapterFixture, crid, failure_kind, new_account, writer_suite::WriterFixture, writer_tests,
};
use masthead_sandbox::UsersApiConfig;
use serde_json::{Value, json};

use crate::support::{RecordedRequest, RemoteFixture, SourceClient as _, json_answer, user, users};

async fn writer() -> WriterFixture {
    let settings = [("TokenEnv", "SANDBOX_SECRET"), ("Tenant", "far/away/post")];
    let secret = Some("sandbox-users-token".to_owned());
    let config = UsersApiConfig::default();
    let fixture = AdapterFixture::start(config, "Subscribe", &settings, secret, 1, RemoteSubscribe::new).await;
    WriterFixture {
        creation: ("POST", "/v4/Users$"),
        weak_password_text: "The password is too short.",
        ..fixture.into()
    }
}

writer_tests!(writer);

fn refusal(status: u16, code: &str, text: &str, meta: &Value) -> Vec<u8> {
    let message = json!({"code": format!("UsersOrchestrator_{code}"), "text": text, "type": "Error"});
    json_answer(status, &json!({"message": message, "meta": meta, "data": null}))
}

/// A remote API that answers every write like this, and every list with one user.
async fn answering(answer: Vec<u8>) -> RemoteFixture {
    RemoteFixture::start(&[], move |request: &RecordedRequest| {
        if request.line.contains("/Search ") {
            json_answer(200, &users(&[user("7", "ann@example.com")]))
        } else {
            answer.clone()
        }
    })
    .await
}

async fn set_password(fixture: &RemoteFixture) -> Result<(), WriteError> {
    let password = PlainPassword::new("Sandbox-password-1");
    fixture.remote.set_password(&fixture.cx(), &crid("7"), &password).await
}

async fn sign_in(fixture: &RemoteFixture) -> Result<SignInAnswer, SourceError> {
    let password = PlainPassword::new("Sandbox-password-1");
    let attempt = SignInAttempt {
        login: "ann@example.com",
        password: &password,
        address: None,
    };
    fixture.remote.sign_in(&fixture.cx(), &attempt).await
}

#[tokio::test]
async fn published_refusals_have_their_error() {
    for (status, code) in [(400, "E400_07"), (400, "E400_08"), (409, "E409"), (412, "E412")] {
        let fixture = answering(refusal(status, code, "x", &Value::Null)).await;
        let email = Email::parse("b@example.com").unwrap();
        let answer = fixture.remote.set_email(&fixture.cx(), &crid("7"), &email, true).await;
        let answer = answer.unwrap_err();
        assert!(
            matches!(
                (code, &answer),
                ("E400_07", WriteError::AwaitsVerification)
                    | ("E400_08", WriteError::AlreadyExists)
                    | ("E409", WriteError::IdTaken)
                    | ("E412", WriteError::Changed)
            ),
            "{code}: {answer:?}"
        );
    }
    for code in ["E400_00", "E400_22"] {
        let fixture = answering(refusal(400, code, "password: too short", &Value::Null)).await;
        let Err(WriteError::Refused { message: Some(text) }) = set_password(&fixture).await else {
            panic!("{code}")
        };
        assert_eq!(text.as_str(), "password: too short");
    }
    // The user is there, so it is the path that is not.
    let fixture = answering(refusal(404, "E404", "x", &Value::Null)).await;
    assert_eq!(
        failure_kind(set_password(&fixture).await),
        SourceErrorKind::Misconfigured
    );
}

#[tokio::test]
async fn unsettled_write_has_unknown_outcome() {
    let pending = json!({"pending": ["Subscribe"]});
    let done = json!({"code": "UsersOrchestrator_S200_11", "text": "x", "type": "Success"});
    for answer in [
        refusal(503, "E503", "x", &pending),
        refusal(503, "E503", "x", &Value::Null),
        json_answer(
            200,
            &json!({"message": done, "meta": {"complete": false}, "data": null}),
        ),
        json_answer(200, &json!({"data": null})),
        json_answer(500, &json!({})),
    ] {
        let fixture = answering(answer).await;
        assert!(set_password(&fixture).await.unwrap_err().may_have_happened());
    }
}

#[tokio::test]
async fn published_sign_in_refusals_have_their_answer() {
    let reason = json!({"reason": "locked_out"});
    for (status, code, meta, wanted) in [
        (401, "E401_01", Value::Null, SignInAnswer::WrongCredentials),
        (403, "E403_01", Value::Null, SignInAnswer::Unverified(None)),
        (403, "E403_02", Value::Null, SignInAnswer::NoPassword),
        (403, "E403_03", reason, SignInAnswer::LockedOut),
        (403, "E403_03", Value::Null, SignInAnswer::Denied),
        (403, "E403_04", Value::Null, SignInAnswer::Blocked),
    ] {
        let fixture = answering(refusal(status, code, "x", &meta)).await;
        assert_eq!(sign_in(&fixture).await.unwrap(), wanted, "{code}");
    }
    for (status, code, wanted) in [
        (401, "E401", SourceErrorKind::Misconfigured),
        (403, "E403", SourceErrorKind::Misconfigured),
        (503, "E503", SourceErrorKind::Unavailable),
        (404, "E404", SourceErrorKind::Misconfigured),
    ] {
        let fixture = answering(refusal(status, code, "x", &Value::Null)).await;
        assert_eq!(sign_in(&fixture).await.unwrap_err().kind, wanted, "{code}");
    }
}

#[tokio::test]
async fn requests_leave_out_the_remote_provider() {
    let done = json!({"code": "UsersOrchestrator_S200_05", "text": "x", "type": "Success"});
    let fixture = answering(json_answer(200, &json!({"message": done, "meta": null, "data": null}))).await;
    let change = AccountChange {
        first_name: Some("Anna".into()),
        metadata: vec![("city".into(), Some("Oslo".into())), ("title".into(), None)],
        ..AccountChange::default()
    };
    fixture.remote.update(&fixture.cx(), &crid("7"), &change).await.unwrap();
    fixture.remote.delete(&fixture.cx(), &crid("7")).await.unwrap();
    let keyed = CallContext {
        write_key: Some("key-1".into()),
        ..fixture.cx()
    };
    let seen = fixture.seen();
    fixture.remote.update(&keyed, &crid("7"), &change).await.unwrap();
    let head = &fixture.seen()[seen.len()].head;
    assert!(head.contains("idempotency-key: key-1-update-put"), "{head}");
    assert_eq!(seen[0].line, "PUT /base/v4/Users/7 HTTP/1.1");
    let body: Value = serde_json::from_str(&seen[0].body).unwrap();
    let metadata = json!({"city": "Oslo", "title": null});
    assert_eq!(
        body,
        json!({"firstName": "Anna", "ignoreProvider": true, "metadata": metadata})
    );
    assert_eq!(seen[2].line, "DELETE /base/v4/Users/7?ignoreProvider=true HTTP/1.1");
    let unsendable = fixture.remote.update(&fixture.cx(), &crid(".."), &change).await;
    assert!(
        matches!(unsendable, Err(WriteError::Refused { message: None })),
        "{unsendable:?}"
    );
}

#[tokio::test]
async fn legacy_api_is_only_read() {
    let fixture = RemoteFixture::start(&[("Subscribe.Api", "legacy")], |_| Vec::new()).await;
    let missing = fixture.remote.missing_setting(fixture.tenant(), Ability::Create);
    assert_eq!(missing, Some(MissingSetting::new("Subscribe.Api")));
    let answer = fixture.remote.create(&fixture.cx(), &new_account(&[])).await;
    assert_eq!(failure_kind(answer), SourceErrorKind::Misconfigured);
    assert!(fixture.seen().is_empty());
}

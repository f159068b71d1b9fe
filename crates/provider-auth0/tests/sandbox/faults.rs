//! Auth0's own error answers: each has its kind, and only one of them means an absent user. Faults common to all
//! sources are in the source suite (`masthead`'s tests).

use masthead_ports::source::SourceErrorKind;
use masthead_provider_testkit::with_body;
use masthead_sandbox::{Fault, FaultRule};

use crate::support::{SourceClient, kind, reader, with};
use SourceErrorKind::{Corrupt, Misconfigured, Refused, Unavailable};

/// The result of every read for one answer.
async fn every_read_fails_with(fault: Fault, wanted: SourceErrorKind) {
    let mut fixture = with(vec![reader("1", "ann@example.com")], &[]).await;
    // The token is fetched before the fault begins.
    assert!(fixture.by_id("auth0|1").await.unwrap().is_some());
    fixture.inject(FaultRule::from(fault.clone()).on("/api/"));
    let (known, unknown) = (["auth0|1", "ann@example.com"], ["auth0|nobody", "nobody@example.com"]);
    for (read, kind) in fixture.read_errors(known, unknown, |_| {}).await {
        assert_eq!(kind, wanted, "{fault:?}, {read}");
    }
}

#[tokio::test]
async fn foreign_404_is_misconfiguration() {
    let body = r#"{"statusCode":404,"error":"Not Found","message":"Not Found"}"#;
    every_read_fails_with(with_body(404, body), Misconfigured).await;
}

#[tokio::test]
async fn rejected_request_is_refused() {
    for fault in [
        with_body(
            400,
            r#"{"statusCode":400,"error":"Bad Request","message":"x","errorCode":"invalid_query_string"}"#,
        ),
        with_body(
            400,
            r#"{"statusCode":400,"error":"Bad Request","message":"x","errorCode":"invalid_uri"}"#,
        ),
        with_body(414, "<html></html>"),
        with_body(418, ""),
    ] {
        every_read_fails_with(fault, Refused).await;
    }
}

#[tokio::test]
async fn wrong_linked_identity_is_refused() {
    let mut linked = reader("3", "cid@example.com");
    linked["identities"][0]["user_id"] = "77".into();
    let fixture = with(vec![reader("1", "ann@example.com"), linked], &[]).await;
    fixture.inject(Fault::OtherUser);
    assert_eq!(kind(fixture.by_id("auth0|77").await), Corrupt);
}

#[tokio::test]
async fn only_user_404_is_absence() {
    let fixture = with(vec![reader("1", "ann@example.com")], &[]).await;
    let about = |message: &str, code: &str| {
        format!(r#"{{"statusCode":404,"error":"Not Found","message":"{message}","errorCode":{code}}}"#)
    };
    for (body, wanted) in [
        (about("The user does not exist.", r#""inexistent_user""#), None),
        (about("User not found.", "null"), None),
        (about("Not Found", "null"), Some(Misconfigured)),
        (about("x", r#""inexistent_connection""#), Some(Misconfigured)),
        (r#"{"statusCode":200,"message":"user"}"#.to_owned(), Some(Unavailable)),
        ("<html>no such user</html>".to_owned(), Some(Unavailable)),
    ] {
        // The search that follows an absence works.
        let rule = FaultRule::from(with_body(404, &body)).on("/api/v2/users/");
        let id = fixture.inject(rule);
        let answer = fixture.by_id("auth0|1").await;
        match wanted {
            None => assert!(answer.unwrap().is_none(), "{body}"),
            Some(kind) => assert_eq!(answer.unwrap_err().kind, kind, "{body}"),
        }
        assert!(fixture.sandbox.withdraw(id));
    }
}

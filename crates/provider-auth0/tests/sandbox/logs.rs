//! What is logged of calls that fail: enough to act on, and nothing of a person or a secret.

use masthead_domain::{email::Email, metadata::Metadata};
use masthead_ports::accounts::{AccountWriter, NewAccount, PlainPassword};
use masthead_sandbox::{Fault, FaultRule};
use masthead_testkit::logs::Logged;

use crate::support::{Asking, DATABASE, reader, with};

#[tokio::test]
async fn failure_logs_show_no_private_data() {
    let logged = Logged::down_to(tracing::Level::DEBUG);
    let body =
        r#"{"statusCode":400,"error":"Bad Request","message":"sentinel@example.com","errorCode":"sentinel-code"}"#;
    let refused = Fault::Status {
        status: 400,
        retry_after: None,
        reset_in: None,
        body: Some(body.to_owned()),
    };
    for fault in [refused, Fault::OtherUser, Fault::Html, Fault::TruncatedJson] {
        let users = vec![
            reader("sentinel-1", "sentinel@example.com"),
            reader("sentinel-2", "sentinel-2@example.com"),
        ];
        let fixture = with(users, &[("Auth0.Connection", DATABASE)]).await;
        fixture.sandbox.inject(FaultRule::from(fault.clone()).on("/api/"));
        let errors = [
            format!("{:?}", fixture.by_id("auth0|sentinel-1").await.unwrap_err()),
            format!("{:?}", fixture.by_email("sentinel@example.com").await.unwrap_err()),
        ];
        let new = NewAccount {
            email: Email::parse("sentinel-3@example.com").unwrap(),
            password: Some(PlainPassword::new("sentinel-password")),
            first_name: "Sentinel".into(),
            last_name: "".into(),
            verified: false,
            metadata: Metadata::default(),
        };
        let made = fixture.adapter.create(&fixture.cx(), &new).await;
        let shown = format!("{errors:?}{made:?}").to_lowercase();
        assert!(!shown.contains("sentinel"), "{shown}");
    }
    let _ = with(vec![], &[("Auth0.PageSize", "sentinel")])
        .await
        .by_id("auth0|sentinel")
        .await;
    let logged = logged.text();
    for reported in [
        "auth0 will not take our request",
        "the provider's answer is refused",
        "Auth0.PageSize",
    ] {
        assert!(logged.contains(reported), "{reported} is not told:\n{logged}");
    }
    for private in ["sentinel", "sandbox-client-secret", "Bearer"] {
        assert!(
            !logged.to_lowercase().contains(&private.to_lowercase()),
            "{private} is told:\n{logged}"
        );
    }
}

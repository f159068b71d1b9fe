//! What is logged of calls that fail: enough to act on, and nothing of a person or a secret.

use masthead_provider_testkit::{assert_logged, sentinel_account, with_body};
use masthead_sandbox::{Fault, FaultRule};
use masthead_testkit::logs::LogCapture;

use crate::support::{DATABASE, SourceClient, reader, with};

#[tokio::test]
async fn failure_logs_show_no_private_data() {
    let logged = LogCapture::start(tracing::Level::DEBUG);
    let body =
        r#"{"statusCode":400,"error":"Bad Request","message":"sentinel@example.com","errorCode":"sentinel-code"}"#;
    let refused = with_body(400, body);
    for fault in [refused, Fault::OtherUser, Fault::Html, Fault::TruncatedJson] {
        let users = vec![
            reader("sentinel-1", "sentinel@example.com"),
            reader("sentinel-2", "sentinel-2@example.com"),
        ];
        let fixture = with(users, &[("Auth0.Connection", DATABASE)]).await;
        fixture.inject(FaultRule::from(fault.clone()).on("/api/"));
        let errors = [
            format!("{:?}", fixture.by_id("auth0|sentinel-1").await.unwrap_err()),
            format!("{:?}", fixture.by_email("sentinel@example.com").await.unwrap_err()),
        ];
        let new = sentinel_account();
        let made = fixture.create(&new).await;
        let shown = format!("{errors:?}{made:?}").to_lowercase();
        assert!(!shown.contains("sentinel"), "{shown}");
    }
    let _ = with(vec![], &[("Auth0.PageSize", "sentinel")])
        .await
        .by_id("auth0|sentinel")
        .await;
    assert_logged(
        &logged.text(),
        &[
            "auth0 will not take our request",
            "the provider's answer is refused",
            "Auth0.PageSize",
        ],
        &["sentinel", "sandbox-client-secret", "Bearer"],
    );
}

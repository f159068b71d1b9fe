//! What is logged of calls that fail: enough to act on, and nothing of a person or a secret.

use masthead_provider_testkit::{assert_logged, with_body};
use masthead_sandbox::{CognitoStubSettings, Fault};
use masthead_testkit::logs::LogCapture;

use crate::support::{reader, sign_in, with, with_secret};

#[tokio::test]
async fn failure_logs_show_no_private_data() {
    let logged = LogCapture::start(tracing::Level::DEBUG);
    let users = || vec![reader("sentinel-1", "sentinel@example.com")];
    let unknown = r#"{"__type":"ResourceNotFoundException","message":"sentinel@example.com"}"#;
    for fault in [with_body(400, unknown), Fault::Html, Fault::TruncatedJson] {
        let fixture = with(users()).await;
        fixture.inject(fault);
        let error = sign_in(&fixture, "sentinel@example.com", "sentinel-password").await;
        let shown = format!("{:?}", error.unwrap_err()).to_lowercase();
        assert!(!shown.contains("sentinel"), "{shown}");
    }
    let fixture = with_secret(users(), Some("sentinel-secret"), CognitoStubSettings::default()).await;
    let _ = sign_in(&fixture, "sentinel@example.com", "sentinel-password").await;
    let hidden = format!("{:?}", fixture.sandbox.log());
    assert!(!hidden.contains("sentinel-password"), "{hidden}");
    assert_logged(
        &logged.text(),
        &["cognito rejects our settings", "ResourceNotFoundException"],
        &["sentinel", "sandbox-cognito-secret"],
    );
}

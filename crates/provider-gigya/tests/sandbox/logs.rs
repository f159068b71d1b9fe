//! What is logged of calls that fail: enough to act on, and nothing of a person or a secret.

use masthead_provider_testkit::{assert_logged, sentinel_account, with_body};
use masthead_sandbox::{Fault, FaultRule, GigyaApplication};
use masthead_testkit::logs::LogCapture;

use crate::support::{AUTH_METHODS, SourceClient, reader, with, with_secret};

#[tokio::test]
async fn failure_logs_show_no_private_data() {
    let logged = LogCapture::start(tracing::Level::DEBUG);
    let details = |code: u64| {
        let body = format!(
            r#"{{"errorCode":{code},"errorMessage":"sentinel@example.com","errorDetails":"sentinel","validationErrors":[{{"fieldName":"sentinel"}}]}}"#
        );
        with_body(u16::try_from(code / 1_000).unwrap(), &body)
    };
    for method in AUTH_METHODS {
        for fault in [
            details(400_006),
            details(403_005),
            Fault::OtherUser,
            Fault::Html,
            Fault::TruncatedJson,
        ] {
            let accounts = vec![
                reader("sentinel-1", "sentinel@example.com"),
                reader("sentinel-2", "sentinel-2@example.org"),
            ];
            let fixture = with(accounts, &[("Gigya.Auth", method)]).await;
            fixture.inject(FaultRule::from(fault.clone()));
            let errors = [
                format!("{:?}", fixture.by_id("sentinel-1").await.unwrap_err()),
                format!("{:?}", fixture.by_email("sentinel@example.com").await.unwrap_err()),
            ];
            let new = sentinel_account();
            let made = fixture.create(&new).await;
            let login = fixture.sign_in("sentinel@example.com", "sentinel-password").await;
            let shown = format!("{errors:?}{made:?}{login:?}{:?}", fixture.adapter).to_lowercase();
            assert!(!shown.contains("sentinel"), "{shown}");
        }
    }
    let _ = with(vec![], &[("Gigya.PageSize", "sentinel")])
        .await
        .by_id("sentinel")
        .await;
    let _ = with_secret(vec![], &[], 1, Some("sentinel!".into()))
        .await
        .by_id("sentinel")
        .await;
    assert_logged(
        &logged.text(),
        &[
            "gigya will not take our request",
            "gigya rejects our credentials or settings",
            "the provider's answer is refused",
            "Gigya.PageSize",
            "the secret is not base64",
        ],
        &["sentinel", &GigyaApplication::default().secret, "Bearer", "sig="],
    );
}

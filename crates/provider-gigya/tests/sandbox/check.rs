//! The check reports where Gigya and the settings disagree, and repeats nothing of an answer.

use masthead_provider_kit::{CheckResult, CheckVerdict};
use masthead_sandbox::Fault;

use crate::support::{AUTH_METHODS, GigyaFixture, assert_differs, reader, with, with_secret};

async fn check(fixture: &GigyaFixture) -> Vec<CheckResult> {
    fixture.check_results(&["ann@", "uid-7"]).await
}

fn accounts() -> Vec<serde_json::Value> {
    vec![reader("uid-7", "ann@example.com")]
}

#[tokio::test]
async fn check_passes_for_every_auth_method() {
    for method in AUTH_METHODS {
        let reported = check(&with(accounts(), &[("Gigya.Auth", method)]).await).await;
        assert_eq!(reported.len(), 5, "{method}: {reported:#?}");
        let agree = reported.iter().all(|one| one.verdict == CheckVerdict::Agrees);
        assert!(agree, "{method}: {reported:#?}");
    }
}

#[tokio::test]
async fn each_mismatch_names_its_settings() {
    let wrong = "YS13cm9uZy1zZWNyZXQ=".to_owned();
    let fixture = with_secret(accounts(), &[], 1, Some(wrong)).await;
    assert_differs(&check(&fixture).await, "an unknown id", "Gigya.UserKey");

    for secret in [None, Some("%%%".to_owned())] {
        let fixture = with_secret(accounts(), &[], 1, secret).await;
        assert_differs(&check(&fixture).await, "the secret", "");
        assert_eq!(fixture.sandbox.calls(), 0);
    }

    for (code, subject, explanation) in [
        (301_001, "the list", "Gigya.DataCenter"),
        (403_007, "an unknown address", "permits"),
        (500_001, "an unknown id", "no usable answer"),
        (400_006, "the list", "refused"),
    ] {
        let fixture = with(accounts(), &[]).await;
        fixture.inject(Fault::ErrorCode { code });
        assert_differs(&check(&fixture).await, subject, explanation);
    }
}

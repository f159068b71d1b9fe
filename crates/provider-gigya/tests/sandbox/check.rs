//! The check tells where Gigya and its settings do not agree, and repeats nothing of an answer.

use masthead_provider_kit::{CheckResult, CheckVerdict};
use masthead_sandbox::Fault;

use crate::support::{AUTH_METHODS, Asking, GigyaFixture, reader};

async fn checked(fixture: &GigyaFixture) -> Vec<CheckResult> {
    let reported = fixture.gigya.check(&fixture.cx(), None).await.unwrap();
    let explanation = format!("{reported:?}").to_lowercase();
    assert!(
        !explanation.contains("ann@") && !explanation.contains("uid-7"),
        "{explanation}"
    );
    reported
}

fn differs(reported: &[CheckResult], subject: &str, explanation: &str) {
    let mut found = reported
        .iter()
        .filter(|one| one.subject == subject && one.explanation.contains(explanation));
    assert!(found.any(|one| one.verdict == CheckVerdict::Differs), "{reported:#?}");
}

fn accounts() -> Vec<serde_json::Value> {
    vec![reader("uid-7", "ann@example.com")]
}

#[tokio::test]
async fn check_passes_for_every_auth_method() {
    for method in AUTH_METHODS {
        let reported = checked(&GigyaFixture::with(accounts(), &[("Gigya.Auth", method)]).await).await;
        assert_eq!(reported.len(), 5, "{method}: {reported:#?}");
        let agree = reported.iter().all(|one| one.verdict == CheckVerdict::Agrees);
        assert!(agree, "{method}: {reported:#?}");
    }
}

#[tokio::test]
async fn each_mismatch_names_its_settings() {
    let wrong = "YS13cm9uZy1zZWNyZXQ=".to_owned();
    let fixture = GigyaFixture::reported(accounts(), &[], 1, Some(wrong)).await;
    differs(&checked(&fixture).await, "an unknown id", "Gigya.UserKey");

    for secret in [None, Some("%%%".to_owned())] {
        let fixture = GigyaFixture::reported(accounts(), &[], 1, secret).await;
        differs(&checked(&fixture).await, "the secret", "");
        assert_eq!(fixture.sandbox.calls(), 0);
    }

    for (code, subject, explanation) in [
        (301_001, "the list", "Gigya.DataCenter"),
        (403_007, "an unknown address", "permits"),
        (500_001, "an unknown id", "no usable answer"),
        (400_006, "the list", "refused"),
    ] {
        let fixture = GigyaFixture::with(accounts(), &[]).await;
        fixture.sandbox.inject(Fault::ErrorCode { code });
        differs(&checked(&fixture).await, subject, explanation);
    }
}

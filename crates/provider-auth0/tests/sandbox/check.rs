//! The check tells where Auth0 and its settings do not agree, and repeats nothing of an answer.

use masthead_provider_kit::{CheckResult, CheckVerdict};
use masthead_sandbox::{Fault, FaultRule};

use crate::support::{Asking, Auth0Fixture, reader};

async fn checked(fixture: &Auth0Fixture) -> Vec<CheckResult> {
    let reported = fixture.auth0.check(&fixture.cx(), None).await.unwrap();
    let explanation = format!("{reported:?}").to_lowercase();
    for private in ["ann@", "auth0|", "sandbox-client-secret"] {
        assert!(!explanation.contains(private), "{explanation}");
    }
    reported
}

fn differs(reported: &[CheckResult], subject: &str, explanation: &str) {
    let mut found = reported
        .iter()
        .filter(|one| one.subject == subject && one.explanation.contains(explanation));
    assert!(found.any(|one| one.verdict == CheckVerdict::Differs), "{reported:#?}");
}

fn users() -> Vec<serde_json::Value> {
    vec![reader("1", "ann@example.com")]
}

#[tokio::test]
async fn check_passes_for_sandbox() {
    let reported = checked(&Auth0Fixture::with(users(), &[]).await).await;
    let all: Vec<_> = reported.iter().map(|one| (one.subject, one.verdict)).collect();
    let subjects = [
        "an unknown id",
        "an unknown address",
        "the list",
        "a known id",
        "a known address",
    ];
    assert_eq!(
        all,
        subjects.map(|subject| (subject, CheckVerdict::Agrees)),
        "{reported:#?}"
    );
}

#[tokio::test]
async fn each_mismatch_names_its_settings() {
    let fixture = Auth0Fixture::patient(users(), &[], 1, Some("a-wrong-secret")).await;
    differs(&checked(&fixture).await, "an unknown id", "Auth0.ClientId");

    let fixture = Auth0Fixture::patient(users(), &[], 1, None).await;
    let reported = checked(&fixture).await;
    differs(&reported, "the secret", "Auth0.ClientSecretFile");
    assert_eq!((reported.len(), fixture.sandbox.calls()), (1, 0));

    let fixture = Auth0Fixture::with(users(), &[]).await;
    fixture.sandbox.inject(FaultRule::from(Fault::Html).on("/api/"));
    differs(&checked(&fixture).await, "the list", "Auth0.Domain");

    let fixture = Auth0Fixture::with(
        vec![reader("1", "ann@example.com"), reader("2", "bob@example.com")],
        &[],
    )
    .await;
    fixture
        .sandbox
        .inject(FaultRule::from(Fault::OtherUser).on("/api/v2/users/"));
    differs(&checked(&fixture).await, "a known id", "cannot be true");

    let fixture = Auth0Fixture::with(users(), &[]).await;
    fixture.sandbox.off().await.unwrap();
    differs(&checked(&fixture).await, "an unknown address", "no usable answer");
}

#[tokio::test]
async fn empty_list_is_untried_and_errors_come_first() {
    let reported = checked(&Auth0Fixture::with(vec![], &[]).await).await;
    let untried = reported.iter().filter(|one| one.verdict == CheckVerdict::Untried);
    assert_eq!(untried.map(|one| one.subject).collect::<Vec<_>>(), ["a known user"]);

    let fixture = Auth0Fixture::with(users(), &[("Auth0.PageSize", "0")]).await;
    let mistakes = fixture.auth0.check(&fixture.cx(), None).await.unwrap_err();
    assert_eq!((mistakes.len(), fixture.sandbox.calls()), (1, 0));
}

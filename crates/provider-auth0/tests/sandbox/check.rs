//! The check reports where Auth0 and the settings disagree, and repeats nothing of an answer.

use masthead_provider_kit::{CheckResult, CheckVerdict, ProviderAdapter};
use masthead_sandbox::{Fault, FaultRule};

use crate::support::{Auth0Fixture, SECRET, SourceClient, assert_differs, reader, with, with_attempts};

async fn check(fixture: &Auth0Fixture) -> Vec<CheckResult> {
    fixture.check_results(&["ann@", "auth0|", SECRET]).await
}

fn users() -> Vec<serde_json::Value> {
    vec![reader("1", "ann@example.com")]
}

#[tokio::test]
async fn check_passes_for_sandbox() {
    let reported = check(&with(users(), &[]).await).await;
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
    let fixture = with_attempts(users(), &[], 1, Some("a-wrong-secret")).await;
    assert_differs(&check(&fixture).await, "an unknown id", "Auth0.ClientId");

    let fixture = with_attempts(users(), &[], 1, None).await;
    let reported = check(&fixture).await;
    assert_differs(&reported, "the secret", "Auth0.ClientSecretFile");
    assert_eq!((reported.len(), fixture.sandbox.calls()), (1, 0));

    let fixture = with(users(), &[]).await;
    fixture.inject(FaultRule::from(Fault::Html).on("/api/"));
    assert_differs(&check(&fixture).await, "the list", "Auth0.Domain");

    let fixture = with(
        vec![reader("1", "ann@example.com"), reader("2", "bob@example.com")],
        &[],
    )
    .await;
    fixture.inject(FaultRule::from(Fault::OtherUser).on("/api/v2/users/"));
    assert_differs(&check(&fixture).await, "a known id", "cannot be true");

    let fixture = with(users(), &[]).await;
    fixture.sandbox.off().await.unwrap();
    assert_differs(&check(&fixture).await, "an unknown address", "no usable answer");
}

#[tokio::test]
async fn empty_list_is_untried_and_errors_come_first() {
    let reported = check(&with(vec![], &[]).await).await;
    let untried = reported.iter().filter(|one| one.verdict == CheckVerdict::Untried);
    assert_eq!(untried.map(|one| one.subject).collect::<Vec<_>>(), ["a known user"]);

    let fixture = with(users(), &[("Auth0.PageSize", "0")]).await;
    let mistakes = fixture.adapter.check(&fixture.cx(), None).await.unwrap_err();
    assert_eq!((mistakes.len(), fixture.sandbox.calls()), (1, 0));
}

/// Auth0 answers an unknown connection like an empty one, so that a misspelt one hides every user.
#[tokio::test]
async fn connection_without_users_is_named() {
    let connections = [
        ("Auth0.Connections", "Username-Password-Authentication,Usrname"),
        ("Auth0.Connection", "Usrname"),
    ];
    let reported = check(&with(users(), &connections).await).await;
    let of_connections: Vec<_> = reported.iter().filter(|one| one.subject == "the connections").collect();
    let verdicts: Vec<_> = of_connections.iter().map(|one| one.verdict).collect();
    assert_eq!(verdicts, [CheckVerdict::Agrees, CheckVerdict::Untried], "{reported:#?}");
    assert!(
        of_connections[1].explanation.contains("Usrname has no users"),
        "{reported:#?}"
    );
}

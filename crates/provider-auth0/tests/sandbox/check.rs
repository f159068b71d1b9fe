//! The check tells where Auth0 and its settings do not agree, and repeats nothing of an answer.

use masthead_provider_http::{Checked, Verdict};
use masthead_sandbox::{Fault, FaultRule};

use crate::support::{SourceClient, World, reader};

async fn told_of(world: &World) -> Vec<Checked> {
    let told = world.auth0.check(&world.cx(), None).await.unwrap();
    let words = format!("{told:?}").to_lowercase();
    for private in ["ann@", "auth0|", "sandbox-client-secret"] {
        assert!(!words.contains(private), "{words}");
    }
    told
}

fn differs(told: &[Checked], subject: &str, words: &str) {
    let mut found = told
        .iter()
        .filter(|one| one.subject == subject && one.words.contains(words));
    assert!(found.any(|one| one.verdict == Verdict::Differs), "{told:#?}");
}

fn users() -> Vec<serde_json::Value> {
    vec![reader("1", "ann@example.com")]
}

#[tokio::test]
async fn auth0_as_it_is_described_agrees_in_all() {
    let told = told_of(&World::with(users(), &[]).await).await;
    let all: Vec<_> = told.iter().map(|one| (one.subject, one.verdict)).collect();
    let subjects = [
        "an unknown id",
        "an unknown address",
        "the list",
        "a known id",
        "a known address",
    ];
    assert_eq!(all, subjects.map(|subject| (subject, Verdict::Agrees)), "{told:#?}");
}

#[tokio::test]
async fn each_mismatch_is_told_with_the_settings_that_are_about_it() {
    let world = World::patient(users(), &[], 1, Some("a-wrong-secret")).await;
    differs(&told_of(&world).await, "an unknown id", "Auth0.ClientId");

    let world = World::patient(users(), &[], 1, None).await;
    let told = told_of(&world).await;
    differs(&told, "the secret", "Auth0.ClientSecretFile");
    assert_eq!((told.len(), world.sandbox.calls()), (1, 0));

    let world = World::with(users(), &[]).await;
    world.sandbox.inject(FaultRule::from(Fault::Html).on("/api/"));
    differs(&told_of(&world).await, "the list", "Auth0.Domain");

    let world = World::with(
        vec![reader("1", "ann@example.com"), reader("2", "bob@example.com")],
        &[],
    )
    .await;
    world
        .sandbox
        .inject(FaultRule::from(Fault::OtherUser).on("/api/v2/users/"));
    differs(&told_of(&world).await, "a known id", "cannot be true");

    let world = World::with(users(), &[]).await;
    world.sandbox.off().await.unwrap();
    differs(&told_of(&world).await, "an unknown address", "no usable answer");
}

#[tokio::test]
async fn nobody_to_try_with_is_told_and_mistakes_come_first() {
    let told = told_of(&World::with(vec![], &[]).await).await;
    let untried = told.iter().filter(|one| one.verdict == Verdict::Untried);
    assert_eq!(untried.map(|one| one.subject).collect::<Vec<_>>(), ["a known user"]);

    let world = World::with(users(), &[("Auth0.PageSize", "0")]).await;
    let mistakes = world.auth0.check(&world.cx(), None).await.unwrap_err();
    assert_eq!((mistakes.len(), world.sandbox.calls()), (1, 0));
}

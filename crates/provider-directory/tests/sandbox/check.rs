//! The check explains each mismatch between a description and the directory in words.

use masthead_domain::customer_registration_id::CustomerRegistrationId;
use masthead_provider_http::{Checked, Verdict};
use masthead_sandbox::DirectoryConfig;
use masthead_testkit::source_client::SourceClient;

use crate::{
    third::{DESCRIPTION, SECRET, SLOT, third},
    world::World,
};

/// What the check says of the third directory when these settings are otherwise.
async fn told_of(config: DirectoryConfig, other: &[(&str, &str)]) -> Vec<Checked> {
    let kept = DESCRIPTION
        .iter()
        .filter(|(name, _)| !other.iter().any(|(changed, _)| changed == name));
    let settings: Vec<(&str, &str)> = kept.chain(other).copied().collect();
    let world = World::with(SLOT, config, SECRET, &settings).await;
    world.directory.check(&world.cx(), None).await.unwrap()
}

async fn differs(config: DirectoryConfig, other: &[(&str, &str)], subject: &str, words: &str) {
    let told = told_of(config, other).await;
    let found = told
        .iter()
        .any(|one| one.verdict == Verdict::Differs && one.subject == subject && one.words.contains(words));
    assert!(found, "{subject}: {words} is not told of {other:?}: {told:#?}");
}

#[tokio::test]
async fn a_directory_that_is_as_described_agrees_in_all() {
    let told = told_of(third(50), &[]).await;
    assert!(told.iter().all(|one| one.verdict == Verdict::Agrees), "{told:#?}");
    let subjects: Vec<&str> = told.iter().map(|one| one.subject).collect();
    assert_eq!(
        subjects,
        [
            "an unknown id",
            "an unknown address",
            "the list",
            "the fields",
            "the second page",
            "a known id",
            "a known address",
            "a known address in capitals"
        ]
    );
}

#[tokio::test]
async fn each_mismatch_is_told_with_the_settings_that_are_about_it() {
    for (other, subject, words) in [
        (
            ("NotFound.Codes", "405"),
            "an unknown id",
            "not what NotFound describes",
        ),
        (("AuthUser", "somebody"), "the list", "Auth"),
        (("Param.edition", "west"), "the list", "Param.*"),
        (("ByEmail.Body", "address={email}"), "an unknown address", "refused"),
        (("List", "/people"), "the list", "List"),
        (("User", "/user"), "a known id", "User"),
        (("Field.Id", "/email"), "a known id", "see ById.Path"),
        (("Field.FirstName", "/first"), "the fields", "Field.FirstName"),
        (("Metadata.displayName", "/nick"), "the fields", "Metadata.displayName"),
        (("Total", "/total"), "the list", "Total"),
        (("Envelope.Status", "/code"), "the list", "Envelope.Status"),
        (("ById.Path", "/people/{id}"), "a known id", "see ById.Path"),
    ] {
        differs(third(50), &[other], subject, words).await;
    }
}

#[tokio::test]
async fn ways_of_paging_and_comparing_are_tried() {
    let mut config = third(50);
    config.settings.ignored = vec!["cursor".into(), "q".into()];
    differs(
        config.clone(),
        &[("Page.At", "cursor")],
        "the second page",
        "users of the first page",
    )
    .await;
    differs(
        config,
        &[("ByEmail.Body", "q={email}")],
        "an unknown address",
        "ByEmail.Loose",
    )
    .await;
    let mut config = third(50);
    config.settings.total_pointer = Some("/total".into());
    let sized = [("Total", "/total"), ("Page.Size", "40")];
    differs(config, &sized, "the list", "lower Page.Size").await;
    let mut config = third(50);
    for filter in config.settings.filters.values_mut() {
        filter.how = masthead_sandbox::Comparison::Exact;
    }
    differs(config, &[], "a known address in capitals", "with case").await;
}

#[tokio::test]
async fn somebody_who_is_named_takes_the_place_of_the_list() {
    let kept = DESCRIPTION.iter().filter(|(name, _)| !name.starts_with("Search."));
    let settings: Vec<(&str, &str)> = kept.copied().collect();
    let world = World::with(SLOT, third(3), SECRET, &settings).await;
    let told = world.directory.check(&world.cx(), None).await.unwrap();
    assert!(
        told.iter()
            .any(|one| one.verdict == Verdict::Untried && one.subject == "a known user")
    );
    let id = CustomerRegistrationId::parse(world.sandbox.directory().users()[1]["userGUID"].as_str().unwrap()).unwrap();
    let told = world.directory.check(&world.cx(), Some(&id)).await.unwrap();
    assert!(
        told.iter()
            .any(|one| one.verdict == Verdict::Agrees && one.subject == "a known address"),
        "{told:#?}"
    );
}

#[tokio::test]
async fn mistakes_and_a_missing_secret_are_told_before_anything_is_called() {
    let world = World::with(SLOT, third(1), SECRET, &[("Preset", "none")]).await;
    assert!(world.directory.check(&world.cx(), None).await.unwrap_err().len() > 5);
    let world = World::with(SLOT, third(1), "", &DESCRIPTION).await;
    let told = world.directory.check(&world.cx(), None).await.unwrap();
    assert_eq!((told.len(), told[0].verdict), (1, Verdict::Differs));
    assert_eq!(world.sandbox.calls(), 0);
}

//! The check explains each mismatch between a description and the provider in words.

use masthead_domain::customer_registration_id::CustomerRegistrationId;
use masthead_provider_kit::ProviderAdapter as _;
use masthead_provider_kit::{CheckResult, CheckVerdict};
use masthead_provider_testkit::SourceClient;
use masthead_sandbox::GenericStubConfig;

use crate::{
    fixture::with,
    third::{DESCRIPTION, SECRET, SLOT, third},
};

/// The check's result for the third provider with these settings changed.
async fn checked(config: GenericStubConfig, other: &[(&str, &str)]) -> Vec<CheckResult> {
    let kept = DESCRIPTION
        .iter()
        .filter(|(name, _)| !other.iter().any(|(changed, _)| changed == name));
    let settings: Vec<(&str, &str)> = kept.chain(other).copied().collect();
    let fixture = with(SLOT, config, SECRET, &settings).await;
    fixture.adapter.check(&fixture.cx(), None).await.unwrap()
}

async fn differs(config: GenericStubConfig, other: &[(&str, &str)], subject: &str, explanation: &str) {
    let reported = checked(config, other).await;
    let found = reported.iter().any(|one| {
        one.verdict == CheckVerdict::Differs && one.subject == subject && one.explanation.contains(explanation)
    });
    assert!(
        found,
        "{subject}: {explanation} is not reported for {other:?}: {reported:#?}"
    );
}

#[tokio::test]
async fn check_passes_for_matching_settings() {
    let reported = checked(third(50), &[]).await;
    assert!(
        reported.iter().all(|one| one.verdict == CheckVerdict::Agrees),
        "{reported:#?}"
    );
    let subjects: Vec<&str> = reported.iter().map(|one| one.subject).collect();
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
async fn each_mismatch_names_its_settings() {
    for (other, subject, explanation) in [
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
        differs(third(50), &[other], subject, explanation).await;
    }
}

#[tokio::test]
async fn check_tries_paging_and_comparison() {
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
        filter.how = masthead_sandbox::FilterComparison::Exact;
    }
    differs(config, &[], "a known address in capitals", "with case").await;
}

#[tokio::test]
async fn given_id_replaces_the_list() {
    let kept = DESCRIPTION.iter().filter(|(name, _)| !name.starts_with("Search."));
    let settings: Vec<(&str, &str)> = kept.copied().collect();
    let fixture = with(SLOT, third(3), SECRET, &settings).await;
    let reported = fixture.adapter.check(&fixture.cx(), None).await.unwrap();
    assert!(
        reported
            .iter()
            .any(|one| one.verdict == CheckVerdict::Untried && one.subject == "a known user")
    );
    let id = CustomerRegistrationId::parse(fixture.sandbox.generic().users()[1]["userGUID"].as_str().unwrap()).unwrap();
    let reported = fixture.adapter.check(&fixture.cx(), Some(&id)).await.unwrap();
    assert!(
        reported
            .iter()
            .any(|one| one.verdict == CheckVerdict::Agrees && one.subject == "a known address"),
        "{reported:#?}"
    );
}

#[tokio::test]
async fn settings_errors_make_no_call() {
    let fixture = with(SLOT, third(1), SECRET, &[("Preset", "none")]).await;
    assert!(fixture.adapter.check(&fixture.cx(), None).await.unwrap_err().len() > 5);
    let fixture = with(SLOT, third(1), "", &DESCRIPTION).await;
    let reported = fixture.adapter.check(&fixture.cx(), None).await.unwrap();
    assert_eq!((reported.len(), reported[0].verdict), (1, CheckVerdict::Differs));
    assert_eq!(fixture.sandbox.calls(), 0);
}

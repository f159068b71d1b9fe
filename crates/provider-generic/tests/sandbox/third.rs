//! A provider that is neither SSOR nor Firefly, described in settings alone: a form by POST, cursors, codes in texts.

use std::collections::BTreeMap;

use masthead_ports::source::SourceErrorKind;
use masthead_provider_generic::Preset;
use masthead_provider_testkit::SourceClient;
use masthead_sandbox::{
    FilterComparison, GenericStubAuth, GenericStubConfig, GenericStubEnvelope, GenericStubFilter, GenericStubSettings,
    StubPaging, UserShape,
};

use crate::{
    fixture::{GenericFixture, sandbox_config},
    suite::{GenericCase, generic_tests},
};

/// A slot with another vendor's preset, of which nothing may remain.
pub(crate) const SLOT: Preset = Preset {
    name: "SSOR",
    settings: &[
        ("Auth", "bearer"),
        ("Envelope.Errors", "/err"),
        ("NotFound.Statuses", "404"),
        ("Page.Style", "offset"),
        ("Metadata.left", "/over"),
    ],
    must: &["Param.product_code"],
};

pub(crate) const SECRET: &str = "third-directory-secret";

pub(crate) const THIRD: GenericCase = GenericCase {
    preset: SLOT,
    sandbox: third,
    secret: SECRET,
    settings: &DESCRIPTION,
    id: "/userGUID",
    status_404: None,
    code_500: SourceErrorKind::Unavailable,
    page: 20,
};

pub(crate) fn third(count: usize) -> GenericStubConfig {
    let compared = |field: &str| GenericStubFilter {
        fields: vec![field.to_owned()],
        how: FilterComparison::IgnoringCase,
    };
    let settings = GenericStubSettings {
        auth: GenericStubAuth::Basic {
            user: "masthead".into(),
            password: SECRET.into(),
        },
        required: BTreeMap::from([("edition".into(), "north & south".into())]),
        user_path: "/people/one/{id}/profile".into(),
        list_path: "/people/find".into(),
        list_method: "POST".into(),
        filters: BTreeMap::from([
            ("mail".into(), compared("/email")),
            (
                "given".into(),
                GenericStubFilter {
                    how: FilterComparison::Prefix,
                    ..compared("/firstName")
                },
            ),
            (
                "family".into(),
                GenericStubFilter {
                    how: FilterComparison::Prefix,
                    ..compared("/lastName")
                },
            ),
        ]),
        paging: StubPaging::Cursor {
            cursor: "after".into(),
            limit: "take".into(),
            next: "/page/next".into(),
        },
        longest_page: 20,
        envelope: GenericStubEnvelope::Status {
            pointer: "/outcome/code".into(),
            ok: 1,
        },
        statuses: vec![401, 429],
        user_pointer: "/person".into(),
        list_pointer: "/page/people".into(),
        total_pointer: None,
        ..GenericStubSettings::firefly()
    };
    GenericStubConfig {
        settings,
        ..sandbox_config(UserShape::Firefly, count)
    }
}

pub(crate) const DESCRIPTION: [(&str, &str); 26] = [
    ("Preset", "none"),
    ("Auth", "basic"),
    ("AuthUser", "masthead"),
    ("Param.edition", "north & south"),
    ("ById.Path", "/people/one/{id}/profile"),
    ("ByEmail.Method", "POST"),
    ("ByEmail.Path", "/people/find"),
    ("ByEmail.Body", "mail={email}"),
    ("Search.Method", "POST"),
    ("Search.Path", "/people/find"),
    (
        "Search.Body",
        "{\"given\": \"{firstName}\", \"family\": \"{lastName}\"}",
    ),
    ("Page.Style", "cursor"),
    ("Page.At", "after"),
    ("Page.SizeName", "take"),
    ("Page.Size", "20"),
    ("Page.Next", "/page/next"),
    ("Envelope.Status", "/outcome/code"),
    ("Envelope.Ok", "1"),
    ("NotFound.Codes", "404"),
    ("User", "/person"),
    ("List", "/page/people"),
    ("Field.Id", "/userGUID"),
    ("Field.Email", "/email"),
    ("Field.FirstName", "/firstName"),
    ("Field.LastName", "/lastName"),
    ("Metadata.displayName", "/displayName"),
];

pub(crate) async fn fixture(count: usize) -> GenericFixture {
    THIRD.start(count).await
}

generic_tests!(
    THIRD: reads_match_the_sandbox,
    scan_shows_every_user,
    configured_failures_have_their_kind,
    session_data_is_never_read,
);

#[tokio::test]
async fn preset_none_removes_the_preset() {
    let fixture = fixture(1).await;
    let id = fixture.sandbox.generic().users()[0]["userGUID"].clone();
    let account = fixture.by_id(id.as_str().unwrap()).await.unwrap().unwrap();
    assert_eq!(account.metadata.get("left"), None);
}

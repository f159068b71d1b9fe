//! Writes through a description: the suite, forms, what is missing, and refusals without a described meaning.

use masthead_ports::{
    accounts::{Ability, AccountWriter as _, MissingSetting, WriteError},
    passwords::PlainPassword,
    source::SourceErrorKind,
};
use masthead_provider_generic::GenericSettings;
use masthead_provider_kit::{AccountAbilities as _, testing::setting_map};
use masthead_provider_testkit::{
    SourceClient, crid, failure_kind, first_name, new_account, status, with_body, writer_suite::WriterFixture,
    writer_tests,
};
use masthead_sandbox::FaultRule;
use serde_json::json;

use crate::{
    fixture::{GenericFixture, with},
    plain::{PLAIN, SettingList, TOKEN, config},
    third::THIRD,
};

const WRITES: SettingList = &[
    ("Create.Path", "/v4/users"),
    ("Create.Body", r#"{"password": "{password}"}"#),
    ("Create.User", "#"),
    ("Update.Method", "PATCH"),
    ("Update.Path", "/people/one/{id}/profile"),
    ("Update.User", "#"),
    ("SetEmail.Method", "PATCH"),
    ("SetEmail.Path", "/people/one/{id}/profile"),
    ("SetEmail.User", "#"),
    ("SetPassword.Method", "PUT"),
    ("SetPassword.Path", "/v4/users/{id}/password"),
    ("SetPassword.Body", "password={password}"),
    ("Delete.Path", "/people/one/{id}/profile"),
    ("SignIn.Path", "/v4/users/sign-in"),
    ("SignIn.Body", "login={login}&password={password}"),
    ("Rejected.Message", "/outcome/message"),
    ("Field.Verified", "/emailVerified"),
    ("SignIn.Wrong", "460"),
    ("SignIn.LockedOut", "462"),
];

async fn writer() -> WriterFixture {
    THIRD.start_writer(WRITES).await
}

writer_tests!(writer);

/// A plain provider with one user, whose names are changed by a form.
async fn form() -> GenericFixture {
    let settings = [
        ("Update.Method", "PATCH"),
        ("Update.Path", "/registration/users/{id}"),
        ("Update.Body", "firstName={firstName}&lastName={lastName}"),
        ("SetPassword.Method", "PUT"),
        ("SetPassword.Path", "/registration/users/{id}/password"),
        ("SetPassword.Body", "password={password}"),
    ];
    let fixture = with(PLAIN, config(0), TOKEN, &settings).await;
    let user = json!({"consumerId": "7", "email": "ann@example.com", "firstName": "Ann", "lastName": "Lee"});
    fixture.sandbox.generic().seed([user]);
    fixture
}

#[tokio::test]
async fn form_changes_the_names_it_takes() {
    let fixture = form().await;
    let changed = fixture.update("7", &first_name("A&b=c {x}")).await.unwrap();
    assert_eq!((&*changed.first_name, &*changed.last_name), ("A&b=c {x}", "Lee"));
    let calls = fixture.sandbox.calls();
    fixture.assert_unmapped_change_succeeds("7").await;
    assert_eq!(fixture.sandbox.calls(), calls + 1, "one look-up");
}

#[tokio::test]
async fn undescribed_call_names_its_setting() {
    let fixture = form().await;
    for (ability, setting) in [
        (Ability::Create, Some("SSOR.Create.Path")),
        (Ability::Update, None),
        (Ability::SetPassword, None),
        (Ability::SetEmail, Some("SSOR.SetEmail.Path")),
        (Ability::Delete, Some("SSOR.Delete.Path")),
        (Ability::SignIn, Some("SSOR.SignIn.Path")),
    ] {
        let missing = fixture.adapter.missing_setting(&fixture.tenant, ability);
        assert_eq!(missing, setting.map(MissingSetting::new), "{ability:?}");
    }
    let kind = failure_kind(fixture.create(&new_account(&[])).await);
    assert_eq!(kind, SourceErrorKind::Misconfigured);
    assert_eq!(fixture.sandbox.calls(), 0);
}

#[tokio::test]
async fn reply_to_a_write_has_its_kind() {
    use SourceErrorKind::{Misconfigured, OutcomeUnknown};
    for (fault, wanted) in [
        (status(500), OutcomeUnknown),
        (status(504), OutcomeUnknown),
        (status(401), Misconfigured),
        (with_body(404, r#"{"errors": "no such path"}"#), Misconfigured),
        (with_body(200, "<html>"), OutcomeUnknown),
    ] {
        let fixture = form().await;
        fixture.inject(FaultRule::from(fault.clone()).method("PUT"));
        let password = PlainPassword::new("Sandbox-password-1");
        let answer = fixture.adapter.set_password(&fixture.cx(), &crid("7"), &password).await;
        assert_eq!(failure_kind(answer), wanted, "{fault:?}");
        assert_eq!(fixture.sandbox.calls(), 1, "{fault:?}");
    }
    // Not described as a rejection: it has no text for the user.
    let fixture = form().await;
    fixture.inject(FaultRule::from(with_body(200, r#"{"errMsg": "internal name"}"#)).method("PUT"));
    let answer = fixture.set_password("7", "Sandbox-password-1").await;
    assert!(
        matches!(answer, Err(WriteError::Refused { message: None })),
        "{answer:?}"
    );
}

#[test]
fn incomplete_writes_are_reported() {
    let settings = [
        ("SSOR.BaseUrl", "https://directory.example"),
        ("SSOR.SecretEnv", "X"),
        ("SSOR.Create.Path", "/users"),
        ("SSOR.Create.Method", "GET"),
        ("SSOR.Update.Path", "/users"),
        ("SSOR.SetPassword.Path", "/users/{id}"),
        ("SSOR.SetEmail.Path", "/users/{id}"),
        ("SSOR.SetEmail.Body", "a=b"),
        ("SSOR.SetEmail.User", "#"),
        ("SSOR.Delete.Path", "/users"),
        ("SSOR.SignIn.Path", "/sign-in"),
        ("SSOR.SignIn.Body", "login={login}&password={password}"),
        ("SSOR.Taken", "a,,b"),
    ];
    let errors = GenericSettings::parse(&PLAIN, &setting_map(&settings), false).unwrap_err();
    let names: Vec<&str> = errors.iter().map(|error| &*error.name).collect();
    assert_eq!(
        names,
        [
            "SSOR.Create.Method",
            "SSOR.Create.Path",
            "SSOR.Update.Path",
            "SSOR.SetPassword.Path",
            "SSOR.SetEmail.User",
            "SSOR.Delete.Path",
            "SSOR.Taken",
            "SSOR.SignIn.Wrong",
        ]
    );
}

//! The preset against the sandbox Firefly, over real sockets: the suite that every generic provider passes.

#[cfg(test)]
#[path = "../../provider-generic/tests/support/fixture.rs"]
mod fixture;
#[cfg(test)]
#[path = "../../provider-generic/tests/support/suite.rs"]
mod suite;

#[cfg(test)]
mod tests {
    use masthead_ports::source::SourceErrorKind;
    use masthead_provider_firefly::FIREFLY;
    use masthead_provider_testkit::{SourceClient, writer_suite::WriterFixture, writer_tests};
    use masthead_sandbox::{UserShape, sample_generic_user};

    use crate::{
        fixture::{sandbox_config, texts},
        suite::{GenericCase, generic_tests},
    };

    const FIREFLY_STAND_IN: GenericCase = GenericCase {
        preset: FIREFLY,
        sandbox: |count| sandbox_config(UserShape::Firefly, count),
        secret: "sandbox-firefly-secret",
        settings: &[("Param.siteCode", "SAND")],
        id: "/userGUID",
        // The same code as inside a 200.
        status_404: None,
        code_500: SourceErrorKind::Unavailable,
        page: 50,
    };

    /// A description of writes, which the preset has none of: no fact about them is public.
    const WRITES: &[(&str, &str)] = &[
        ("Create.Path", "/v4/users"),
        ("Create.Body", r#"{"password": "{password}"}"#),
        ("Create.User", "#"),
        ("Update.Method", "PATCH"),
        ("Update.Path", "/v4/users/{id}"),
        ("Update.User", "#"),
        ("SetEmail.Method", "PATCH"),
        ("SetEmail.Path", "/v4/users/{id}"),
        ("SetEmail.User", "#"),
        ("SetPassword.Method", "PUT"),
        ("SetPassword.Path", "/v4/users/{id}/password"),
        ("SetPassword.Body", r#"{"password": "{password}"}"#),
        ("Delete.Path", "/v4/users/{id}"),
        ("SignIn.Path", "/v4/users/sign-in"),
        ("SignIn.Body", "login={login}&password={password}"),
        ("Rejected.Message", "/meta/message"),
        ("SignIn.Wrong", "460"),
        ("SignIn.Blocked", "461"),
        ("SignIn.LockedOut", "462"),
        ("SignIn.SecondFactor", "463"),
    ];

    async fn writer() -> WriterFixture {
        FIREFLY_STAND_IN.start_writer(WRITES).await
    }

    writer_tests!(writer);

    generic_tests!(
        FIREFLY_STAND_IN: reads_match_the_sandbox,
        scan_shows_every_user,
        configured_failures_have_their_kind,
        contradictory_answers_are_refused,
        session_data_is_never_read,
        check_passes_for_sandbox,
        required_settings_are_named,
    );

    #[tokio::test]
    async fn whole_profile_is_mapped() {
        let user = sample_generic_user(UserShape::Firefly, 5);
        let text = |pointer: &str| user.pointer(pointer).unwrap().as_str().unwrap();
        let account = FIREFLY_STAND_IN
            .start(12)
            .await
            .by_id(text("/userGUID"))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(account.metadata.get("phoneNumber"), Some(text("/phone")));
        assert_eq!(account.metadata.get("timeZone"), Some(text("/attributes/timeZone")));
        assert_eq!(account.verified, user["emailVerified"].as_bool());
        assert!(texts(&account).contains(&text("/displayName").to_owned()));
    }
}

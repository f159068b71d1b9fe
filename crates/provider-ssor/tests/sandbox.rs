//! The preset against the sandbox SSOR, over real sockets: the suite that every generic provider passes.

#[cfg(test)]
#[path = "../../provider-generic/tests/support/fixture.rs"]
mod fixture;
#[cfg(test)]
#[path = "../../provider-generic/tests/support/suite.rs"]
mod suite;

#[cfg(test)]
mod tests {
    use masthead_ports::source::SourceErrorKind;
    use masthead_provider_ssor::SSOR;
    use masthead_provider_testkit::{SourceClient, writer_suite::WriterFixture, writer_tests};
    use masthead_sandbox::{UserShape, sample_generic_user};

    use crate::{
        fixture::{sandbox_config, texts},
        suite::{self, GenericCase, generic_tests},
    };

    const SSOR_STAND_IN: GenericCase = GenericCase {
        preset: SSOR,
        sandbox: |count| sandbox_config(UserShape::Ssor, count),
        secret: "sandbox-ssor-token",
        settings: &[("Param.product_code", "sandbox")],
        id: "/consumerId",
        // The preset's own signal.
        status_404: None,
        // A member that only failures have contains no code.
        code_500: SourceErrorKind::Refused,
        page: 50,
    };

    /// A description of writes, which the preset has none of: no fact about them is public.
    const WRITES: &[(&str, &str)] = &[
        ("Create.Path", "/registration/users"),
        ("Create.Body", r#"{"password": "{password}"}"#),
        ("Create.User", "#"),
        ("Update.Method", "PATCH"),
        ("Update.Path", "/registration/users/{id}"),
        ("Update.User", "#"),
        ("SetEmail.Method", "PATCH"),
        ("SetEmail.Path", "/registration/users/{id}"),
        ("SetEmail.User", "#"),
        ("SetPassword.Method", "PUT"),
        ("SetPassword.Path", "/registration/users/{id}/password"),
        ("SetPassword.Body", "password={password}"),
        ("Delete.Path", "/registration/users/{id}"),
        ("SignIn.Path", "/registration/sign-in"),
        ("SignIn.Body", r#"{"login": "{login}", "password": "{password}"}"#),
        ("Envelope.Code", "/code"),
        ("Rejected.Message", "/errMsg"),
        ("Field.Verified", "/verified"),
        ("SignIn.Wrong", "460"),
        ("SignIn.Blocked", "461"),
        ("SignIn.LockedOut", "462"),
        ("SignIn.SecondFactor", "463"),
    ];

    async fn writer() -> WriterFixture {
        SSOR_STAND_IN.start_writer(WRITES).await
    }

    writer_tests!(writer);

    generic_tests!(
        SSOR_STAND_IN: reads_match_the_sandbox,
        scan_shows_every_user,
        configured_failures_have_their_kind,
        contradictory_answers_are_refused,
        session_data_is_never_read,
        check_passes_for_sandbox,
        required_settings_are_named,
    );

    #[tokio::test]
    async fn whole_profile_is_mapped() {
        let account = SSOR_STAND_IN.start(12).await.by_id("70000005").await.unwrap().unwrap();
        let user = sample_generic_user(UserShape::Ssor, 5);
        let text = |name: &str| user[name].as_str().unwrap();
        assert_eq!(account.metadata.get("postalCode"), Some(text("zipCode")));
        assert_eq!(account.metadata.get("gender"), Some(text("gender")));
        assert_eq!(account.metadata.get("dob"), Some(text("birthDate")));
        assert_eq!(account.metadata.get("agreeToTerms"), Some("true"));
        assert_eq!(account.metadata.get("dobYYYY").unwrap(), user["birthYear"].to_string());
        assert_eq!(account.verified, None);
        assert!(texts(&account).contains(&text("displayName").to_owned()));
    }

    #[tokio::test]
    async fn settings_alone_describe_another_provider() {
        const DESCRIBED: &[(&str, &str)] = &[
            ("Preset", "none"),
            ("Auth", "header"),
            ("AuthHeader", "X-Firefly-Secret"),
            ("Param.siteCode", "SAND"),
            ("ById.Path", "/v4/users/{id}"),
            ("ByEmail.Path", "/v4/users"),
            ("ByEmail.Query", "email={email}"),
            ("Search.Path", "/v4/users"),
            ("Page.Style", "page"),
            ("Page.At", "page"),
            ("Page.SizeName", "pageSize"),
            ("Envelope.Status", "/meta/status"),
            ("Envelope.Ok", "200"),
            ("NotFound.Codes", "404"),
            ("User", "/response/user"),
            ("List", "/response/users"),
            ("Total", "/response/total"),
            ("Field.Id", "/userGUID"),
            ("Field.Email", "/email"),
            ("Field.FirstName", "/firstName"),
            ("Field.LastName", "/lastName"),
            ("Metadata.displayName", "/displayName"),
        ];
        let other = GenericCase {
            sandbox: |count| sandbox_config(UserShape::Firefly, count),
            secret: "sandbox-firefly-secret",
            settings: DESCRIBED,
            id: "/userGUID",
            ..SSOR_STAND_IN
        };
        suite::reads_match_the_sandbox(other).await;
    }
}

//! The preset against the stand-in SSOR, over real sockets: the suite that every described directory keeps.

#[cfg(test)]
#[path = "../../provider-http/tests/support/calling.rs"]
mod calling;
#[cfg(test)]
#[path = "../../provider-directory/tests/support/suite.rs"]
mod suite;
#[cfg(test)]
#[path = "../../provider-directory/tests/support/world.rs"]
mod world;

#[cfg(test)]
mod tests {
    use masthead_ports::source::SourceErrorKind;
    use masthead_provider_ssor::SSOR;
    use masthead_sandbox::{Shape, sample_directory_user};
    use masthead_testkit::source_client::SourceClient;

    use crate::{
        suite::{self, Subject, keeps},
        world::{stand_in, texts},
    };

    const SSOR_STAND_IN: Subject = Subject {
        preset: SSOR,
        stand_in: |count| stand_in(Shape::Ssor, count),
        secret: "sandbox-ssor-token",
        settings: &[("Param.product_code", "sandbox")],
        id: "/consumerId",
        // The preset's own signal.
        status_404: None,
        // A member that only failures have tells no code.
        code_500: SourceErrorKind::Refused,
        page: 50,
    };

    keeps!(
        SSOR_STAND_IN: reads_agree_with_the_directory,
        a_walk_shows_everybody,
        what_only_a_description_can_tell_has_its_kind,
        what_cannot_be_true_is_refused,
        nothing_that_opens_a_session_is_read,
        the_check_finds_the_stand_in_as_it_is_described,
        nothing_that_a_tenant_must_say_is_left_to_guess,
    );

    #[tokio::test]
    async fn the_whole_profile_is_read() {
        let account = SSOR_STAND_IN.world(12).await.by_id("70000005").await.unwrap().unwrap();
        let user = sample_directory_user(Shape::Ssor, 5);
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
    async fn another_directory_takes_the_slot_in_settings_alone() {
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
        let other = Subject {
            stand_in: |count| stand_in(Shape::Firefly, count),
            secret: "sandbox-firefly-secret",
            settings: DESCRIBED,
            id: "/userGUID",
            ..SSOR_STAND_IN
        };
        suite::reads_agree_with_the_directory(other).await;
    }
}

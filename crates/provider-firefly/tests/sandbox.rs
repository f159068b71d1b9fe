//! The preset against the stand-in Firefly, over real sockets: the suite that every described directory keeps.

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
    use masthead_provider_firefly::FIREFLY;
    use masthead_sandbox::{Shape, sample_directory_user};
    use masthead_testkit::source_client::SourceClient;

    use crate::{
        suite::{Subject, keeps},
        world::{stand_in, texts},
    };

    const FIREFLY_STAND_IN: Subject = Subject {
        preset: FIREFLY,
        stand_in: |count| stand_in(Shape::Firefly, count),
        secret: "sandbox-firefly-secret",
        settings: &[("Param.siteCode", "SAND")],
        id: "/userGUID",
        // The same code as inside a 200.
        status_404: None,
        code_500: SourceErrorKind::Unavailable,
        page: 50,
    };

    keeps!(
        FIREFLY_STAND_IN: reads_agree_with_the_directory,
        a_walk_shows_everybody,
        what_only_a_description_can_tell_has_its_kind,
        what_cannot_be_true_is_refused,
        nothing_that_opens_a_session_is_read,
        the_check_finds_the_stand_in_as_it_is_described,
        nothing_that_a_tenant_must_say_is_left_to_guess,
    );

    #[tokio::test]
    async fn the_whole_profile_is_read() {
        let user = sample_directory_user(Shape::Firefly, 5);
        let text = |pointer: &str| user.pointer(pointer).unwrap().as_str().unwrap();
        let account = FIREFLY_STAND_IN
            .world(12)
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

//! The preset against the stand-in SSOR, over real sockets: the suite that every described directory keeps.

#[cfg(test)]
#[path = "../../provider-directory/tests/support/suite.rs"]
mod suite;
#[cfg(test)]
#[path = "../../provider-directory/tests/support/world.rs"]
mod world;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use masthead_ports::source::SourceErrorKind;
    use masthead_provider_directory::{DirectorySettings, Mistake};
    use masthead_provider_http::Verdict;
    use masthead_provider_ssor::SSOR;
    use masthead_sandbox::{DirectoryConfig, Shape, sample_directory_user, sample_directory_users};

    use crate::{
        suite::{self, Known},
        world::{World, texts},
    };

    const SECRET: &str = "sandbox-ssor-token";

    const KNOWN: Known = Known {
        id: "/consumerId",
        // The preset's own signal.
        status_404: None,
        // A member that only failures have tells no code.
        code_500: SourceErrorKind::Refused,
    };

    async fn world(count: usize) -> World {
        let mut config = DirectoryConfig::ssor();
        config.users = sample_directory_users(Shape::Ssor, count).collect();
        World::with(SSOR, config, SECRET, &[("Param.product_code", "sandbox")]).await
    }

    #[tokio::test]
    async fn reads_agree_with_the_directory() {
        suite::reads_agree_with_the_directory(&world(120).await, KNOWN).await;
    }

    #[tokio::test]
    async fn a_walk_shows_everybody() {
        suite::a_walk_shows_everybody(&world(1_020).await, KNOWN, 50).await;
    }

    #[tokio::test]
    async fn what_only_a_description_can_tell_has_its_kind() {
        suite::what_only_a_description_can_tell_has_its_kind(world(3).await, KNOWN).await;
    }

    #[tokio::test]
    async fn what_cannot_be_true_is_refused() {
        suite::what_cannot_be_true_is_refused(world(120).await, KNOWN).await;
    }

    #[tokio::test]
    async fn nothing_that_opens_a_session_is_read() {
        suite::nothing_that_opens_a_session_is_read(world(60).await, KNOWN, SECRET).await;
    }

    #[tokio::test]
    async fn the_check_finds_the_stand_in_as_it_is_described() {
        let checked = world(60).await;
        let checked = checked.directory.check(&checked.cx(), None).await.unwrap();
        assert!(checked.len() >= 7, "{checked:?}");
        assert!(checked.iter().all(|one| one.verdict == Verdict::Agrees), "{checked:?}");
    }

    #[tokio::test]
    async fn the_whole_profile_is_read() {
        let account = world(12).await.by_id("70000005").await.unwrap().unwrap();
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
        let mut config = DirectoryConfig::firefly();
        config.users = sample_directory_users(Shape::Firefly, 70).collect();
        let described = [
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
        let world = World::with(SSOR, config, "sandbox-firefly-secret", &described).await;
        let known = Known {
            id: "/userGUID",
            ..KNOWN
        };
        suite::reads_agree_with_the_directory(&world, known).await;
    }

    #[test]
    fn a_tenant_must_say_three_things() {
        let settings: BTreeMap<Box<str>, Box<str>> = BTreeMap::new();
        let mistakes = DirectorySettings::parse(&SSOR, &settings, false).unwrap_err();
        let names: Vec<&str> = mistakes.iter().map(Mistake::name).collect();
        assert_eq!(names, ["SSOR.BaseUrl", "SSOR.SecretFile", "SSOR.Param.product_code"]);
    }
}

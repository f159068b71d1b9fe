//! The preset against the stand-in Firefly, over real sockets: the suite that every described directory keeps.

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
    use masthead_provider_firefly::FIREFLY;
    use masthead_provider_http::Verdict;
    use masthead_sandbox::{DirectoryConfig, Shape, sample_directory_user, sample_directory_users};

    use crate::{
        suite::{self, Known},
        world::{World, texts},
    };

    const SECRET: &str = "sandbox-firefly-secret";

    const KNOWN: Known = Known {
        id: "/userGUID",
        // The same code as inside a 200.
        status_404: None,
        code_500: SourceErrorKind::Unavailable,
    };

    async fn world(count: usize) -> World {
        let mut config = DirectoryConfig::firefly();
        config.users = sample_directory_users(Shape::Firefly, count).collect();
        World::with(FIREFLY, config, SECRET, &[("Param.siteCode", "SAND")]).await
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
        let user = sample_directory_user(Shape::Firefly, 5);
        let text = |pointer: &str| user.pointer(pointer).unwrap().as_str().unwrap();
        let account = world(12).await.by_id(text("/userGUID")).await.unwrap().unwrap();
        assert_eq!(account.metadata.get("phoneNumber"), Some(text("/phone")));
        assert_eq!(account.metadata.get("timeZone"), Some(text("/attributes/timeZone")));
        assert_eq!(account.verified, user["emailVerified"].as_bool());
        assert!(texts(&account).contains(&text("/displayName").to_owned()));
    }

    #[test]
    fn a_tenant_must_say_three_things() {
        let settings: BTreeMap<Box<str>, Box<str>> = BTreeMap::new();
        let mistakes = DirectorySettings::parse(&FIREFLY, &settings, false).unwrap_err();
        let names: Vec<&str> = mistakes.iter().map(Mistake::name).collect();
        assert_eq!(
            names,
            ["Firefly.BaseUrl", "Firefly.SecretFile", "Firefly.Param.siteCode"]
        );
    }
}

//! Going through all users of a directory that misbehaves, and of one that cannot be gone through.

use masthead_ports::{
    scan::{ScanCursor, ScanExtent, ScanPage, UserScan},
    source::{SourceError, SourceErrorKind},
};
use masthead_provider_directory::Preset;
use masthead_sandbox::{DirectoryConfig, Fault, Paging, Shape, sample_directory_user};
use masthead_testkit::{
    scanning::{self, ScannedUsers},
    source_client::SourceClient,
};

use crate::{
    plain::{PLAIN, TOKEN, config},
    third,
    world::{World, kind},
};

impl World {
    async fn step(&self, from: Option<&ScanCursor>) -> Result<ScanPage, SourceError> {
        self.directory
            .fetch_page(&self.cx(), ScanExtent::Everything, from)
            .await
    }

    async fn walk(&self) -> Result<ScannedUsers, SourceError> {
        self.walk_while(|_| {}).await
    }

    /// Goes all the way, letting `between` happen after each step.
    async fn walk_while(&self, between: impl FnMut(usize) + Send) -> Result<ScannedUsers, SourceError> {
        scanning::scan_all(self, &self.directory, ScanExtent::Everything, between).await
    }
}

async fn plain(config: DirectoryConfig) -> World {
    World::with(PLAIN, config, TOKEN, &[]).await
}

#[tokio::test]
async fn shuffled_and_doubled_pages_lose_nobody() {
    for fault in [Fault::Shuffled, Fault::Duplicated] {
        let world = plain(config(180)).await;
        world.sandbox.inject(fault.clone());
        let walked = world.walk().await.unwrap();
        assert_eq!((walked.ids().len(), walked.gaps), (180, false), "{fault:?}");
    }
}

#[tokio::test]
async fn a_walk_from_which_users_go_begins_anew() {
    // The first user goes after the first page, and pushes another over the edge of the second.
    let world = plain(config(180)).await;
    let first = sample_directory_user(Shape::Ssor, 0)["consumerId"]
        .as_str()
        .unwrap()
        .to_owned();
    let walked = world
        .walk_while(|steps| {
            if steps == 1 {
                world.sandbox.directory().remove(&first);
            }
        })
        .await
        .unwrap();
    assert_eq!(
        (walked.ids().len(), walked.gaps),
        (180, false),
        "the user who went was shown before"
    );
    assert_eq!((walked.steps, walked.expected), (2 + 4, Some(180)));

    // Where users go all the time it ends some time, and says that some users may be missing.
    let world = plain(config(180)).await;
    let users: Vec<String> = (0..20)
        .map(|number| {
            sample_directory_user(Shape::Ssor, number)["consumerId"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let walked = world
        .walk_while(|steps| world.sandbox.directory().remove(&users[steps]))
        .await
        .unwrap();
    assert!(walked.gaps);
}

#[tokio::test]
async fn a_walk_that_may_have_lost_somebody_says_so() {
    let mut unusable = config(3);
    unusable.users[1]["consumerId"] = "x".repeat(300).into();
    let walked = plain(unusable).await.walk().await.unwrap();
    assert_eq!(
        (walked.ids().len(), walked.gaps),
        (2, true),
        "no account can be made of one"
    );

    // Nobody says how many there are: the one page of a few needs no number, several do.
    for (users, gaps) in [(3, false), (80, true)] {
        let walked = World::with(PLAIN, config(users), TOKEN, &[("Total", "")])
            .await
            .walk()
            .await
            .unwrap();
        assert_eq!((walked.ids().len(), walked.gaps), (users, gaps));
    }
}

#[tokio::test]
async fn a_directory_that_does_not_turn_its_pages_is_found_out() {
    let mut config = config(60);
    config.settings.paging = Paging::None;
    config.settings.ignored = vec!["offset".into(), "limit".into()];
    config.settings.total_pointer = None;
    let never_turns = Preset {
        settings: &[("Page.Style", "offset"), ("Page.At", "offset"), ("Page.Size", "50")],
        ..PLAIN
    };
    let settings: Vec<(&str, &str)> = PLAIN
        .settings
        .iter()
        .filter(|(name, _)| *name != "Total")
        .copied()
        .collect();
    let world = World::with(never_turns, config, TOKEN, &settings).await;
    assert_eq!(kind(world.walk().await), Some(SourceErrorKind::Corrupt));
    assert_eq!(world.sandbox.calls(), 2);
}

#[tokio::test]
async fn a_cursor_that_the_directory_forgot_begins_the_walk_anew_and_not_for_ever() {
    let world = third::world(90).await;
    let first = world.step(None).await.unwrap();
    let forgotten = first.next.unwrap().as_str().replace("sandbox-", "forgotten-");
    let again = world.step(ScanCursor::parse(&forgotten).as_ref()).await.unwrap();
    assert_eq!(again.accounts, first.accounts);
    let mut place = again.next.unwrap();
    for _ in 0..2 {
        let forgotten = ScanCursor::parse(&place.as_str().replace("sandbox-", "forgotten-")).unwrap();
        place = world.step(Some(&forgotten)).await.unwrap().next.unwrap();
    }
    let forgotten = ScanCursor::parse(&place.as_str().replace("sandbox-", "forgotten-")).unwrap();
    assert_eq!(kind(world.step(Some(&forgotten)).await), Some(SourceErrorKind::Refused));
}

#[tokio::test]
async fn without_a_list_there_is_no_walk() {
    let world = plain(config(3)).await;
    assert!(world.directory.can_be_walked(&world.tenant) && !world.directory.can_list_changes());
    let world = World::with(PLAIN, config(3), TOKEN, &[("Search.Path", "")]).await;
    assert!(!world.directory.can_be_walked(&world.tenant));
}

//! Going through all users of a directory that misbehaves, and of one that cannot be gone through.

use masthead_ports::{
    source::{SourceError, SourceErrorKind},
    walk::{Place, Scope, Step, Walk},
};
use masthead_provider_generic::Preset;
use masthead_sandbox::{DirectoryConfig, Fault, Paging, Shape, sample_directory_user};
use masthead_testkit::{
    asking::Asking,
    walking::{self, Walked},
};

use crate::{
    fixture::{GenericFixture, kind},
    plain::{PLAIN, TOKEN, config},
    third,
};

impl GenericFixture {
    async fn step(&self, from: Option<&Place>) -> Result<Step, SourceError> {
        self.directory.step(&self.cx(), Scope::Everything, from).await
    }

    async fn scan(&self) -> Result<Walked, SourceError> {
        self.scan_while(|_| {}).await
    }

    /// Goes all the way, letting `between` happen after each step.
    async fn scan_while(&self, between: impl FnMut(usize) + Send) -> Result<Walked, SourceError> {
        walking::walk(self, &self.directory, Scope::Everything, between).await
    }
}

async fn plain(config: DirectoryConfig) -> GenericFixture {
    GenericFixture::with(PLAIN, config, TOKEN, &[]).await
}

#[tokio::test]
async fn distorted_pages_lose_no_user() {
    for fault in [Fault::Shuffled, Fault::Duplicated] {
        let fixture = plain(config(180)).await;
        fixture.sandbox.inject(fault.clone());
        let scanned = fixture.scan().await.unwrap();
        assert_eq!((scanned.ids().len(), scanned.gaps), (180, false), "{fault:?}");
    }
}

#[tokio::test]
async fn shrinking_scan_restarts() {
    // The first user goes after the first page, and pushes another over the edge of the second.
    let fixture = plain(config(180)).await;
    let first = sample_directory_user(Shape::Ssor, 0)["consumerId"]
        .as_str()
        .unwrap()
        .to_owned();
    let scanned = fixture
        .scan_while(|steps| {
            if steps == 1 {
                fixture.sandbox.directory().remove(&first);
            }
        })
        .await
        .unwrap();
    assert_eq!(
        (scanned.ids().len(), scanned.gaps),
        (180, false),
        "the user who went was shown before"
    );
    assert_eq!((scanned.steps, scanned.expected), (2 + 4, Some(180)));

    // Where users go all the time it ends some time, and says that some users may be missing.
    let fixture = plain(config(180)).await;
    let users: Vec<String> = (0..20)
        .map(|number| {
            sample_directory_user(Shape::Ssor, number)["consumerId"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let scanned = fixture
        .scan_while(|steps| fixture.sandbox.directory().remove(&users[steps]))
        .await
        .unwrap();
    assert!(scanned.gaps);
}

#[tokio::test]
async fn uncertain_scan_reports_gaps() {
    let mut unusable = config(3);
    unusable.users[1]["consumerId"] = "x".repeat(300).into();
    let scanned = plain(unusable).await.scan().await.unwrap();
    assert_eq!(
        (scanned.ids().len(), scanned.gaps),
        (2, true),
        "no account can be made of one"
    );

    // Nobody says how many there are: the one page of a few needs no number, several do.
    for (users, gaps) in [(3, false), (80, true)] {
        let scanned = GenericFixture::with(PLAIN, config(users), TOKEN, &[("Total", "")])
            .await
            .scan()
            .await
            .unwrap();
        assert_eq!((scanned.ids().len(), scanned.gaps), (users, gaps));
    }
}

#[tokio::test]
async fn repeated_page_is_refused() {
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
    let fixture = GenericFixture::with(never_turns, config, TOKEN, &settings).await;
    assert_eq!(kind(fixture.scan().await), Some(SourceErrorKind::Corrupt));
    assert_eq!(fixture.sandbox.calls(), 2);
}

#[tokio::test]
async fn forgotten_cursor_restarts_a_few_times() {
    let fixture = third::fixture(90).await;
    let first = fixture.step(None).await.unwrap();
    let forgotten = first.next.unwrap().as_str().replace("sandbox-", "forgotten-");
    let again = fixture.step(Place::parse(&forgotten).as_ref()).await.unwrap();
    assert_eq!(again.accounts, first.accounts);
    let mut place = again.next.unwrap();
    for _ in 0..2 {
        let forgotten = Place::parse(&place.as_str().replace("sandbox-", "forgotten-")).unwrap();
        place = fixture.step(Some(&forgotten)).await.unwrap().next.unwrap();
    }
    let forgotten = Place::parse(&place.as_str().replace("sandbox-", "forgotten-")).unwrap();
    assert_eq!(
        kind(fixture.step(Some(&forgotten)).await),
        Some(SourceErrorKind::Refused)
    );
}

#[tokio::test]
async fn scan_needs_a_list() {
    let fixture = plain(config(3)).await;
    assert!(fixture.directory.can_be_scanned(&fixture.tenant) && !fixture.directory.tells_changes());
    let fixture = GenericFixture::with(PLAIN, config(3), TOKEN, &[("Search.Path", "")]).await;
    assert!(!fixture.directory.can_be_scanned(&fixture.tenant));
}

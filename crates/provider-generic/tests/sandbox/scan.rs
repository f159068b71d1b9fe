//! Going through all users of a provider that misbehaves, and of one that cannot be gone through.

use masthead_ports::{
    scan::{ScanCursor, ScanExtent, ScanPage, UserScan},
    source::{SourceError, SourceErrorKind},
};
use masthead_provider_generic::Preset;
use masthead_provider_kit::ProviderAdapter as _;
use masthead_sandbox::{Fault, GenericStubConfig, StubPaging, UserShape, sample_generic_user};

use crate::{
    fixture::{GenericFixture, kind, with},
    plain::{PLAIN, TOKEN, config},
    third,
};

async fn step(fixture: &GenericFixture, from: Option<&ScanCursor>) -> Result<ScanPage, SourceError> {
    fixture.step(ScanExtent::Everything, from).await
}

async fn plain(config: GenericStubConfig) -> GenericFixture {
    with(PLAIN, config, TOKEN, &[]).await
}

#[tokio::test]
async fn distorted_pages_lose_no_user() {
    for fault in [Fault::Shuffled, Fault::Duplicated] {
        let fixture = plain(config(180)).await;
        fixture.inject(fault.clone());
        let scanned = fixture.scan(ScanExtent::Everything, |_| {}).await;
        assert_eq!((scanned.ids().len(), scanned.gaps), (180, false), "{fault:?}");
    }
}

#[tokio::test]
async fn shrinking_scan_restarts() {
    // The first user goes after the first page, and pushes another over the edge of the second.
    let fixture = plain(config(180)).await;
    let first = sample_generic_user(UserShape::Ssor, 0)["consumerId"]
        .as_str()
        .unwrap()
        .to_owned();
    let scanned = fixture
        .scan(ScanExtent::Everything, |steps| {
            if steps == 1 {
                fixture.sandbox.generic().remove(&first);
            }
        })
        .await;
    assert_eq!(
        (scanned.ids().len(), scanned.gaps),
        (180, false),
        "the user who went was shown before"
    );
    assert_eq!((scanned.steps, scanned.expected), (2 + 4, Some(180)));

    // If users are deleted all the time, the scan still ends, and reports that users may be missing.
    let fixture = plain(config(180)).await;
    let users: Vec<String> = (0..20)
        .map(|number| {
            sample_generic_user(UserShape::Ssor, number)["consumerId"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let scanned = fixture
        .scan(ScanExtent::Everything, |steps| {
            fixture.sandbox.generic().remove(&users[steps]);
        })
        .await;
    assert!(scanned.gaps);
}

#[tokio::test]
async fn uncertain_scan_reports_gaps() {
    let mut unusable = config(3);
    unusable.users[1]["consumerId"] = "x".repeat(300).into();
    let scanned = plain(unusable).await.scan(ScanExtent::Everything, |_| {}).await;
    assert_eq!(
        (scanned.ids().len(), scanned.gaps),
        (2, true),
        "no account can be made of one"
    );

    // Without a total, one page of a few users is complete; several pages are not certain.
    for (users, gaps) in [(3, false), (80, true)] {
        let scanned = with(PLAIN, config(users), TOKEN, &[("Total", "")])
            .await
            .scan(ScanExtent::Everything, |_| {})
            .await;
        assert_eq!((scanned.ids().len(), scanned.gaps), (users, gaps));
    }
}

#[tokio::test]
async fn repeated_page_is_refused() {
    let mut config = config(60);
    config.settings.paging = StubPaging::None;
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
    let fixture = with(never_turns, config, TOKEN, &settings).await;
    assert_eq!(
        kind(fixture.try_scan(ScanExtent::Everything, |_| {}).await),
        Some(SourceErrorKind::Corrupt)
    );
    assert_eq!(fixture.sandbox.calls(), 2);
}

#[tokio::test]
async fn forgotten_cursor_restarts_a_few_times() {
    let fixture = third::fixture(90).await;
    let first = step(&fixture, None).await.unwrap();
    let forgotten = first.next.unwrap().as_str().replace("sandbox-", "forgotten-");
    let again = step(&fixture, ScanCursor::parse(&forgotten).as_ref()).await.unwrap();
    assert_eq!(again.accounts, first.accounts);
    let mut place = again.next.unwrap();
    for _ in 0..2 {
        let forgotten = ScanCursor::parse(&place.as_str().replace("sandbox-", "forgotten-")).unwrap();
        place = step(&fixture, Some(&forgotten)).await.unwrap().next.unwrap();
    }
    let forgotten = ScanCursor::parse(&place.as_str().replace("sandbox-", "forgotten-")).unwrap();
    assert_eq!(
        kind(step(&fixture, Some(&forgotten)).await),
        Some(SourceErrorKind::Refused)
    );
}

#[tokio::test]
async fn scan_needs_a_list() {
    let fixture = plain(config(3)).await;
    assert!(fixture.adapter.can_be_scanned(&fixture.tenant) && !fixture.adapter.can_list_changes());
    let fixture = with(PLAIN, config(3), TOKEN, &[("Search.Path", "")]).await;
    assert!(!fixture.adapter.can_be_scanned(&fixture.tenant));
}

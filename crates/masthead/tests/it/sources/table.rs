//! The published answer table, each cell with a real adapter: by id, by complete address and as a list.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use masthead_domain::merge;
use masthead_ports::source::SUBSCRIBE;
use masthead_testkit::answer_table::{CellFinding, ObservedRead, SourceMarkers, TableCell};

use crate::{
    sources::harness::{ReadKind, SourceHarness, SourceRequest},
    support::{
        readers::{PROVIDER_NAME, STORE_NAME, crid},
        sources::SourceUnderTest,
    },
};

const ANN: &str = "ann";

const MARKS: SourceMarkers = SourceMarkers {
    provider: (PROVIDER_NAME, "displayName"),
    store: (STORE_NAME, "city"),
};

/// How many cells run concurrently.
const AT_ONCE: usize = 8;

pub(crate) async fn answer_table_holds(source: &'static SourceUnderTest) {
    let kinds = [ReadKind::ById, ReadKind::ByEmail, ReadKind::List];
    let cells = kinds
        .into_iter()
        .flat_map(|kind| TableCell::all().into_iter().map(move |cell| (kind, cell)));
    // No adapter caches a search: a source that is off is then unknown.
    let remembers = |kind| kind != ReadKind::List || source.side == merge::SourceKind::Store;
    let cells = cells.filter(|(kind, cell)| remembers(*kind) || cell.provider != CellFinding::Stale);
    let held = stream::iter(cells).for_each_concurrent(AT_ONCE, |(kind, cell)| cell_holds(source, kind, cell));
    held.await;
}

/// A tenant whose source and other side answer like this about the user.
async fn prepared(
    source: &'static SourceUnderTest,
    kind: ReadKind,
    at_source: CellFinding,
    at_other: CellFinding,
) -> SourceHarness {
    let ann = |there: bool| if there { [ANN].as_slice() } else { &[] };
    let has = |side| ann(matches!(side, CellFinding::Found | CellFinding::Stale));
    let mut harness = SourceHarness::start(source, Duration::ZERO, has(at_source), has(at_other)).await;
    // The token is requested before: this test is about answers.
    harness.wait_until_complete().await;
    if at_source == CellFinding::Stale {
        harness.send(SourceRequest::new(kind, ANN)).await;
    }
    if matches!(at_source, CellFinding::Stale | CellFinding::Unknown) {
        harness.sandbox.off().await.unwrap();
    }
    harness.other.set_answer(at_other);
    harness.events();
    harness.written().await;
    harness
}

async fn cell_holds(source: &'static SourceUnderTest, kind: ReadKind, cell: TableCell) {
    let mut harness = match source.side {
        merge::SourceKind::Provider => prepared(source, kind, cell.provider, cell.store).await,
        merge::SourceKind::Store => prepared(source, kind, cell.store, cell.provider).await,
    };
    let request = SourceRequest {
        on_failure: cell.on_failure,
        ..SourceRequest::new(kind, ANN)
    };
    let response = harness.send(request).await;
    let came = ObservedRead {
        answer: response.users.map(|users| (users, response.completeness)),
        events: harness.events(),
        written: harness.written().await,
        read_only: source.side == merge::SourceKind::Store || kind == ReadKind::List,
    };
    cell.holds(&format!("{} {kind:?}", source.name), MARKS, store_event(kind), &came);
}

/// Found, absent or unknown as in the store; the provider is not called.
pub(crate) async fn ignore_provider_reads_only_the_store(source: &'static SourceUnderTest) {
    for kind in [ReadKind::ById, ReadKind::ByEmail, ReadKind::List] {
        for at_store in CellFinding::STORE {
            // The provider's answer must not matter.
            let mut harness = match source.side {
                merge::SourceKind::Provider => prepared(source, kind, CellFinding::Found, at_store).await,
                merge::SourceKind::Store => prepared(source, kind, at_store, CellFinding::Found).await,
            };
            harness.sandbox.clear_log();
            let response = harness.send(SourceRequest::store_only(kind, ANN)).await;
            let what = format!("{} {kind:?} {at_store:?}: {response:?}", source.name);
            let (wanted, status) = match at_store {
                CellFinding::Found => (Some(vec![crid(ANN)]), "ok"),
                CellFinding::Absent => (Some(vec![]), "ok"),
                CellFinding::Unknown | CellFinding::Stale => (None, "unavailable"),
            };
            assert_eq!(response.users.is_some(), wanted.is_some(), "{what}");
            assert_eq!(response.ids(), wanted.unwrap_or_default(), "{what}");
            assert_eq!(
                response.completeness.complete,
                at_store != CellFinding::Unknown,
                "{what}"
            );
            let statuses = [source.provider(), SUBSCRIBE].map(|name| response.source(name).0);
            assert_eq!(statuses, ["skipped", status], "{what}");
            let events: Vec<_> = harness.events().iter().map(|event| event.kind.id()).collect();
            assert_eq!(events, [store_event(kind)], "{what}");
            assert_eq!(harness.written().await, [], "{what}");
            if source.side == merge::SourceKind::Provider {
                assert_eq!(harness.sandbox.calls(), 0, "{what}");
            }
        }
    }
}

const fn store_event(kind: ReadKind) -> i32 {
    match kind {
        ReadKind::ById => 4001,
        ReadKind::ByEmail | ReadKind::List => 4000,
    }
}

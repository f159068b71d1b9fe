//! The published answer table, each cell staged at a real adapter: by id, by full e-mail and as a list.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use masthead_domain::merge;
use masthead_ports::source::SUBSCRIBE;
use masthead_testkit::answer_table::{CellFinding, ObservedRead, SourceMarkers, TableCell};

use crate::{
    people::{OUR_NAME, THEIR_NAME, crid},
    stage::{Ask, Stage, Way},
    under_test::Source,
};

const ANN: &str = "ann";

const MARKS: SourceMarkers = SourceMarkers {
    theirs: (THEIR_NAME, "displayName"),
    ours: (OUR_NAME, "city"),
};

/// How many cells are under way at once.
const AT_ONCE: usize = 8;

pub(crate) async fn holds(source: &'static Source) {
    let ways = [Way::ById, Way::ByEmail, Way::List];
    let cells = ways
        .into_iter()
        .flat_map(|way| TableCell::all().into_iter().map(move |cell| (way, cell)));
    // No adapter remembers a search: there a source that is off is unknown, whatever it said before.
    let remembers = |way| way != Way::List || source.side == merge::SourceKind::Store;
    let cells = cells.filter(|(way, cell)| remembers(*way) || cell.theirs != CellFinding::Stale);
    let held = stream::iter(cells).for_each_concurrent(AT_ONCE, |(way, cell)| cell_holds(source, way, cell));
    held.await;
}

/// A tenant whose source says the one and whose other side the other of the reader.
async fn staged(source: &'static Source, way: Way, at_source: CellFinding, at_other: CellFinding) -> Stage {
    let ann = |there: bool| if there { [ANN].as_slice() } else { &[] };
    let has = |side| ann(matches!(side, CellFinding::Found | CellFinding::Stale));
    let mut stage = Stage::start(source, Duration::ZERO, has(at_source), has(at_other)).await;
    // Where there is a token, it is had before: what is told of here is the answer.
    stage.ask_until_complete().await;
    if at_source == CellFinding::Stale {
        stage.ask(Ask::new(way, ANN)).await;
    }
    if matches!(at_source, CellFinding::Stale | CellFinding::Unknown) {
        stage.sandbox.off().await.unwrap();
    }
    stage.other.says(at_other);
    stage.events();
    stage.written().await;
    stage
}

async fn cell_holds(source: &'static Source, way: Way, cell: TableCell) {
    let mut stage = match source.side {
        merge::SourceKind::Provider => staged(source, way, cell.theirs, cell.ours).await,
        merge::SourceKind::Store => staged(source, way, cell.ours, cell.theirs).await,
    };
    let ask = Ask {
        on_failure: cell.on_failure,
        ..Ask::new(way, ANN)
    };
    let told = stage.ask(ask).await;
    let came = ObservedRead {
        answer: told.users.map(|users| (users, told.completeness)),
        events: stage.events(),
        written: stage.written().await,
        read_only: source.side == merge::SourceKind::Store || way == Way::List,
    };
    cell.holds(&format!("{} {way:?}", source.name), MARKS, store_event(way), &came);
}

/// Found, absent or unknown, as the store says, and the provider is not asked.
pub(crate) async fn store_alone_holds(source: &'static Source) {
    for way in [Way::ById, Way::ByEmail, Way::List] {
        for ours in CellFinding::STORE {
            // Whatever the provider says.
            let mut stage = match source.side {
                merge::SourceKind::Provider => staged(source, way, CellFinding::Found, ours).await,
                merge::SourceKind::Store => staged(source, way, ours, CellFinding::Found).await,
            };
            stage.sandbox.clear_log();
            let told = stage.ask(Ask::of_the_store_alone(way, ANN)).await;
            let what = format!("{} {way:?} {ours:?}: {told:?}", source.name);
            let (wanted, status) = match ours {
                CellFinding::Found => (Some(vec![crid(ANN)]), "ok"),
                CellFinding::Absent => (Some(vec![]), "ok"),
                CellFinding::Unknown | CellFinding::Stale => (None, "unavailable"),
            };
            assert_eq!(told.users.is_some(), wanted.is_some(), "{what}");
            assert_eq!(told.ids(), wanted.unwrap_or_default(), "{what}");
            assert_eq!(told.completeness.complete, ours != CellFinding::Unknown, "{what}");
            let statuses = [source.provider(), SUBSCRIBE].map(|name| told.source(name).0);
            assert_eq!(statuses, ["skipped", status], "{what}");
            let events: Vec<_> = stage.events().iter().map(|event| event.kind.id()).collect();
            assert_eq!(events, [store_event(way)], "{what}");
            assert_eq!(stage.written().await, [], "{what}");
            if source.side == merge::SourceKind::Provider {
                assert_eq!(stage.sandbox.calls(), 0, "{what}");
            }
        }
    }
}

const fn store_event(way: Way) -> i32 {
    match way {
        Way::ById => 4001,
        Way::ByEmail | Way::List => 4000,
    }
}

//! The published answer table, each cell staged at a real adapter: by id, by full e-mail and as a list.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use masthead_ports::source::SourceErrorKind;
use masthead_testkit::{
    answer_table::{Came, Cell, Marks, Side},
    store::Mood,
};

use crate::{
    people::{OUR_NAME, THEIR_NAME},
    stage::{Ask, Stage, Way},
    under_test::Source,
};

const ANN: &str = "ann";

const MARKS: Marks = Marks {
    theirs: (THEIR_NAME, "displayName"),
    ours: (OUR_NAME, "city"),
};

/// How many cells are under way at once.
const AT_ONCE: usize = 8;

pub(crate) async fn holds(source: &'static Source) {
    let ways = [Way::ById, Way::ByEmail, Way::List];
    let cells = ways
        .into_iter()
        .flat_map(|way| Cell::all().into_iter().map(move |cell| (way, cell)));
    // Nobody remembers a search: there a source that is off is unknown, whatever it said before.
    let cells = cells.filter(|(way, cell)| *way != Way::List || cell.theirs != Side::Stale);
    let held = stream::iter(cells).for_each_concurrent(AT_ONCE, |(way, cell)| cell_holds(source, way, cell));
    held.await;
}

async fn cell_holds(source: &'static Source, way: Way, cell: Cell) {
    let ann = |there: bool| if there { [ANN].as_slice() } else { &[] };
    let theirs = ann(matches!(cell.theirs, Side::Found | Side::Stale));
    let mut stage = Stage::start(source, Duration::ZERO, theirs, ann(cell.ours == Side::Found)).await;
    // Where there is a token, it is had before: what is told of here is the answer.
    stage.ask_until_complete().await;
    if cell.theirs == Side::Stale {
        stage.ask(Ask::new(way, ANN)).await;
    }
    if matches!(cell.theirs, Side::Stale | Side::Unknown) {
        stage.sandbox.off().await.unwrap();
    }
    if cell.ours == Side::Unknown {
        stage.store.be(Mood::Failing(SourceErrorKind::Unavailable));
    }
    stage.events();
    stage.written().await;

    let ask = Ask {
        on_failure: cell.on_failure,
        ..Ask::new(way, ANN)
    };
    let told = stage.ask(ask).await;
    let came = Came {
        answer: told.users.map(|users| (users, told.completeness)),
        events: stage.events(),
        written: stage.written().await,
    };
    let store_event = if way == Way::ById { 4001 } else { 4000 };
    cell.holds(&format!("{} {way:?}", source.name), MARKS, store_event, &came);
}

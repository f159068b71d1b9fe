//! The fault matrix (`quality.md`): every cell against one oracle, each with a tenant, readers and a stand-in of its own.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use masthead_domain::{merge::SourceKind, query::OnProviderFailure};
use masthead_ports::source::SUBSCRIBE;
use masthead_sandbox::{Fault, Outage, Sandbox};
use tokio::{task::JoinSet, time::sleep};

use crate::{
    cells::{Answers, Befalls, Cell, cells},
    people::{OUR_NAME, THEIR_NAME, crid},
    stage::{Ask, NOBODY, PATIENT, Stage, Told, Way},
    under_test::Source,
};

/// The deadline where an answer would never come, or comes too late.
const SHORT: Duration = Duration::from_secs(3);

/// Far more than any deadline that is short, and less than the longest: what takes more did not keep it.
const IN_TIME: Duration = Duration::from_mins(2);

/// For how long an answer is asked for again that only a stalled machine explains.
const A_WHILE: Duration = Duration::from_mins(1);

/// What one request is about, and so what its answer may be.
#[derive(Debug, Clone, Copy)]
enum About {
    /// A reader whom both sides have.
    Both,
    /// The same, where a silent source is a failure.
    BothOrFail,
    /// A reader whom the other side alone has.
    Other,
    /// A reader whom the source alone has.
    Alone,
    /// Nobody.
    Nobody,
    /// Every reader.
    Everybody,
    /// The store alone.
    StoreAlone,
}

/// The requests of a cell.
fn all() -> [(Ask, About); 11] {
    let both = Ask::new(Way::ById, "both");
    let fail = Ask {
        on_failure: OnProviderFailure::Fail,
        ..both.clone()
    };
    [
        (both, About::Both),
        (Ask::new(Way::ByEmail, "both"), About::Both),
        (fail, About::BothOrFail),
        (Ask::of_the_store_alone(Way::ById, "both"), About::StoreAlone),
        (Ask::new(Way::ById, "other"), About::Other),
        (Ask::new(Way::ById, "alone"), About::Alone),
        (Ask::new(Way::ByEmail, "alone"), About::Alone),
        (Ask::new(Way::ById, NOBODY), About::Nobody),
        (Ask::new(Way::ByEmail, NOBODY), About::Nobody),
        (Ask::new(Way::List, "everybody"), About::Everybody),
        (Ask::new(Way::List, NOBODY), About::Nobody),
    ]
}

impl About {
    /// Whether the source is not asked at all.
    fn leaves_out(self, source: &Source) -> bool {
        matches!((self, source.side), (Self::StoreAlone, SourceKind::Provider))
    }

    /// The answer when both sides have answered.
    fn whole(self, source: &Source, told: &Told) {
        assert!(told.completeness.complete);
        let ids = match self {
            Self::Both | Self::BothOrFail | Self::StoreAlone => vec!["both"],
            Self::Other => vec!["other"],
            Self::Alone => vec!["alone"],
            Self::Nobody => vec![],
            Self::Everybody => vec!["alone", "both", "other"],
        };
        let ids: Vec<_> = ids.into_iter().map(crid).collect();
        assert!(told.users.is_some());
        assert_eq!(told.ids(), ids);
        match self {
            Self::Both | Self::BothOrFail => shows(told, &[SourceKind::Provider, SourceKind::Store]),
            Self::StoreAlone => shows(told, &[SourceKind::Store]),
            Self::Other | Self::Alone | Self::Nobody | Self::Everybody => {}
        }
        let asked = if matches!(self, Self::StoreAlone) {
            "skipped"
        } else {
            "ok"
        };
        let statuses = [source.provider(), SUBSCRIBE].map(|name| told.source(name).0);
        assert_eq!(statuses, [asked, "ok"]);
    }

    /// The answer when the source's word, or a part of it, is missing.
    fn incomplete(self, source: &Source, told: &Told) {
        match self {
            _ if self.leaves_out(source) => return self.whole(source, told),
            Self::BothOrFail | Self::StoreAlone | Self::Nobody => assert!(told.users.is_none()),
            Self::Alone => {}
            Self::Both => assert_eq!(told.ids(), [crid("both")]),
            Self::Other => assert_eq!(told.ids(), [crid("other")]),
            Self::Everybody => assert!(told.ids().len() >= 2),
        }
        assert!(!told.completeness.complete);
        assert!(["stale", "unavailable"].contains(&told.source(source.name).0));
        let other = if matches!(self, Self::StoreAlone) {
            "skipped"
        } else {
            "ok"
        };
        assert_eq!(told.source(source.other()).0, other, "the other side is still heard");
    }

    /// The answer when the source has said nothing at all.
    fn silent(self, source: &Source, told: &Told, reasons: &[&str]) {
        self.incomplete(source, told);
        match self {
            _ if self.leaves_out(source) => return,
            Self::Both => shows(told, &[source.other_side()]),
            Self::Everybody => assert_eq!(told.ids().len(), 2, "what the other side has"),
            Self::Alone => assert!(told.users.is_none()),
            Self::Other | Self::BothOrFail | Self::StoreAlone | Self::Nobody => {}
        }
        let (status, reason) = told.source(source.name);
        assert_eq!(status, "unavailable");
        assert!(reasons.contains(&reason), "{reason:?} is none of {reasons:?}");
    }

    fn holds(self, source: &Source, answers: Answers, told: &Told) {
        assert!(told.took < IN_TIME, "the deadline is kept");
        match answers {
            Answers::Whole => self.whole(source, told),
            Answers::EitherWay if told.completeness.complete => self.whole(source, told),
            Answers::Refused(_) if told.completeness.complete && matches!(self, Self::Other | Self::Nobody) => {
                self.whole(source, told);
            }
            Answers::Silent(reasons) | Answers::Refused(reasons) => self.silent(source, told, reasons),
            Answers::EitherWay => self.incomplete(source, told),
        }
    }
}

/// The first user shows what these sides know of them and nothing else; of two, the provider has the name.
fn shows(told: &Told, sides: &[SourceKind]) {
    let account = &told.users.as_ref().unwrap()[0].account;
    let known = |key| account.metadata.get(key).is_some();
    let (theirs, ours) = (
        sides.contains(&SourceKind::Provider),
        sides.contains(&SourceKind::Store),
    );
    assert_eq!(
        (&*account.first_name, known("displayName"), known("city")),
        (if theirs { THEIR_NAME } else { OUR_NAME }, theirs, ours)
    );
}

/// Whether it keeps a token from being had.
fn befalls_token(source: &Source, befalls: &Befalls) -> bool {
    matches!(befalls, Befalls::Calls(rule) if source.token.is_some() && rule.path.as_deref() == source.token)
}

/// Whether it is much work for the machine that plays it.
fn is_flood(befalls: &Befalls) -> bool {
    let Befalls::Calls(rule) = befalls else { return false };
    matches!(
        rule.fault,
        Fault::Nested { .. } | Fault::Huge { .. } | Fault::GzipBomb { .. } | Fault::EndlessChunks { interval_ms: 0 }
    )
}

/// The deadline of the requests while this lasts.
fn patience(befalls: &Befalls) -> Duration {
    let Befalls::Calls(rule) = befalls else {
        return if matches!(befalls, Befalls::All(Outage::Silent)) {
            SHORT
        } else {
            PATIENT
        };
    };
    match rule.fault {
        Fault::Silence
        | Fault::Latency { ms: 10_000.. }
        | Fault::Drip { .. }
        | Fault::EndlessChunks { interval_ms: 1.. } => SHORT,
        _ => PATIENT,
    }
}

/// Whether an answer may be late for a limit of our own, such as a token's fetch has, and not for what befalls the source:
/// what comes once only must not be asked for again.
fn is_steady(befalls: &Befalls) -> bool {
    matches!(befalls, Befalls::Calls(rule) if rule.times.is_none())
}

/// Asks, and again for a while where the source is only unavailable and should not be.
async fn ask_steadily(stage: &Stage, ask: &Ask, answers: Answers) -> Told {
    let began = Instant::now();
    loop {
        let told = stage.ask(ask.clone()).await;
        let expected = match answers {
            Answers::Whole => false,
            Answers::Silent(reasons) | Answers::Refused(reasons) => reasons.contains(&"unavailable"),
            Answers::EitherWay => true,
        };
        let unavailable = told.source(stage.source.name).1 == "unavailable";
        if expected || !unavailable || began.elapsed() > A_WHILE {
            return told;
        }
        sleep(Duration::from_secs(1)).await;
    }
}

/// Asks every request of a cell at once, and holds each answer against what it may be; what is wrong.
async fn ask_all(stage: &Stage, cell: &Cell, answers: Answers, patience: Duration, steady: bool) -> Vec<String> {
    let asked = all().into_iter().map(async |(ask, about)| {
        let ask = Ask { patience, ..ask };
        let told = if steady {
            ask_steadily(stage, &ask, answers).await
        } else {
            stage.ask(ask.clone()).await
        };
        let held = catch_unwind(AssertUnwindSafe(|| about.holds(stage.source, answers, &told)));
        held.err().map(|_| format!("{}: {ask:?}: {told:?}", cell.name))
    });
    join_all(asked).await.into_iter().flatten().collect()
}

async fn begins(befalls: &Befalls, sandbox: &Sandbox) {
    match befalls {
        Befalls::Calls(rule) => {
            sandbox.inject(rule.clone());
        }
        Befalls::All(outage) => sandbox.outage(*outage).await.unwrap(),
    }
}

/// Holds one cell while its fault lasts, and after it; what is wrong.
async fn cell_holds(source: &'static Source, cell: Cell) -> Vec<String> {
    // Whatever were remembered would be remembered for the whole test.
    let fresh = Duration::from_hours(1);
    let mut stage = Stage::start(source, fresh, &["both", "alone"], &["both", "other"]).await;
    if !befalls_token(source, &cell.befalls) {
        stage.ask_until_complete().await;
    }
    begins(&cell.befalls, &stage.sandbox).await;
    let (patience, steady) = (patience(&cell.befalls), is_steady(&cell.befalls));
    let mut wrong = ask_all(&stage, &cell, cell.answers, patience, steady).await;
    // A busy machine may let a short deadline pass before the first call. One that comes only so often is gone by now.
    while !stage.sandbox.faults().iter().all(|fault| fault.befallen > 0) {
        wrong.extend(ask_all(&stage, &cell, cell.answers, patience, steady).await);
    }
    let written = stage.written().await;
    let may_write = source.side == SourceKind::Provider && !matches!(cell.answers, Answers::Silent(_));
    if !may_write && !written.is_empty() {
        wrong.push(format!("{}: it was written while a side was silent", cell.name));
    }

    stage.sandbox.clear_faults();
    stage.sandbox.on().await.unwrap();
    stage.ask_until_complete().await;
    wrong.extend(ask_all(&stage, &cell, Answers::Whole, PATIENT, true).await);
    let written = stage.written().await;
    let written: Vec<_> = written.iter().map(|account| account.crid.as_str()).collect();
    match source.side {
        SourceKind::Provider => {
            for name in ["both", "alone"] {
                if !written.contains(&&*crid(name)) {
                    wrong.push(format!("{}: what is live of {name} is not written", cell.name));
                }
            }
        }
        // It is only read.
        SourceKind::Store => {
            if !written.is_empty() || stage.sandbox.calls() != stage.sandbox.calls_to(source.calls) {
                wrong.push(format!("{}: it was not only read", cell.name));
            }
        }
    }
    wrong
}

pub(crate) async fn holds(source: &'static Source) {
    // Floods apart: they would keep the others waiting.
    let (floods, others): (Vec<_>, Vec<_>) = cells(source).into_iter().partition(|cell| is_flood(&cell.befalls));
    for cells in [others, floods] {
        let held: JoinSet<_> = cells.into_iter().map(|cell| cell_holds(source, cell)).collect();
        let wrong = held.join_all().await.concat();
        assert!(wrong.is_empty(), "{}: {}", source.name, wrong.join("\n"));
    }
}

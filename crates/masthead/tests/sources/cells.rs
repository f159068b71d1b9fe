//! The cells of the fault matrix (`quality.md`): what goes wrong with a source, and what may be said of it.

use masthead_domain::merge::SourceKind;
use masthead_sandbox::{Fault, FaultRule, Outage};

use crate::under_test::Source;

/// What befalls a source.
#[derive(Clone)]
pub(crate) enum Befalls {
    /// These calls.
    Calls(FaultRule),
    /// All of it.
    All(Outage),
}

/// What the answers are then like.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    /// The source has said nothing, for one of these reasons.
    Silent(&'static [&'static str]),
    /// What it says of those whom it has is refused, for one of these reasons; of whom it has not, it may be heard.
    Refused(&'static [&'static str]),
    /// Nothing is lost.
    Whole,
    /// Each is one or the other, and says which.
    EitherWay,
}

/// One fault.
pub(crate) struct Cell {
    pub(crate) name: &'static str,
    pub(crate) befalls: Befalls,
    pub(crate) answers: Answers,
}

/// Once the breaker is open, every reason becomes this one.
const SILENT: Answers = Answers::Silent(&["unavailable"]);
const BUSY: Answers = Answers::Silent(&["rate_limited"]);
const BUSY_OR_DOWN: Answers = Answers::Silent(&["rate_limited", "unavailable"]);
const ALARM: Answers = Answers::Silent(&["misconfigured"]);
const UNREADABLE: Answers = Answers::Silent(&["unavailable", "corrupt"]);
const UNTRUE: Answers = Answers::Refused(&["corrupt"]);

pub(crate) fn status(status: u16) -> Fault {
    Fault::Status {
        status,
        retry_after: None,
        reset_in: None,
        body: None,
    }
}

fn said(status: u16, body: &str) -> Fault {
    Fault::Status {
        status,
        retry_after: None,
        reset_in: None,
        body: Some(body.to_owned()),
    }
}

/// Every cell of this source in which its word is lost, or is not.
pub(crate) fn cells(source: &Source) -> Vec<Cell> {
    // The token, where there is one, is had before.
    let rule = |fault: Fault| FaultRule::from(fault).on(source.calls);
    let api = |fault| Befalls::Calls(rule(fault));
    let later = |status, retry_after, reset_in| {
        api(Fault::Status {
            status,
            retry_after,
            reset_in,
            body: None,
        })
    };
    let drip = |headers| {
        api(Fault::Drip {
            interval_ms: 1_000,
            headers,
        })
    };
    let (stray, twice) = match source.side {
        SourceKind::Provider => (SILENT, Answers::Whole),
        // A Users API says nobody by an empty list alone, so that a 404 is a wrong address; and nobody is there twice.
        SourceKind::Store => (ALARM, UNTRUE),
    };
    let mut cells = vec![
        ("refused", Befalls::All(Outage::Refused), SILENT),
        ("blackhole", Befalls::All(Outage::Unreachable), SILENT),
        ("silent", Befalls::All(Outage::Silent), SILENT),
        ("silence", api(Fault::Silence), SILENT),
        ("late-a-little", api(Fault::Latency { ms: 50 }), Answers::Whole),
        ("late-nearly", api(Fault::Latency { ms: 650 }), Answers::EitherWay),
        ("late-by-far", api(Fault::Latency { ms: 30_000 }), SILENT),
        ("s500", api(status(500)), SILENT),
        ("s502", api(status(502)), SILENT),
        ("s503", api(status(503)), SILENT),
        ("s503-later", later(503, Some(3), None), BUSY_OR_DOWN),
        ("s429", api(status(429)), BUSY),
        ("s429-later", later(429, Some(3), None), BUSY),
        ("s429-reset", later(429, None, Some(3)), BUSY),
        ("s401", api(status(401)), ALARM),
        ("s403", api(status(403)), ALARM),
        ("s302", api(said(302, "")), SILENT),
        ("s404-proxy", api(said(404, "<html>not found</html>")), stray),
        ("s400", api(status(400)), Answers::Silent(&["refused"])),
        ("s504", api(status(504)), SILENT),
        ("null", api(said(200, "null")), SILENT),
        ("object", api(said(200, "{}")), SILENT),
        // Where a list is asked for, it is one, with a row that cannot be read.
        ("lists", api(said(200, "[[]]")), UNREADABLE),
        ("cut-before", api(Fault::ResetBeforeHeaders), SILENT),
        ("cut-headers", api(Fault::ResetInHeaders), SILENT),
        ("cut-body", api(Fault::ResetMidBody), SILENT),
        ("half-json", api(Fault::TruncatedJson), SILENT),
        ("html", api(Fault::Html), SILENT),
        ("text", api(Fault::WrongContentType), SILENT),
        ("bom", api(Fault::Bom), SILENT),
        ("nested", api(Fault::Nested { depth: 10_000 }), UNREADABLE),
        ("huge", api(Fault::Huge { bytes: 200_000_000 }), SILENT),
        ("bomb", api(Fault::GzipBomb { bytes: 20_000_000 }), SILENT),
        ("drip", drip(false), SILENT),
        ("drip-all", drip(true), SILENT),
        ("endless", api(Fault::EndlessChunks { interval_ms: 0 }), SILENT),
        ("endless-slow", api(Fault::EndlessChunks { interval_ms: 100 }), SILENT),
        ("shuffled", api(Fault::Shuffled), Answers::Whole),
        ("duplicated", api(Fault::Duplicated), twice),
        ("once", Befalls::Calls(rule(status(503)).times(1)), Answers::Whole),
        (
            "flapping",
            Befalls::Calls(rule(status(500)).percent(50)),
            Answers::EitherWay,
        ),
    ];
    if let Some(path) = source.token {
        let token = |fault: Fault| Befalls::Calls(FaultRule::from(fault).on(path));
        cells.extend([
            ("token-500", token(status(500)), SILENT),
            ("token-401", token(status(401)), ALARM),
            ("token-html", token(Fault::Html), SILENT),
            ("token-cut", token(Fault::ResetMidBody), SILENT),
            ("token-silent", token(Fault::Silence), SILENT),
        ]);
    }
    let cells = cells
        .into_iter()
        .map(|(name, befalls, answers)| Cell { name, befalls, answers });
    cells.collect()
}

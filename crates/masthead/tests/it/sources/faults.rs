//! The cells of the fault matrix (`quality.md`): the fault of a source, and the expected answers.

use masthead_domain::merge::SourceKind;
use masthead_sandbox::{Fault, FaultRule, Outage};

use crate::support::sources::SourceUnderTest;

/// A fault of a source.
#[derive(Clone)]
pub(crate) enum Disturbance {
    /// Of these calls.
    Calls(FaultRule),
    /// Of all connections.
    All(Outage),
}

/// The expected answers during the fault.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExpectedAnswers {
    /// The source is unavailable, for one of these reasons.
    Unavailable(&'static [&'static str]),
    /// Answers about existing users are refused for one of these reasons; answers about unknown users may be accepted.
    Refused(&'static [&'static str]),
    /// Answers are complete.
    Complete,
    /// Each answer is either complete or marked as incomplete.
    EitherWay,
}

/// A cell of the matrix.
pub(crate) struct FaultCell {
    pub(crate) name: &'static str,
    pub(crate) disturbance: Disturbance,
    pub(crate) answers: ExpectedAnswers,
}

/// Once the breaker is open, every reason becomes this one.
const DOWN: ExpectedAnswers = ExpectedAnswers::Unavailable(&["unavailable"]);
const BUSY: ExpectedAnswers = ExpectedAnswers::Unavailable(&["rate_limited"]);
const BUSY_OR_DOWN: ExpectedAnswers = ExpectedAnswers::Unavailable(&["rate_limited", "unavailable"]);
const ALARM: ExpectedAnswers = ExpectedAnswers::Unavailable(&["misconfigured"]);
const UNREADABLE: ExpectedAnswers = ExpectedAnswers::Unavailable(&["unavailable", "corrupt"]);
const UNTRUE: ExpectedAnswers = ExpectedAnswers::Refused(&["corrupt"]);

pub(crate) fn status(status: u16) -> Fault {
    Fault::Status {
        status,
        retry_after: None,
        reset_in: None,
        body: None,
    }
}

fn messages(status: u16, body: &str) -> Fault {
    Fault::Status {
        status,
        retry_after: None,
        reset_in: None,
        body: Some(body.to_owned()),
    }
}

/// The cells of this source.
pub(crate) fn cells(source: &SourceUnderTest) -> Vec<FaultCell> {
    // The token is requested before.
    let rule = |fault: Fault| FaultRule::from(fault).on(source.calls);
    let api = |fault| Disturbance::Calls(rule(fault));
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
        SourceKind::Provider => (DOWN, ExpectedAnswers::Complete),
        // A Users API reports absence only by an empty list, so a 404 is a wrong address; and no user is repeated.
        SourceKind::Store => (ALARM, UNTRUE),
    };
    let mut cells = vec![
        ("refused", Disturbance::All(Outage::Refused), DOWN),
        ("blackhole", Disturbance::All(Outage::Unreachable), DOWN),
        ("silent", Disturbance::All(Outage::Silent), DOWN),
        ("silence", api(Fault::Silence), DOWN),
        (
            "late-a-little",
            api(Fault::Latency { ms: 50 }),
            ExpectedAnswers::Complete,
        ),
        (
            "late-nearly",
            api(Fault::Latency { ms: 650 }),
            ExpectedAnswers::EitherWay,
        ),
        ("late-by-far", api(Fault::Latency { ms: 30_000 }), DOWN),
        ("s500", api(status(500)), DOWN),
        ("s502", api(status(502)), DOWN),
        ("s503", api(status(503)), DOWN),
        ("s503-later", later(503, Some(3), None), BUSY_OR_DOWN),
        ("s429", api(status(429)), BUSY),
        ("s429-later", later(429, Some(3), None), BUSY),
        ("s429-reset", later(429, None, Some(3)), BUSY),
        ("s401", api(status(401)), ALARM),
        ("s403", api(status(403)), ALARM),
        ("s302", api(messages(302, "")), DOWN),
        ("s404-proxy", api(messages(404, "<html>not found</html>")), stray),
        ("s400", api(status(400)), ExpectedAnswers::Unavailable(&["refused"])),
        ("s504", api(status(504)), DOWN),
        ("null", api(messages(200, "null")), DOWN),
        ("object", api(messages(200, "{}")), DOWN),
        // Where a list is expected, this is a list with an unreadable row.
        ("lists", api(messages(200, "[[]]")), UNREADABLE),
        ("cut-before", api(Fault::ResetBeforeHeaders), DOWN),
        ("cut-headers", api(Fault::ResetInHeaders), DOWN),
        ("cut-body", api(Fault::ResetMidBody), DOWN),
        ("half-json", api(Fault::TruncatedJson), DOWN),
        ("html", api(Fault::Html), DOWN),
        ("text", api(Fault::WrongContentType), DOWN),
        ("bom", api(Fault::Bom), DOWN),
        ("nested", api(Fault::Nested { depth: 10_000 }), UNREADABLE),
        ("huge", api(Fault::Huge { bytes: 200_000_000 }), DOWN),
        ("bomb", api(Fault::GzipBomb { bytes: 20_000_000 }), DOWN),
        ("drip", drip(false), DOWN),
        ("drip-all", drip(true), DOWN),
        ("endless", api(Fault::EndlessChunks { interval_ms: 0 }), DOWN),
        ("endless-slow", api(Fault::EndlessChunks { interval_ms: 100 }), DOWN),
        ("shuffled", api(Fault::Shuffled), ExpectedAnswers::Complete),
        ("duplicated", api(Fault::Duplicated), twice),
        (
            "once",
            Disturbance::Calls(rule(status(503)).times(1)),
            ExpectedAnswers::Complete,
        ),
        (
            "flapping",
            Disturbance::Calls(rule(status(500)).percent(50)),
            ExpectedAnswers::EitherWay,
        ),
    ];
    if let Some(path) = source.token {
        let token = |fault: Fault| Disturbance::Calls(FaultRule::from(fault).on(path));
        cells.extend([
            ("token-500", token(status(500)), DOWN),
            ("token-401", token(status(401)), ALARM),
            ("token-html", token(Fault::Html), DOWN),
            ("token-cut", token(Fault::ResetMidBody), DOWN),
            ("token-silent", token(Fault::Silence), DOWN),
        ]);
    }
    let cells = cells.into_iter().map(|(name, disturbance, answers)| FaultCell {
        name,
        disturbance,
        answers,
    });
    cells.collect()
}

//! The fault matrix (`quality.md`): every cell against one oracle, each with its own tenant, users and sandbox.

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
    sources::{
        faults::{Disturbance, ExpectedAnswers, FaultCell, cells},
        harness::{PATIENT, ReadKind, SourceHarness, SourceRequest, SourceResponse, UNKNOWN},
    },
    support::{
        readers::{PROVIDER_NAME, STORE_NAME, crid},
        sources::SourceUnderTest,
    },
};

/// The deadline for answers that never come, or come too late.
const SHORT: Duration = Duration::from_secs(3);

/// Longer than any short deadline and shorter than the longest one: an answer that takes more has missed its deadline.
const IN_TIME: Duration = Duration::from_mins(2);

/// How long a request is repeated whose answer only a busy machine explains.
const A_WHILE: Duration = Duration::from_mins(1);

/// The subject of a request, which decides its valid answers.
#[derive(Debug, Clone, Copy)]
enum RequestSubject {
    /// A user of both sides.
    Both,
    /// The same, where an unavailable source is a failure.
    BothOrFail,
    /// A user of the other side only.
    Other,
    /// A user of the source only.
    Alone,
    /// An unknown user.
    Unknown,
    /// All users.
    All,
    /// The store alone.
    StoreAlone,
}

/// The requests of a cell.
fn all() -> [(SourceRequest, RequestSubject); 11] {
    let both = SourceRequest::new(ReadKind::ById, "both");
    let fail = SourceRequest {
        on_failure: OnProviderFailure::Fail,
        ..both.clone()
    };
    [
        (both, RequestSubject::Both),
        (SourceRequest::new(ReadKind::ByEmail, "both"), RequestSubject::Both),
        (fail, RequestSubject::BothOrFail),
        (
            SourceRequest::store_only(ReadKind::ById, "both"),
            RequestSubject::StoreAlone,
        ),
        (SourceRequest::new(ReadKind::ById, "other"), RequestSubject::Other),
        (SourceRequest::new(ReadKind::ById, "alone"), RequestSubject::Alone),
        (SourceRequest::new(ReadKind::ByEmail, "alone"), RequestSubject::Alone),
        (SourceRequest::new(ReadKind::ById, UNKNOWN), RequestSubject::Unknown),
        (SourceRequest::new(ReadKind::ByEmail, UNKNOWN), RequestSubject::Unknown),
        (SourceRequest::new(ReadKind::List, "all"), RequestSubject::All),
        (SourceRequest::new(ReadKind::List, UNKNOWN), RequestSubject::Unknown),
    ]
}

impl RequestSubject {
    /// Whether the source is not called at all.
    fn leaves_out(self, source: &SourceUnderTest) -> bool {
        matches!((self, source.side), (Self::StoreAlone, SourceKind::Provider))
    }

    /// Checks the answer if both sides have answered.
    fn whole(self, source: &SourceUnderTest, response: &SourceResponse) {
        assert!(response.completeness.complete);
        let ids = match self {
            Self::Both | Self::BothOrFail | Self::StoreAlone => vec!["both"],
            Self::Other => vec!["other"],
            Self::Alone => vec!["alone"],
            Self::Unknown => vec![],
            Self::All => vec!["alone", "both", "other"],
        };
        let ids: Vec<_> = ids.into_iter().map(crid).collect();
        assert!(response.users.is_some());
        assert_eq!(response.ids(), ids);
        match self {
            Self::Both | Self::BothOrFail => shows(response, &[SourceKind::Provider, SourceKind::Store]),
            Self::StoreAlone => shows(response, &[SourceKind::Store]),
            Self::Other | Self::Alone | Self::Unknown | Self::All => {}
        }
        let requests = if matches!(self, Self::StoreAlone) {
            "skipped"
        } else {
            "ok"
        };
        let statuses = [source.provider(), SUBSCRIBE].map(|name| response.source(name).0);
        assert_eq!(statuses, [requests, "ok"]);
    }

    /// Checks the answer if a part of the source's data is missing.
    fn incomplete(self, source: &SourceUnderTest, response: &SourceResponse) {
        match self {
            _ if self.leaves_out(source) => return self.whole(source, response),
            Self::BothOrFail | Self::StoreAlone | Self::Unknown => assert!(response.users.is_none()),
            Self::Alone => {}
            Self::Both => assert_eq!(response.ids(), [crid("both")]),
            Self::Other => assert_eq!(response.ids(), [crid("other")]),
            Self::All => assert!(response.ids().len() >= 2),
        }
        assert!(!response.completeness.complete);
        assert!(["stale", "unavailable"].contains(&response.source(source.name).0));
        let other = if matches!(self, Self::StoreAlone) {
            "skipped"
        } else {
            "ok"
        };
        assert_eq!(response.source(source.other()).0, other, "the other side still answers");
    }

    /// Checks the answer if the source has returned nothing.
    fn silent(self, source: &SourceUnderTest, response: &SourceResponse, reasons: &[&str]) {
        self.incomplete(source, response);
        match self {
            _ if self.leaves_out(source) => return,
            Self::Both => shows(response, &[source.other_side()]),
            Self::All => assert_eq!(response.ids().len(), 2, "what the other side has"),
            Self::Alone => assert!(response.users.is_none()),
            Self::Other | Self::BothOrFail | Self::StoreAlone | Self::Unknown => {}
        }
        let (status, reason) = response.source(source.name);
        assert_eq!(status, "unavailable");
        assert!(reasons.contains(&reason), "{reason:?} is none of {reasons:?}");
    }

    fn assert_answered(self, source: &SourceUnderTest, answers: ExpectedAnswers, response: &SourceResponse) {
        assert!(response.took < IN_TIME, "the deadline is kept");
        match answers {
            ExpectedAnswers::Complete => self.whole(source, response),
            ExpectedAnswers::EitherWay if response.completeness.complete => self.whole(source, response),
            ExpectedAnswers::Refused(_)
                if response.completeness.complete && matches!(self, Self::Other | Self::Unknown) =>
            {
                self.whole(source, response);
            }
            ExpectedAnswers::Unavailable(reasons) | ExpectedAnswers::Refused(reasons) => {
                self.silent(source, response, reasons);
            }
            ExpectedAnswers::EitherWay => self.incomplete(source, response),
        }
    }
}

/// Checks that the first user has the fields of these sides only; the provider's name wins.
fn shows(response: &SourceResponse, sides: &[SourceKind]) {
    let account = &response.users.as_ref().unwrap()[0].account;
    let known = |key| account.metadata.get(key).is_some();
    let (has_provider, has_store) = (
        sides.contains(&SourceKind::Provider),
        sides.contains(&SourceKind::Store),
    );
    assert_eq!(
        (&*account.first_name, known("displayName"), known("city")),
        (
            if has_provider { PROVIDER_NAME } else { STORE_NAME },
            has_provider,
            has_store
        )
    );
}

/// Whether the fault prevents a token.
fn disturbs_token(source: &SourceUnderTest, disturbance: &Disturbance) -> bool {
    matches!(disturbance, Disturbance::Calls(rule) if source.token.is_some() && rule.path.as_deref() == source.token)
}

/// Whether the fault is much work for the machine.
fn is_flood(disturbance: &Disturbance) -> bool {
    let Disturbance::Calls(rule) = disturbance else {
        return false;
    };
    matches!(
        rule.fault,
        Fault::Nested { .. } | Fault::Huge { .. } | Fault::GzipBomb { .. } | Fault::EndlessChunks { interval_ms: 0 }
    )
}

/// The deadline of requests during the fault.
fn time_limit(disturbance: &Disturbance) -> Duration {
    let Disturbance::Calls(rule) = disturbance else {
        return if matches!(disturbance, Disturbance::All(Outage::Silent)) {
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

/// Whether a request may be repeated that was late for another reason than the fault, such as the time limit of a token. A fault
/// that happens only once must not be repeated.
fn is_steady(disturbance: &Disturbance) -> bool {
    matches!(disturbance, Disturbance::Calls(rule) if rule.times.is_none())
}

/// Sends a request, and repeats it for a while if the source is unavailable and should not be.
async fn send_steadily(harness: &SourceHarness, request: &SourceRequest, answers: ExpectedAnswers) -> SourceResponse {
    let began = Instant::now();
    loop {
        let response = harness.send(request.clone()).await;
        let expected = match answers {
            ExpectedAnswers::Complete => false,
            ExpectedAnswers::Unavailable(reasons) | ExpectedAnswers::Refused(reasons) => {
                reasons.contains(&"unavailable")
            }
            ExpectedAnswers::EitherWay => true,
        };
        let unavailable = response.source(harness.source.name).1 == "unavailable";
        if expected || !unavailable || began.elapsed() > A_WHILE {
            return response;
        }
        sleep(Duration::from_secs(1)).await;
    }
}

/// Sends all requests of a cell at once and checks the answers; returns the failures.
async fn send_all(
    harness: &SourceHarness,
    cell: &FaultCell,
    answers: ExpectedAnswers,
    time_limit: Duration,
    steady: bool,
) -> Vec<String> {
    let requests = all().into_iter().map(async |(request, about)| {
        let request = SourceRequest { time_limit, ..request };
        let response = if steady {
            send_steadily(harness, &request, answers).await
        } else {
            harness.send(request.clone()).await
        };
        let held = catch_unwind(AssertUnwindSafe(|| {
            about.assert_answered(harness.source, answers, &response);
        }));
        held.err().map(|_| format!("{}: {request:?}: {response:?}", cell.name))
    });
    join_all(requests).await.into_iter().flatten().collect()
}

async fn begins(disturbance: &Disturbance, sandbox: &Sandbox) {
    match disturbance {
        Disturbance::Calls(rule) => {
            sandbox.inject(rule.clone());
        }
        Disturbance::All(outage) => sandbox.outage(*outage).await.unwrap(),
    }
}

/// Checks one cell during and after its fault; returns the failures.
async fn cell_holds(source: &'static SourceUnderTest, cell: FaultCell) -> Vec<String> {
    // An answer that is wrongly cached is returned for the whole test.
    let fresh = Duration::from_hours(1);
    let mut harness = SourceHarness::start(source, fresh, &["both", "alone"], &["both", "other"]).await;
    if !disturbs_token(source, &cell.disturbance) {
        harness.wait_until_complete().await;
    }
    begins(&cell.disturbance, &harness.sandbox).await;
    let (time_limit, steady) = (time_limit(&cell.disturbance), is_steady(&cell.disturbance));
    let mut wrong = send_all(&harness, &cell, cell.answers, time_limit, steady).await;
    // On a busy machine a short deadline may pass before the first call. A fault with a limited number is gone by now.
    while !harness.sandbox.faults().iter().all(|fault| fault.befallen > 0) {
        wrong.extend(send_all(&harness, &cell, cell.answers, time_limit, steady).await);
    }
    let written = harness.written().await;
    let may_write = source.side == SourceKind::Provider && !matches!(cell.answers, ExpectedAnswers::Unavailable(_));
    if !may_write && !written.is_empty() {
        wrong.push(format!("{}: it was written while a side was silent", cell.name));
    }

    harness.sandbox.clear_faults();
    harness.sandbox.on().await.unwrap();
    harness.wait_until_complete().await;
    wrong.extend(send_all(&harness, &cell, ExpectedAnswers::Complete, PATIENT, true).await);
    let written = harness.written().await;
    let written: Vec<_> = written.iter().map(|account| account.crid.as_str()).collect();
    match source.side {
        SourceKind::Provider => {
            for name in ["both", "alone"] {
                if !written.contains(&&*crid(name)) {
                    wrong.push(format!("{}: what is live of {name} is not written", cell.name));
                }
            }
        }
        // A remote store is only read.
        SourceKind::Store => {
            if !written.is_empty() || harness.sandbox.calls() != harness.sandbox.calls_to(source.calls) {
                wrong.push(format!("{}: it was not only read", cell.name));
            }
        }
    }
    wrong
}

pub(crate) async fn fault_matrix_holds(source: &'static SourceUnderTest) {
    // Floods run separately: they would delay the others.
    let (floods, others): (Vec<_>, Vec<_>) = cells(source).into_iter().partition(|cell| is_flood(&cell.disturbance));
    for cells in [others, floods] {
        let held: JoinSet<_> = cells.into_iter().map(|cell| cell_holds(source, cell)).collect();
        let wrong = held.join_all().await.concat();
        assert!(wrong.is_empty(), "{}: {}", source.name, wrong.join("\n"));
    }
}

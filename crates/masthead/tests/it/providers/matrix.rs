//! The fault matrix (`quality.md`): every cell against one oracle, each with a tenant, readers and a sandbox of its own.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use masthead_sandbox::Sandbox;
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    providers::{
        client::{UserApiClient, UserResponse, by_email, by_id},
        server::{FederatedTenant, ProviderTestServer},
    },
    sources::faults::{Disturbance, ExpectedAnswers, FaultCell, cells},
    support::{readers::crid, sources::AUTH0},
};

/// The deadline of a request; one call may take a fraction of it, so that a cell takes no longer.
const DEADLINE: &str = "10s";

/// Far more than the deadline, and than what a loaded machine adds; far less than the longest fault.
const IN_TIME: Duration = Duration::from_secs(25);

/// The breaker's half-open interval, the longest time for which a refusal is believed, and what a loaded machine adds.
const RECOVERED: Duration = Duration::from_secs(45);

/// How many cells are under way at once.
const AT_ONCE: usize = 8;

/// RequestSubject what a body of the longest fault would add, were one kept; several are under way at once.
const MOST_MEMORY: f64 = 600_000_000.0;

/// What one request is about, and so what its answer may be.
#[derive(Clone, Copy, Debug)]
enum RequestSubject {
    /// A reader of this name, whom both sides have.
    Both(&'static str),
    /// The same, where a silent source is a failure.
    BothOrFail(&'static str),
    /// A reader whom the store alone has.
    Ours,
    /// A reader whom the provider alone has.
    Theirs,
    /// Nobody.
    Nobody,
    /// Nobody, where unknown is a 404.
    NobodyById,
    /// Every reader.
    Everybody,
    /// The store alone.
    StoreAlone,
}

impl RequestSubject {
    /// The requests of a cell.
    fn all(paper: &'static str) -> Vec<(String, Self)> {
        let [both, local, provider_only] = ["both", "local", "provider"].map(|side| format!("{side}-{paper}"));
        vec![
            (by_id(&both), Self::Both(paper)),
            (by_email(&both), Self::Both(paper)),
            (by_id(&both) + "?onProviderFailure=fail", Self::BothOrFail(paper)),
            (by_id(&both) + "?ignoreProvider=true", Self::StoreAlone),
            (by_id(&local), Self::Ours),
            (by_id(&provider_only), Self::Theirs),
            (by_email(&provider_only), Self::Theirs),
            (by_id("nobody"), Self::NobodyById),
            (by_email("nobody"), Self::Nobody),
            ("/v4/Users?lastName=quizz".to_owned(), Self::Everybody),
            ("/v4/Users?lastName=nosuchname".to_owned(), Self::Nobody),
        ]
    }

    /// The answer when both sides have answered.
    fn whole(self, response: &UserResponse) {
        assert_eq!(response.complete(), Some(true));
        match self {
            Self::Both(paper) | Self::BothOrFail(paper) => response.assert_merged(&format!("both-{paper}")),
            Self::Ours | Self::Theirs => assert_eq!((response.status, response.users().len()), (200, 1)),
            Self::StoreAlone => assert_eq!((response.status, response.source("Auth0").0), (200, "skipped")),
            Self::NobodyById => assert_eq!((response.status, response.users().len()), (404, 0)),
            Self::Nobody => assert_eq!((response.status, response.users().len()), (200, 0)),
            Self::Everybody => {
                assert_eq!((response.status, response.users().len()), (200, 3));
                assert_eq!(response.body["meta"]["totalRecords"], 3);
            }
        }
        if !matches!(self, Self::StoreAlone) {
            assert_eq!(
                (response.source("Auth0").0, response.source("Subscribe").0),
                ("ok", "ok")
            );
        }
    }

    /// The answer when the provider's word, or a part of it, is missing.
    fn incomplete(self, response: &UserResponse) {
        match self {
            // Nobody was requested but the store.
            Self::StoreAlone => return self.whole(response),
            Self::BothOrFail(_) | Self::Nobody | Self::NobodyById => response.assert_unconfirmed(),
            Self::Theirs if response.status == 503 => response.assert_unconfirmed(),
            Self::Both(_) | Self::Ours | Self::Theirs | Self::Everybody => assert_eq!(response.status, 200),
        }
        assert_eq!(response.complete(), Some(false));
        assert!(["stale", "unavailable"].contains(&response.source("Auth0").0));
        assert_eq!(response.source("Subscribe").0, "ok", "local data is still served");
        if let Self::Both(paper) = self {
            assert_eq!(
                response.user()["customerRegistrationId"],
                crid(&format!("both-{paper}"))
            );
        }
    }

    /// The answer when the provider has messages nothing at all.
    fn silent(self, response: &UserResponse, reasons: &[&str]) {
        self.incomplete(response);
        match self {
            Self::StoreAlone => return,
            Self::Both(paper) => response.assert_store_record(&format!("both-{paper}")),
            Self::Everybody => assert_eq!(response.users().len(), 2, "what the store has"),
            Self::Theirs => response.assert_unconfirmed(),
            Self::Ours | Self::BothOrFail(_) | Self::Nobody | Self::NobodyById => {}
        }
        let (status, reason) = response.source("Auth0");
        assert_eq!(status, "unavailable");
        assert!(reasons.contains(&reason), "{reason:?} is none of {reasons:?}");
    }

    fn holds(self, answers: ExpectedAnswers, response: &UserResponse) {
        assert!([200, 404, 503].contains(&response.status));
        assert!(response.took < IN_TIME, "the deadline is kept");
        match answers {
            ExpectedAnswers::Complete => self.whole(response),
            ExpectedAnswers::Unavailable(reasons) | ExpectedAnswers::Refused(reasons) => self.silent(response, reasons),
            ExpectedAnswers::EitherWay if response.complete() == Some(true) => self.whole(response),
            ExpectedAnswers::EitherWay => self.incomplete(response),
        }
    }
}

/// Asks every request of a cell at once, and holds each answer against what it may be; what is wrong with each.
async fn send_all(client: &UserApiClient, answers: ExpectedAnswers, when: &'static str) -> Vec<String> {
    let mut requested = JoinSet::new();
    for (number, (path, about)) in RequestSubject::all(client.paper).into_iter().enumerate() {
        let (client, request_id) = (client.clone(), format!("{when}-{}-{number}", client.paper));
        requested.spawn(async move {
            let response = client.get(&path, &request_id).await;
            let held = catch_unwind(AssertUnwindSafe(|| about.holds(answers, &response)));
            held.err()
                .map(|_| format!("{when} {}: {path}: {response:?}", client.paper))
        });
    }
    requested.join_all().await.into_iter().flatten().collect()
}

async fn begins(disturbance: &Disturbance, sandbox: &Sandbox) {
    match disturbance {
        Disturbance::Calls(rule) => {
            sandbox.inject(rule.clone());
        }
        Disturbance::All(outage) => sandbox.outage(*outage).await.unwrap(),
    }
}

async fn ends(sandbox: &Sandbox) {
    sandbox.clear_faults();
    sandbox.on().await.unwrap();
}

/// Holds one cell while its fault lasts; what is wrong.
async fn holds(server: &ProviderTestServer, cell: &FaultCell) -> Vec<String> {
    let (client, sandbox) = (server.client(cell.name), server.sandbox(cell.name));
    begins(&cell.disturbance, sandbox).await;
    let mut wrong = send_all(&client, cell.answers, "fault").await;
    // One that comes only so often is gone from the book by now.
    if !sandbox.faults().iter().all(|fault| fault.befallen > 0) {
        wrong.push(format!("{}: the fault never came", cell.name));
    }
    wrong
}

/// Holds one cell after its fault; what is wrong.
async fn recovers(server: &ProviderTestServer, cell: &FaultCell) -> Vec<String> {
    let client = server.client(cell.name);
    ends(server.sandbox(cell.name)).await;
    // A search, since unknown remembers one.
    let response = client.get_until_complete("/v4/Users?lastName=quizz", "after").await;
    // Nothing that was messages meanwhile is remembered.
    let mut wrong = send_all(&client, ExpectedAnswers::Complete, "after").await;
    if response.took > RECOVERED {
        wrong.push(format!("{}: recovered after {:?}", cell.name, response.took));
    }
    wrong
}

/// Does this for every cell, a few at once; all that is wrong.
async fn for_each<'a, F: Future<Output = Vec<String>>>(
    cells: &'a [FaultCell],
    hold: impl Fn(&'a FaultCell) -> F,
) -> Vec<String> {
    let places = Semaphore::new(AT_ONCE);
    let (places, hold) = (&places, &hold);
    let wrong = cells.iter().map(async |cell| {
        let _place = places.acquire().await.unwrap();
        hold(cell).await
    });
    futures_util::future::join_all(wrong).await.concat()
}

#[test]
fn whatever_a_provider_sends_the_answer_is_true_and_in_time_and_it_recovers() {
    let cells = cells(&AUTH0);
    let papers: Vec<_> = cells.iter().map(|cell| FederatedTenant::new(cell.name)).collect();
    let server = ProviderTestServer::start(
        &papers,
        &[
            ("HTTP__REQUEST_DEADLINE", DEADLINE),
            ("PROVIDERS__CONNECT_TIMEOUT", "300ms"),
            ("PROVIDERS__CALL_TIMEOUT", "700ms"),
            ("PROVIDERS__MAX_ANSWER_BYTES", "1048576"),
            // Whatever were remembered would be remembered for the whole test.
            ("PROVIDERS__FRESH", "1h"),
        ],
    );
    let before = server.all_registrations();
    let mut wrong = server.runtime.block_on(for_each(&cells, |cell| holds(&server, cell)));
    let meanwhile = server.all_registrations();
    let silent = || {
        cells
            .iter()
            .filter(|cell| matches!(cell.answers, ExpectedAnswers::Unavailable(_)))
    };
    for cell in silent() {
        assert_eq!(
            meanwhile[cell.name], before[cell.name],
            "{}: something is written",
            cell.name
        );
    }
    wrong.extend(
        server
            .runtime
            .block_on(for_each(&cells, |cell| recovers(&server, cell))),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let (_, metrics) = server.page("/metrics");
    let memory = metrics
        .lines()
        .find_map(|line| line.strip_prefix("process_resident_memory_bytes "));
    let memory: f64 = memory.unwrap().parse().unwrap();
    assert!(memory < MOST_MEMORY, "{memory} bytes");

    let ended = server.stop();
    for cell in silent() {
        let written = ended.rows(&format!(
            "SELECT request_id FROM events WHERE kind = 4004 AND request_id LIKE 'fault-{}-%'",
            cell.name
        ));
        assert_eq!(written, Vec::<String>::new(), "{}: a silent provider wrote", cell.name);
    }
    let in_line =
        ended.rows("SELECT crid FROM registrations WHERE first_name = 'Liveside' AND crid LIKE 'auth0|both-%'");
    assert_eq!(in_line.len(), cells.len(), "what is live is written: {in_line:?}");
}

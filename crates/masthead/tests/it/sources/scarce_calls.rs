//! A provider whose budget is much lower than the number of lookups: cached answers are returned at once.

use std::{
    fs,
    sync::LazyLock,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use masthead_domain::{customer_registration_id::CustomerRegistrationId, query::OnProviderFailure};
use masthead_ports::{
    provider::{Freshness, Lookup, Providers},
    source::Priority,
};
use tokio::time::sleep;

use crate::{
    sources::{
        harness::{CacheDurations, PATIENT, ReadKind, SourceHarness, SourceRequest, SourceResponse},
        recovery::run_sync,
    },
    support::{readers::crid, sources::SourceUnderTest},
};

/// How many users there are.
const MANY: usize = 90;

/// How many concurrent lookups each user has, by each key.
const TIMES: usize = 2;

/// The burst of the budget, and its calls per second.
const SCARCE: u32 = 1;

/// The time after which a cached answer is returned: longer than a busy machine stalls, much shorter than the last call's wait.
const STALE_AFTER: Duration = Duration::from_secs(10);

/// Longer than all lookups of a test take on a busy machine, and less than half the time that their calls would take.
const SOON: Duration = Duration::from_mins(1);

static READERS: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| (0..MANY).map(|number| &*format!("reader{number}").leak()).collect());

/// A tenant whose users were all looked up before its budget was reduced.
async fn scarce(source: &'static SourceUnderTest, memory: CacheDurations, has_directory: bool) -> SourceHarness {
    let mut harness = SourceHarness::with_memory(source, memory, &READERS, &[]).await;
    harness.wait_until_complete().await;
    for name in READERS.iter().copied() {
        for kind in [ReadKind::ById, ReadKind::ByEmail] {
            let response = harness.send(SourceRequest::new(kind, name)).await;
            assert!(response.completeness.complete, "{response:?}");
        }
    }
    if has_directory {
        run_sync(&harness).await;
    }
    harness.set("BudgetPerSecond", &SCARCE.to_string());
    harness.set("BudgetBurst", &SCARCE.to_string());
    harness
}

fn is_stale(source: &SourceUnderTest, response: &SourceResponse, reason: &str) -> bool {
    response.source(source.name) == ("stale", reason) && !response.completeness.complete
}

/// Every lookup soon returns the user, live or stale for lack of calls, and the budget is respected.
pub(crate) async fn cached_answers_are_used_while_calls_are_scarce(source: &'static SourceUnderTest) {
    let in_memory = CacheDurations {
        stale_after: STALE_AFTER,
        ..CacheDurations::default()
    };
    let in_the_directory = CacheDurations {
        stale: Duration::ZERO,
        stale_after: STALE_AFTER,
        ..CacheDurations::default()
    };
    for (memory, has_directory) in [(in_memory, false), (in_the_directory, true)] {
        let harness = scarce(source, memory, has_directory).await;
        let before = harness.sandbox.calls_to(source.calls);
        let began = Instant::now();
        let lookups = READERS.iter().flat_map(|name| {
            let kinds = [ReadKind::ById, ReadKind::ByEmail].repeat(TIMES).into_iter();
            kinds.map(move |kind| (*name, kind))
        });
        let requests = lookups.map(async |(name, kind)| (name, harness.send(SourceRequest::new(kind, name)).await));
        let answers = join_all(requests).await;
        let took = began.elapsed();
        for (name, response) in &answers {
            assert_eq!(response.ids(), [crid(name)], "{response:?}");
            let live = response.completeness.complete;
            assert!(live || is_stale(source, response, "rate_limited"), "{response:?}");
        }
        assert!(took < SOON, "{took:?}");
        // Without a free call, a lookup does not wait longer than for the cached answer.
        let mut each: Vec<Duration> = answers.iter().map(|(_, response)| response.took).collect();
        each.sort_unstable();
        assert!(each[each.len() / 2] < STALE_AFTER, "{each:?}");
        let calls = harness.sandbox.calls_to(source.calls) - before;
        let allowed = f64::from(SCARCE) * (1.0 + began.elapsed().as_secs_f64());
        assert!(
            (1.0..=allowed + 1.0).contains(&f64::from(u32::try_from(calls).unwrap())),
            "{calls} calls in {took:?}"
        );
    }
}

/// A lookup by address takes two calls: other lookups cannot delay the second one forever.
pub(crate) async fn lookup_by_address_completes_while_calls_are_scarce(source: &'static SourceUnderTest) {
    let memory = CacheDurations {
        stale_after: Duration::from_secs(3),
        ..CacheDurations::default()
    };
    let harness = scarce(source, memory, false).await;
    let began = Instant::now();
    loop {
        let requests = READERS
            .iter()
            .map(|name| harness.send(SourceRequest::new(ReadKind::ByEmail, name)));
        let answers = join_all(requests).await;
        if answers.iter().any(|response| response.completeness.complete) {
            break;
        }
        assert!(began.elapsed() < SOON, "no look-up by address is ever live");
        sleep(Duration::from_millis(50)).await;
    }
}

/// `onProviderFailure=fail`, and a user without a cached answer.
pub(crate) async fn strict_request_waits_for_a_call(source: &'static SourceUnderTest) {
    let memory = CacheDurations {
        stale_after: Duration::ZERO,
        ..CacheDurations::default()
    };
    let harness = scarce(source, memory, false).await;
    let kept = SourceRequest::new(ReadKind::ById, "reader0");
    let fail = SourceRequest {
        on_failure: OnProviderFailure::Fail,
        ..kept.clone()
    };
    use_up(&harness, &kept).await;
    let response = harness.send(fail).await;
    response.assert_complete(&["reader0"]);
    use_up(&harness, &kept).await;
    let response = harness.send(SourceRequest::new(ReadKind::ById, "stranger")).await;
    response.assert_complete(&[]);
    assert!(response.took < PATIENT);
}

/// Sends requests until no call is left.
async fn use_up(harness: &SourceHarness, kept: &SourceRequest) {
    let began = Instant::now();
    while !is_stale(harness.source, &harness.send(kept.clone()).await, "rate_limited") {
        assert!(began.elapsed() < SOON, "the budget is never used up");
        sleep(Duration::from_millis(1)).await;
    }
}

/// Cached answers stay valid with another budget or secret, but not at another address. The provider is read directly, because the
/// mirror has the user too.
pub(crate) async fn changed_budget_or_secret_keeps_the_cache(source: &'static SourceUnderTest) {
    let mut harness = SourceHarness::start(source, Duration::ZERO, &["reader0"], &[]).await;
    let live = read_provider(&harness).await;
    assert!(live.is_live() && live.accounts.len() == 1, "{live:?}");
    harness.sandbox.off().await.unwrap();

    harness.set("BudgetPerSecond", "3");
    assert_remembered(&harness).await;

    let (_, place) = source.secret_place.split_once('.').unwrap();
    let place = format!("{place}File");
    let secret = harness.setting(&place);
    let rotated = format!("{secret}.rotated");
    fs::copy(secret, &rotated).unwrap();
    harness.set(&place, &rotated);
    assert_remembered(&harness).await;

    let (_, address) = source.address.split_once('.').unwrap();
    harness.set(address, "http://127.0.0.1:9");
    let answer = read_provider(&harness).await;
    assert!(
        matches!(answer.freshness, Freshness::Failed(_)),
        "another address: {answer:?}"
    );
}

async fn assert_remembered(harness: &SourceHarness) {
    let answer = read_provider(harness).await;
    let remembered = matches!(answer.freshness, Freshness::Remembered(_)) && answer.accounts.len() == 1;
    assert!(remembered, "{}: {answer:?}", harness.source.name);
}

async fn read_provider(harness: &SourceHarness) -> Lookup {
    let provider = Providers::for_tenant(&harness.adapters, &harness.tenant).unwrap();
    let cx = harness.caller(Instant::now() + PATIENT).context(Priority::Interactive);
    provider
        .find(&cx, &CustomerRegistrationId::parse(&crid("reader0")).unwrap().into())
        .await
}

//! A provider that may be asked far less often than its users are looked up: what is kept is shown at once.

use std::{
    fs,
    sync::LazyLock,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use masthead_domain::{account::Account, customer_registration_id::CustomerRegistrationId, query::OnProviderFailure};
use masthead_ports::{
    provider::{Heard, Providers},
    source::Priority,
};
use tokio::time::sleep;

use crate::{
    people::crid,
    recovery::synchronise,
    stage::{Ask, Memory, PATIENT, Stage, Told, Way},
    under_test::Source,
};

/// How many readers there are.
const MANY: usize = 90;

/// How often each of them is looked up at once, by either key.
const TIMES: usize = 2;

/// How many calls the budget has at once, and a second.
const SCARCE: u32 = 1;

/// After how long a kept answer is shown: more than a busy machine stalls, and far less than a turn of the last would take.
const STALE_AFTER: Duration = Duration::from_secs(10);

/// More than a busy machine needs for all look-ups of a test, and less than half the time that their calls would take.
const SOON: Duration = Duration::from_mins(1);

static READERS: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| (0..MANY).map(|number| &*format!("reader{number}").leak()).collect());

/// A tenant whose readers were all looked up before its budget became scarce.
async fn scarce(source: &'static Source, memory: Memory, has_directory: bool) -> Stage {
    let mut stage = Stage::with_memory(source, memory, &READERS, &[]).await;
    stage.ask_until_complete().await;
    for name in READERS.iter().copied() {
        for way in [Way::ById, Way::ByEmail] {
            let told = stage.ask(Ask::new(way, name)).await;
            assert!(told.completeness.complete, "{told:?}");
        }
    }
    if has_directory {
        synchronise(&stage).await;
    }
    stage.set("BudgetPerSecond", &SCARCE.to_string());
    stage.set("BudgetBurst", &SCARCE.to_string());
    stage
}

fn is_stale(source: &Source, told: &Told, reason: &str) -> bool {
    told.source(source.name) == ("stale", reason) && !told.completeness.complete
}

/// Every look-up is answered soon with the reader, live or stale for want of calls, and the budget is kept.
pub(crate) async fn kept_answers_are_shown(source: &'static Source) {
    let in_memory = Memory {
        stale_after: STALE_AFTER,
        ..Memory::default()
    };
    let in_the_directory = Memory {
        stale: Duration::ZERO,
        stale_after: STALE_AFTER,
        ..Memory::default()
    };
    for (memory, has_directory) in [(in_memory, false), (in_the_directory, true)] {
        let stage = scarce(source, memory, has_directory).await;
        let before = stage.sandbox.calls_to(source.calls);
        let began = Instant::now();
        let asks = READERS.iter().flat_map(|name| {
            let ways = [Way::ById, Way::ByEmail].repeat(TIMES).into_iter();
            ways.map(move |way| (*name, way))
        });
        let asked = asks.map(async |(name, way)| (name, stage.ask(Ask::new(way, name)).await));
        let answers = join_all(asked).await;
        let took = began.elapsed();
        for (name, told) in &answers {
            assert_eq!(told.ids(), [crid(name)], "{told:?}");
            let live = told.completeness.complete;
            assert!(live || is_stale(source, told, "rate_limited"), "{told:?}");
        }
        assert!(took < SOON, "{took:?}");
        // Where there is no call before a kept answer is shown, nobody waits for one.
        let mut each: Vec<Duration> = answers.iter().map(|(_, told)| told.took).collect();
        each.sort_unstable();
        assert!(each[each.len() / 2] < STALE_AFTER, "{each:?}");
        let calls = stage.sandbox.calls_to(source.calls) - before;
        let allowed = f64::from(SCARCE) * (1.0 + began.elapsed().as_secs_f64());
        assert!(
            (1.0..=allowed + 1.0).contains(&f64::from(u32::try_from(calls).unwrap())),
            "{calls} calls in {took:?}"
        );
    }
}

/// Two calls a look-up, one at a time: no other look-up takes the second one's place for ever.
pub(crate) async fn both_calls_are_made(source: &'static Source) {
    let memory = Memory {
        stale_after: Duration::from_secs(3),
        ..Memory::default()
    };
    let stage = scarce(source, memory, false).await;
    let began = Instant::now();
    loop {
        let asked = READERS.iter().map(|name| stage.ask(Ask::new(Way::ByEmail, name)));
        let answers = join_all(asked).await;
        if answers.iter().any(|told| told.completeness.complete) {
            break;
        }
        assert!(began.elapsed() < SOON, "no look-up by address is ever live");
        sleep(Duration::from_millis(50)).await;
    }
}

/// `onProviderFailure=fail`, and a reader of whom nothing is kept.
pub(crate) async fn live_answers_are_waited_for(source: &'static Source) {
    let memory = Memory {
        stale_after: Duration::ZERO,
        ..Memory::default()
    };
    let stage = scarce(source, memory, false).await;
    let kept = Ask::new(Way::ById, "reader0");
    let fail = Ask {
        on_failure: OnProviderFailure::Fail,
        ..kept.clone()
    };
    use_up(&stage, &kept).await;
    let told = stage.ask(fail).await;
    assert_eq!(
        (told.ids(), told.completeness.complete),
        (vec![&*crid("reader0")], true),
        "{told:?}"
    );
    use_up(&stage, &kept).await;
    let told = stage.ask(Ask::new(Way::ById, "stranger")).await;
    assert_eq!((told.ids(), told.completeness.complete), (vec![], true), "{told:?}");
    assert!(told.took < PATIENT);
}

/// Asks until no call is left for now.
async fn use_up(stage: &Stage, kept: &Ask) {
    let began = Instant::now();
    while !is_stale(stage.source, &stage.ask(kept.clone()).await, "rate_limited") {
        assert!(began.elapsed() < SOON, "the budget is never used up");
        sleep(Duration::from_millis(1)).await;
    }
}

/// What the provider said remains true however often it may be called and whatever the secret is; of another account space
/// nothing is known. Asked of the provider's memory alone: the directory knows the reader too.
pub(crate) async fn changes_keep_answers(source: &'static Source) {
    let mut stage = Stage::start(source, Duration::ZERO, &["reader0"], &[]).await;
    let live = heard(&stage).await;
    assert!(matches!(live, Heard::Live { value: Some(_), .. }), "{live:?}");
    stage.sandbox.off().await.unwrap();

    stage.set("BudgetPerSecond", "3");
    assert_remembered(&stage).await;

    let (_, place) = source.secret_place.split_once('.').unwrap();
    let place = format!("{place}File");
    let secret = stage.setting(&place);
    let rotated = format!("{secret}.rotated");
    fs::copy(secret, &rotated).unwrap();
    stage.set(&place, &rotated);
    assert_remembered(&stage).await;

    let (_, address) = source.address.split_once('.').unwrap();
    stage.set(address, "http://127.0.0.1:9");
    let heard = heard(&stage).await;
    assert!(matches!(heard, Heard::Nothing { .. }), "another address: {heard:?}");
}

async fn assert_remembered(stage: &Stage) {
    let heard = heard(stage).await;
    let remembered = matches!(heard, Heard::Remembered { value: Some(_), .. });
    assert!(remembered, "{}: {heard:?}", stage.source.name);
}

async fn heard(stage: &Stage) -> Heard<Option<Account>> {
    let provider = Providers::for_tenant(&stage.adapters, &stage.tenant).unwrap();
    let cx = stage.caller(Instant::now() + PATIENT).context(Priority::Interactive);
    provider
        .by_id(&cx, &CustomerRegistrationId::parse(&crid("reader0")).unwrap())
        .await
        .heard
}

//! Five thousand on either side, two thousand of them the same, for each kind of provider: killed at random points and taken up
//! again twenty times, with throttling, doubles and shuffled pages, while both sides change.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
};

use masthead_domain::{
    account::Account,
    order::{Direction, Order, SortColumn},
};
use masthead_ports::clock::Clock as _;
use masthead_sandbox::{Fault, FaultRule};
use serde_json::json;

use crate::{
    kind::Kind,
    world::{Death, World},
};

const EACH: usize = 5_000;

/// Who is on both sides by id, and by address alone.
const SAME_ID: usize = 1_500;
const SAME_ADDRESS: usize = 500;

const KILLS: usize = 20;

/// The registrations: some of the provider's users, some with an id of our own, and others.
fn lines(theirs: &[Account]) -> Vec<String> {
    let mut by_key: HashMap<&str, usize> = HashMap::new();
    for email in theirs.iter().filter_map(|account| account.email.as_ref()) {
        *by_key.entry(email.key().as_str()).or_default() += 1;
    }
    let alone = |account: &&Account| {
        account
            .email
            .as_ref()
            .is_some_and(|email| by_key[email.key().as_str()] == 1)
    };
    let same_id = theirs.iter().take(SAME_ID).enumerate().map(|(number, account)| {
        json!({"customerRegistrationId": account.crid.as_str(), "email": format!("own{number}@example.org"),
            "firstName": "Own", "dateRegistered": "2020-01-02T03:04:05Z", "metadata": {"city": "Oslo"}})
    });
    let same_address = theirs.iter().skip(SAME_ID).filter(alone).take(SAME_ADDRESS).enumerate();
    let same_address = same_address.map(|(number, account)| {
        json!({"customerRegistrationId": format!("ours-{number}"), "email": account.email.as_ref().unwrap().as_str(),
            "lastName": "Ours", "verified": number % 2 == 0})
    });
    let others = (0..EACH - SAME_ID - SAME_ADDRESS).map(|number| {
        json!({"customerRegistrationId": format!("other-{number:05}"), "email": format!("other{number}@example.net"),
            "firstName": format!("First{}", number % 7), "lastName": format!("Last{}", number % 11)})
    });
    same_id
        .chain(same_address)
        .chain(others)
        .map(|line| line.to_string())
        .collect()
}

/// How each life of the walk ends, and after how many steps: at random, and so that the last of these many steps is never made
/// before the last death.
#[expect(clippy::print_stdout, reason = "a test that fails tells of its lot")]
fn lives(kind: Kind, steps: u64) -> Vec<(u64, Death)> {
    let seed = RandomState::new();
    let lot = |name: &str, number: u64| seed.hash_one((name, number));
    let mut lives: Vec<(u64, Death)> = (0..KILLS as u64)
        .map(|life| {
            let deaths = [Death::BeforeTheCall, Death::AfterTheCall, Death::WhileKeeping];
            (0, deaths[usize::try_from(lot("death", life) % 3).unwrap()])
        })
        .collect();
    for step in 0..steps - 1 - KILLS as u64 {
        let life = usize::try_from(lot("step", step) % KILLS as u64).unwrap();
        lives[life].0 += 1;
    }
    println!("{kind:?}: {lives:?}");
    lives
}

async fn everybody(kind: Kind, orders: &[Order], size: u16) {
    let world = Arc::new(World::new(kind, EACH).await);
    let theirs = world.theirs().await;
    let ideal = world.sandbox.calls();
    assert_eq!(ideal, kind.calls(EACH) as u64);
    world.import(lines(&theirs)).await;
    for (fault, share) in [(Fault::Shuffled, 30), (Fault::Duplicated, 20)] {
        world.sandbox.inject(FaultRule::from(fault).percent(share));
    }

    let mut users = kind.users(&world.sandbox);
    let before = world.sandbox.calls();
    let lives = lives(kind, kind.steps(EACH) as u64);
    let may_be_repeated = lives.iter().filter(|(_, death)| !matches!(death, Death::BeforeTheCall));
    let may_be_repeated = may_be_repeated.count() as u64;
    for (kill, (steps, how)) in (1..).zip(lives) {
        world.die_after(steps, how).await;
        if kill == KILLS / 2 {
            world.sandbox.inject(FaultRule::from(throttled()).times(2));
        }
        // Both sides change meanwhile, before and behind the place where the walk is.
        world.pass(1);
        for user in users.iter_mut().skip(kill).step_by(EACH / 10) {
            kind.rename(user, &format!("Renamed{kill}"), world.clock.now());
            kind.seed(&world.sandbox, [user.clone()]);
        }
        let ours = Account {
            email: masthead_domain::email::Email::parse(&format!("late{kill}@example.org")).ok(),
            ..Account::new(
                masthead_domain::customer_registration_id::CustomerRegistrationId::parse(&format!("late-{kill}"))
                    .unwrap(),
            )
        };
        world.register(&ours).await;
    }
    assert_eq!(world.run("a").await.name(), "finished");
    // A call whose answer was not kept may have to be made again, and a throttled one must; nothing else is.
    let most = ideal + may_be_repeated + 2 + 1;
    let made = world.sandbox.calls() - before;
    assert!(made <= most, "{made} calls, and {most} were enough");

    // Who changed behind the walk is seen by the next one, which is about changes where the provider tells them.
    world.pass(1);
    world.sandbox.clear_faults();
    let before = world.sandbox.calls();
    assert_eq!(world.run("b").await.name(), "finished");
    let again = world.sandbox.calls() - before;
    match kind {
        Kind::Auth0 | Kind::Gigya => assert!(again <= 5, "{again} calls for a few changes"),
        Kind::Ssor | Kind::Firefly => assert_eq!(again, ideal),
    }
    let theirs = world.theirs().await;
    let count = world.lists_are_the_models(&theirs, orders, size).await;
    assert_eq!(count, 2 * EACH - SAME_ID - SAME_ADDRESS + KILLS);
}

fn throttled() -> Fault {
    Fault::Status {
        status: 429,
        retry_after: Some(1),
        reset_in: None,
        body: None,
    }
}

fn by(columns: &[SortColumn]) -> Vec<Order> {
    let both = [Direction::Ascending, Direction::Descending];
    let orders = columns
        .iter()
        .flat_map(|column| both.map(|direction| (*column, direction)));
    orders.map(|(column, direction)| Order { column, direction }).collect()
}

// Each order is held against the model once; which provider the users are of makes no difference to it.

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_of_auth0_is_listed_once() {
    everybody(Kind::Auth0, &by(&[SortColumn::Email, SortColumn::ChangeDate]), 1_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_of_gigya_is_listed_once() {
    everybody(
        Kind::Gigya,
        &by(&[SortColumn::LastName, SortColumn::DateRegistered]),
        4_000,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_of_ssor_is_listed_once() {
    everybody(Kind::Ssor, &by(&[SortColumn::FirstName, SortColumn::Verified]), 4_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_of_firefly_is_listed_once() {
    everybody(
        Kind::Firefly,
        &by(&[SortColumn::CustomerRegistrationId, SortColumn::State]),
        4_000,
    )
    .await;
}

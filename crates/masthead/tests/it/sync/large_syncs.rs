//! Five thousand users on either side, two thousand of them on both, for each provider: the run is killed at random points and
//! resumed twenty times, with throttling, duplicates and shuffled pages, while both sides change.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
};

use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    email::Email,
    metadata::Metadata,
    order::{Direction, Order, SortColumn},
};
use masthead_ports::clock::Clock as _;
use masthead_sandbox::{Fault, FaultRule};
use masthead_subscribe_store::NewRegistration;
use time::macros::datetime;

use crate::sync::{
    harness::{KillPoint, SyncHarness},
    kind::ProviderKind,
};

const EACH: usize = 5_000;

/// How many users are on both sides by id, and by address only.
const SAME_ID: usize = 1_500;
const SAME_ADDRESS: usize = 500;

const KILLS: usize = 20;

/// The registrations: some of the provider's users, some with another id, and others.
fn registrations(accounts: &[Account]) -> Vec<NewRegistration> {
    let mut by_key: HashMap<&str, usize> = HashMap::new();
    for email in accounts.iter().filter_map(|account| account.email.as_ref()) {
        *by_key.entry(email.key().as_str()).or_default() += 1;
    }
    let alone = |account: &&Account| {
        account
            .email
            .as_ref()
            .is_some_and(|email| by_key[email.key().as_str()] == 1)
    };
    let same_id = accounts
        .iter()
        .take(SAME_ID)
        .enumerate()
        .map(|(number, account)| NewRegistration {
            first_name: "Own".into(),
            registered_at: Some(datetime!(2020-01-02 03:04:05 UTC)),
            metadata: Metadata::new([("city".to_owned(), "Oslo".to_owned())]).unwrap(),
            ..registration(account.crid.as_str(), &format!("own{number}@example.org"))
        });
    let same_address = accounts
        .iter()
        .skip(SAME_ID)
        .filter(alone)
        .take(SAME_ADDRESS)
        .enumerate();
    let same_address = same_address.map(|(number, account)| NewRegistration {
        last_name: "Store".into(),
        verified: number % 2 == 0,
        ..registration(
            &format!("registration-{number}"),
            account.email.as_ref().unwrap().as_str(),
        )
    });
    let others = (0..EACH - SAME_ID - SAME_ADDRESS).map(|number| NewRegistration {
        first_name: format!("First{}", number % 7).into(),
        last_name: format!("Last{}", number % 11).into(),
        ..registration(&format!("other-{number:05}"), &format!("other{number}@example.net"))
    });
    same_id.chain(same_address).chain(others).collect()
}

fn registration(crid: &str, email: &str) -> NewRegistration {
    NewRegistration {
        crid: CustomerRegistrationId::parse(crid).unwrap(),
        email: Email::from_source(email).ok(),
        first_name: "".into(),
        last_name: "".into(),
        verified: false,
        password_hash: None,
        metadata: Metadata::default(),
        registered_at: None,
        changed_at: None,
        last_logout_at: None,
    }
}

/// How each process is killed, and after how many steps: at random, and so that the last step is never made before the last kill.
#[expect(clippy::print_stdout, reason = "a failed test prints its random choices")]
fn lives(kind: ProviderKind, steps: u64) -> Vec<(u64, KillPoint)> {
    let seed = RandomState::new();
    let random = |name: &str, number: u64| seed.hash_one((name, number));
    let mut lives: Vec<(u64, KillPoint)> = (0..KILLS as u64)
        .map(|life| {
            let deaths = [
                KillPoint::BeforeTheCall,
                KillPoint::AfterTheCall,
                KillPoint::WhileKeeping,
            ];
            (0, deaths[usize::try_from(random("death", life) % 3).unwrap()])
        })
        .collect();
    for step in 0..steps - 1 - KILLS as u64 {
        let life = usize::try_from(random("step", step) % KILLS as u64).unwrap();
        lives[life].0 += 1;
    }
    println!("{kind:?}: {lives:?}");
    lives
}

async fn sync_everything(kind: ProviderKind, columns: [SortColumn; 2], size: u16) {
    let harness = Arc::new(SyncHarness::new(kind, EACH).await);
    let accounts = harness.provider_accounts().await;
    let ideal = harness.sandbox.calls();
    assert_eq!(ideal, kind.calls(EACH) as u64);
    harness.import(registrations(&accounts)).await;
    for (fault, share) in [(Fault::Shuffled, 30), (Fault::Duplicated, 20)] {
        harness.sandbox.inject(FaultRule::from(fault).percent(share));
    }

    let mut users = kind.users(&harness.sandbox);
    let before = harness.sandbox.calls();
    let lives = lives(kind, kind.steps(EACH) as u64);
    let may_be_repeated = lives
        .iter()
        .filter(|(_, death)| !matches!(death, KillPoint::BeforeTheCall));
    let may_be_repeated = may_be_repeated.count() as u64;
    for (kill, (steps, how)) in (1..).zip(lives) {
        harness.kill_after(steps, how).await;
        if kill == KILLS / 2 {
            harness.sandbox.inject(FaultRule::from(throttled()).times(2));
        }
        // Both sides change meanwhile, before and after the position of the scan.
        harness.pass(1);
        for user in users.iter_mut().skip(kill).step_by(EACH / 10) {
            kind.rename(user, &format!("Renamed{kill}"), harness.clock.now());
            kind.seed(&harness.sandbox, [user.clone()]);
        }
        let registration = Account {
            email: Email::parse(&format!("late{kill}@example.org")).ok(),
            ..Account::new(CustomerRegistrationId::parse(&format!("late-{kill}")).unwrap())
        };
        harness.register(&registration).await;
    }
    assert_eq!(harness.run("a").await.name(), "finished");
    // Only calls whose response was not stored, and throttled ones, may be repeated.
    let most = ideal + may_be_repeated + 2 + 1;
    let made = harness.sandbox.calls() - before;
    assert!(made <= most, "{made} calls, and {most} were enough");

    // Changes before the position are seen by the next run, which is incremental if the provider supports it.
    harness.pass(1);
    harness.sandbox.clear_faults();
    let before = harness.sandbox.calls();
    assert_eq!(harness.run("b").await.name(), "finished");
    let again = harness.sandbox.calls() - before;
    match kind {
        ProviderKind::Auth0 | ProviderKind::Gigya => assert!(again <= 5, "{again} calls for a few changes"),
        ProviderKind::Ssor | ProviderKind::Firefly => assert_eq!(again, ideal),
    }
    let accounts = harness.provider_accounts().await;
    let count = harness
        .assert_lists_match(&accounts, &both_directions(columns), size)
        .await;
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

fn both_directions(columns: [SortColumn; 2]) -> Vec<Order> {
    let both = [Direction::Ascending, Direction::Descending];
    let orders = columns.map(|column| both.map(|direction| Order { column, direction }));
    orders.concat()
}

// Each order is checked once; the provider does not matter for it.

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth0_users_are_listed_once() {
    sync_everything(ProviderKind::Auth0, [SortColumn::Email, SortColumn::ChangeDate], 1_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gigya_users_are_listed_once() {
    sync_everything(
        ProviderKind::Gigya,
        [SortColumn::LastName, SortColumn::DateRegistered],
        4_000,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ssor_users_are_listed_once() {
    sync_everything(ProviderKind::Ssor, [SortColumn::FirstName, SortColumn::Verified], 4_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn firefly_users_are_listed_once() {
    sync_everything(
        ProviderKind::Firefly,
        [SortColumn::CustomerRegistrationId, SortColumn::State],
        4_000,
    )
    .await;
}

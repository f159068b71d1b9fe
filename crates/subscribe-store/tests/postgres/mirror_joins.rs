//! After any history of writes to both sides, concurrent ones too, the mirror equals the join of all profiles with all
//! registrations.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    email::Email,
    order::{Direction, Order, SortColumn},
    query::UserFilter,
    settings::TenantSettings,
    tenant::{Tenant, TenantId},
};
use masthead_ports::{
    mirror::{RemovalBrake, StartOutcome, StartRun},
    tenants::Tenants as _,
};
use masthead_subscribe_store::Store;
use masthead_testkit::{
    accounts::readers,
    contract::{
        list,
        mirror::{MirrorFactory as _, MirrorSubject, NOON, PagedBy, minute, scan_page, start_run},
    },
};
use proptest::{
    collection::vec,
    prelude::{Strategy, any, prop_oneof},
    sample::select,
    test_runner::{Config, TestRunner},
};

use crate::{
    contract::PostgresFactory,
    mirror::mirror_subject,
    support::{FEDERATED, StoreFixture, current_thread_runtime, import_accounts, map, tenant},
};

/// A change of one side of a pool.
#[derive(Debug, Clone)]
enum SideChange {
    Registered(Account),
    Imported(Vec<Account>),
    Fed(Vec<Account>),
    Gone(CustomerRegistrationId),
    /// A full run that sees these accounts.
    Synced(Vec<Account>),
}

/// Accounts with few ids and addresses, so that they collide.
fn account() -> impl Strategy<Value = Account> {
    let id = select(vec!["1", "2", "3", "4", "a|1", "a|2"]);
    let address = select(vec!["x@e.org", "y@e.org", "z@e.org", ""]);
    (id, address, select(vec!["Ann", "Bo", ""])).prop_map(|(id, address, first_name)| Account {
        email: Email::from_source(address).ok(),
        first_name: first_name.into(),
        verified: Some(first_name == "Bo"),
        ..Account::new(CustomerRegistrationId::parse(id).unwrap())
    })
}

fn side_change() -> impl Strategy<Value = SideChange> {
    prop_oneof![
        4 => account().prop_map(SideChange::Registered),
        1 => vec(account(), 1..4).prop_map(SideChange::Imported),
        4 => vec(account(), 1..4).prop_map(SideChange::Fed),
        2 => account().prop_map(|account| SideChange::Gone(account.crid)),
        1 => vec(account(), 0..6).prop_map(SideChange::Synced),
    ]
}

/// A subject with one tenant, and its store.
async fn subject(settings: &[(&str, &str)]) -> (Arc<MirrorSubject>, Arc<Store>) {
    let subject = PostgresFactory::default().subject(1, settings).await;
    let store = Arc::clone(&subject.keep.downcast_ref::<StoreFixture>().unwrap().store);
    (Arc::new(subject), store)
}

fn by_id(accounts: Vec<Account>) -> BTreeMap<CustomerRegistrationId, Account> {
    let pairs = accounts.into_iter().map(|account| (account.crid.clone(), account));
    pairs.collect()
}

/// The account as a provider has it, optionally with another id.
fn provider_account(user: &Account, prefix: &str) -> Account {
    Account {
        crid: CustomerRegistrationId::parse(&format!("{prefix}{}", user.crid.as_str())).unwrap(),
        registration_id: None,
        has_password: false,
        ..user.clone()
    }
}

const fn ascending(column: SortColumn) -> Order {
    Order {
        column,
        direction: Direction::Ascending,
    }
}

/// Applies a change to the store, and to the expected profiles.
async fn apply(
    subject: &MirrorSubject,
    store: &Store,
    profiles: &mut BTreeMap<CustomerRegistrationId, Account>,
    change: SideChange,
    n: i64,
) {
    let cx = subject.context(0);
    match change {
        SideChange::Registered(account) => subject.register(&account).await,
        SideChange::Imported(accounts) => {
            let new: Vec<_> = by_id(accounts).into_values().collect();
            import_accounts(store, &cx.tenant, &new).await;
        }
        SideChange::Fed(accounts) => {
            subject.feed(&accounts, minute(n)).await;
            profiles.extend(by_id(accounts));
        }
        SideChange::Gone(id) => {
            subject.mirror.record_absence(&cx, &id, minute(n)).await.unwrap();
            profiles.remove(&id);
        }
        SideChange::Synced(accounts) => {
            subject.run(&accounts, minute(n), RemovalBrake::Released).await;
            *profiles = by_id(accounts);
        }
    }
}

#[test]
fn mirror_equals_join_after_any_history() {
    let runtime = current_thread_runtime();
    let strategy = (any::<bool>(), vec(side_change(), 1..16));
    let mut runner = TestRunner::new(Config {
        cases: 12,
        failure_persistence: None,
        max_shrink_iters: 60,
        ..Config::default()
    });
    let settings = [("Mirror.RemovalConfirmations", "1"), ("Mirror.RemovalApartHours", "0")];
    let (_keep, store) = runtime.block_on(subject(&settings));
    let number = AtomicU32::new(0);
    let result = runner.run(&strategy, |(store_wins, changes)| {
        runtime.block_on(async {
            // Each case has its own pool in the same database.
            let n = number.fetch_add(1, Ordering::Relaxed);
            let winner = [("Merge.email", if store_wins { "store" } else { "provider" })];
            let settings = [&settings[..], FEDERATED, &winner].concat();
            let tenant = tenant(&store, &format!("a/b/{n}"), &settings).await;
            let subject = mirror_subject(&store, vec![tenant], ());
            let mut profiles = BTreeMap::new();
            let mut minutes = 1;
            for change in changes {
                apply(&subject, &store, &mut profiles, change, minutes).await;
                minutes += 1;
                if subject.mirror.status(&subject.context(0)).await.unwrap().is_none() {
                    // Before the first run no profile is stored.
                    profiles.clear();
                    subject.run(&[], minute(minutes), RemovalBrake::On).await;
                    minutes += 1;
                }
                let profiles: Vec<Account> = profiles.values().cloned().collect();
                subject.assert_bulk_equals_join(&profiles).await;
                let merged = subject.merged(&profiles).await;
                for column in [
                    SortColumn::Email,
                    SortColumn::FirstName,
                    SortColumn::CustomerRegistrationId,
                ] {
                    let filter = UserFilter::default();
                    subject.answers_like(&merged, &filter, ascending(column), 50).await;
                }
            }
        });
        Ok(())
    });
    result.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_writes_of_both_sides_are_joined() {
    let (subject, _store) = subject(&[]).await;
    subject.run(&[], NOON, RemovalBrake::On).await;
    let users = readers(60);
    let profiles: Vec<Account> = users.iter().map(|user| provider_account(user, "a|")).collect();
    let writing: Vec<_> = users
        .into_iter()
        .zip(profiles.clone())
        .flat_map(|(user, profile)| {
            let (one, other) = (Arc::clone(&subject), Arc::clone(&subject));
            [
                tokio::spawn(async move { one.register(&user).await }),
                tokio::spawn(async move { other.feed(&[profile], minute(1)).await }),
            ]
        })
        .collect();
    for written in writing {
        written.await.unwrap();
    }
    let merged = subject.merged(&profiles).await;
    assert_eq!(merged.len(), 60);
    let filter = UserFilter::default();
    subject.answers_like(&merged, &filter, Order::default(), 100).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_per_side_make_eight_thousand_users() {
    let (subject, store) = subject(&[]).await;
    let users = readers(8_000);
    // Half of the 2,000 common users have another id at the provider.
    let prefix = |user: &Account| if user.crid.as_str() >= "r-04000" { "a|" } else { "" };
    let profiles: Vec<Account> = users[..5_000]
        .iter()
        .map(|user| provider_account(user, prefix(user)))
        .collect();
    let import = async |range: Range<usize>| import_accounts(&store, &subject.tenants[0], &users[range]).await;
    // Registrations before the first run are entered by it, later ones while it is under way and afterwards.
    import(3_000..5_500).await;
    let run = subject.begin(start_run("a", NOON)).await;
    let cx = subject.context(0);
    for (n, page) in profiles.chunks(1_000).enumerate() {
        let next = (n < 4).then_some("more");
        let taken = subject
            .mirror
            .record_page(&cx, &run, &scan_page(page, next), NOON)
            .await;
        assert_eq!(taken.unwrap().added, 1_000);
        if n == 2 {
            import(5_500..7_000).await;
        }
    }
    subject
        .mirror
        .finish_run(&cx, &run, minute(1), RemovalBrake::On)
        .await
        .unwrap();
    import(7_000..8_000).await;
    let merged = subject.merged(&profiles).await;
    assert_eq!(merged.len(), 8_000);
    for column in SortColumn::ALL {
        for (direction, by) in [
            (Direction::Ascending, PagedBy::Number),
            (Direction::Descending, PagedBy::Cursor),
        ] {
            let (filter, order) = (UserFilter::default(), Order { column, direction });
            subject.answers_by(by, &merged, &filter, order, 1_000).await;
        }
    }
}

#[tokio::test]
async fn mirror_is_reset_unless_it_serves_another_tenant() {
    let (subject, store) = subject(&[]).await;
    let profiles: Vec<Account> = readers(3).iter().map(|user| provider_account(user, "")).collect();
    let registered = Account {
        first_name: "Registered".into(),
        ..readers(1).remove(0)
    };
    subject.register(&registered).await;
    subject.run(&profiles, NOON, RemovalBrake::On).await;

    // Another paper of the pool, with another precedence.
    let id = TenantId::parse("north/daily/other").unwrap();
    let store_first = [("Merge.firstName", "store")];
    let admin = store.admin();
    let settings = map(&[FEDERATED, &store_first].concat());
    admin.add_tenant(&id, Some("north/daily/0"), &settings).await.unwrap();
    let other = store.tenants().by_id(&id).await.unwrap().unwrap();
    let other = mirror_subject(&store, vec![other], ());
    let begin = async |subject: &MirrorSubject, minutes| {
        let over_at_once = StartRun {
            lease: Duration::ZERO,
            ..start_run("b", minute(minutes))
        };
        subject
            .mirror
            .start_run(&subject.context(0), over_at_once)
            .await
            .unwrap()
    };
    assert_eq!(begin(&other, 10).await, StartOutcome::Elsewhere);
    assert_eq!(other.mirror.status(&other.context(0)).await.unwrap(), None);
    let everyone = list(UserFilter::default());
    let listed = other.mirror.search(&other.context(0), &everyone).await;
    assert!(listed.unwrap().is_none());
    assert_eq!(subject.pairs().await.len(), 3);

    // Once the first tenant is gone, the entries are merged again, and no profile is lost.
    admin.remove_tenant(&subject.tenants[0].id, false).await.unwrap();
    assert!(matches!(begin(&other, 20).await, StartOutcome::Run(_)));
    let merged = other.merged(&profiles).await;
    assert!(merged.iter().any(|user| &*user.first_name == "Registered"));
    let (filter, by_name) = (UserFilter::default(), ascending(SortColumn::FirstName));
    other.answers_like(&merged, &filter, by_name, 10).await;
    assert_eq!(other.as_of("r-00002").await, Some(NOON));

    // The profiles of another provider are removed.
    let gigya = [("Flow.UserProvider", "Gigya")];
    admin.set_tenant(&id, &map(&gigya)).await.unwrap();
    let moved = Arc::new(Tenant {
        settings: TenantSettings::parse(store_first.into_iter().chain(gigya)).0,
        ..(*other.tenants[0]).clone()
    });
    let moved = mirror_subject(&store, vec![moved], ());
    assert_eq!(moved.as_of("r-00002").await, None);
    moved.run(&[], minute(30), RemovalBrake::On).await;
    assert_eq!(moved.pairs().await, ["- r-00000"]);
}

//! Whatever is written to either side, in whatever order, and by however many at once: the directory is what joining all
//! profiles with all registrations comes to.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use masthead_dev_postgres::{PgBouncer, TestDatabase};
use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    email::Email,
    order::{Direction, Order, SortColumn},
    query::UserFilter,
};
use masthead_ports::mirror::{RemovalBrake, StartOutcome, StartRun};
use masthead_subscribe_store::Store;
use masthead_testkit::{
    accounts::readers,
    contract::mirror::{MirrorFactory as _, MirrorSubject, NOON, PagedBy, minute, scan_page, start_run},
};
use proptest::{
    collection::vec,
    prelude::{Strategy, any, prop_oneof},
    sample::select,
    test_runner::{Config, TestRunner},
};

use crate::{
    directory::OnPostgres,
    support::{map, origin, registration},
};

/// What may happen to a pool.
#[derive(Debug, Clone)]
enum Happening {
    Registered(Account),
    Imported(Vec<Account>),
    Fed(Vec<Account>),
    Gone(CustomerRegistrationId),
    /// A run about everything, of which these are seen.
    Walked(Vec<Account>),
}

/// Few ids and addresses, so that they meet; an id may be on both sides, or on one.
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

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => account().prop_map(Happening::Registered),
        1 => vec(account(), 1..4).prop_map(Happening::Imported),
        4 => vec(account(), 1..4).prop_map(Happening::Fed),
        2 => account().prop_map(|account| Happening::Gone(account.crid)),
        1 => vec(account(), 0..6).prop_map(Happening::Walked),
    ]
}

/// The store behind a subject of [`OnPostgres`].
fn subject_store(subject: &MirrorSubject) -> Arc<Store> {
    let kept = subject
        .keep
        .downcast_ref::<(Arc<Store>, Option<PgBouncer>, Arc<TestDatabase>)>();
    Arc::clone(&kept.unwrap().0)
}

fn by_id(accounts: Vec<Account>) -> BTreeMap<CustomerRegistrationId, Account> {
    let pairs = accounts.into_iter().map(|account| (account.crid.clone(), account));
    pairs.collect()
}

async fn happen(
    subject: &MirrorSubject,
    store: &Store,
    theirs: &mut BTreeMap<CustomerRegistrationId, Account>,
    what: Happening,
    n: i64,
) {
    let cx = subject.context(0);
    match what {
        Happening::Registered(account) => subject.register(&account).await,
        Happening::Imported(accounts) => {
            let new = by_id(accounts).into_values().map(|account| registration(&account));
            let importer = store.importer();
            importer.registrations(&cx.tenant, &origin(), new).await.unwrap();
        }
        Happening::Fed(accounts) => {
            subject.feed(&accounts, minute(n)).await;
            theirs.extend(by_id(accounts));
        }
        Happening::Gone(id) => {
            subject.directory.record_absence(&cx, &id, minute(n)).await.unwrap();
            theirs.remove(&id);
        }
        Happening::Walked(accounts) => {
            subject.run(&accounts, minute(n), RemovalBrake::Released).await;
            *theirs = by_id(accounts);
        }
    }
}

#[test]
fn whatever_happens_the_directory_is_both_sides_joined() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let strategy = (any::<bool>(), vec(happening(), 1..16));
    let mut runner = TestRunner::new(Config {
        cases: 12,
        failure_persistence: None,
        max_shrink_iters: 60,
        ..Config::default()
    });
    let settings = [
        ("Directory.RemovalConfirmations", "1"),
        ("Directory.RemovalApartHours", "0"),
    ];
    let subject = runtime.block_on(OnPostgres::default().directory(1, &settings));
    let store = subject_store(&subject);
    let number = std::sync::atomic::AtomicU32::new(0);
    let result = runner.run(&strategy, |(ours_win, happenings)| {
        runtime.block_on(async {
            // A pool of its own, in the same database.
            let n = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let winner = if ours_win { "store" } else { "provider" };
            let settings: Vec<_> = settings
                .into_iter()
                .chain([("Flow.UserProvider", "Auth0"), ("Merge.email", winner)])
                .collect();
            let tenant = crate::support::tenant(&store, &format!("a/b/{n}"), &settings).await;
            let subject = MirrorSubject {
                directory: store.directory(),
                bulk: store.bulk_lookups(),
                registrations: store.registrations(),
                registrar: Arc::clone(&subject.registrar),
                tenants: vec![tenant],
                keep: Box::new(()),
            };
            let mut theirs = BTreeMap::new();
            let mut minutes = 1;
            for what in happenings {
                happen(&subject, &store, &mut theirs, what, minutes).await;
                minutes += 1;
                if subject.directory.status(&subject.context(0)).await.unwrap().is_none() {
                    // No run has begun: nothing of the provider is kept.
                    theirs.clear();
                    subject.run(&[], minute(minutes), RemovalBrake::On).await;
                    minutes += 1;
                }
                let profiles: Vec<Account> = theirs.values().cloned().collect();
                subject.names_like_the_join(&profiles).await;
                let merged = subject.merged(&profiles).await;
                for column in [
                    SortColumn::Email,
                    SortColumn::FirstName,
                    SortColumn::CustomerRegistrationId,
                ] {
                    let order = Order {
                        column,
                        direction: Direction::Ascending,
                    };
                    subject.answers_like(&merged, &UserFilter::default(), order, 50).await;
                }
            }
        });
        Ok(())
    });
    result.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_sides_written_at_once_are_joined_all_the_same() {
    let subject = Arc::new(OnPostgres::default().directory(1, &[]).await);
    subject.run(&[], NOON, RemovalBrake::On).await;
    let people = readers(60);
    let theirs: Vec<Account> = people
        .iter()
        .map(|reader| Account {
            crid: CustomerRegistrationId::parse(&format!("a|{}", reader.crid.as_str())).unwrap(),
            registration_id: None,
            has_password: false,
            ..reader.clone()
        })
        .collect();
    let writing: Vec<_> = people
        .into_iter()
        .zip(theirs.clone())
        .flat_map(|(ours, theirs)| {
            let (one, other) = (Arc::clone(&subject), Arc::clone(&subject));
            [
                tokio::spawn(async move { one.register(&ours).await }),
                tokio::spawn(async move { other.feed(&[theirs], minute(1)).await }),
            ]
        })
        .collect();
    for written in writing {
        written.await.unwrap();
    }
    let merged = subject.merged(&theirs).await;
    assert_eq!(merged.len(), 60);
    subject
        .answers_like(&merged, &UserFilter::default(), Order::default(), 100)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_of_each_side_and_two_thousand_in_common_are_eight_thousand() {
    let subject = OnPostgres::default().directory(1, &[]).await;
    let store = subject_store(&subject);
    let everybody = readers(8_000);
    let theirs: Vec<Account> = everybody[..5_000]
        .iter()
        .map(|reader| Account {
            registration_id: None,
            has_password: false,
            // Half of those in common have another id at the provider.
            crid: match reader.crid.as_str() {
                id if id >= "r-04000" => CustomerRegistrationId::parse(&format!("a|{id}")).unwrap(),
                _ => reader.crid.clone(),
            },
            ..reader.clone()
        })
        .collect();
    let import = |range: std::ops::Range<usize>| {
        let (importer, tenant) = (store.importer(), Arc::clone(&subject.tenants[0]));
        let new: Vec<_> = everybody[range].iter().map(registration).collect();
        async move {
            importer
                .registrations(&tenant, &origin(), new.into_iter())
                .await
                .unwrap()
        }
    };
    // Those before the first run are entered by it, the others follow while it is under way and after.
    import(3_000..5_500).await;
    let run = subject.begin(start_run("a", NOON)).await;
    let cx = subject.context(0);
    for (n, page) in theirs.chunks(1_000).enumerate() {
        let next = (n < 4).then_some("more");
        let taken = subject
            .directory
            .record_page(&cx, &run, &scan_page(page, next), NOON)
            .await;
        assert_eq!(taken.unwrap().added, 1_000);
        if n == 2 {
            import(5_500..7_000).await;
        }
    }
    subject
        .directory
        .finish_run(&cx, &run, minute(1), RemovalBrake::On)
        .await
        .unwrap();
    import(7_000..8_000).await;
    let merged = subject.merged(&theirs).await;
    assert_eq!(merged.len(), 8_000);
    for column in SortColumn::ALL {
        for (direction, by) in [
            (Direction::Ascending, PagedBy::Number),
            (Direction::Descending, PagedBy::Cursor),
        ] {
            let order = Order { column, direction };
            subject
                .answers_by(by, &merged, &UserFilter::default(), order, 1_000)
                .await;
        }
    }
}

#[tokio::test]
async fn an_address_that_many_share_costs_no_more_than_one() {
    let subject = OnPostgres::default().directory(1, &[]).await;
    let shared = |reader: Account| Account {
        email: Email::parse("desk@example.org").ok(),
        ..reader
    };
    let theirs: Vec<Account> = readers(40)
        .into_iter()
        .map(|reader| Account {
            crid: CustomerRegistrationId::parse(&format!("a|{}", reader.crid.as_str())).unwrap(),
            registration_id: None,
            has_password: false,
            ..shared(reader)
        })
        .collect();
    subject.run(&theirs, NOON, RemovalBrake::On).await;
    for reader in readers(40) {
        subject.register(&shared(reader)).await;
    }
    let merged = subject.merged(&theirs).await;
    assert_eq!(merged.len(), 80);
    subject
        .answers_like(&merged, &UserFilter::default(), Order::default(), 30)
        .await;
}

#[tokio::test]
async fn a_directory_is_made_over_for_other_settings_unless_it_serves_another_tenant() {
    let subject = OnPostgres::default().directory(1, &[]).await;
    let store = subject_store(&subject);
    let mut theirs = readers(3);
    for reader in &mut theirs {
        (reader.registration_id, reader.has_password) = (None, false);
    }
    let ours = |first_name: &str| Account {
        first_name: first_name.into(),
        ..readers(1).remove(0)
    };
    subject.register(&ours("Ours")).await;
    subject.run(&theirs, NOON, RemovalBrake::On).await;

    // Another paper of the pool, with another precedence.
    let id = masthead_domain::tenant::TenantId::parse("north/daily/other").unwrap();
    let ours_first = [("Flow.UserProvider", "Auth0"), ("Merge.firstName", "store")];
    let admin = store.admin();
    let pool = Some("north/daily/0");
    admin.add_tenant(&id, pool, &map(&ours_first)).await.unwrap();
    let tenant = |id: masthead_domain::tenant::TenantId| {
        let tenants = store.tenants();
        async move {
            let tenant = masthead_ports::tenants::Tenants::by_id(&*tenants, &id).await;
            tenant.unwrap().unwrap()
        }
    };
    let other = MirrorSubject {
        tenants: vec![tenant(id.clone()).await],
        directory: store.directory(),
        bulk: store.bulk_lookups(),
        registrations: store.registrations(),
        registrar: Arc::clone(&subject.registrar),
        keep: Box::new(()),
    };
    let begun = |subject: &MirrorSubject, minutes| {
        let (directory, cx) = (Arc::clone(&subject.directory), subject.context(0));
        let over_at_once = StartRun {
            lease: Duration::ZERO,
            ..start_run("b", minute(minutes))
        };
        async move { directory.start_run(&cx, over_at_once).await.unwrap() }
    };
    assert_eq!(begun(&other, 10).await, StartOutcome::Elsewhere);
    assert_eq!(other.directory.status(&other.context(0)).await.unwrap(), None);
    let everybody = masthead_testkit::contract::list(UserFilter::default());
    let listed = other.directory.search(&other.context(0), &everybody).await;
    assert!(listed.unwrap().is_none());
    assert_eq!(subject.pairs().await.len(), 3);

    // Once nobody else is served, the entries are merged again, and nothing of the provider's is lost.
    admin.remove_tenant(&subject.tenants[0].id, false).await.unwrap();
    assert!(matches!(begun(&other, 20).await, StartOutcome::Run(_)));
    let merged = other.merged(&theirs).await;
    assert!(merged.iter().any(|user| &*user.first_name == "Ours"));
    let by_name = Order {
        column: SortColumn::FirstName,
        direction: Direction::Ascending,
    };
    other.answers_like(&merged, &UserFilter::default(), by_name, 10).await;
    assert_eq!(other.as_of("r-00002").await, Some(NOON));

    // Another provider's users are other users.
    let gigya = [("Flow.UserProvider", "Gigya")];
    admin.set_tenant(&id, &map(&gigya)).await.unwrap();
    let moved = MirrorSubject {
        tenants: vec![Arc::new(masthead_domain::tenant::Tenant {
            settings: masthead_domain::settings::TenantSettings::parse(ours_first.into_iter().skip(1).chain(gigya)).0,
            ..(*other.tenants[0]).clone()
        })],
        ..other
    };
    assert_eq!(moved.as_of("r-00002").await, None);
    moved.run(&[], minute(30), RemovalBrake::On).await;
    assert_eq!(moved.pairs().await, ["- r-00000"]);
}

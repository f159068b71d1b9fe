//! Reads on a streaming replica: spread, never without the writes of this process, and left when the replica is behind,
//! stalled, gone or promoted (ADR 0114).

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_dev_postgres::{PgBouncer, PrivateServer};
use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, query::UserFilter,
    tenant::Tenant, user_key::UserKey, write_back::WriteBack,
};
use masthead_ports::{
    bulk::{BulkLookups as _, LookupKey},
    registrations::{RegistrationWriter as _, WriteBackOutcome},
    source::UserSource as _,
};
use masthead_subscribe_store::{ReplicaHealth, Store, StoreOptions, schema};
use masthead_testkit::source_client::FindByKey as _;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::{
    sample_users::sample_user,
    support::{
        FEDERATED, blocking, context, context_within, first_page, import_users, origin, patient_options, starting_with,
        tenant,
    },
};

const DATABASE: &str = "masthead_test_replicas";
/// So long that a paused replica is not left.
const LONG: Duration = Duration::from_hours(1);

/// A primary, its streaming replica, and a store on both.
struct ReplicaFixture {
    primary: Arc<PrivateServer>,
    standby: Arc<PrivateServer>,
    store: Arc<Store>,
    metrics: PrometheusHandle,
}

async fn servers() -> (Arc<PrivateServer>, Arc<PrivateServer>) {
    let (primary, standby) = blocking(|| {
        let primary = PrivateServer::start_new_primary().unwrap();
        primary.server().create_database(DATABASE).unwrap();
        let standby = primary.start_standby().unwrap();
        (primary, standby)
    })
    .await;
    schema::migrate(&url(&primary)).await.unwrap();
    (Arc::new(primary), Arc::new(standby))
}

fn url(server: &PrivateServer) -> String {
    server.server().url(DATABASE).unwrap()
}

impl ReplicaFixture {
    async fn new(change: impl FnOnce(&mut StoreOptions)) -> Self {
        Self::on(servers().await, change)
    }

    fn on(
        (primary, standby): (Arc<PrivateServer>, Arc<PrivateServer>),
        change: impl FnOnce(&mut StoreOptions),
    ) -> Self {
        let mut options = patient_options(url(&primary));
        options.replica_urls = vec![url(&standby)];
        options.replica_max_lag = LONG;
        change(&mut options);
        let recorder = PrometheusBuilder::new().build_recorder();
        let store = metrics::with_local_recorder(&recorder, || Store::open(&options).unwrap());
        Self {
            primary,
            standby,
            store: Arc::new(store),
            metrics: recorder.handle(),
        }
    }

    /// A tenant with twenty users, which the replica has.
    async fn tenant_with_users(&self) -> Arc<Tenant> {
        let tenant = tenant(&self.store, "north/daily/herald", FEDERATED).await;
        import_users(&self.store, &tenant, 0..20).await;
        self.wait_for(|health| health.used).await;
        self.wait_for_replica_reads(&tenant).await;
        tenant
    }

    async fn wait_for(&self, is_expected: impl Fn(&ReplicaHealth) -> bool) {
        let started = Instant::now();
        while !is_expected(&self.health()) {
            assert!(started.elapsed() < Duration::from_secs(30), "{:?}", self.health());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until look-ups of the tenant are answered by the replica.
    async fn wait_for_replica_reads(&self, tenant: &Arc<Tenant>) {
        let started = Instant::now();
        let before = self.reads("replica 1");
        while self.reads("replica 1") == before {
            assert!(started.elapsed() < Duration::from_secs(30), "{:?}", self.health());
            assert!(self.finds(tenant, 0).await);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn health(&self) -> ReplicaHealth {
        self.store.replicas()().remove(0)
    }

    async fn wait_for_reason(&self, why: &str) {
        self.wait_for(|health| health.why.is_some_and(|reason| reason.contains(why)))
            .await;
    }

    /// How many reads the server has answered.
    fn reads(&self, target: &str) -> u64 {
        let name = format!("masthead_database_reads_total{{target=\"{target}\"}} ");
        let text = self.metrics.render();
        let line = text.lines().find_map(|line| line.strip_prefix(&name));
        line.map_or(0, |number| number.parse().unwrap())
    }

    async fn finds(&self, tenant: &Arc<Tenant>, number: u64) -> bool {
        let id = sample_user(number).crid;
        let within = context_within(tenant, Duration::from_secs(5));
        self.store.registrations().by_id(&within, &id).await.unwrap().is_some()
    }

    async fn sql(&self, server: &Arc<PrivateServer>, script: &str) -> String {
        let (server, script) = (Arc::clone(server), script.to_owned());
        blocking(move || server.server().run(DATABASE, &script).unwrap()).await
    }

    async fn pause_replay(&self) {
        self.sql(&self.standby, "SELECT pg_wal_replay_pause()").await;
        let state = "SELECT pg_get_wal_replay_pause_state()";
        while self.sql(&self.standby, state).await != "paused" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn resume_replay(&self) {
        self.sql(&self.standby, "SELECT pg_wal_replay_resume()").await;
    }

    async fn close(self) {
        self.store.close().await;
        blocking(move || drop((self.standby, self.primary))).await;
    }
}

async fn on(server: &Arc<PrivateServer>, work: impl FnOnce(&PrivateServer) + Send + 'static) {
    let server = Arc::clone(server);
    blocking(move || work(&server)).await;
}

/// The provider account `auth0|7`, which is written as a new registration.
fn new_account() -> Account {
    Account {
        email: Email::parse("ann@example.com").ok(),
        first_name: "Ann".into(),
        last_name: "Lee".into(),
        verified: Some(true),
        ..Account::new(CustomerRegistrationId::parse("auth0|7").unwrap())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_are_answered_by_the_replica() {
    let fixture = ReplicaFixture::new(|_| {}).await;
    let tenant = fixture.tenant_with_users().await;
    let store = &fixture.store;
    let (primary, replica) = (fixture.reads("primary"), fixture.reads("replica 1"));
    for number in 0..20 {
        assert!(fixture.finds(&tenant, number).await);
    }
    let page = store
        .registrations()
        .search(&context(&tenant), &first_page(UserFilter::default()))
        .await
        .unwrap();
    assert_eq!(page.accounts.len(), 10);
    let keys = [LookupKey::User(UserKey::Id(sample_user(3).crid))];
    let many = store
        .bulk_lookups()
        .find_many(&context(&tenant), &keys, None)
        .await
        .unwrap();
    assert_eq!(many.registrations[0].as_ref().unwrap().len(), 1);
    assert_eq!(fixture.reads("primary"), primary);
    assert_eq!(fixture.reads("replica 1"), replica + 22);
    // The servers' own record: the last statement of each connection.
    let reading = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'masthead' \
                   AND query LIKE '%registrations AS r%'";
    assert_ne!(fixture.sql(&fixture.standby, reading).await, "0");
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_writes_are_read_while_replay_is_paused() {
    let fixture = ReplicaFixture::new(|_| {}).await;
    let tenant = fixture.tenant_with_users().await;
    let other = self::tenant(&fixture.store, "north/daily/post", FEDERATED).await;
    import_users(&fixture.store, &other, 0..20).await;
    fixture.wait_for_replica_reads(&other).await;
    fixture.pause_replay().await;

    let registrations = fixture.store.registrations();
    let new = WriteBack {
        account: new_account(),
        read: None,
        same_email: Vec::new(),
    };
    let written = registrations.write_back(&context(&tenant), &new, &origin()).await;
    assert_eq!(written.unwrap(), WriteBackOutcome::Created);
    let id = new_account().crid;
    let ann = first_page(starting_with("ann@example.com"));
    let (primary, replica) = (fixture.reads("primary"), fixture.reads("replica 1"));
    // Longer than the watch needs to see the position, so that both states of the mark are read.
    let until = Instant::now() + Duration::from_secs(1);
    let mut rounds = 0;
    while Instant::now() < until {
        let cx = context(&tenant);
        let (found, listed) = tokio::join!(registrations.by_id(&cx, &id), registrations.search(&cx, &ann));
        assert!(found.unwrap().is_some(), "a look-up is stale");
        assert_eq!(listed.unwrap().accounts.len(), 1, "a list is stale");
        let keys = [LookupKey::User(UserKey::Id(id.clone()))];
        let many = fixture.store.bulk_lookups().find_many(&cx, &keys, None).await.unwrap();
        assert_eq!(
            many.registrations[0].as_ref().unwrap().len(),
            1,
            "a bulk look-up is stale"
        );
        assert!(fixture.finds(&other, 3).await);
        rounds += 1;
    }
    assert_eq!(fixture.reads("primary"), primary + 3 * rounds);
    assert_eq!(
        fixture.reads("replica 1"),
        replica + rounds,
        "another pool stays on the replica"
    );

    import_users(&fixture.store, &other, 20..40).await;
    assert!(fixture.finds(&other, 30).await, "an import is read at once");
    fixture.resume_replay().await;
    fixture.wait_for_replica_reads(&tenant).await;
    assert!(registrations.by_id(&context(&tenant), &id).await.unwrap().is_some());
    fixture.wait_for_replica_reads(&other).await;
    assert!(fixture.finds(&other, 30).await);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replica_beyond_the_lag_is_left_until_it_caught_up() {
    let fixture = ReplicaFixture::new(|options| options.replica_max_lag = Duration::from_secs(1)).await;
    let tenant = fixture.tenant_with_users().await;
    fixture.pause_replay().await;
    // As another process writes: nothing in this one knows of it.
    let deleted = format!(
        "UPDATE registrations SET deleted_at = now(), search_terms = '{{}}' WHERE crid = '{}'",
        sample_user(3).crid.as_str()
    );
    fixture.sql(&fixture.primary, &deleted).await;
    let started = Instant::now();
    while fixture.finds(&tenant, 3).await {
        assert!(started.elapsed() < Duration::from_secs(3), "the lag is not bounded");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(fixture.health().why, Some("too far behind the primary"));
    let replica = fixture.reads("replica 1");
    assert!(fixture.finds(&tenant, 4).await);
    assert_eq!(fixture.reads("replica 1"), replica);
    fixture.resume_replay().await;
    fixture.wait_for(|health| health.used).await;
    fixture.wait_for_replica_reads(&tenant).await;
    assert!(!fixture.finds(&tenant, 3).await);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_read_fails_when_the_replica_crashes() {
    let fixture = Arc::new(ReplicaFixture::new(|_| {}).await);
    let tenant = fixture.tenant_with_users().await;
    let (stop, stopped) = watch::channel(false);
    let readers: Vec<_> = (0..4)
        .map(|reader| {
            let (fixture, tenant, stopped) = (Arc::clone(&fixture), Arc::clone(&tenant), stopped.clone());
            tokio::spawn(async move {
                let mut count = 0;
                while !*stopped.borrow() {
                    assert!(fixture.finds(&tenant, (reader + count) % 20).await);
                    let page = fixture
                        .store
                        .registrations()
                        .search(
                            &context_within(&tenant, Duration::from_secs(5)),
                            &first_page(UserFilter::default()),
                        )
                        .await;
                    assert_eq!(page.unwrap().accounts.len(), 10);
                    count += 1;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                count
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    on(&fixture.standby, |standby| standby.stop_immediate().unwrap()).await;
    let gone = Instant::now();
    fixture.wait_for(|health| !health.used).await;
    let left_after = gone.elapsed();
    assert!(left_after < Duration::from_secs(1), "left after {left_after:?}");
    assert_eq!(fixture.health().why, Some("unavailable"));
    tokio::time::sleep(Duration::from_millis(300)).await;
    on(&fixture.standby, |standby| standby.start().unwrap()).await;
    fixture.wait_for(|health| health.used).await;
    fixture.wait_for_replica_reads(&tenant).await;
    stop.send_replace(true);
    for reader in readers {
        assert!(reader.await.unwrap() > 0);
    }
    Arc::into_inner(fixture).unwrap().close().await;
}

/// Forwards connections to a server until it is stalled.
async fn proxy(to: String) -> (SocketAddr, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stall, stalled) = watch::channel(false);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let (to, mut stalled) = (to.clone(), stalled.clone());
            tokio::spawn(async move {
                let mut server = TcpStream::connect(to).await.unwrap();
                let stalling = async { drop(stalled.wait_for(|stalled| *stalled).await) };
                tokio::select! {
                    _ = copy_bidirectional(&mut client, &mut server) => {}
                    // Both connections stay open, and nothing goes through.
                    () = stalling => std::future::pending().await,
                }
            });
        }
    });
    (address, stall)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stalled_replica_is_left_within_a_second() {
    let servers = servers().await;
    let direct = url(&servers.1);
    let (user, rest) = direct.rsplit_once('@').unwrap();
    let (address, database) = rest.split_once('/').unwrap();
    let (proxied, stall) = proxy(address.to_owned()).await;
    let through = format!("{user}@{proxied}/{database}");
    let fixture = ReplicaFixture::on(servers, |options| options.replica_urls = vec![through]);
    let tenant = fixture.tenant_with_users().await;
    stall.send_replace(true);
    let stalled = Instant::now();
    // On its way to the replica when it stalls: answered by the primary.
    assert!(fixture.finds(&tenant, 3).await);
    let page = first_page(UserFilter::default());
    let listed = fixture.store.registrations().search(&context(&tenant), &page).await;
    assert_eq!(listed.unwrap().accounts.len(), 10);
    let answered_after = stalled.elapsed();
    assert!(
        answered_after < Duration::from_millis(1_500),
        "answered after {answered_after:?}"
    );
    assert_eq!(fixture.health().why, Some("unavailable"));
    assert!(
        fixture
            .metrics
            .render()
            .contains("masthead_database_repeated_reads_total 1")
    );
    // Until connections that no caller has taken are back in the pool, which waits for an answer on them.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let closed = tokio::time::timeout(Duration::from_secs(30), fixture.close()).await;
    assert!(closed.is_ok(), "a stalled replica holds up the end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promoted_replica_is_not_read() {
    let fixture = ReplicaFixture::new(|_| {}).await;
    let tenant = fixture.tenant_with_users().await;
    fixture.sql(&fixture.standby, "SELECT pg_promote()").await;
    fixture.wait_for_reason("not in recovery").await;
    fixture.sql(&fixture.standby, "DELETE FROM registrations").await;
    let replica = fixture.reads("replica 1");
    for number in 0..20 {
        assert!(fixture.finds(&tenant, number).await);
    }
    assert_eq!(fixture.reads("replica 1"), replica);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_go_on_while_the_primary_is_away() {
    let fixture = ReplicaFixture::new(|options| options.replica_max_lag = Duration::from_secs(1)).await;
    let tenant = fixture.tenant_with_users().await;
    on(&fixture.primary, |primary| primary.stop().unwrap()).await;
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until {
        assert!(fixture.finds(&tenant, 3).await);
    }
    assert!(fixture.health().used);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn primary_and_other_clusters_are_no_replicas() {
    let (primary, standby) = servers().await;
    let (other, other_standby) = servers().await;
    let urls = vec![url(&primary), url(&other), url(&other_standby)];
    let fixture = ReplicaFixture::on((primary, standby), |options| options.replica_urls = urls);
    fixture.wait_for_reason("it is the primary").await;
    let reasons = || fixture.store.replicas()().into_iter().map(|replica| replica.why);
    let foreign = Some("a replica of another cluster");
    let started = Instant::now();
    while reasons().collect::<Vec<_>>()[1..] != [foreign, foreign] {
        assert!(started.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let tenant = tenant(&fixture.store, "north/daily/herald", &[]).await;
    import_users(&fixture.store, &tenant, 0..1).await;
    assert!(fixture.finds(&tenant, 0).await);
    fixture.close().await;
    blocking(move || drop((other_standby, other))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replica_with_another_schema_is_not_used() {
    let servers = servers().await;
    let unknown = "INSERT INTO _sqlx_migrations SELECT 9999, description, installed_on, success, checksum, execution_time \
                   FROM _sqlx_migrations LIMIT 1";
    on(&servers.0, move |primary| {
        primary.server().run(DATABASE, unknown).unwrap();
    })
    .await;
    let fixture = ReplicaFixture::on(servers, |_| {});
    fixture.wait_for_reason("wrong schema version").await;
    fixture
        .sql(&fixture.primary, "DELETE FROM _sqlx_migrations WHERE version = 9999")
        .await;
    fixture.wait_for(|health| health.used).await;
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replica_behind_a_pooler_needs_the_setting() {
    let servers = servers().await;
    let settings = &[("pool_mode", "transaction"), ("ignore_startup_parameters", "options")];
    let bouncers = [url(&servers.0), url(&servers.1)].map(|url| PgBouncer::start_before_url(&url, settings).unwrap());
    let [Some(before_primary), Some(before_standby)] = bouncers else {
        println!("pgbouncer is not installed: replicas behind it are not checked");
        return;
    };
    let replica_urls = vec![before_standby.url()];
    let unset = ReplicaFixture::on(servers.clone(), |options| {
        options.replica_urls.clone_from(&replica_urls);
    });
    unset.wait_for_reason("database.pooler is not set").await;
    unset.store.close().await;
    drop(unset);

    let fixture = ReplicaFixture::on(servers, |options| {
        options.direct_url = Some(std::mem::replace(&mut options.url, before_primary.url()));
        options.replica_urls = replica_urls;
        options.pooler = true;
    });
    let tenant = fixture.tenant_with_users().await;
    let (primary, replica) = (fixture.reads("primary"), fixture.reads("replica 1"));
    assert!(fixture.finds(&tenant, 3).await);
    let page = first_page(UserFilter::default());
    let listed = fixture.store.registrations().search(&context(&tenant), &page).await;
    assert_eq!(listed.unwrap().accounts.len(), 10);
    assert_eq!(
        (fixture.reads("primary"), fixture.reads("replica 1")),
        (primary, replica + 2)
    );
    fixture.close().await;
    blocking(move || drop((before_primary, before_standby))).await;
}

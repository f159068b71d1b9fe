//! URLs of several hosts: the one that accepts writes is used, also after another has taken its place.

use std::sync::Arc;

use masthead_dev_postgres::PrivateServer;
use masthead_domain::tenant::Tenant;
use masthead_ports::{source::UserSource as _, tenants::Tenants as _};
use masthead_subscribe_store::{Store, schema};
use masthead_testkit::source_client::FindByKey as _;

use crate::{
    sample_users::sample_user,
    support::{blocking, context, import_users, map, patient_options, tenant},
};

const DATABASE: &str = "masthead_hosts";

/// `user:password@`, `host:port` and `/database` of a server's URL.
fn parts(server: &PrivateServer) -> [String; 3] {
    let url = server.server().url(DATABASE).unwrap();
    let rest = url.strip_prefix("postgres://").unwrap();
    let (credentials, rest) = rest.split_at(rest.rfind('@').unwrap() + 1);
    let (host, database) = rest.split_at(rest.find('/').unwrap());
    [credentials, host, database].map(str::to_owned)
}

/// A call of every kind of connection.
async fn works(store: &Store, tenant: &Arc<Tenant>, label: &str) -> Result<(), String> {
    let cx = context(tenant);
    let found = store.registrations().by_id(&cx, &sample_user(1).crid).await;
    assert!(found.map_err(|error| error.to_string())?.is_some());
    let search = crate::support::first_page(masthead_domain::query::UserFilter::default());
    store
        .registrations()
        .search(&cx, &search)
        .await
        .map_err(|error| error.to_string())?;
    let label = map(&[("Mail.PaperName", label)]);
    let set = store.admin().set_tenant(&tenant.id, &label).await;
    set.map(|_| ()).map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn host_that_accepts_writes_is_used() {
    let (primary, standby) = blocking(|| {
        let primary = PrivateServer::start_new_primary().unwrap();
        primary.server().create_database(DATABASE).unwrap();
        let standby = primary.start_standby().unwrap();
        (primary, standby)
    })
    .await;
    let [credentials, first, database] = parts(&primary);
    let [_, second, _] = parts(&standby);
    // Nothing listens on the first; the second is the standby.
    let url = format!("postgres://{credentials}127.0.0.1:1,{second},{first}{database}");
    schema::migrate(&url).await.unwrap();
    let store = Store::open(&patient_options(url)).unwrap();
    let tenant = tenant(&store, "north/daily/herald", &[]).await;
    import_users(&store, &tenant, 0..20).await;
    works(&store, &tenant, "before").await.unwrap();

    let replayed = "SELECT count(*) FROM registrations";
    while standby
        .server()
        .run(DATABASE, replayed)
        .is_ok_and(|count| count != "20")
    {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    primary.stop_immediate().unwrap();
    standby.server().run(DATABASE, "SELECT pg_promote()").unwrap();
    // Connections that were cut fail once each.
    let mut tries = 0;
    while let Err(error) = works(&store, &tenant, "after").await {
        tries += 1;
        assert!(tries < 40, "{error}");
    }
    works(&store, &tenant, "after").await.unwrap();
    assert!(store.tenants().by_id(&tenant.id).await.unwrap().is_some());
    let written = standby
        .server()
        .run(DATABASE, "SELECT settings->>'Mail.PaperName' FROM tenants")
        .unwrap();
    assert_eq!(written, "after");
    store.close().await;
}

#[tokio::test]
async fn standby_alone_is_refused_for_writes() {
    let (primary, standby) = blocking(|| {
        let primary = PrivateServer::start_new_primary().unwrap();
        primary.server().create_database(DATABASE).unwrap();
        let standby = primary.start_standby().unwrap();
        (primary, standby)
    })
    .await;
    schema::migrate(&primary.server().url(DATABASE).unwrap()).await.unwrap();
    let url = format!(
        "{}?target_session_attrs=read-write",
        standby.server().url(DATABASE).unwrap()
    );
    let refused = schema::migrate(&url).await.unwrap_err();
    let source = std::error::Error::source(&refused).unwrap().to_string();
    assert!(source.contains("accepts no writes"), "{source}");
}

//! Connections by TLS, to a Postgres with a certificate of its own authority.

use std::{fs, path::PathBuf};

use masthead_dev_postgres::PrivateServer;
use masthead_domain::query::UserFilter;
use masthead_ports::source::UserSource as _;
use masthead_subscribe_store::{SchemaError, Store, TlsError, schema};
use masthead_testkit::source_client::FindByKey as _;

use crate::{
    sample_users::sample_user,
    support::{blocking, context, first_page, import_users, patient_options, private_server, tenant},
};

const DATABASE: &str = "masthead_tls";

/// A server whose certificate is of `localhost`, and the file of its authority.
struct TlsServer {
    server: PrivateServer,
    authority: PathBuf,
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.authority);
    }
}

/// An authority, and a key with a certificate that it has signed.
fn certificates() -> (String, String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new([]).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root = authority.self_signed(&key).unwrap().pem();
    let issuer = rcgen::Issuer::new(authority, key);
    let key = rcgen::KeyPair::generate().unwrap();
    let server = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = server.signed_by(&key, &issuer).unwrap().pem();
    (root, certificate, key.serialize_pem())
}

async fn tls_server() -> TlsServer {
    blocking(|| {
        let (root, certificate, key) = certificates();
        let server = PrivateServer::start_new_with_tls(&certificate, &key).unwrap();
        server.server().create_database(DATABASE).unwrap();
        let port = server.server().url(DATABASE).unwrap();
        let port = port.rsplit_once(':').unwrap().1.replace('/', "-");
        let authority = std::env::temp_dir().join(format!("masthead-authority-{}-{port}.pem", std::process::id()));
        fs::write(&authority, root).unwrap();
        TlsServer { server, authority }
    })
    .await
}

impl TlsServer {
    /// The URL with this host and mode, and the authority.
    fn url(&self, host: &str, mode: &str) -> String {
        let url = self.server.server().url(DATABASE).unwrap().replace("127.0.0.1", host);
        format!("{url}?sslmode={mode}&sslrootcert={}", self.authority.display())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_connection_is_encrypted() {
    let server = tls_server().await;
    let url = server.url("localhost", "verify-full");
    schema::migrate(&url).await.unwrap();
    let store = Store::open(&patient_options(url)).unwrap();
    store.check_schema().await.unwrap();
    let tenant = tenant(&store, "north/daily/herald", &[]).await;
    import_users(&store, &tenant, 0..20).await;
    let cx = context(&tenant);
    let source = store.registrations();
    assert!(source.by_id(&cx, &sample_user(1).crid).await.unwrap().is_some());
    assert_eq!(
        source
            .search(&cx, &first_page(UserFilter::default()))
            .await
            .unwrap()
            .accounts
            .len(),
        10
    );
    let connections = "SELECT count(*) > 2, bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                        WHERE application_name = 'masthead'";
    assert_eq!(server.server.server().run(DATABASE, connections).unwrap(), "t|t");
    store.close().await;
}

#[tokio::test]
async fn certificate_must_be_trusted_and_of_the_host() {
    let (server, other) = (tls_server().await, tls_server().await);
    let mut foreign = server.url("localhost", "verify-ca");
    foreign.truncate(foreign.rfind('=').unwrap() + 1);
    foreign.push_str(other.authority.to_str().unwrap());
    for url in [foreign, server.url("127.0.0.1", "verify-full")] {
        let refused = schema::migrate(&url).await.unwrap_err();
        let SchemaError::Tls(TlsError::Certificate { host, .. }) = &refused else {
            panic!("{refused:?}")
        };
        assert!(
            url.contains(host) && refused.to_string().contains("sslrootcert"),
            "{refused}"
        );
    }
    // As in libpq, `require` with an authority verifies it, and not the host's name.
    schema::migrate(&server.url("127.0.0.1", "require")).await.unwrap();
}

#[tokio::test]
async fn server_without_tls_is_refused_with_the_way_out() {
    let server = private_server(DATABASE).await;
    let url = format!("{}?sslmode=require", server.server().url(DATABASE).unwrap());
    let store = Store::open(&patient_options(url.clone())).unwrap();
    for refused in [schema::migrate(&url).await.map(|_| ()), store.check_schema().await] {
        let refused = refused.unwrap_err();
        assert!(
            matches!(refused, SchemaError::Tls(TlsError::NotOffered { .. })),
            "{refused:?}"
        );
        assert!(refused.to_string().contains("sslmode=disable"), "{refused}");
    }
}

//! Secrets of tenants: their places, their rotation, and certificates for providers.

use std::{
    fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_dev_postgres::TestDatabase;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    runtime::Runtime,
    time::sleep,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    providers::{
        client::by_id,
        server::{FederatedTenant, ProviderTestServer},
    },
    support::{
        process::{self, setting},
        raw_http::FOREVER,
        sources::AUTH0,
    },
};

/// A folder of secrets, removed when dropped.
struct SecretsFolder(PathBuf);

impl SecretsFolder {
    fn new(name: &str) -> Self {
        let folder = format!("secrets-{name}-{}", std::process::id());
        Self(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(folder))
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    fn write(&self, tenant: &str, name: &str, text: &str) {
        let own = self.0.join(tenant);
        fs::create_dir_all(&own).unwrap();
        fs::write(own.join(name), text).unwrap();
    }
}

impl Drop for SecretsFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn rotated_secret_needs_no_restart() {
    let folder = SecretsFolder::new("rotated");
    let (paper, tenant) = ("rotated", "north/daily/rotated");
    folder.write(tenant, "auth0", AUTH0.secret);
    let server = ProviderTestServer::start(
        &[FederatedTenant::new(paper)],
        &[("PROVIDERS__SECRETS_FOLDER", folder.path()), ("PROVIDERS__FRESH", "0s")],
    );
    let from_file = [
        "tenant",
        "set",
        tenant,
        "Auth0.ClientSecretEnv=",
        "Auth0.ClientSecretFile=auth0",
    ];
    folder.write(tenant, "auth0", "an-outdated-secret");
    process::run_ok(&server.settings, &from_file, "");
    let client = server.client(paper);
    let until = |wanted: &'static str| {
        let client = &client;
        async move {
            let began = Instant::now();
            while client.get(&by_id("both-rotated"), "rotation").await.source("Auth0").0 != wanted {
                assert!(began.elapsed() < FOREVER, "not {wanted}");
                sleep(Duration::from_millis(100)).await;
            }
        }
    };
    server.runtime.block_on(until("unavailable"));
    folder.write(tenant, "auth0", AUTH0.secret);
    server.runtime.block_on(until("ok"));
    let log = server.stop().log;
    assert!(log.contains("a secret has changed and is used from now on"), "{log}");
}

#[test]
fn setting_names_only_the_tenants_own_places() {
    let database = TestDatabase::empty().unwrap();
    let mut settings = process::settings(&database.url().unwrap());
    process::run_ok(&settings, &["migrate"], "");
    let tenant = "north/daily/herald";
    let add = [
        "tenant",
        "add",
        tenant,
        "--set",
        "Flow.UserProvider=Auth0",
        "--set",
        "Auth0.Domain=a.example",
    ];
    let add = [&add[..], &["--set", "Auth0.ClientId=someone", "--set"]].concat();
    let with = |place: &'static str| [&add[..], &[place]].concat();
    for other in [
        "Auth0.ClientSecretEnv=MASTHEAD_SECRET_AUTH0",
        "Auth0.ClientSecretEnv=MASTHEAD_SECRET__NORTH__DAILY__TIMES__AUTH0",
        "Auth0.ClientSecretEnv=MASTHEAD__SEALING__KEYS__K1",
        "Auth0.ClientSecretFile=../times/auth0",
        "Auth0.ClientSecretFile=/run/secrets/database_url",
    ] {
        let error = process::run_err(&settings, &with(other), "");
        let name = other.split('=').next().unwrap();
        assert!(error.contains(name) && error.contains("of this tenant"), "{error}");
    }
    settings.push(setting("PROVIDERS__SHARED_SECRETS", "true"));
    process::run_ok(&settings, &with("Auth0.ClientSecretEnv=MASTHEAD_SECRET_AUTH0"), "");
    let warned = process::run(&settings, &["check-config"], "");
    assert!(
        String::from_utf8(warned.stderr)
            .unwrap()
            .contains("providers.shared_secrets is on")
    );
}

/// A directory that has no user, at an address with TLS, for callers with a certificate of this authority.
async fn serve_no_user(authority: &CertifiedIssuer<'_, KeyPair>) -> u16 {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.as_ref().der().clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let Ok(mut socket) = acceptor.accept(socket).await else {
                continue;
            };
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") && socket.read_buf(&mut head).await.is_ok_and(|read| read > 0) {}
            let body = r#"{"err": "no such user"}"#;
            let answer = format!(
                "HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = socket.write_all(answer.as_bytes()).await;
            let _ = socket.shutdown().await;
        }
    });
    port
}

#[test]
fn provider_is_shown_the_tenants_certificate() {
    let (folder, tenant) = (SecretsFolder::new("certificate"), "north/daily/herald");
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let own_key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["masthead".to_owned()]).unwrap();
    let own = params.signed_by(&own_key, &authority).unwrap();
    folder.write(tenant, "token", "a-secret");
    folder.write(tenant, "authority", &authority.as_ref().pem());
    folder.write(tenant, "certificate", &own.pem());
    folder.write(tenant, "key", &own_key.serialize_pem());
    let runtime = Runtime::new().unwrap();
    let port = runtime.block_on(serve_no_user(&authority));

    let settings = [
        setting("PROVIDERS__SECRETS_FOLDER", folder.path()),
        // TLS to 127.0.0.1 alone.
        setting("PROVIDERS__ALLOW_PRIVATE_ADDRESSES", "127.0.0.1"),
    ];
    let check = |more: &str| {
        let file = format!(
            "Flow.UserProvider=SSOR\nSSOR.BaseUrl=https://127.0.0.1:{port}\nSSOR.SecretFile=token\nSSOR.Param.product_code=x\n{more}"
        );
        let arguments = ["provider", "check", "--settings", "-", "--tenant", tenant];
        let output = process::run(&settings, &arguments, &file);
        String::from_utf8(output.stdout).unwrap()
    };
    let identity = "SSOR.ClientCertificateFile=certificate\nSSOR.ClientKeyFile=key\n";
    let good = check(&format!("{identity}SSOR.CaFile=authority\n"));
    assert!(good.contains("agrees   an unknown id"), "{good}");
    for missing in [identity, "SSOR.CaFile=authority\n"] {
        let refused = check(missing);
        assert!(refused.contains("differs  an unknown id"), "{missing}: {refused}");
    }
    let unreadable = check("SSOR.ClientCertificateFile=certificate\nSSOR.ClientKeyFile=missing\n");
    assert!(unreadable.contains("ClientKeyFile"), "{unreadable}");
}

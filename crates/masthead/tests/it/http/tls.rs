//! The program's own TLS: its certificate and that of callers.

use std::{
    fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_dev_postgres::TestDatabase;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, pem::PemObject},
};
use time::OffsetDateTime;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Runtime,
    time::sleep,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::support::{
    process::{self, ServerProcess, setting},
    raw_http::{FOREVER, RawConnection},
};

/// An authority, and the folder with the files of the listener.
struct Fixture {
    authority: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
    settings: Vec<(String, String)>,
    /// Removed when dropped.
    _database: TestDatabase,
}

impl Fixture {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("tls-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("authority"), authority.as_ref().pem()).unwrap();
        let database = TestDatabase::empty().unwrap();
        let mut settings = process::settings(&database.url().unwrap());
        let file = folder.join("masthead.toml").to_str().unwrap().to_owned();
        settings.push(("MASTHEAD_CONFIG".to_owned(), file));
        settings.push(setting("METRICS__LISTEN", "127.0.0.1:0"));
        let fixture = Self {
            authority,
            folder,
            settings,
            _database: database,
        };
        fixture.write("certificate", "key", 365);
        fixture.configure(&[("tls_certificate_file", "certificate"), ("tls_key_file", "key")]);
        fixture
    }

    /// Writes the file of settings; the values are files in the folder.
    fn configure(&self, files: &[(&str, &str)]) {
        let line = |(key, name): &(&str, &str)| format!("{key} = \"{}\"\n", self.folder.join(name).display());
        let lines: String = files.iter().map(line).collect();
        fs::write(self.folder.join("masthead.toml"), format!("[http]\n{lines}")).unwrap();
    }

    /// A new certificate in these files, and as DER.
    fn write(&self, certificate: &str, key: &str, days: i64) -> Vec<u8> {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_after =
            OffsetDateTime::from_unix_timestamp(crate::support::jwt::now()).unwrap() + time::Duration::days(days);
        let own_key = KeyPair::generate().unwrap();
        let issued = params.signed_by(&own_key, &self.authority).unwrap();
        fs::write(self.folder.join(certificate), issued.pem()).unwrap();
        fs::write(self.folder.join(key), own_key.serialize_pem()).unwrap();
        issued.der().to_vec()
    }

    fn serve(&self) -> ServerProcess {
        process::run_ok(&self.settings, &["migrate"], "");
        ServerProcess::start(&self.settings)
    }

    /// Connects until the server shows this certificate.
    async fn wait_until_shown(&self, server: &ServerProcess, certificate: &[u8]) {
        let began = Instant::now();
        loop {
            let stream = self.connect(server, None).await.unwrap();
            if *stream.get_ref().1.peer_certificates().unwrap()[0] == *certificate {
                break;
            }
            assert!(began.elapsed() < FOREVER, "the old certificate is still shown");
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Connects with the certificate in these files, if any.
    async fn connect(&self, server: &ServerProcess, own: Option<[&str; 2]>) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.as_ref().der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match own {
            None => builder.with_no_client_auth(),
            Some(files) => {
                let [certificate, key] = files.map(|name| fs::read(self.folder.join(name)).unwrap());
                let certificate = CertificateDer::from_pem_slice(&certificate).unwrap();
                let key = PrivatePkcs8KeyDer::from_pem_slice(&key).unwrap();
                builder
                    .with_client_auth_cert(vec![certificate], PrivateKeyDer::from(key))
                    .unwrap()
            }
        };
        let stream = TcpStream::connect(server.address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The status of the liveness probe.
async fn live(stream: &mut TlsStream<TcpStream>) -> std::io::Result<String> {
    stream
        .write_all(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    let answer = String::from_utf8(answer).unwrap();
    Ok(answer.split(' ').nth(1).unwrap().to_owned())
}

#[test]
fn changed_certificate_is_served_without_a_restart() {
    let fixture = Fixture::new("changed");
    let server = fixture.serve();
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let mut open = fixture.connect(&server, None).await.unwrap();
        assert_eq!(live(&mut open).await.unwrap(), "200");
        let mut plain = RawConnection::connect(server.address).await.unwrap();
        assert!(
            plain.get("/health/live", &[]).await.is_err(),
            "plain http gets no answer"
        );

        let renewed = fixture.write("certificate", "key", 90);
        fixture.wait_until_shown(&server, &renewed).await;
        assert_eq!(live(&mut open).await.unwrap(), "200", "the connection goes on");

        // Files of other names are followed at SIGHUP.
        let moved = fixture.write("moved", "moved-key", 90);
        fixture.configure(&[("tls_certificate_file", "moved"), ("tls_key_file", "moved-key")]);
        server.signal("HUP");
        fixture.wait_until_shown(&server, &moved).await;
        assert_eq!(live(&mut open).await.unwrap(), "200", "the connection goes on");
    });
    let log = server.stop();
    assert!(log.contains("the listener has a new certificate"), "{log}");
}

#[test]
fn caller_without_certificate_is_refused() {
    let fixture = Fixture::new("callers");
    fixture.configure(&[
        ("tls_certificate_file", "certificate"),
        ("tls_key_file", "key"),
        ("tls_client_ca_file", "authority"),
    ]);
    fixture.write("caller", "caller-key", 30);
    let server = fixture.serve();
    Runtime::new().unwrap().block_on(async {
        let own = Some(["caller", "caller-key"]);
        let mut stream = fixture.connect(&server, own).await.unwrap();
        assert_eq!(live(&mut stream).await.unwrap(), "200");
        // With TLS 1.3 the refusal comes after the client's part of the handshake.
        let refused = match fixture.connect(&server, None).await {
            Ok(mut stream) => live(&mut stream).await.is_err(),
            Err(_) => true,
        };
        assert!(refused);
    });
    server.stop();
}

#[test]
fn check_config_reads_the_certificate() {
    let fixture = Fixture::new("checked");
    let check = || process::run(&fixture.settings, &["check-config"], "");
    let warnings = |output: &std::process::Output| String::from_utf8(output.stderr.clone()).unwrap();
    let good = check();
    assert!(
        good.status.success() && !warnings(&good).contains("certificate"),
        "{good:?}"
    );
    fixture.write("certificate", "key", 5);
    let soon = check();
    assert!(
        soon.status.success() && warnings(&soon).contains("expires at"),
        "{soon:?}"
    );
    fixture.write("certificate", "other", 90);
    let error = process::run_err(&fixture.settings, &["check-config"], "");
    assert!(
        error.contains("the key is not that of the first certificate"),
        "{error}"
    );
    fixture.configure(&[("tls_certificate_file", "certificate")]);
    let error = process::run_err(&fixture.settings, &["check-config"], "");
    assert!(error.contains("http.tls_key_file"), "{error}");
}

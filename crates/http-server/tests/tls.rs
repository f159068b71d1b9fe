//! TLS over real sockets, with certificates of this run.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::{BodyExt, Empty, Full};
use hyper::{body::Incoming, client::conn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use masthead_http_server::{
    CallerCertificates, DrainOutcome, Lifecycle, Listener, RawHead, Rejection, RequestHandler, ResponseRoom,
    ServerOptions, ServerTls, TlsIdentity, TlsIdentityError, TlsOptions, WorkerHandle, serve,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, pem::PemObject},
    version::{TLS12, TLS13},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Handle,
    task::JoinHandle,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Longer than a busy machine stalls.
const PATIENCE: Duration = Duration::from_mins(1);

/// Answers each request with its version and path.
struct Echo;

impl RequestHandler for Echo {
    type Body = Full<Bytes>;

    async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        _: IpAddr,
        _: Option<Rejection>,
        _: ResponseRoom,
    ) -> Response<Full<Bytes>> {
        let text = format!("{:?} {}", request.version(), request.uri().path());
        Response::new(Full::new(Bytes::from(text)))
    }

    fn reject_head(&self, _: &RawHead<'_>, _: Rejection) -> Response<Full<Bytes>> {
        Response::new(Full::default())
    }

    fn overload_response(&self, _: &RawHead<'_>) -> Vec<u8> {
        b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_vec()
    }
}

/// An authority.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM.
struct Pair {
    certificate: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.as_ref().pem()
    }

    fn issue(&self, purpose: ExtendedKeyUsagePurpose) -> Pair {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap().pem();
        Pair {
            certificate,
            key: key.serialize_pem(),
        }
    }

    fn server(&self) -> Pair {
        self.issue(ExtendedKeyUsagePurpose::ServerAuth)
    }

    fn caller(&self) -> Pair {
        self.issue(ExtendedKeyUsagePurpose::ClientAuth)
    }
}

impl Pair {
    fn identity(&self, callers: Option<(&str, bool)>) -> TlsIdentity {
        let callers = callers.map(|(authorities, are_required)| CallerCertificates {
            authorities: authorities.as_bytes(),
            are_required,
        });
        TlsIdentity::from_pem(self.certificate.as_bytes(), self.key.as_bytes(), callers).unwrap()
    }
}

/// A running server.
struct Running {
    address: SocketAddr,
    tls: Arc<ServerTls>,
    lifecycle: Lifecycle,
    served: JoinHandle<DrainOutcome>,
}

const OPTIONS: TlsOptions = TlsOptions {
    handshake_timeout: PATIENCE,
    max_handshakes: 16,
};

impl Running {
    async fn start(identity: &TlsIdentity, options: TlsOptions) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let tls = Arc::new(ServerTls::new(identity, options));
        let listener = Listener::new(socket, Some(Arc::clone(&tls)));
        let options = Arc::new(ServerOptions {
            header_timeout: PATIENCE,
            request_timeout: PATIENCE,
            write_timeout: PATIENCE,
            keep_alive: PATIENCE,
            max_connections: 64,
            max_connections_per_address: 64,
            max_unsent_bytes_per_connection: 1 << 20,
            max_unsent_bytes: 1 << 24,
            max_concurrent_streams: 8,
            max_uri_bytes: 1024,
            max_header_bytes: 1024,
            drain_timeout: PATIENCE,
            drain_idle: Duration::ZERO,
        });
        let lifecycle = Lifecycle::new();
        let watched = lifecycle.clone();
        let served = tokio::spawn(async move {
            let workers = vec![WorkerHandle::new(Handle::current(), Arc::new(Echo))];
            serve(listener, options, workers, &watched).await
        });
        Self {
            address,
            tls,
            lifecycle,
            served,
        }
    }

    async fn connect(&self, caller: &Caller<'_>) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(caller.config()))
            .connect(name, stream)
            .await
    }

    /// The answer to a request over HTTP/1.1, on a connection that ends after it.
    async fn answer(&self, caller: &Caller<'_>) -> std::io::Result<String> {
        get(&mut self.connect(caller).await?, "close").await
    }
}

async fn get(stream: &mut TlsStream<TcpStream>, connection: &str) -> std::io::Result<String> {
    let request = format!("GET /some/path HTTP/1.1\r\nhost: localhost\r\nconnection: {connection}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"/some/path") {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(String::from_utf8(answer).unwrap())
}

/// How a test's client connects.
struct Caller<'a> {
    trusts: &'a Authority,
    presents: Option<&'a Pair>,
    /// The one version of TLS that it speaks; otherwise any.
    version: Option<&'static SupportedProtocolVersion>,
    protocols: &'static [&'static [u8]],
}

impl<'a> Caller<'a> {
    fn trusting(trusts: &'a Authority) -> Self {
        Self {
            trusts,
            presents: None,
            version: None,
            protocols: &[],
        }
    }

    fn presenting(trusts: &'a Authority, presents: &'a Pair) -> Self {
        Self {
            presents: Some(presents),
            ..Self::trusting(trusts)
        }
    }

    fn config(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(self.trusts.pem().as_bytes()).unwrap();
        roots.add(root).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&self.version.map_or(vec![&TLS12, &TLS13], |version| vec![version]))
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match self.presents {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let certificate = CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap();
                let key = PrivatePkcs8KeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
                builder
                    .with_client_auth_cert(vec![certificate], PrivateKeyDer::from(key))
                    .unwrap()
            }
        };
        config.alpn_protocols = self.protocols.iter().map(|protocol| protocol.to_vec()).collect();
        config
    }
}

#[tokio::test]
async fn both_versions_of_tls_and_http_are_spoken() {
    let authority = Authority::new();
    let server = Running::start(&authority.server().identity(None), OPTIONS).await;
    let versions: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];
    for version in versions {
        let caller = Caller {
            version: Some(version),
            protocols: &[b"http/1.1"],
            ..Caller::trusting(&authority)
        };
        let mut stream = server.connect(&caller).await.unwrap();
        let session = stream.get_ref().1;
        assert_eq!(session.protocol_version(), Some(version.version));
        assert_eq!(session.alpn_protocol(), Some(&b"http/1.1"[..]));
        let answer = get(&mut stream, "close").await.unwrap();
        assert!(answer.ends_with("HTTP/1.1 /some/path"), "{answer}");
    }
    let caller = Caller {
        protocols: &[b"h2", b"http/1.1"],
        ..Caller::trusting(&authority)
    };
    let stream = server.connect(&caller).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]), "preferred");
    let (mut sender, connection) = conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = Request::get("https://localhost/some/path")
        .body(Empty::<Bytes>::new())
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.version(), Version::HTTP_2);
    assert_eq!(response.collect().await.unwrap().to_bytes(), "HTTP/2.0 /some/path");
}

#[tokio::test]
async fn plain_http_gets_no_answer() {
    let server = Running::start(&Authority::new().server().identity(None), OPTIONS).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/"), "{answer:?}");
}

#[tokio::test]
async fn replaced_certificate_serves_without_cutting_connections() {
    let (old, new) = (Authority::new(), Authority::new());
    let server = Running::start(&old.server().identity(None), OPTIONS).await;
    let mut open = server.connect(&Caller::trusting(&old)).await.unwrap();
    assert!(get(&mut open, "keep-alive").await.is_ok());

    server.tls.replace(&new.server().identity(None));
    assert!(
        get(&mut open, "keep-alive").await.is_ok(),
        "the open connection goes on"
    );
    assert!(server.answer(&Caller::trusting(&new)).await.is_ok());
    assert!(server.answer(&Caller::trusting(&old)).await.is_err());
}

#[tokio::test]
async fn callers_without_the_required_certificate_are_refused() {
    let (authority, callers, others) = (Authority::new(), Authority::new(), Authority::new());
    let server = authority.server();
    let (right, wrong) = (callers.caller(), others.caller());
    let pem = callers.pem();
    for (are_required, without) in [(true, false), (false, true)] {
        let running = Running::start(&server.identity(Some((&pem, are_required))), OPTIONS).await;
        let answers = [
            running.answer(&Caller::presenting(&authority, &right)).await.is_ok(),
            running.answer(&Caller::presenting(&authority, &wrong)).await.is_ok(),
            running.answer(&Caller::trusting(&authority)).await.is_ok(),
        ];
        assert_eq!(answers, [true, false, without], "required: {are_required}");
    }
}

#[tokio::test]
async fn silent_connection_is_closed_after_the_handshake_time() {
    let options = TlsOptions {
        handshake_timeout: Duration::from_millis(50),
        ..OPTIONS
    };
    let server = Running::start(&Authority::new().server().identity(None), options).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(silent.read(&mut [0]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn handshakes_above_the_bound_are_refused() {
    let authority = Authority::new();
    let options = TlsOptions {
        max_handshakes: 1,
        ..OPTIONS
    };
    let server = Running::start(&authority.server().identity(None), options).await;
    let silent = TcpStream::connect(server.address).await.unwrap();
    // Accepted in order: the silent connection has the one place.
    assert!(server.connect(&Caller::trusting(&authority)).await.is_err());
    drop(silent);
    while server.answer(&Caller::trusting(&authority)).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn drain_ends_pending_handshakes_and_idle_connections() {
    let authority = Authority::new();
    let server = Running::start(&authority.server().identity(None), OPTIONS).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let mut idle = server.connect(&Caller::trusting(&authority)).await.unwrap();
    assert!(get(&mut idle, "keep-alive").await.is_ok());
    server.lifecycle.drain();
    assert_eq!(server.served.await.unwrap(), DrainOutcome { cut: 0 });
    assert_eq!(silent.read(&mut [0]).await.unwrap_or(0), 0);
    assert_eq!(idle.read(&mut [0]).await.unwrap(), 0, "closed by TLS's own message");
}

#[test]
fn unusable_certificates_are_distinguished() {
    let authority = Authority::new();
    let (one, other) = (authority.server(), authority.server());
    let from =
        |certificate: &str, key: &str| TlsIdentity::from_pem(certificate.as_bytes(), key.as_bytes(), None).map(drop);
    assert_eq!(from(&one.certificate, &one.key), Ok(()));
    let chain = one.certificate.clone() + &authority.pem();
    assert_eq!(from(&chain, &one.key), Ok(()));
    assert_eq!(from(&one.certificate, &other.key), Err(TlsIdentityError::Mismatch));
    assert_eq!(from(&one.certificate, &one.certificate), Err(TlsIdentityError::Key));
    assert_eq!(from(&one.key, &one.key), Err(TlsIdentityError::Certificates));
    assert_eq!(from("", &one.key), Err(TlsIdentityError::Certificates));
    let callers = CallerCertificates {
        authorities: one.key.as_bytes(),
        are_required: true,
    };
    let refused = TlsIdentity::from_pem(one.certificate.as_bytes(), one.key.as_bytes(), Some(callers));
    assert_eq!(refused.map(drop), Err(TlsIdentityError::Authorities));
}

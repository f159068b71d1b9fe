//! The client against a local server that misbehaves in every known way, byte by byte.

use std::{
    io::Write as _,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::Request;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{HttpClient, HttpOptions};
use crate::{
    dial::Lookup,
    failure::{Failure, FailureClass},
};

fn options() -> HttpOptions {
    HttpOptions {
        connect_timeout: Duration::from_secs(2),
        idle_timeout: Duration::from_secs(1),
        total_timeout: Duration::from_secs(8),
        max_body_bytes: 64 * 1024,
        allow_private: true,
        ..HttpOptions::default()
    }
}

/// Serves each connection with what `answer` does after the request's head has arrived.
async fn serve<F, R>(answer: F) -> SocketAddr
where
    F: Fn(TcpStream, String) -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                match socket.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => break,
                }
            }
            tokio::spawn(answer(socket, String::from_utf8(head).unwrap()));
        }
    });
    address
}

/// Serves these bytes, then keeps the connection open.
async fn serve_bytes(bytes: impl Into<Vec<u8>>) -> SocketAddr {
    let bytes: Arc<Vec<u8>> = Arc::new(bytes.into());
    serve(move |mut socket, _| {
        let bytes = Arc::clone(&bytes);
        async move {
            let _ = socket.write_all(&bytes).await;
            let _ = socket.read_u8().await;
        }
    })
    .await
}

fn answer(headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn get(uri: &str) -> Request<Bytes> {
    Request::get(uri).body(Bytes::new()).unwrap()
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

async fn failure_of(bytes: impl Into<Vec<u8>>) -> Failure {
    let address = serve_bytes(bytes).await;
    let client = HttpClient::new(options()).unwrap();
    client
        .send(get(&format!("http://{address}/")), soon())
        .await
        .unwrap_err()
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn an_answer_is_read_whole_with_our_name_on_the_request() {
    let address = serve(|mut socket, head| async move {
        let head = head.to_ascii_lowercase();
        let ours = format!("user-agent: masthead/{}\r\n", env!("CARGO_PKG_VERSION"));
        let body = if head.contains(&ours) { "[true]" } else { "[false]" };
        let _ = socket.write_all(&answer("", body.as_bytes())).await;
    })
    .await;
    let client = HttpClient::new(options()).unwrap();
    let reply = client
        .send(get(&format!("http://{address}/x?y=z")), soon())
        .await
        .unwrap();
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json::<Vec<bool>>().unwrap(), [true]);
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let hits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&hits);
    let address = serve(move |mut socket, _| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move {
            let _ = socket
                .write_all(b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n")
                .await;
        }
    })
    .await;
    let client = HttpClient::new(options()).unwrap();
    let reply = client.send(get(&format!("http://{address}/")), soon()).await.unwrap();
    assert_eq!((reply.status.as_u16(), hits.load(Ordering::SeqCst)), (302, 1));
}

#[tokio::test]
async fn a_compressed_answer_is_inflated() {
    let address = serve_bytes(answer("content-encoding: gzip\r\n", &gzip(b"[1,2,3]"))).await;
    let client = HttpClient::new(options()).unwrap();
    let reply = client.send(get(&format!("http://{address}/")), soon()).await.unwrap();
    assert_eq!(reply.json::<Vec<u8>>().unwrap(), [1, 2, 3]);
}

#[tokio::test]
async fn a_compressed_bomb_stops_at_the_bound() {
    let bomb = gzip(&vec![b' '; 30 * 1024 * 1024]);
    assert!(bomb.len() < options().max_body_bytes);
    let failure = failure_of(answer("content-encoding: gzip\r\n", &bomb)).await;
    assert_eq!(failure, Failure::sent(FailureClass::TooLarge));
}

#[tokio::test]
async fn an_answer_that_announces_or_brings_too_much_is_refused() {
    let announced = b"HTTP/1.1 200 OK\r\ncontent-length: 200000000\r\n\r\n".to_vec();
    assert_eq!(failure_of(announced).await.class, FailureClass::TooLarge);

    let address = serve(|mut socket, _| async move {
        let _ = socket
            .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            .await;
        // Endless chunks: only the client's hanging up ends this.
        while socket.write_all(b"400\r\n").await.is_ok() {
            let _ = socket.write_all(&[b'x'; 1024]).await;
            if socket.write_all(b"\r\n").await.is_err() {
                break;
            }
        }
    })
    .await;
    let client = HttpClient::new(options()).unwrap();
    let failure = client
        .send(get(&format!("http://{address}/")), soon())
        .await
        .unwrap_err();
    assert_eq!(failure, Failure::sent(FailureClass::TooLarge));
}

#[tokio::test]
async fn broken_and_unknown_encodings_are_refused() {
    let mut cut = gzip(&[b'7'; 5000]);
    cut.truncate(cut.len() - 9);
    for (encoding, body) in [
        ("gzip", b"not gzip at all".to_vec()),
        ("gzip", cut),
        ("br", b"[]".to_vec()),
        ("gzip, gzip", gzip(&gzip(b"[]"))),
    ] {
        let failure = failure_of(answer(&format!("content-encoding: {encoding}\r\n"), &body)).await;
        assert_eq!(failure, Failure::sent(FailureClass::Encoding), "{encoding}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_is_told_as_such_wherever_it_breaks() {
    for cut in [
        "",
        "HTTP/1.1 20",
        "HTTP/1.1 200 OK\r\ncontent-le",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n[1,2",
    ] {
        let address = serve(move |mut socket, _| async move {
            let _ = socket.write_all(cut.as_bytes()).await;
        })
        .await;
        let client = HttpClient::new(options()).unwrap();
        let failure = client
            .send(get(&format!("http://{address}/")), soon())
            .await
            .unwrap_err();
        assert_eq!(failure, Failure::sent(FailureClass::Broken), "{cut:?}");
    }
    assert_eq!(failure_of("SSH-2.0-OpenSSH_9\r\n").await.class, FailureClass::Broken);
    let endless_head = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(200_000));
    assert_eq!(failure_of(endless_head).await.class, FailureClass::Broken);
}

#[tokio::test]
async fn a_body_that_stops_is_stalled_and_one_that_drips_runs_out_of_time() {
    let stalled = failure_of("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n[1").await;
    assert_eq!(stalled, Failure::sent(FailureClass::Stalled));

    let address = serve(|mut socket, _| async move {
        let _ = socket
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
            .await;
        while socket.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let client = HttpClient::new(options()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(2);
    let failure = client
        .send(get(&format!("http://{address}/")), deadline)
        .await
        .unwrap_err();
    assert_eq!(failure, Failure::sent(FailureClass::Timeout));
}

#[tokio::test]
async fn silence_ends_at_the_callers_deadline() {
    let address = serve_bytes("").await;
    let client = HttpClient::new(options()).unwrap();
    let started = Instant::now();
    let failure = client
        .send(get(&format!("http://{address}/")), started + Duration::from_secs(1))
        .await
        .unwrap_err();
    assert_eq!(failure, Failure::sent(FailureClass::Timeout));
    assert!(
        started.elapsed() < options().total_timeout,
        "the total time-out decided"
    );

    let passed = client
        .send(get(&format!("http://{address}/")), started)
        .await
        .unwrap_err();
    assert_eq!(passed, Failure::unsent(FailureClass::Timeout));
}

#[tokio::test]
async fn nobody_listening_is_told_before_anything_is_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let client = HttpClient::new(options()).unwrap();
    let failure = client
        .send(get(&format!("http://{address}/")), soon())
        .await
        .unwrap_err();
    assert_eq!(failure, Failure::unsent(FailureClass::Connect));
}

#[tokio::test]
async fn the_connect_time_out_decides_when_a_handshake_hangs() {
    // It takes the connection and never answers the TLS greeting.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = HttpClient::new(options()).unwrap();
    let failure = client
        .send(get(&format!("https://{address}/")), soon())
        .await
        .unwrap_err();
    assert_eq!(failure, Failure::unsent(FailureClass::ConnectTimeout));
}

#[tokio::test]
async fn addresses_that_are_not_public_are_refused_by_number_and_by_name() {
    let guarded = HttpOptions {
        allow_private: false,
        allow_plain_http: true,
        ..options()
    };
    let client = HttpClient::new(guarded.clone()).unwrap();
    for host in [
        "127.0.0.1",
        "[::1]",
        "[::ffff:10.0.0.1]",
        "169.254.169.254",
        "localhost",
        "2130706433",
        "0x7f.1",
    ] {
        let failure = client
            .send(get(&format!("http://{host}:9/")), soon())
            .await
            .unwrap_err();
        assert!(!failure.sent);
        assert!(
            matches!(failure.class, FailureClass::PrivateAddress | FailureClass::Resolve),
            "{host}: {failure:?}"
        );
    }
    let literal = client.send(get("http://127.0.0.1:9/"), soon()).await.unwrap_err();
    assert_eq!(literal.class, FailureClass::PrivateAddress);

    let mixed: Lookup = Arc::new(|_| {
        let found: Vec<IpAddr> = vec!["1.1.1.1".parse().unwrap(), "10.0.0.1".parse().unwrap()];
        Box::pin(std::future::ready(Ok(found)))
    });
    let client = HttpClient::with_lookup(guarded, mixed).unwrap();
    let failure = client.send(get("http://rebinding.example/"), soon()).await.unwrap_err();
    assert_eq!(failure, Failure::unsent(FailureClass::PrivateAddress));
}

#[tokio::test]
async fn a_name_is_resolved_once_and_the_checked_address_is_dialled() {
    let address = serve_bytes(answer("", b"[]")).await;
    let lookups = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&lookups);
    let lookup: Lookup = Arc::new(move |name| {
        assert_eq!(name, "pinned.example");
        // A second look-up would lead to nowhere.
        let first = counted.fetch_add(1, Ordering::SeqCst) == 0;
        let found = if first { "127.0.0.1" } else { "127.9.9.9" };
        Box::pin(std::future::ready(Ok(vec![found.parse().unwrap()])))
    });
    let client = HttpClient::with_lookup(options(), lookup).unwrap();
    let uri = format!("http://pinned.example:{}/", address.port());
    assert!(client.send(get(&uri), soon()).await.is_ok());
    assert_eq!(lookups.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn only_plain_addresses_of_allowed_schemes_are_called() {
    let strict = HttpOptions {
        allow_private: false,
        ..options()
    };
    let client = HttpClient::new(strict).unwrap();
    for (uri, class) in [
        ("http://provider.example/", FailureClass::PlainHttp),
        ("ftp://provider.example/", FailureClass::BadAddress),
        ("https://user:pass@provider.example/", FailureClass::BadAddress),
        ("/no/host", FailureClass::BadAddress),
    ] {
        let failure = client.send(get(uri), soon()).await.unwrap_err();
        assert_eq!(failure, Failure::unsent(class), "{uri}");
    }
}

#[tokio::test]
async fn a_private_authority_is_believed_only_when_it_is_named() {
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            if let Ok(mut socket) = acceptor.accept(socket).await {
                let _ = socket.write_all(&answer("connection: close\r\n", b"[]")).await;
                let _ = socket.shutdown().await;
            }
        }
    });
    let uri = format!("https://localhost:{port}/");
    let strange = HttpClient::new(options()).unwrap();
    let failure = strange.send(get(&uri), soon()).await.unwrap_err();
    assert_eq!(failure, Failure::unsent(FailureClass::Tls));

    let trusting = HttpOptions {
        extra_roots_pem: Some(made.cert.pem().into_bytes()),
        ..options()
    };
    let client = HttpClient::new(trusting).unwrap();
    assert!(client.send(get(&uri), soon()).await.is_ok());
}

#[test]
fn extra_roots_that_are_no_certificates_are_refused() {
    for bad in [
        "",
        "nonsense",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        let options = HttpOptions {
            extra_roots_pem: Some(bad.as_bytes().to_vec()),
            ..options()
        };
        assert!(HttpClient::new(options).is_err(), "{bad:?}");
    }
}

//! Address checks: no private addresses, no plain http by default, and only trusted certificates.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{io::AsyncWriteExt, net::TcpListener};

use super::*;
use crate::dial::NameLookup;

#[tokio::test]
async fn refused_connection_is_unsent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let failure = failure_at(address).await;
    assert_eq!(failure, HttpError::unsent(TransportError::Connect));
}

#[tokio::test]
async fn private_addresses_are_refused() {
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
            matches!(failure.cause, TransportError::PrivateAddress | TransportError::Resolve),
            "{host}: {failure:?}"
        );
    }
    let literal = client.send(get("http://127.0.0.1:9/"), soon()).await.unwrap_err();
    assert_eq!(literal.cause, TransportError::PrivateAddress);

    let mixed: NameLookup = Arc::new(|_| {
        let found: Vec<IpAddr> = vec!["1.1.1.1".parse().unwrap(), "10.0.0.1".parse().unwrap()];
        Box::pin(std::future::ready(Ok(found)))
    });
    let client = HttpClient::with_lookup(guarded, mixed).unwrap();
    let failure = client.send(get("http://rebinding.example/"), soon()).await.unwrap_err();
    assert_eq!(failure, HttpError::unsent(TransportError::PrivateAddress));
}

#[tokio::test]
async fn checked_address_is_the_dialled_one() {
    let address = serve_bytes(answer("", b"[]")).await;
    let lookups = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&lookups);
    let lookup: NameLookup = Arc::new(move |name| {
        assert_eq!(name, "pinned.example");
        // A second lookup would return another address.
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
async fn disallowed_uris_are_refused() {
    let strict = HttpOptions {
        allow_private: false,
        ..options()
    };
    let client = HttpClient::new(strict).unwrap();
    for (uri, class) in [
        ("http://provider.example/", TransportError::PlainHttp),
        ("ftp://provider.example/", TransportError::BadAddress),
        ("https://user:pass@provider.example/", TransportError::BadAddress),
        ("/no/host", TransportError::BadAddress),
    ] {
        let failure = client.send(get(uri), soon()).await.unwrap_err();
        assert_eq!(failure, HttpError::unsent(class), "{uri}");
    }
}

#[tokio::test]
async fn private_ca_needs_configuration() {
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
    assert_eq!(failure, HttpError::unsent(TransportError::Tls));

    let trusting = HttpOptions {
        extra_roots_pem: Some(made.cert.pem().into_bytes()),
        ..options()
    };
    let client = HttpClient::new(trusting).unwrap();
    assert!(client.send(get(&uri), soon()).await.is_ok());
}

#[test]
fn invalid_extra_roots_are_refused() {
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

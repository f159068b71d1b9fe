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
use crate::{ClientIdentity, ClientOptionsError, Secret, dial::NameLookup};

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
        // So that plain http is refused by the address alone: TLS refuses numbers as names before they are resolved.
        networks: vec!["10.9.9.9/32".parse().unwrap()],
        ..options()
    };
    let client = HttpClient::new(guarded.clone()).unwrap();
    for host in [
        "127.0.0.1",
        "[::1]",
        "[::ffff:10.0.0.1]",
        "169.254.169.254",
        "[64:ff9b::7f00:1]",
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
    let failure = client
        .send(get("https://rebinding.example/"), soon())
        .await
        .unwrap_err();
    assert_eq!(failure, HttpError::unsent(TransportError::PrivateAddress));
}

/// A client whose names have these addresses, and which may call these networks.
fn networked(networks: &[&str], addresses: &'static [&'static str]) -> HttpClient {
    let lookup: NameLookup = Arc::new(|_| {
        let found: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        Box::pin(std::future::ready(Ok(found)))
    });
    let options = HttpOptions {
        allow_private: false,
        networks: networks.iter().map(|network| network.parse().unwrap()).collect(),
        ..options()
    };
    HttpClient::with_lookup(options, lookup).unwrap()
}

#[tokio::test]
async fn plain_http_goes_to_listed_networks_alone() {
    let address = serve_bytes(answer("", b"[]")).await;
    let port = address.port();
    let client = networked(&["127.0.0.0/8"], &["127.0.0.1"]);
    for host in ["listed.example", "127.0.0.1", "[::ffff:127.0.0.1]"] {
        let sent = client.send(get(&format!("http://{host}:{port}/")), soon()).await;
        assert!(sent.is_ok(), "{host}: {sent:?}");
    }
    for (addresses, cause) in [
        (&["1.1.1.1"][..], TransportError::PlainHttp),
        (&["127.0.0.1", "1.1.1.1"], TransportError::PlainHttp),
        (&["127.0.0.1", "10.0.0.1"], TransportError::PrivateAddress),
        (&["::1"], TransportError::PrivateAddress),
        (&["::ffff:10.0.0.1"], TransportError::PrivateAddress),
        (&["64:ff9b::7f00:1"], TransportError::PrivateAddress),
    ] {
        let client = networked(&["127.0.0.0/8"], addresses);
        let failure = client.send(get("http://some.example:9/"), soon()).await.unwrap_err();
        assert_eq!(failure, HttpError::unsent(cause), "{addresses:?}");
    }
    for (host, cause) in [
        ("1.1.1.1", TransportError::PlainHttp),
        ("10.0.0.1", TransportError::PrivateAddress),
    ] {
        let failure = client
            .send(get(&format!("http://{host}:9/")), soon())
            .await
            .unwrap_err();
        assert_eq!(failure, HttpError::unsent(cause), "{host}");
    }
}

#[tokio::test]
async fn redirect_is_an_answer_and_not_followed() {
    let bytes = "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n";
    let address = serve_bytes(bytes).await;
    let client = networked(&["127.0.0.1/32"], &[]);
    let reply = client.send(get(&format!("http://{address}/")), soon()).await.unwrap();
    assert_eq!(reply.status, 302);
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

/// A TLS server with a self-signed certificate: its port, and the certificate as PEM. It requests a certificate of
/// this authority, if any.
async fn serve_tls(callers: Option<&rcgen::Certificate>) -> (u16, Vec<u8>) {
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match callers {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(authority.der().clone()).unwrap();
            let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let config = builder.with_single_cert(vec![made.cert.der().clone()], key).unwrap();
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
    (port, made.cert.pem().into_bytes())
}

#[tokio::test]
async fn private_ca_needs_configuration() {
    let (port, certificate) = serve_tls(None).await;
    let uri = format!("https://localhost:{port}/");
    let strange = HttpClient::new(options()).unwrap();
    let failure = strange.send(get(&uri), soon()).await.unwrap_err();
    assert_eq!(failure, HttpError::unsent(TransportError::Tls));

    let trusting = HttpOptions {
        extra_roots_pem: Some(certificate),
        ..options()
    };
    let client = HttpClient::new(trusting).unwrap();
    assert!(client.send(get(&uri), soon()).await.is_ok());
}

#[tokio::test]
async fn client_certificate_is_presented() {
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    let authority = rcgen::CertifiedIssuer::self_signed(params, key).unwrap();
    let (port, certificate) = serve_tls(Some(authority.as_ref())).await;
    let uri = format!("https://localhost:{port}/");
    let plain = HttpClient::new(options()).unwrap();
    let without = plain.with_tls(None, Some(certificate.clone())).unwrap();
    assert!(without.send(get(&uri), soon()).await.is_err());

    let own_key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(["caller".to_owned()]).unwrap();
    let own = params.signed_by(&own_key, &authority).unwrap();
    let identity = |key: &rcgen::KeyPair| ClientIdentity {
        certificates_pem: Secret::new(own.pem().into_bytes()),
        key_pem: Secret::new(key.serialize_pem().into_bytes()),
    };
    let presenting = plain.with_tls(Some(identity(&own_key)), Some(certificate)).unwrap();
    assert!(presenting.send(get(&uri), soon()).await.is_ok());
    let other_key = rcgen::KeyPair::generate().unwrap();
    let mismatch = plain.with_tls(Some(identity(&other_key)), None).unwrap_err();
    assert_eq!(mismatch, ClientOptionsError::Identity);
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

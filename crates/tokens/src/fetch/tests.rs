//! Fetches over a real socket: a key set, and every invalid answer.

use std::{net::SocketAddr, sync::Arc};

use masthead_http_client::HttpOptions;
use masthead_ports::tokens::{TokenError, TokenVerifier};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;
use crate::{
    issuer::{IssuerOptions, VerifierKeySource},
    testing::{NOW, SettableClock, TestSigner, key_set},
    verifier::{
        Verifier,
        testing::{issuer_options, limits},
    },
};

fn client() -> HttpClient {
    HttpClient::new(HttpOptions {
        idle_timeout: Duration::from_secs(1),
        total_timeout: Duration::from_secs(4),
        max_body_bytes: 100_000,
        allow_private: true,
        ..HttpOptions::default()
    })
    .unwrap()
}

/// Answers every connection with these bytes and keeps it open.
async fn serve(bytes: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let bytes = Arc::new(bytes);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let bytes = Arc::clone(&bytes);
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(socket.read_u8().await.unwrap_or(b'\n'));
                }
                let _ = socket.write_all(&bytes).await;
                let _ = socket.read_u8().await;
            });
        }
    });
    address
}

fn answer(status: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\nlocation: /keys\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

async fn verifier(bytes: Vec<u8>) -> Verifier {
    let url = format!("http://{}/.well-known/jwks.json", serve(bytes).await);
    verifier_by(VerifierKeySource::JwksUrl {
        url: url.into(),
        refresh: Duration::from_mins(5),
        cooldown: Duration::from_secs(30),
        max_stale: Duration::from_hours(1),
    })
}

fn verifier_by(keys: VerifierKeySource) -> Verifier {
    let issuer = IssuerOptions {
        keys,
        ..issuer_options()
    };
    Verifier::new(vec![issuer], &limits(), SettableClock::at(NOW), &client()).unwrap()
}

#[tokio::test]
async fn key_set_is_fetched_from_url() {
    let signer = TestSigner::ed25519();
    for kind in ["application/json; charset=utf-8", "application/jwk-set+json"] {
        let verifier = verifier(answer("200 OK", kind, &key_set(&[signer.jwk("k")]))).await;
        assert_eq!(verifier.warm_up().await, Ok(()));
        assert!(verifier.verify(&signer.token("k")).await.is_ok());
    }
}

#[tokio::test]
async fn invalid_key_set_answer_is_refused() {
    let signer = TestSigner::ed25519();
    let json = "application/json";
    let good = key_set(&[signer.jwk("k")]);
    let whole = answer("200 OK", json, &good);
    for (what, bytes) in [
        ("a redirect", answer("302 Found", json, &good)),
        ("an error", answer("500 Internal Server Error", json, &good)),
        ("a page", answer("200 OK", "text/html", b"<html>log in</html>")),
        (
            "a page labelled as JSON",
            answer("200 OK", json, b"<html>log in</html>"),
        ),
        ("a key set labelled as a page", answer("200 OK", "text/html", &good)),
        ("nested arrays", answer("200 OK", json, "[".repeat(50_000).as_bytes())),
        ("something else in JSON", answer("200 OK", json, b"{\"keys\":7}")),
        ("too much", answer("200 OK", json, &vec![b' '; 200_000])),
        ("silence", Vec::new()),
        ("half of it", whole[..whole.len() - 5].to_vec()),
    ] {
        let verifier = verifier(bytes).await;
        assert_eq!(verifier.warm_up().await, Err(TokenError::KeysUnavailable), "{what}");
        assert_eq!(
            verifier.verify(&signer.token("k")).await,
            Err(TokenError::KeysUnavailable),
            "{what}"
        );
    }
}

#[tokio::test]
async fn key_set_is_read_from_file() {
    let signer = TestSigner::ed25519();
    let path = std::env::temp_dir().join(format!("masthead-keys-{}.json", std::process::id()));
    std::fs::write(&path, key_set(&[signer.jwk("k")])).unwrap();
    let verifier = verifier_by(VerifierKeySource::JwksFile(path.clone()));
    assert!(verifier.verify(&signer.token("k")).await.is_ok());
    assert!(KeySetFile(path.clone()).fetch().await.is_ok());
    std::fs::remove_file(&path).unwrap();
    assert_eq!(KeySetFile(path).fetch().await, Err("unreadable file"));
    assert!(
        verifier.verify(&signer.token("k")).await.is_ok(),
        "the last good keys were dropped"
    );
}

//! Deadlines and time-outs.

use std::time::Duration;

use tokio::{io::AsyncWriteExt, net::TcpListener, sync::mpsc};

use super::*;
use crate::testing::later;

/// Longer than the caller waits.
const FOR_EVER: Duration = Duration::from_hours(1);

/// The error after [`PATIENCE`] from a server that writes `first`, and then repeats `again`.
async fn failure_after_patience(first: &'static str, again: &'static str) -> HttpError {
    let (received, mut is_received) = mpsc::unbounded_channel();
    let address = serve(move |mut socket, _| {
        let received = received.clone();
        async move {
            let _ = socket.write_all(first.as_bytes()).await;
            let _ = received.send(());
            while socket.write_all(again.as_bytes()).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    })
    .await;
    let options = HttpOptions {
        connect_timeout: FOR_EVER,
        idle_timeout: FOR_EVER,
        total_timeout: FOR_EVER,
        ..options()
    };
    let client = HttpClient::new(options).unwrap();
    let uri = format!("http://{address}/");
    let result = tokio::spawn(async move { client.send(get(&uri), soon()).await });
    is_received.recv().await.unwrap();
    later(PATIENCE).await;
    result.await.unwrap().unwrap_err()
}

#[tokio::test]
async fn stopped_body_is_stalled() {
    let impatient = HttpOptions {
        idle_timeout: Duration::from_millis(100),
        ..options()
    };
    let address = serve_bytes("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n[1").await;
    let client = HttpClient::new(impatient).unwrap();
    let stalled = client.send(get(&format!("http://{address}/")), soon()).await;
    assert_eq!(stalled.unwrap_err(), HttpError::sent(TransportError::Stalled));
}

#[tokio::test]
async fn slow_bodies_end_at_deadline() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n";
    assert_eq!(
        failure_after_patience("", "").await,
        HttpError::sent(TransportError::Timeout)
    );
    assert_eq!(
        failure_after_patience(head, " ").await,
        HttpError::sent(TransportError::Timeout)
    );
}

#[tokio::test]
async fn nothing_is_sent_after_deadline() {
    let address = serve_bytes("").await;
    let client = HttpClient::new(options()).unwrap();
    let passed = client.send(get(&format!("http://{address}/")), Instant::now()).await;
    assert_eq!(passed.unwrap_err(), HttpError::unsent(TransportError::Timeout));
}

#[tokio::test]
async fn hanging_handshake_hits_connect_timeout() {
    // It takes the connection and never answers the TLS greeting.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let impatient = HttpOptions {
        connect_timeout: Duration::from_millis(100),
        ..options()
    };
    let client = HttpClient::new(impatient).unwrap();
    let failure = client.send(get(&format!("https://{address}/")), soon()).await;
    assert_eq!(failure.unwrap_err(), HttpError::unsent(TransportError::ConnectTimeout));
}

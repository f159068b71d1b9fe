//! Replies: complete, decompressed, too large, or broken.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::io::AsyncWriteExt;

use super::*;

#[tokio::test]
async fn request_has_user_agent_and_body_is_read() {
    let address = serve(|mut socket, head| async move {
        let head = head.to_ascii_lowercase();
        let user_agent = format!("user-agent: masthead/{}\r\n", env!("CARGO_PKG_VERSION"));
        let body = if head.contains(&user_agent) {
            "[true]"
        } else {
            "[false]"
        };
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
async fn redirect_is_not_followed() {
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
async fn compressed_body_is_inflated() {
    let address = serve_bytes(answer("content-encoding: gzip\r\n", &gzip(b"[1,2,3]"))).await;
    let client = HttpClient::new(options()).unwrap();
    let reply = client.send(get(&format!("http://{address}/")), soon()).await.unwrap();
    assert_eq!(reply.json::<Vec<u8>>().unwrap(), [1, 2, 3]);
}

#[tokio::test]
async fn compressed_bomb_stops_at_limit() {
    let bomb = gzip(&vec![b' '; 30 * 1024 * 1024]);
    assert!(bomb.len() < options().max_body_bytes);
    let failure = failure_of(answer("content-encoding: gzip\r\n", &bomb)).await;
    assert_eq!(failure, HttpError::sent(TransportError::TooLarge));
}

#[tokio::test]
async fn oversized_body_is_refused() {
    let announced = b"HTTP/1.1 200 OK\r\ncontent-length: 200000000\r\n\r\n".to_vec();
    assert_eq!(failure_of(announced).await.cause, TransportError::TooLarge);

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
    let failure = failure_at(address).await;
    assert_eq!(failure, HttpError::sent(TransportError::TooLarge));
}

#[tokio::test]
async fn broken_or_unknown_encoding_is_refused() {
    let mut cut = gzip(&[b'7'; 5000]);
    cut.truncate(cut.len() - 9);
    for (encoding, body) in [
        ("gzip", b"not gzip at all".to_vec()),
        ("gzip", cut),
        ("br", b"[]".to_vec()),
        ("gzip, gzip", gzip(&gzip(b"[]"))),
    ] {
        let failure = failure_of(answer(&format!("content-encoding: {encoding}\r\n"), &body)).await;
        assert_eq!(failure, HttpError::sent(TransportError::Encoding), "{encoding}");
    }
}

#[tokio::test]
async fn broken_connection_is_reported_as_broken() {
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
        let failure = failure_at(address).await;
        assert_eq!(failure, HttpError::sent(TransportError::Broken), "{cut:?}");
    }
    assert_eq!(failure_of("SSH-2.0-OpenSSH_9\r\n").await.cause, TransportError::Broken);
    let endless_head = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(200_000));
    assert_eq!(failure_of(endless_head).await.cause, TransportError::Broken);
}

//! The client against a local server that misbehaves.

use std::{io::Write as _, net::SocketAddr, sync::Arc, time::Instant};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::Request;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::HttpClient;
use crate::{
    HttpOptions,
    error::{HttpError, TransportError},
    testing::PATIENCE,
};

mod addresses;
mod answers;
mod deadlines;

fn options() -> HttpOptions {
    HttpOptions {
        connect_timeout: PATIENCE,
        idle_timeout: PATIENCE,
        total_timeout: PATIENCE,
        max_body_bytes: 64 * 1024,
        allow_private: true,
        ..HttpOptions::default()
    }
}

/// Runs `answer` on each connection after the request head.
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
    (tokio::time::Instant::now() + PATIENCE).into_std()
}

async fn failure_of(bytes: impl Into<Vec<u8>>) -> HttpError {
    failure_at(serve_bytes(bytes).await).await
}

async fn failure_at(address: SocketAddr) -> HttpError {
    let client = HttpClient::new(options()).unwrap();
    let uri = format!("http://{address}/");
    client.send(get(&uri), soon()).await.unwrap_err()
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

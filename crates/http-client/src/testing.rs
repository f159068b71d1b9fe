//! Support for tests: a scripted server on a real socket, and a patient client.
#![expect(clippy::missing_panics_doc, clippy::unwrap_used, reason = "tests")]

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{client::HttpClient, options::HttpOptions};

/// Longer than a busy machine stalls.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// A client that may call this machine and waits long.
#[must_use]
pub fn client() -> HttpClient {
    HttpClient::new(HttpOptions {
        connect_timeout: PATIENCE,
        idle_timeout: PATIENCE,
        total_timeout: PATIENCE,
        allow_private: true,
        ..HttpOptions::default()
    })
    .unwrap()
}

/// A request as the server received it.
#[derive(Debug, Clone)]
pub struct RecordedRequest {
    /// The request line and the headers, in lower case.
    pub head: String,
    /// The request line.
    pub line: String,
    /// The headers with lower-case names, without `host`, sorted.
    pub headers: Vec<String>,
    /// The body.
    pub body: String,
}

/// A server that records requests and replies by a script: the text after `HTTP/1.1 `, with headers and body, or `None`,
/// which closes the connection.
pub struct ScriptedServer {
    /// Where it listens.
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<RecordedRequest>>>,
}

impl ScriptedServer {
    /// Starts a server; the script gets the number of the request and the request.
    pub async fn start(script: impl Fn(usize, &RecordedRequest) -> Option<String> + Send + Sync + 'static) -> Self {
        let bytes = move |n, request: &RecordedRequest| Some(format!("HTTP/1.1 {}", script(n, request)?).into_bytes());
        Self::run(true, bytes).await
    }

    /// Starts a server whose script returns all bytes of a reply; the connection is closed after each.
    pub async fn start_closing(script: impl Fn(&RecordedRequest) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::run(false, move |_, request| Some(script(request))).await
    }

    async fn run(
        keeps_connections: bool,
        script: impl Fn(usize, &RecordedRequest) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen: Arc<Mutex<Vec<RecordedRequest>>> = Arc::default();
        let script = Arc::new(script);
        let kept = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let (script, seen) = (Arc::clone(&script), Arc::clone(&kept));
                tokio::spawn(async move {
                    while let Some(request) = read_request(&mut socket).await {
                        let answer = {
                            let mut seen = seen.lock().unwrap();
                            seen.push(request.clone());
                            script(seen.len() - 1, &request)
                        };
                        let Some(answer) = answer else { return };
                        if socket.write_all(&answer).await.is_err() || !keeps_connections {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, seen }
    }

    /// The URI of a path.
    #[must_use]
    pub fn uri(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The requests so far.
    #[must_use]
    pub fn seen(&self) -> Vec<RecordedRequest> {
        self.seen.lock().unwrap().clone()
    }
}

async fn read_request(socket: &mut TcpStream) -> Option<RecordedRequest> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let (line, rest) = head.trim_end().split_once("\r\n")?;
    let headers = rest.split("\r\n").filter_map(|header| header.split_once(": "));
    let mut headers: Vec<String> = headers
        .map(|(name, value)| format!("{}: {value}", name.to_lowercase()))
        .filter(|header| !header.starts_with("host: "))
        .collect();
    headers.sort();
    let length = headers
        .iter()
        .find_map(|header| header.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    socket.read_exact(&mut body).await.ok()?;
    Some(RecordedRequest {
        line: line.to_owned(),
        headers,
        head: head.to_ascii_lowercase(),
        body: String::from_utf8(body).unwrap(),
    })
}

/// A reply with a JSON body; each of `headers` ends in `\r\n`.
#[must_use]
pub fn json(status: u16, headers: &str, body: &str) -> Option<String> {
    Some(format!(
        "{status} X\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    ))
}

/// Advances time without firing connection timers in between.
pub async fn later(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

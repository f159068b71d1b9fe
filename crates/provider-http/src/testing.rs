//! What the tests share: a scripted server on a real socket, a clock, and a tenant.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use masthead_domain::{
    settings::TenantSettings,
    tenant::{PoolId, Tenant, TenantId},
};
use masthead_ports::{
    clock::Clock,
    source::{CallContext, Priority},
};
use time::OffsetDateTime;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::client::{HttpClient, HttpOptions};

/// 2027-01-15, for ever.
pub(crate) const NOW: i64 = 1_800_000_000;

/// Longer than a busy machine stalls.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct FrozenClock;

impl Clock for FrozenClock {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(NOW).unwrap()
    }
}

pub(crate) fn tenant() -> Arc<Tenant> {
    Arc::new(Tenant {
        id: TenantId::parse("north/daily/herald").unwrap(),
        pool: PoolId(1),
        settings: TenantSettings::default(),
    })
}

/// A context of somebody who waits for so long.
pub(crate) fn cx(patience: Duration) -> CallContext {
    let deadline = (tokio::time::Instant::now() + patience).into_std();
    CallContext::new(tenant(), deadline, Priority::Interactive)
}

pub(crate) fn client() -> HttpClient {
    HttpClient::new(HttpOptions {
        connect_timeout: PATIENCE,
        idle_timeout: PATIENCE,
        total_timeout: PATIENCE,
        allow_private: true,
        ..HttpOptions::default()
    })
    .unwrap()
}

/// A request as the server saw it.
#[derive(Debug, Clone)]
pub(crate) struct RecordedRequest {
    pub(crate) head: String,
    pub(crate) body: String,
}

/// A server that keeps what it saw and answers by a script: the text after `HTTP/1.1 `, headers and body included, or
/// nothing, which closes the connection.
pub(crate) struct ScriptedServer {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<RecordedRequest>>>,
}

impl ScriptedServer {
    pub(crate) async fn start(
        script: impl Fn(usize, &RecordedRequest) -> Option<String> + Send + Sync + 'static,
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
                        if socket.write_all(format!("HTTP/1.1 {answer}").as_bytes()).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, seen }
    }

    pub(crate) fn uri(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<RecordedRequest> {
        self.seen.lock().unwrap().clone()
    }
}

async fn read_request(socket: &mut TcpStream) -> Option<RecordedRequest> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    socket.read_exact(&mut body).await.ok()?;
    Some(RecordedRequest {
        head,
        body: String::from_utf8(body).unwrap(),
    })
}

/// An answer with a JSON body; `headers` end in `\r\n` each.
#[expect(clippy::unnecessary_wraps, reason = "a script answers with an option")]
pub(crate) fn json(status: u16, headers: &str, body: &str) -> Option<String> {
    Some(format!(
        "{status} X\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    ))
}

/// Moves time on without any timer of a connection firing in between.
pub(crate) async fn later(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

//! The response to connections above the limit: a quick 503, then the connection is closed.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
    time::timeout,
};
use tokio_util::task::TaskTracker;

/// How many connections get the response at once; beyond that, connections are closed without one.
const MAX_CONCURRENT: usize = 128;

/// How long sending one response may take.
const TIME_LIMIT: Duration = Duration::from_secs(1);

/// Sends the overload response.
#[derive(Clone)]
pub(crate) struct OverloadResponder {
    permits: Arc<Semaphore>,
    response: Arc<[u8]>,
}

impl OverloadResponder {
    /// `response` is the complete HTTP/1.1 response, head and body.
    pub(crate) fn new(response: &[u8]) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(MAX_CONCURRENT)),
            response: response.into(),
        }
    }

    /// Closes the connection; before that, one without TLS gets the response, on a task of `tasks`.
    pub(crate) fn respond(&self, stream: TcpStream, is_plain: bool, tasks: &TaskTracker) {
        metrics::counter!("masthead_connections_refused_total").increment(1);
        if !is_plain {
            return;
        }
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            return;
        };
        let response = Arc::clone(&self.response);
        tasks.spawn(async move {
            let _ = timeout(TIME_LIMIT, send(stream, &response)).await;
            drop(permit);
        });
    }
}

async fn send(mut stream: TcpStream, response: &[u8]) -> std::io::Result<()> {
    stream.write_all(response).await?;
    stream.shutdown().await?;
    // Unread bytes would turn the close into a reset, which can overtake the response.
    let mut scratch = [0; 4 * 1024];
    while stream.read(&mut scratch).await? > 0 {}
    Ok(())
}

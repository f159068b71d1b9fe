//! The response to connections above a limit: a quick 503, or the liveness of the server, then the connection is closed.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
    time::timeout,
};
use tokio_util::task::TaskTracker;

use crate::{
    handler::RequestHandler,
    raw_head::{RawHead, end_of_head},
};

/// How many connections get the response at once; beyond that, connections are closed without one.
const MAX_CONCURRENT: usize = 128;

/// How long sending one response may take.
const TIME_LIMIT: Duration = Duration::from_secs(1);

/// How long the head of the request is waited for.
const HEAD_TIME_LIMIT: Duration = Duration::from_millis(500);

/// How much of the head is read.
const HEAD_BYTES: usize = 4 * 1024;

/// Sends the overload response.
pub(crate) struct OverloadResponder<H> {
    permits: Arc<Semaphore>,
    handler: Option<Arc<H>>,
}

impl<H: RequestHandler> OverloadResponder<H> {
    /// Sends the responses of this handler; without one, connections are closed.
    pub(crate) fn new(handler: Option<Arc<H>>) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(MAX_CONCURRENT)),
            handler,
        }
    }

    /// Closes the connection; before that, one without TLS gets the response, on a task of `tasks`. `limit` is the one that is
    /// reached.
    pub(crate) fn respond(&self, stream: TcpStream, is_plain: bool, tasks: &TaskTracker, limit: &'static str) {
        metrics::counter!("masthead_connections_refused_total", "limit" => limit).increment(1);
        if !is_plain {
            return;
        }
        let (Ok(permit), Some(handler)) = (Arc::clone(&self.permits).try_acquire_owned(), self.handler.clone()) else {
            return;
        };
        tasks.spawn(async move {
            let _ = timeout(TIME_LIMIT, respond(stream, &*handler)).await;
            drop(permit);
        });
    }
}

async fn respond(mut stream: TcpStream, handler: &impl RequestHandler) -> std::io::Result<()> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    // A client that sends no head in time is answered all the same.
    let _ = timeout(HEAD_TIME_LIMIT, read_head(&mut stream, &mut head)).await;
    stream
        .write_all(&handler.overload_response(&RawHead::parse(&head)))
        .await?;
    stream.shutdown().await?;
    // Unread bytes would turn the close into a reset, which can overtake the response.
    let mut scratch = [0; 4 * 1024];
    while stream.read(&mut scratch).await? > 0 {}
    Ok(())
}

async fn read_head(stream: &mut TcpStream, head: &mut Vec<u8>) -> std::io::Result<()> {
    while head.len() < HEAD_BYTES && end_of_head(head).is_none() {
        if stream.read_buf(head).await? == 0 {
            break;
        }
    }
    Ok(())
}

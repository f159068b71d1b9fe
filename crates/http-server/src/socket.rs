//! The socket of one connection: reports reads and stalled writes to the timers, and replaces hyper's own error responses.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

use crate::{
    handler::RequestHandler,
    parser_error::{self, ReplacedResponse},
    timers::ConnectionTimers,
    transport::Transport,
};

/// How long, and how much, a client may still send after the last response.
const LINGER: Duration = Duration::from_millis(500);
const LINGER_BYTES: usize = 512 * 1024;

/// A socket that reports to its timers, sends the handler's response instead of hyper's own to an invalid head, and closes
/// without losing the last response.
pub(crate) struct WatchedSocket<H> {
    stream: Transport,
    timers: Arc<ConnectionTimers>,
    handler: Arc<H>,
    max_uri_bytes: usize,
    /// How many responses of the handler were at least partly written.
    responses: usize,
    replacing: Option<ReplacedResponse>,
    lingering: Option<Lingering>,
}

/// Closing a socket with unread bytes sends a reset, which can overtake the response (a 413, for example): so incoming bytes
/// are read and dropped for a moment.
struct Lingering {
    until: Pin<Box<Sleep>>,
    left: usize,
}

impl<H: RequestHandler> WatchedSocket<H> {
    pub(crate) fn new(stream: Transport, timers: Arc<ConnectionTimers>, handler: Arc<H>, max_uri_bytes: usize) -> Self {
        Self {
            stream,
            timers,
            handler,
            max_uri_bytes,
            responses: 0,
            replacing: None,
            lingering: None,
        }
    }

    /// Records the result of a write.
    fn recorded<T>(&mut self, result: Poll<T>) -> Poll<T> {
        if result.is_pending() {
            self.timers.set_write_stalled();
        } else {
            self.timers.clear_write_stalled();
            self.responses = self.timers.responses();
        }
        result
    }

    /// Starts to replace what hyper writes if it is hyper's own: all responses of the handler are being written already.
    fn replace(&mut self, bytes: &[u8]) {
        if self.replacing.is_some() || self.responses != self.timers.responses() {
            return;
        }
        let Some(status) = parser_error::own_status(bytes) else {
            return;
        };
        self.replacing = Some(self.timers.with_head(|head| {
            let rejection = parser_error::rejection(status, head, self.max_uri_bytes);
            let response = self.handler.reject_head(head, rejection);
            ReplacedResponse::new(response, bytes, head)
        }));
    }

    /// Continues the replacement; `None` if there is none.
    fn poll_replaced(&mut self, cx: &mut Context<'_>) -> Option<Poll<io::Result<usize>>> {
        let result = self.replacing.as_mut()?.poll_write(&mut self.stream, cx);
        if result.is_ready() {
            self.replacing = None;
        }
        Some(self.recorded(result))
    }
}

impl<H: RequestHandler> AsyncRead for WatchedSocket<H> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if let Some(bytes @ [_, ..]) = buffer.filled().get(before..) {
            self.timers.record_bytes(bytes);
        }
        result
    }
}

impl<H: RequestHandler> AsyncWrite for WatchedSocket<H> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.replace(bytes);
        if let Some(result) = self.poll_replaced(cx) {
            return result;
        }
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.recorded(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [only] = buffers {
            self.replace(only);
        }
        if let Some(result) = self.poll_replaced(cx) {
            return result;
        }
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, buffers);
        self.recorded(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(cx);
        if self.stream.has_buffer() {
            // What the client does not take stalls here, not in a write.
            match result {
                Poll::Pending => self.timers.set_write_stalled(),
                Poll::Ready(_) => self.timers.clear_write_stalled(),
            }
        }
        result
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let socket = &mut *self;
        if socket.lingering.is_none() {
            ready!(Pin::new(&mut socket.stream).poll_shutdown(cx))?;
        }
        let lingering = socket.lingering.get_or_insert_with(|| Lingering {
            until: Box::pin(sleep_until(Instant::now() + LINGER)),
            left: LINGER_BYTES,
        });
        let mut scratch = [0; 8 * 1024];
        while lingering.left > 0 {
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut socket.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    lingering.left = lingering.left.saturating_sub(buffer.filled().len());
                }
                // The client has closed its side too.
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => return lingering.until.as_mut().poll(cx).map(Ok),
            }
        }
        Poll::Ready(Ok(()))
    }
}

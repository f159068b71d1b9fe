//! The socket of one connection, watched for what comes and what will not go.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep_until},
};

use masthead_api::ApiResponse;

use super::{
    Respond,
    unreadable::{self, Replacement},
    watch::Watch,
};

/// How long, and how much, a client may still send after our last word.
const LINGER: Duration = Duration::from_millis(500);
const LINGER_BYTES: usize = 512 * 1024;

/// A socket that tells its watch what happens, puts the program's answer in the place of hyper's own to a head that cannot be
/// read, and closes without losing the last answer.
pub(super) struct Socket<R> {
    stream: TcpStream,
    watch: Arc<Watch>,
    respond: Arc<R>,
    max_uri_bytes: usize,
    /// How many answers of the program have been begun to be written, at least.
    answers: usize,
    replacing: Option<Replacement>,
    lingering: Option<Lingering>,
}

/// Closing a socket that holds unread bytes sends a reset, which can overtake the answer (a 413, say): so what still
/// comes is read and dropped for a moment.
struct Lingering {
    until: Pin<Box<Sleep>>,
    left: usize,
}

impl<R: Respond> Socket<R> {
    pub(super) fn new(stream: TcpStream, watch: Arc<Watch>, respond: Arc<R>, max_uri_bytes: usize) -> Self {
        Self {
            stream,
            watch,
            respond,
            max_uri_bytes,
            answers: 0,
            replacing: None,
            lingering: None,
        }
    }

    fn noted<T>(&mut self, result: Poll<T>) -> Poll<T> {
        if result.is_pending() {
            self.watch.write_stalled();
        } else {
            self.watch.write_went_on();
            self.answers = self.watch.answers();
        }
        result
    }

    /// Begins to replace what hyper writes, where it is hyper's own: every answer of the program is on its way already.
    fn replace(&mut self, bytes: &[u8]) {
        if self.replacing.is_some() || self.answers != self.watch.answers() {
            return;
        }
        let Some(status) = unreadable::status(bytes) else {
            return;
        };
        self.replacing = Some(self.watch.with_head(|head| {
            let refusal = unreadable::refusal(status, head, self.max_uri_bytes);
            let answer: ApiResponse = self.respond.unreadable(head, refusal);
            Replacement::new(answer, bytes, head)
        }));
    }

    /// Goes on with the replacement; `None` where there is none.
    fn poll_replaced(&mut self, cx: &mut Context<'_>) -> Option<Poll<io::Result<usize>>> {
        let result = self.replacing.as_mut()?.poll_write(&mut self.stream, cx);
        if result.is_ready() {
            self.replacing = None;
        }
        Some(self.noted(result))
    }
}

impl<R: Respond> AsyncRead for Socket<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if let Some(bytes @ [_, ..]) = buffer.filled().get(before..) {
            self.watch.bytes_came(bytes);
        }
        result
    }
}

impl<R: Respond> AsyncWrite for Socket<R> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.replace(bytes);
        if let Some(result) = self.poll_replaced(cx) {
            return result;
        }
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.noted(result)
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
        self.noted(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
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
                // The client has closed too, which is what we wait for.
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => return lingering.until.as_mut().poll(cx).map(Ok),
            }
        }
        Poll::Ready(Ok(()))
    }
}

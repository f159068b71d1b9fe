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

use super::watch::Watch;

/// How long, and how much, a client may still send after our last word.
const LINGER: Duration = Duration::from_millis(500);
const LINGER_BYTES: usize = 512 * 1024;

/// A socket that tells its watch what happens, and that closes without losing the last answer.
pub(super) struct Socket {
    stream: TcpStream,
    watch: Arc<Watch>,
    lingering: Option<Lingering>,
}

/// Closing a socket that holds unread bytes sends a reset, which can overtake the answer (a 413, say): so what still
/// comes is read and dropped for a moment.
struct Lingering {
    until: Pin<Box<Sleep>>,
    left: usize,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, watch: Arc<Watch>) -> Self {
        Self {
            stream,
            watch,
            lingering: None,
        }
    }

    fn noted<T>(&self, result: Poll<T>) -> Poll<T> {
        if result.is_pending() {
            self.watch.write_stalled();
        } else {
            self.watch.write_went_on();
        }
        result
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.watch.bytes_came();
        }
        result
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.noted(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
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

//! The body of a response: complete, or a stream of parts.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::{sync::mpsc, task::JoinHandle};

/// How many parts of a stream wait at most for the client.
const WAITING_PARTS: usize = 2;

/// The body of a response.
#[derive(Debug, Default)]
pub struct ApiBody(Content);

#[derive(Debug)]
enum Content {
    Whole(Bytes),
    Stream(BodyStream),
}

impl Default for Content {
    fn default() -> Self {
        Self::Whole(Bytes::new())
    }
}

/// The stream of a body ended before its end: the connection reports it to the client, since a shorter body would look whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamCutError;

impl fmt::Display for StreamCutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the response was cut short")
    }
}

impl std::error::Error for StreamCutError {}

/// A part of a stream.
#[derive(Debug)]
pub(crate) enum BodyPart {
    Data(Bytes),
    /// The end. Without it a stream is cut short.
    End,
}

/// Sends the parts of a stream, as fast as the client takes them.
pub(crate) type BodyParts = mpsc::Sender<BodyPart>;

#[derive(Debug)]
struct BodyStream {
    parts: mpsc::Receiver<BodyPart>,
    has_ended: bool,
    task: JoinHandle<()>,
}

impl Drop for BodyStream {
    /// Without a client nothing more is made.
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl ApiBody {
    /// A stream whose parts a task makes, which ends with the body. Must be called in a Tokio runtime.
    pub(crate) fn stream<F: Future<Output = ()> + Send + 'static>(make: impl FnOnce(BodyParts) -> F) -> Self {
        let (sender, parts) = mpsc::channel(WAITING_PARTS);
        Self(Content::Stream(BodyStream {
            parts,
            has_ended: false,
            task: tokio::spawn(make(sender)),
        }))
    }

    /// The content of a body that is complete; empty for a stream.
    #[must_use]
    pub fn whole(&self) -> Bytes {
        match &self.0 {
            Content::Whole(bytes) => bytes.clone(),
            Content::Stream(_) => Bytes::new(),
        }
    }
}

macro_rules! whole_from {
    ($($content:ty),*) => {$(
        impl From<$content> for ApiBody {
            fn from(content: $content) -> Self {
                Self(Content::Whole(content.into()))
            }
        }
    )*};
}
whole_from!(Bytes, Vec<u8>, String, &'static str);

impl Body for ApiBody {
    type Data = Bytes;
    type Error = StreamCutError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamCutError>>> {
        let stream = match &mut self.0 {
            Content::Whole(bytes) if bytes.is_empty() => return Poll::Ready(None),
            Content::Whole(bytes) => return Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Content::Stream(stream) if stream.has_ended => return Poll::Ready(None),
            Content::Stream(stream) => stream,
        };
        let part = ready!(stream.parts.poll_recv(cx));
        stream.has_ended = !matches!(part, Some(BodyPart::Data(_)));
        Poll::Ready(match part {
            Some(BodyPart::Data(data)) => Some(Ok(Frame::data(data))),
            Some(BodyPart::End) => None,
            None => Some(Err(StreamCutError)),
        })
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Content::Whole(bytes) => bytes.is_empty(),
            Content::Stream(stream) => stream.has_ended,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Stream(_) => SizeHint::default(),
        }
    }
}

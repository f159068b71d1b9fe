//! Open requests: a request is open until its response body is dropped.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use crate::{
    timers::ConnectionTimers,
    unsent::{HeldBytes, ResponseRoom},
};

/// Counts one open request of a connection until it is dropped.
pub(crate) struct OpenRequest(Arc<ConnectionTimers>);

impl OpenRequest {
    pub(crate) fn begin(timers: &Arc<ConnectionTimers>, is_http2: bool) -> Self {
        timers.begin_request(is_http2);
        Self(Arc::clone(timers))
    }

    /// The response is handed to hyper.
    pub(crate) fn set_answered(&self) {
        self.0.count_response();
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.0.end_request();
    }
}

/// How much of a response an HTTP/2 stream is given at once. What it is given is kept until the client takes it, and the
/// request then counts as answered.
const PART_BYTES: usize = 64 * 1024;

/// How the bytes of a response are counted.
enum Counted {
    /// All of them, until the first are read, and then with the data; `None` from then on.
    Whole(Option<HeldBytes>),
    /// Each part of a stream until it is sent, and until the end of the stream what its maker holds.
    Parts(HeldBytes),
}

/// A response body that keeps its request open, and counts its bytes until they are sent.
pub(crate) struct TrackedBody<B> {
    body: B,
    open: OpenRequest,
    counted: Counted,
    /// Data that was read, and not given out yet.
    rest: Bytes,
}

impl<B: Body> TrackedBody<B> {
    pub(crate) fn new(body: B, open: OpenRequest, room: &ResponseRoom) -> Self {
        let bytes = body.size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok());
        Self {
            body,
            open,
            counted: match bytes {
                Some(bytes) => Counted::Whole(Some(room.hold(bytes))),
                None => Counted::Parts(room.hold_reserved()),
            },
            rest: Bytes::new(),
        }
    }
}

impl<B> TrackedBody<B> {
    /// The next part of some data; the whole on HTTP/1, whose connection buffers no more than it writes.
    fn next_part(&mut self, mut data: Bytes) -> Bytes {
        if data.len() > PART_BYTES && self.open.0.is_http2() {
            self.rest = data.split_off(PART_BYTES);
        }
        data
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for TrackedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let tracked = &mut *self;
        let rest = std::mem::take(&mut tracked.rest);
        let frame = if rest.is_empty() {
            match ready!(Pin::new(&mut tracked.body).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                ended => return Poll::Ready(ended),
            }
        } else {
            Frame::data(rest)
        };
        let frame = match frame.into_data() {
            Ok(data) => {
                let data = match &mut tracked.counted {
                    Counted::Whole(held) => match held.take() {
                        Some(held) => held.bind(data),
                        None => data,
                    },
                    Counted::Parts(held) => held.bind_more(data),
                };
                Frame::data(tracked.next_part(data))
            }
            Err(other) => other,
        };
        // The end of the body is recorded when it is dropped.
        if !tracked.is_end_stream() {
            tracked.open.0.record_progress();
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let body = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(body.lower() + rest);
        if let Some(upper) = body.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

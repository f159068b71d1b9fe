//! Open requests: a request is open until its response body is dropped.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use hyper::body::{Body, Frame, SizeHint};

use crate::timers::ConnectionTimers;

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

/// A response body that keeps its request open.
pub(crate) struct TrackedBody<B> {
    body: B,
    open: OpenRequest,
}

impl<B> TrackedBody<B> {
    pub(crate) fn new(body: B, open: OpenRequest) -> Self {
        Self { body, open }
    }
}

impl<B: Body + Unpin> Body for TrackedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        // The end of the body is recorded when it is dropped.
        if frame.is_ready() && !self.body.is_end_stream() {
            self.open.0.record_progress();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

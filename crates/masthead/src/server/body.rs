//! An answer's body that keeps its request counted as open until it is gone.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use hyper::body::{Body, Frame, SizeHint};

use super::connection::OpenRequest;

pub(super) struct Open<B> {
    body: B,
    open: OpenRequest,
}

impl<B> Open<B> {
    pub(super) fn new(body: B, open: OpenRequest) -> Self {
        Self { body, open }
    }
}

impl<B: Body + Unpin> Body for Open<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        // Its end is noted when it is dropped.
        if frame.is_ready() && !self.body.is_end_stream() {
            self.open.answer_went_on();
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

//! The end of every request, told once: access line and metrics, when its answer is gone or its client is.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Frame, SizeHint};

use crate::{
    logs::access::{self, AccessLog},
    ops::RequestTimes,
};

/// Where requests are told.
pub(super) struct Teller {
    pub(super) access: AccessLog,
    pub(super) times: RequestTimes,
}

/// What is known of a request; tells it when dropped, whatever ends it.
pub(super) struct Told {
    pub(super) teller: Arc<Teller>,
    pub(super) request: access::Request,
}

impl Drop for Told {
    fn drop(&mut self) {
        let took = self.request.began.elapsed();
        let request = &self.request;
        self.teller
            .times
            .record(&request.method, request.route(), request.status, took);
        self.teller.access.write(request, took);
    }
}

/// An answer's body that counts its bytes.
pub struct Counted {
    body: Full<Bytes>,
    told: Box<Told>,
}

impl Counted {
    pub(super) fn new(body: Full<Bytes>, told: Box<Told>) -> Self {
        Self { body, told }
    }
}

impl hyper::body::Body for Counted {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(data) = frame.data_ref()
        {
            self.told.request.bytes += data.len() as u64;
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

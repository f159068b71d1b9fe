//! The record of one request: its access line and metrics are written when the response is sent or the client is gone.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use masthead_api::{ApiBody, StreamCutError};

use crate::{
    logs::access::{self, AccessLog},
    ops::RequestTimes,
};

/// Where requests are recorded.
pub(super) struct RequestLogger {
    pub(super) access: AccessLog,
    pub(super) times: RequestTimes,
}

/// What is known of a request; written when dropped, in every case.
pub(super) struct RequestRecord {
    pub(super) log: Arc<RequestLogger>,
    pub(super) request: access::AccessEntry,
    /// For one of the operators' pages: only an error is written to the access log, since probes come every few seconds.
    pub(super) is_probe: bool,
}

impl Drop for RequestRecord {
    fn drop(&mut self) {
        let took = self.request.began.elapsed();
        let request = &self.request;
        self.log
            .times
            .record(&request.method, request.route(), request.status, took);
        let is_success = (200..300).contains(&request.status);
        if !(self.is_probe && is_success) {
            self.log.access.write(request, took);
        }
    }
}

/// A response body that counts its bytes.
pub struct CountedBody {
    body: ApiBody,
    record: Box<RequestRecord>,
}

impl CountedBody {
    pub(super) fn new(body: ApiBody, record: Box<RequestRecord>) -> Self {
        Self { body, record }
    }
}

impl hyper::body::Body for CountedBody {
    type Data = Bytes;
    type Error = StreamCutError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamCutError>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(data) = frame.data_ref()
        {
            self.record.request.bytes += data.len() as u64;
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

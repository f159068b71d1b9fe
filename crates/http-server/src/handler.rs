//! The interface between the server and the program that answers requests.

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Body, Incoming};

use crate::{raw_head::RawHead, rejection::Rejection};

/// Answers requests. Implementations must catch panics.
pub trait RequestHandler: Send + Sync + 'static {
    /// The body of a response.
    type Body: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + Unpin + 'static;

    /// Answers a request from this peer; with an error response if there is a rejection.
    fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: IpAddr,
        rejection: Option<Rejection>,
    ) -> impl Future<Output = Response<Self::Body>> + Send;

    /// The response to an HTTP/1 head that the parser rejects; the connection is closed after it.
    fn reject_head(&self, head: &RawHead<'_>, rejection: Rejection) -> Response<Full<Bytes>>;

    /// The complete HTTP/1.1 response, head and body, to a connection above the limit.
    fn overload_response(&self) -> Vec<u8>;
}

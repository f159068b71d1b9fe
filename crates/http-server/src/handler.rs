//! The interface between the server and the program that answers requests.

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Body, Incoming};

use crate::{raw_head::RawHead, rejection::Rejection, unsent::ResponseRoom};

/// Answers requests. Implementations must catch panics.
pub trait RequestHandler: Send + Sync + 'static {
    /// The body of a response.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + Unpin + 'static;

    /// Answers a request from this peer; with an error response if there is a rejection. A large response is made when there is
    /// room for it.
    fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: IpAddr,
        rejection: Option<Rejection>,
        room: ResponseRoom,
    ) -> impl Future<Output = Response<Self::Body>> + Send;

    /// The response to an HTTP/1 head that the parser rejects; the connection is closed after it.
    fn reject_head(&self, head: &RawHead<'_>, rejection: Rejection) -> Response<Full<Bytes>>;

    /// The complete HTTP/1.1 response, head and body, to a connection above the limit. The head is empty where the client sent
    /// none at once.
    fn overload_response(&self, head: &RawHead<'_>) -> Vec<u8>;

    /// Whether this peer may have more connections than one address may: a proxy with many clients behind it.
    fn is_trusted_peer(&self, _peer: IpAddr) -> bool {
        false
    }
}

//! HTTP/1.1 written by hand, so that a fault can take over the socket at any byte.

pub(crate) mod request;
pub(crate) mod response;

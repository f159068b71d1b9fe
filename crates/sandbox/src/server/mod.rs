//! HTTP/1.1 by hand, so that a fault can take over the socket at any byte.

pub(crate) mod gate;
pub(crate) mod reply;
pub(crate) mod request;

pub use gate::Outage;

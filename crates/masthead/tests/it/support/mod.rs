//! What the tests over real sockets share.

pub(crate) mod jwt;
pub(crate) mod process;
pub(crate) mod raw_http;

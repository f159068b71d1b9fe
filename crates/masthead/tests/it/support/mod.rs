//! What the tests over real sockets share.

pub(crate) mod jwt;
pub(crate) mod served;
pub(crate) mod wire;

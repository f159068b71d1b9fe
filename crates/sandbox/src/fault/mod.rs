//! Injected faults: what goes wrong with a call, which calls it applies to, and how it is played on the socket.

pub(crate) mod delivery;
mod flood;
pub(crate) mod queue;
pub(crate) mod rule;

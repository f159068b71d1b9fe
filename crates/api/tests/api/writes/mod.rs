//! The calls that write, over stores and a provider in memory.

mod bodies;
mod calls;
mod client;
mod documents;
mod erasures;
mod idempotency;
mod isolation;
mod legacy;
mod refusals;
mod tokens;

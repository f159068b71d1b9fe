//! The answer cache around a source: concurrent lookups share a call, and answers are remembered.

pub(crate) mod answers;
pub mod provider;
mod scan;
pub mod source;
mod writer;

pub use answers::CacheOptions;
pub use provider::CachedProvider;
pub use source::{CachedSource, RememberedAnswer};

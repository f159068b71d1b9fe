//! The outbound HTTP client: one call within its deadline, with bounded bodies and no calls to private addresses.
//!
//! The client resolves a name once, checks every address, and connects to a checked one. A failed call returns an
//! [`HttpError`], whose text contains no address, body or secret.

pub mod address;
mod body;
pub mod client;
mod dial;
pub mod error;
pub mod json;
pub mod options;
pub mod reply;
pub mod secret;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod tls;

pub use client::HttpClient;
pub use error::{HttpError, TransportError};
pub use options::{ClientIdentity, ClientOptionsError, HttpOptions};
pub use reply::HttpReply;
pub use secret::Secret;

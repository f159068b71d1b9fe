//! The HTTP face of the v4 user family: routes, headers, parameters, views, envelopes and OpenAPI.
//!
//! [`router`] is the whole of it; the connection loop, its limits and its logs are the binary's.

#[cfg(test)]
mod api_md;
mod caller;
mod code;
mod cursor;
mod documents;
mod envelope;
mod error;
mod fields;
mod handlers;
mod legacy;
mod openapi;
mod page;
mod parameters;
mod request;
mod routes;
mod state;
mod view;

pub use code::{Code, Entry, Origin, PLACEHOLDER};
pub use envelope::{headers_too_large_response, internal_error_response, unavailable_response, uri_too_long_response};
pub use request::{Deadline, MAX_REQUEST_ID_BYTES, REQUEST_ID, RequestId};
pub use routes::router;
pub use state::{ApiLimits, ApiState};

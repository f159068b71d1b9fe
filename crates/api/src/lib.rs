//! The HTTP face of the user family, v4, legacy and export: routes, headers, parameters, views, envelopes and OpenAPI.
//!
//! [`Api`] is the whole of it; the connection loop, its limits and its logs are the binary's.

#[cfg(test)]
mod api_md;
mod caller;
mod code;
mod cursor;
mod dialect;
mod documents;
mod envelope;
mod error;
mod export;
mod fields;
mod handlers;
mod json;
mod legacy;
mod openapi;
mod page;
mod parameters;
mod request;
mod routes;
mod state;
mod view;

pub use code::{Code, Entry, Origin, PLACEHOLDER};
pub use dialect::{ServerRefusal, refuse_at, wants_caller_address};
pub use export::ExportState;
pub use request::{CallerAddress, MAX_REQUEST_ID_BYTES, REQUEST_ID, RequestContext, RequestId};
pub use routes::{Answer, Api, BodyTimeout, RequestBody, Route};
pub use state::{ApiLimits, ApiState};

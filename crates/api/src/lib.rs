//! The HTTP APIs of the user family, v4, legacy and export: routes, headers, parameters, views, envelopes and OpenAPI.
//!
//! [`Api`] answers requests; connections, their limits and their logs belong to the server.

mod auth;
mod docs;
mod export;
mod family;
mod http;
mod legacy;
mod router;
mod routes;
mod v4;

pub use crate::{
    auth::read_scope::ReadScopeGrants,
    export::state::ExportState,
    http::{
        api_body::{ApiBody, StreamCutError},
        body::{BodyTimeoutError, RequestBody},
        error::ServerRefusal,
        limits::ApiLimits,
        request::{MAX_REQUEST_ID_BYTES, REQUEST_ID, RequestContext, RequestId},
        response::ApiResponse,
        room::{AnswerMemory, AnswerRoom},
    },
    router::{Api, ApiState, refuse_at},
    routes::Route,
    v4::parameters::export_filter::{ExportFilterError, parse_export_filter},
    v4::report::{receipt_json, report_json, report_page},
};

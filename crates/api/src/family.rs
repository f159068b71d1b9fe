//! The APIs: which one a path belongs to, and how each refuses a request that reaches no operation.

use std::time::Duration;

use crate::{
    export::{self, error::ExportError},
    http::{error::RequestError, request::RequestId, response::ApiResponse},
    legacy::{self, envelope::error_response, error::LegacyError},
    v4::envelope::{EnvelopeShape, V4Responder},
};

/// An API, which decides the shape of its responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ApiFamily {
    V4,
    Legacy,
    Export,
    /// The documents about the APIs.
    Docs,
}

impl ApiFamily {
    /// The API whose shape a refusal has where no route is known: the path has none, or the server could not read the
    /// request.
    pub(crate) fn from_unrouted_path(path: &str) -> Self {
        let is_below = |base: &str| {
            let rest = path.strip_prefix(base);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if export::BASES.iter().any(|base| is_below(base)) {
            Self::Export
        } else if is_below(legacy::BASE) || legacy::writes::operation::PATHS.iter().any(|(path, _)| is_below(path)) {
            Self::Legacy
        } else {
            Self::V4
        }
    }

    /// Renders an error that does not depend on the operation; `retry_after` is the usual value of `Retry-After`.
    pub(crate) fn refuse(self, error: RequestError, request_id: RequestId, retry_after: Duration) -> ApiResponse {
        match self {
            Self::Export => ExportError::from(error).response(&request_id, retry_after),
            Self::Legacy => error_response(&LegacyError::from(error), &request_id, retry_after),
            Self::V4 | Self::Docs => V4Responder {
                request_id,
                shape: EnvelopeShape::default(),
                retry_after,
            }
            .error(&error.into()),
        }
    }
}

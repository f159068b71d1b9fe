//! What every API shares: requests, bodies, deadlines, responses, JSON and percent-encoding. It knows no operation.

pub(crate) mod api_body;
pub(crate) mod body;
pub(crate) mod deadline;
pub(crate) mod error;
pub(crate) mod json;
pub(crate) mod limits;
pub(crate) mod percent;
pub(crate) mod personal_text;
pub(crate) mod rate_limit;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod room;

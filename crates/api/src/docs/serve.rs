//! Serves the OpenAPI document and the HTML documentation page. Neither needs a token, and the page loads nothing from
//! other hosts.

use std::sync::LazyLock;

use bytes::Bytes;
use http::{
    HeaderValue, StatusCode,
    header::{
        CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY,
        X_CONTENT_TYPE_OPTIONS,
    },
};

use super::{openapi, page};
use crate::http::response::ApiResponse;

/// The path of the OpenAPI document.
pub(crate) const OPENAPI: &str = "/openapi.json";
/// The path of the HTML page.
pub(crate) const PAGE: &str = "/docs";
/// The path of the page's style sheet.
pub(crate) const STYLE: &str = "/docs/style.css";

/// The content security policy: no script, frame or form; only the page's own style sheet.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static OPENAPI_TEXT: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(openapi::document().to_text()));
static PAGE_TEXT: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(page::html()));

pub(crate) fn openapi() -> ApiResponse {
    document("application/json", OPENAPI_TEXT.clone())
}

pub(crate) fn page() -> ApiResponse {
    document("text/html; charset=utf-8", PAGE_TEXT.clone())
}

pub(crate) fn style() -> ApiResponse {
    document(
        "text/css; charset=utf-8",
        Bytes::from_static(include_bytes!("style.css")),
    )
}

/// Redirects to the path without the trailing slash. The links of the page are relative, so that it works behind a path
/// prefix, and would break under the trailing slash.
pub(crate) fn page_redirect() -> ApiResponse {
    let mut response = document("text/plain; charset=utf-8", Bytes::new());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    response
        .headers_mut()
        .insert(LOCATION, HeaderValue::from_static("../docs"));
    response
}

fn document(content_type: &'static str, text: Bytes) -> ApiResponse {
    let length = text.len();
    let mut response = ApiResponse::new(text.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

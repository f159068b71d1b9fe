//! The names of HTTP methods in metrics and logs.

use http::Method;

/// Stands for every method that is not known.
pub(crate) const OTHER: &str = "other";

/// The method, or [`OTHER`]: clients can invent methods, which neither metrics nor log lines may contain.
pub(crate) fn known_method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        _ => OTHER,
    }
}

//! Responses to requests that never reach the API.

use std::time::Duration;

use masthead_api::ServerRefusal;
use masthead_http_server::Rejection;

/// The path of the liveness probe, and its answer.
pub(crate) const LIVE_PATH: &str = "/health/live";
pub(crate) const ALIVE: &str = r#"{"alive":true}"#;

/// The `Retry-After` of errors that know no better value.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The API's error for a request that the server rejects.
pub(crate) const fn api_error(rejection: Rejection) -> ServerRefusal {
    match rejection {
        Rejection::BadRequest => ServerRefusal::BadRequest,
        Rejection::ContentEncoding => ServerRefusal::ContentEncoding,
        Rejection::TransferEncoding => ServerRefusal::TransferEncoding,
        Rejection::UriTooLong => ServerRefusal::UriTooLong,
        Rejection::HeadersTooLarge => ServerRefusal::HeadersTooLarge,
    }
}

/// The complete response to a connection above a limit: the liveness of the server for its path, otherwise the
/// error E503 of the v4 API.
pub(crate) fn overload_response(path: &str) -> Vec<u8> {
    const REFUSAL: &str = r#"{"message":{"code":"UsersOrchestrator_E503","text":"Service Unavailable - too many connections","type":"Error"},"meta":null,"data":null}"#;
    let (status, retry_after, body) = if path == LIVE_PATH {
        ("200 OK", "", ALIVE)
    } else {
        ("503 Service Unavailable", "retry-after: 1\r\n", REFUSAL)
    };
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: {}\r\n\
         cache-control: no-store\r\nx-content-type-options: nosniff\r\n{retry_after}connection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overload_response_is_an_e503_envelope() {
        let whole = String::from_utf8(overload_response("/v4/Users")).unwrap();
        let (_, body) = whole.split_once("\r\n\r\n").unwrap();
        let value: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(value["message"]["code"], "UsersOrchestrator_E503");
    }
}

//! Responses of the server itself, without the API.

/// The complete response to a connection above the limit: the error E503 of the v4 API.
pub(crate) fn overloaded() -> Vec<u8> {
    const BODY: &str = r#"{"message":{"code":"UsersOrchestrator_E503","text":"Service Unavailable - too many connections","type":"Error"},"meta":null,"data":null}"#;
    format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: {}\r\n\
         cache-control: no-store\r\nretry-after: 1\r\nconnection: close\r\n\r\n{BODY}",
        BODY.len()
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overload_response_is_an_e503_envelope() {
        let whole = String::from_utf8(overloaded()).unwrap();
        let (_, body) = whole.split_once("\r\n\r\n").unwrap();
        let value: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(value["message"]["code"], "UsersOrchestrator_E503");
    }
}

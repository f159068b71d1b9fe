//! A minimal HTTP client for the server that `cargo xtask dev` runs.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

use crate::shell::TaskResult;

/// All but the unreserved characters (RFC 3986 §2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Sends a GET and returns status and body.
pub(super) fn get(address: &str, target: &str, headers: &[(&str, String)]) -> TaskResult<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut request = format!("GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        request.extend([name, ": ", value.as_str(), "\r\n"]);
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes())?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    parse(&response)
}

fn parse(response: &str) -> TaskResult<(u16, String)> {
    let (head, body) = response
        .split_once("\r\n\r\n")
        .ok_or("the response has no end of headers")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or("the response has no status")?;
    if head.to_ascii_lowercase().contains("\r\ntransfer-encoding:") {
        return Err("the response is chunked, which this client does not support".into());
    }
    Ok((status, body.to_owned()))
}

/// Percent-encodes reserved characters.
pub(super) fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_is_parsed() {
        let (status, body) = parse("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
        assert_eq!((status, body.as_str()), (200, "{}"));
        assert!(parse("nonsense").is_err());
    }

    #[test]
    fn reserved_characters_are_encoded() {
        assert_eq!(encode("auth0|x"), "auth0%7Cx");
        assert_eq!(encode("Zoë O'Hara-~"), "Zo%C3%AB%20O%27Hara-~");
    }
}

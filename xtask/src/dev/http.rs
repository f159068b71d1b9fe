//! Just enough HTTP to ask the server that was started here.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::shell::Outcome;

/// Sends a GET and gives the status and the body. Any failure to be answered is an error.
pub(super) fn get(address: &str, target: &str, headers: &[(&str, String)]) -> Outcome<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut request = format!("GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        request.extend([name, ": ", value.as_str(), "\r\n"]);
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    parse(&answer)
}

fn parse(answer: &str) -> Outcome<(u16, String)> {
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or("the answer has no end of headers")?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .ok_or("the answer has no status")?;
    if head.to_ascii_lowercase().contains("\r\ntransfer-encoding:") {
        return Err("the answer comes in chunks, which this client does not read".into());
    }
    Ok((status, body.to_owned()))
}

/// Percent-encodes what is not unreserved (RFC 3986 §2.3).
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            for half in [byte >> 4, byte & 0xf] {
                encoded.extend(char::from_digit(u32::from(half), 16).map(|digit| digit.to_ascii_uppercase()));
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_apart() {
        let (status, body) = parse("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
        assert_eq!((status, body.as_str()), (200, "{}"));
        assert!(parse("nonsense").is_err());
    }

    #[test]
    fn what_a_url_cannot_carry_is_encoded() {
        assert_eq!(encoded("auth0|x"), "auth0%7Cx");
        assert_eq!(encoded("Zoë O'Hara"), "Zo%C3%AB%20O%27Hara");
    }
}

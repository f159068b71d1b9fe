//! One connection, one request at a time: for searches, and for asking whether the server is ready.

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::answers;
use crate::shell::Outcome;

/// No answer here takes longer, unless something is wrong.
const PATIENCE: Duration = Duration::from_mins(1);

/// A connection that is kept open.
pub(super) struct Client {
    stream: TcpStream,
    address: String,
    buffer: Vec<u8>,
}

/// What came back, and how long it took from the first byte sent to the last one read.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    pub(super) took: Duration,
}

impl Client {
    pub(super) fn connect(address: &str) -> Outcome<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream,
            address: address.to_owned(),
            buffer: Vec::new(),
        })
    }

    /// Sends a GET; `headers` are whole lines.
    pub(super) fn get(&mut self, target: &str, headers: &str) -> Outcome<Reply> {
        let request = format!("GET {target} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n", self.address);
        self.exchange(&request)
    }

    /// Sends a request with a body; `headers` are whole lines.
    pub(super) fn send(&mut self, method: &str, target: &str, headers: &str, body: &str) -> Outcome<Reply> {
        let length = body.len();
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: {}\r\nContent-Length: {length}\r\n{headers}\r\n{body}",
            self.address
        );
        self.exchange(&request)
    }

    fn exchange(&mut self, request: &str) -> Outcome<Reply> {
        self.buffer.clear();
        let begun = Instant::now();
        self.stream.write_all(request.as_bytes())?;
        let mut piece = [0; 16 * 1024];
        loop {
            let read = self.stream.read(&mut piece)?;
            if read == 0 {
                return Err("the server closed the connection before its answer was whole".into());
            }
            self.buffer.extend_from_slice(&piece[..read]);
            if let Some(answer) = answers::parse(&self.buffer)?
                && self.buffer.len() >= answer.whole
            {
                return Ok(Reply {
                    status: answer.status,
                    body: self.buffer[answer.head..answer.whole].to_vec(),
                    took: begun.elapsed(),
                });
            }
        }
    }
}

impl Reply {
    /// The body of a 200; anything else is an error that shows the beginning of the body.
    pub(super) fn good(&self, what: &str) -> Outcome<Value> {
        if self.status != 200 {
            let said: String = String::from_utf8_lossy(&self.body).chars().take(300).collect();
            return Err(format!("{what}: answered {} {said}", self.status).into());
        }
        Ok(serde_json::from_slice(&self.body)?)
    }

    pub(super) fn milliseconds(&self) -> f64 {
        self.took.as_secs_f64() * 1_000.0
    }
}

/// Percent-encodes what is not unreserved (RFC 3986 §2.3).
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

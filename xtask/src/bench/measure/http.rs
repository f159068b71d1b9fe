//! An HTTP/1.1 client with one connection and one request at a time, for requests whose answers are read.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use super::statistics::median;
use crate::shell::TaskResult;

/// The longest wait for an answer; none takes as long unless something is wrong.
const PATIENCE: Duration = Duration::from_mins(1);

/// All characters but the unreserved ones (RFC 3986 §2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Headers of a request: names and values.
pub(super) type HeaderList = Vec<(&'static str, String)>;

/// A connection that stays open.
pub(super) struct BlockingClient {
    runtime: Runtime,
    connection: SendRequest<Full<Bytes>>,
    address: String,
}

/// An answer, and how long it took from the first byte sent to the last byte read.
pub(super) struct HttpReply {
    pub(super) status: u16,
    pub(super) body: Bytes,
    pub(super) took: Duration,
}

impl BlockingClient {
    pub(super) fn connect(address: &str) -> TaskResult<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let connection = runtime.block_on(async {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let (sender, connection) = handshake(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            TaskResult::Ok(sender)
        })?;
        Ok(Self {
            runtime,
            connection,
            address: address.to_owned(),
        })
    }

    pub(super) fn get(&mut self, target: &str, headers: &HeaderList) -> TaskResult<HttpReply> {
        self.send("GET", target, headers, String::new())
    }

    /// The median time of so many successful GETs, in milliseconds.
    pub(super) fn median_ms(&mut self, target: &str, headers: &HeaderList, runs: usize) -> TaskResult<f64> {
        let mut times = Vec::new();
        for _ in 0..runs {
            let reply = self.get(target, headers)?;
            reply.json(target)?;
            times.push(reply.milliseconds());
        }
        Ok(median(times))
    }

    pub(super) fn send(
        &mut self,
        method: &str,
        target: &str,
        headers: &HeaderList,
        body: String,
    ) -> TaskResult<HttpReply> {
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .header("Host", &self.address);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::from(body))?;
        let begun = Instant::now();
        let exchange = async {
            self.connection.ready().await?;
            let response = self.connection.send_request(request).await?;
            let status = response.status().as_u16();
            hyper::Result::Ok((status, response.into_body().collect().await?.to_bytes()))
        };
        let (status, body) = self.runtime.block_on(async { timeout(PATIENCE, exchange).await })??;
        Ok(HttpReply {
            status,
            body,
            took: begun.elapsed(),
        })
    }
}

impl HttpReply {
    /// The JSON body of a 2xx answer; an error with the beginning of the body for any other status.
    pub(super) fn json(&self, request: &str) -> TaskResult<Value> {
        if (200..300).contains(&self.status) {
            return Ok(serde_json::from_slice(&self.body).unwrap_or_default());
        }
        Err(format!("{request}: status {} {}", self.status, self.excerpt()).into())
    }

    /// The beginning of the body.
    pub(super) fn excerpt(&self) -> String {
        String::from_utf8_lossy(&self.body).chars().take(300).collect()
    }

    pub(super) fn milliseconds(&self) -> f64 {
        self.took.as_secs_f64() * 1_000.0
    }
}

/// Percent-encodes all but unreserved characters.
pub(super) fn percent_encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

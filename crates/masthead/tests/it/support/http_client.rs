//! HTTP clients: one request per connection, and HTTP/2.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use masthead_testkit::contract_cases::{CaseAnswer, CaseRequest};

use crate::support::raw_http::FOREVER;

/// Sends a request and reads the response, whose length must match its header.
pub(crate) fn send(to: SocketAddr, request: &CaseRequest) -> CaseAnswer {
    try_send(to, request).unwrap_or_else(|broken| panic!("{} {}: {broken}", request.method, request.target))
}

/// The same; without a complete response, what came instead of it.
pub(crate) fn try_send(to: SocketAddr, request: &CaseRequest) -> Result<CaseAnswer, String> {
    let mut stream = TcpStream::connect(to).map_err(|error| error.to_string())?;
    stream.set_read_timeout(Some(FOREVER)).unwrap();
    stream.set_write_timeout(Some(FOREVER)).unwrap();
    let mut text = format!("{} {} HTTP/1.1\r\nhost: test\r\n", request.method, request.target);
    for (name, value) in &request.headers {
        text.extend([name, ": ", value, "\r\n"]);
    }
    let length = request.body.len().to_string();
    text.extend([
        "content-length: ",
        &length,
        "\r\nconnection: close\r\n\r\n",
        &request.body,
    ]);
    // A request that is refused early may not be sent completely: only the response counts.
    let _ = stream.write_all(text.as_bytes());
    let mut read = Vec::new();
    let ended = stream.read_to_end(&mut read);
    let answer = parse(&read).ok_or_else(|| format!("{ended:?} after {:?}", String::from_utf8_lossy(&read)))?;
    let announced = header(&answer, "content-length").map(|text| text.parse::<usize>().unwrap());
    if request.method != "HEAD" {
        assert_eq!(
            announced,
            Some(answer.body.len()),
            "{} {}",
            request.method,
            request.target
        );
    }
    Ok(answer)
}

/// Sends these requests over one HTTP/2 connection; returns the statuses.
pub(crate) fn send_http2(to: SocketAddr, requests: &[CaseRequest]) -> Vec<u16> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let stream = TokioIo::new(tokio::net::TcpStream::connect(to).await.unwrap());
        let (mut client, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
        tokio::spawn(connection);
        let mut statuses = Vec::new();
        for request in requests {
            let mut requested = http::Request::builder()
                .method(request.method)
                .uri(format!("http://test{}", request.target));
            for (name, value) in &request.headers {
                requested = requested.header(*name, value);
            }
            let requested = requested.body(Full::new(Bytes::from(request.body.clone()))).unwrap();
            let answer = client.send_request(requested).await.unwrap();
            statuses.push(answer.status().as_u16());
            answer.into_body().collect().await.unwrap();
        }
        statuses
    })
}

/// Percent-encodes all characters except letters and digits.
pub(crate) fn percent_encoded(text: &str) -> String {
    let bytes = text.bytes().map(|byte| match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    });
    bytes.collect()
}

/// Gets this path without headers.
pub(crate) fn get(to: SocketAddr, target: &str) -> CaseAnswer {
    let request = CaseRequest {
        method: "GET",
        target: target.to_owned(),
        headers: Vec::new(),
        body: String::new(),
    };
    send(to, &request)
}

fn parse(read: &[u8]) -> Option<CaseAnswer> {
    let head_end = read.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&read[..head_end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    });
    Some(CaseAnswer {
        status,
        headers: headers.collect::<Option<_>>()?,
        body: String::from_utf8(read[head_end + 4..].to_vec()).ok()?,
    })
}

/// A header of a response.
pub(crate) fn header<'a>(answer: &'a CaseAnswer, name: &str) -> Option<&'a str> {
    let mut values = answer.headers.iter().filter(|(other, _)| other == name);
    values.next().map(|(_, value)| &**value)
}

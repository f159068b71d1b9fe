//! A low-level HTTP/1.1 client: a test decides which bytes are sent and when.

use std::{collections::HashMap, io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Longer than anything takes on a busy machine.
pub(crate) const FOREVER: Duration = Duration::from_mins(1);

/// One connection.
pub(crate) struct RawConnection {
    pub(crate) stream: TcpStream,
    read: Vec<u8>,
}

/// One response.
#[derive(Debug)]
pub(crate) struct RawResponse {
    pub(crate) status: u16,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl RawResponse {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub(crate) fn closes(&self) -> bool {
        self.header("connection") == Some("close")
    }
}

impl RawConnection {
    pub(crate) async fn connect(to: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            read: Vec::new(),
        })
    }

    pub(crate) async fn send(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(text.as_bytes()).await
    }

    /// Sends a text; it must not fail.
    pub(crate) async fn write(&mut self, text: &str) {
        self.send(text).await.unwrap();
    }

    /// The status of the response to a GET.
    pub(crate) async fn status(&mut self, path: &str) -> u16 {
        self.get(path, &[]).await.unwrap().status
    }

    /// Sends a GET and reads the response; an end before its first byte is `UnexpectedEof`.
    pub(crate) async fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> io::Result<RawResponse> {
        let mut text = format!("GET {path} HTTP/1.1\r\nhost: test\r\n");
        for (name, value) in headers {
            text.extend([name, ": ", value, "\r\n"]);
        }
        self.send(&(text + "\r\n")).await?;
        self.read_response().await
    }

    /// Reads one complete response with a `content-length`.
    pub(crate) async fn read_response(&mut self) -> io::Result<RawResponse> {
        timeout(FOREVER, self.read_whole_response())
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn read_whole_response(&mut self) -> io::Result<RawResponse> {
        let head_end = loop {
            if let Some(at) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break at;
            }
            self.more().await?;
        };
        let head = String::from_utf8(self.read[..head_end].to_vec()).expect("the head is text");
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1))
            .and_then(|word| word.parse().ok());
        let headers: HashMap<String, String> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let length: usize = headers
            .get("content-length")
            .map_or(0, |text| text.parse().expect("a length"));
        let end = head_end + 4 + length;
        while self.read.len() < end {
            self.more().await?;
        }
        let body = self.read[head_end + 4..end].to_vec();
        self.read.drain(..end);
        Ok(RawResponse {
            status: status.expect("a status"),
            headers,
            body,
        })
    }

    async fn more(&mut self) -> io::Result<()> {
        let bytes = self.stream.read_buf(&mut self.read).await?;
        if bytes == 0 {
            Err(io::ErrorKind::UnexpectedEof.into())
        } else {
            Ok(())
        }
    }

    /// Waits until the server closes the connection; returns the bytes received before.
    pub(crate) async fn read_to_end(&mut self) -> Vec<u8> {
        timeout(FOREVER, async { while self.more().await.is_ok() {} })
            .await
            .expect("the server closes the connection");
        std::mem::take(&mut self.read)
    }
}

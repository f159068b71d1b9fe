//! Oversized responses, generated while they are sent, so that the sandbox itself stays small.

use std::io::{Result, Write as _};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use time::OffsetDateTime;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::http::response::{BodyFraming, StubResponse};

const BLOCK: usize = 64 * 1024;

fn head(compressed: bool, framing: BodyFraming, now: OffsetDateTime) -> Vec<u8> {
    let response = StubResponse::empty(200).with("content-type", "application/json; charset=utf-8");
    let response = if compressed {
        response.with("content-encoding", "gzip")
    } else {
        response
    };
    response.head_bytes(framing, true, now)
}

fn fixed_length(bytes: u64) -> BodyFraming {
    BodyFraming::Length(usize::try_from(bytes).unwrap_or(usize::MAX))
}

/// Arrays in arrays, `depth` deep: valid JSON.
pub(super) async fn send_nested(stream: &mut TcpStream, depth: u64, now: OffsetDateTime) -> Result<()> {
    stream.write_all(&head(false, fixed_length(depth * 2), now)).await?;
    send_repeated(stream, b'[', depth).await?;
    send_repeated(stream, b']', depth).await
}

/// An array with one long text, `bytes` long in all: valid JSON.
pub(super) async fn send_huge(stream: &mut TcpStream, bytes: u64, now: OffsetDateTime) -> Result<()> {
    let text = bytes.saturating_sub(4);
    stream.write_all(&head(false, fixed_length(text + 4), now)).await?;
    stream.write_all(b"[\"").await?;
    send_repeated(stream, b'a', text).await?;
    stream.write_all(b"\"]").await
}

/// The same text, compressed while it is sent.
pub(super) async fn send_gzip_bomb(stream: &mut TcpStream, bytes: u64, now: OffsetDateTime) -> Result<()> {
    stream.write_all(&head(true, BodyFraming::Chunked, now)).await?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(b"[\"")?;
    let mut left = bytes.saturating_sub(4);
    while left > 0 {
        let part = block_length(left);
        encoder.write_all(&vec![b'a'; part])?;
        left -= part as u64;
        send_chunk(stream, &std::mem::take(encoder.get_mut())).await?;
    }
    encoder.write_all(b"\"]")?;
    send_chunk(stream, &encoder.finish()?).await?;
    stream.write_all(b"0\r\n\r\n").await
}

/// Chunks of an endless JSON array, until the client closes the connection.
pub(super) async fn send_endless(stream: &mut TcpStream, interval_ms: u64, now: OffsetDateTime) -> Result<()> {
    stream.write_all(&head(false, BodyFraming::Chunked, now)).await?;
    send_chunk(stream, b"[0").await?;
    loop {
        // Even a zero sleep takes a whole timer tick.
        if interval_ms > 0 {
            sleep(Duration::from_millis(interval_ms)).await;
        }
        send_chunk(stream, &b",0".repeat(512)).await?;
    }
}

async fn send_repeated(stream: &mut TcpStream, byte: u8, mut times: u64) -> Result<()> {
    let full = vec![byte; BLOCK];
    while times > 0 {
        let part = block_length(times);
        stream.write_all(&full[..part]).await?;
        times -= part as u64;
    }
    Ok(())
}

fn block_length(left: u64) -> usize {
    usize::try_from(left).unwrap_or(BLOCK).min(BLOCK)
}

async fn send_chunk(stream: &mut TcpStream, bytes: &[u8]) -> Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    let mut wire = format!("{:x}\r\n", bytes.len()).into_bytes();
    wire.extend_from_slice(bytes);
    wire.extend_from_slice(b"\r\n");
    stream.write_all(&wire).await
}

//! Answers that are too much: made while they are sent, so that the sandbox itself stays small.

use std::io::{Result, Write as _};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use time::OffsetDateTime;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::server::reply::{Framing, Reply};

const BLOCK: usize = 64 * 1024;

fn headed(packed: bool, framing: Framing, now: OffsetDateTime) -> Vec<u8> {
    let reply = Reply::empty(200).with("content-type", "application/json; charset=utf-8");
    let reply = if packed {
        reply.with("content-encoding", "gzip")
    } else {
        reply
    };
    reply.head(framing, true, now)
}

fn length(bytes: u64) -> Framing {
    Framing::Length(usize::try_from(bytes).unwrap_or(usize::MAX))
}

/// Arrays in arrays, `depth` deep: valid JSON.
pub(super) async fn nested(stream: &mut TcpStream, depth: u64, now: OffsetDateTime) -> Result<()> {
    stream.write_all(&headed(false, length(depth * 2), now)).await?;
    repeat(stream, b'[', depth).await?;
    repeat(stream, b']', depth).await
}

/// An array of one long text, `bytes` long in all: valid JSON.
pub(super) async fn huge(stream: &mut TcpStream, bytes: u64, now: OffsetDateTime) -> Result<()> {
    let text = bytes.saturating_sub(4);
    stream.write_all(&headed(false, length(text + 4), now)).await?;
    stream.write_all(b"[\"").await?;
    repeat(stream, b'a', text).await?;
    stream.write_all(b"\"]").await
}

/// The same text, packed on the way out.
pub(super) async fn gzip_bomb(stream: &mut TcpStream, bytes: u64, now: OffsetDateTime) -> Result<()> {
    stream.write_all(&headed(true, Framing::Chunked, now)).await?;
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(b"[\"")?;
    let mut left = bytes.saturating_sub(4);
    while left > 0 {
        let part = block(left);
        packer.write_all(&vec![b'a'; part])?;
        left -= part as u64;
        chunk(stream, &std::mem::take(packer.get_mut())).await?;
    }
    packer.write_all(b"\"]")?;
    chunk(stream, &packer.finish()?).await?;
    stream.write_all(b"0\r\n\r\n").await
}

/// Chunks of a JSON array without end, until the caller leaves.
pub(super) async fn endless(stream: &mut TcpStream, interval_ms: u64, now: OffsetDateTime) -> Result<()> {
    stream.write_all(&headed(false, Framing::Chunked, now)).await?;
    chunk(stream, b"[0").await?;
    loop {
        // Even a sleep of nothing takes a whole tick of the timer.
        if interval_ms > 0 {
            sleep(Duration::from_millis(interval_ms)).await;
        }
        chunk(stream, &b",0".repeat(512)).await?;
    }
}

async fn repeat(stream: &mut TcpStream, byte: u8, mut times: u64) -> Result<()> {
    let full = vec![byte; BLOCK];
    while times > 0 {
        let part = block(times);
        stream.write_all(&full[..part]).await?;
        times -= part as u64;
    }
    Ok(())
}

fn block(left: u64) -> usize {
    usize::try_from(left).unwrap_or(BLOCK).min(BLOCK)
}

async fn chunk(stream: &mut TcpStream, bytes: &[u8]) -> Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    let mut wire = format!("{:x}\r\n", bytes.len()).into_bytes();
    wire.extend_from_slice(bytes);
    wire.extend_from_slice(b"\r\n");
    stream.write_all(&wire).await
}

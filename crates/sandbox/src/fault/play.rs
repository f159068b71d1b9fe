//! Plays one fault out on the socket.

use std::io::Result;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::{Fault, flood};
use crate::server::reply::{Framing, Reply};

/// What becomes of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    Keep,
    Close,
}

/// Sends a right answer.
pub(crate) async fn plainly(stream: &mut TcpStream, reply: &Reply, close: bool, now: OffsetDateTime) -> Result<After> {
    stream.write_all(&reply.wire(close, now)).await?;
    Ok(if close { After::Close } else { After::Keep })
}

/// Sends what this fault makes of the answer; faults of the answer's meaning are the stand-in's, and arrive here done.
pub(crate) async fn fault(stream: &mut TcpStream, fault: &Fault, reply: Reply, now: OffsetDateTime) -> Result<After> {
    match *fault {
        Fault::Replaced { ref text, ref with } => {
            let body = replaced(&reply.body, text.as_bytes(), with.as_bytes());
            return plainly(stream, &Reply { body, ..reply }, false, now).await;
        }
        Fault::Silence => until_the_caller_leaves(stream).await?,
        Fault::ResetBeforeHeaders => stream.set_zero_linger()?,
        Fault::ResetInHeaders => {
            let head = reply.head(Framing::Length(reply.body.len()), false, now);
            cut(stream, &head[..head.len() / 2]).await?;
        }
        Fault::ResetMidBody => {
            let wire = reply.wire(false, now);
            cut(stream, &wire[..wire.len() - reply.body.len().div_ceil(2)]).await?;
        }
        Fault::Drip { interval_ms, headers } => drip(stream, &reply, interval_ms, headers, now).await?,
        Fault::Nested { depth } => flood::nested(stream, depth, now).await?,
        Fault::Huge { bytes } => flood::huge(stream, bytes, now).await?,
        Fault::GzipBomb { bytes } => flood::gzip_bomb(stream, bytes, now).await?,
        Fault::EndlessChunks { interval_ms } => flood::endless(stream, interval_ms, now).await?,
        Fault::TruncatedJson => {
            let half = reply.body.len() / 2;
            let truncated = Reply {
                body: reply.body[..half].to_vec(),
                ..reply
            };
            return plainly(stream, &truncated, false, now).await;
        }
        Fault::WrongContentType => {
            let reply = reply.with("content-type", "text/plain; charset=utf-8");
            return plainly(stream, &reply, false, now).await;
        }
        Fault::Bom => {
            let body = [b"\xEF\xBB\xBF".as_slice(), &reply.body].concat();
            return plainly(stream, &Reply { body, ..reply }, false, now).await;
        }
        Fault::Html => {
            return plainly(stream, &Reply::html(200, "Welcome to the network"), false, now).await;
        }
        Fault::Latency { .. }
        | Fault::Status { .. }
        | Fault::ErrorCode { .. }
        | Fault::OtherUser
        | Fault::Shuffled
        | Fault::Missing
        | Fault::Duplicated => return plainly(stream, &reply, false, now).await,
    }
    Ok(After::Close)
}

fn replaced(body: &[u8], text: &[u8], with: &[u8]) -> Vec<u8> {
    let (mut rest, mut spoilt) = (body, Vec::with_capacity(body.len()));
    while let Some((first, behind)) = rest.split_first() {
        rest = if let Some(behind) = rest.strip_prefix(text).filter(|_| !text.is_empty()) {
            spoilt.extend_from_slice(with);
            behind
        } else {
            spoilt.push(*first);
            behind
        };
    }
    spoilt
}

async fn cut(stream: &mut TcpStream, part: &[u8]) -> Result<()> {
    stream.write_all(part).await?;
    stream.flush().await?;
    stream.set_zero_linger()
}

async fn until_the_caller_leaves(stream: &mut TcpStream) -> Result<()> {
    let mut waste = [0; 1024];
    while stream.read(&mut waste).await? > 0 {}
    Ok(())
}

async fn drip(
    stream: &mut TcpStream,
    reply: &Reply,
    interval_ms: u64,
    headers: bool,
    now: OffsetDateTime,
) -> Result<()> {
    let wire = reply.wire(true, now);
    let at_once = if headers { 0 } else { wire.len() - reply.body.len() };
    stream.write_all(&wire[..at_once]).await?;
    for byte in &wire[at_once..] {
        sleep(Duration::from_millis(interval_ms)).await;
        stream.write_all(&[*byte]).await?;
    }
    Ok(())
}

//! Writes one response to the socket, with its fault.

use std::io::Result;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::flood;
use super::rule::Fault;
use crate::http::response::{BodyFraming, StubResponse};

/// Whether the connection stays open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterResponse {
    Keep,
    Close,
}

/// Sends a right response.
pub(crate) async fn send(
    stream: &mut TcpStream,
    response: &StubResponse,
    close: bool,
    now: OffsetDateTime,
) -> Result<AfterResponse> {
    stream.write_all(&response.to_bytes(close, now)).await?;
    Ok(if close {
        AfterResponse::Close
    } else {
        AfterResponse::Keep
    })
}

/// Sends a response with its fault. Faults that spoil users were applied by the stub already.
pub(crate) async fn send_with_fault(
    stream: &mut TcpStream,
    fault: &Fault,
    response: StubResponse,
    now: OffsetDateTime,
) -> Result<AfterResponse> {
    match *fault {
        Fault::Silence | Fault::SilenceAfterCall => read_until_closed(stream).await?,
        Fault::StatusAfterCall { status } => return send(stream, &StubResponse::html_error(status), false, now).await,
        Fault::ResetBeforeCall | Fault::ResetBeforeHeaders => stream.set_zero_linger()?,
        Fault::ResetInHeaders => {
            let head = response.head_bytes(BodyFraming::Length(response.body.len()), false, now);
            cut(stream, &head[..head.len() / 2]).await?;
        }
        Fault::ResetMidBody => {
            let wire = response.to_bytes(false, now);
            cut(stream, &wire[..wire.len() - response.body.len().div_ceil(2)]).await?;
        }
        Fault::Drip { interval_ms, headers } => drip(stream, &response, interval_ms, headers, now).await?,
        Fault::Nested { depth } => flood::send_nested(stream, depth, now).await?,
        Fault::Huge { bytes } => flood::send_huge(stream, bytes, now).await?,
        Fault::GzipBomb { bytes } => flood::send_gzip_bomb(stream, bytes, now).await?,
        Fault::EndlessChunks { interval_ms } => flood::send_endless(stream, interval_ms, now).await?,
        _ => return send(stream, &spoil_bytes(fault, response), false, now).await,
    }
    Ok(AfterResponse::Close)
}

/// Applies the faults that leave the response well framed.
fn spoil_bytes(fault: &Fault, response: StubResponse) -> StubResponse {
    let body = match fault {
        Fault::Replaced { text, with } => replace_all(&response.body, text.as_bytes(), with.as_bytes()),
        Fault::TruncatedJson => response.body[..response.body.len() / 2].to_vec(),
        Fault::Bom => [b"\xEF\xBB\xBF".as_slice(), &response.body].concat(),
        Fault::WrongContentType => return response.with("content-type", "text/plain; charset=utf-8"),
        Fault::Html => return StubResponse::html(200, "Welcome to the network"),
        _ => return response,
    };
    StubResponse { body, ..response }
}

fn replace_all(body: &[u8], text: &[u8], with: &[u8]) -> Vec<u8> {
    let (mut rest, mut result) = (body, Vec::with_capacity(body.len()));
    while let Some((first, behind)) = rest.split_first() {
        rest = if let Some(behind) = rest.strip_prefix(text).filter(|_| !text.is_empty()) {
            result.extend_from_slice(with);
            behind
        } else {
            result.push(*first);
            behind
        };
    }
    result
}

async fn cut(stream: &mut TcpStream, part: &[u8]) -> Result<()> {
    stream.write_all(part).await?;
    stream.flush().await?;
    stream.set_zero_linger()
}

async fn read_until_closed(stream: &mut TcpStream) -> Result<()> {
    let mut waste = [0; 1024];
    while stream.read(&mut waste).await? > 0 {}
    Ok(())
}

async fn drip(
    stream: &mut TcpStream,
    response: &StubResponse,
    interval_ms: u64,
    headers: bool,
    now: OffsetDateTime,
) -> Result<()> {
    let wire = response.to_bytes(true, now);
    let at_once = if headers { 0 } else { wire.len() - response.body.len() };
    stream.write_all(&wire[..at_once]).await?;
    for byte in &wire[at_once..] {
        sleep(Duration::from_millis(interval_ms)).await;
        stream.write_all(&[*byte]).await?;
    }
    Ok(())
}

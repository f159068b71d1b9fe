//! Reads a body within its limits, also after decompression.

use std::{
    io::{self, Write},
    time::Duration,
};

use bytes::Bytes;
use flate2::write::GzDecoder;
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::{Instant, timeout_at};

use crate::error::TransportError;

#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimits {
    /// The most bytes, both as received and decompressed.
    pub(crate) bytes: usize,
    /// The longest pause between two pieces.
    pub(crate) idle: Duration,
    /// When the whole body must have arrived.
    pub(crate) until: Instant,
}

/// Reads the whole body and decompresses gzip.
pub(crate) async fn read(headers: &HeaderMap, mut body: Incoming, limits: BodyLimits) -> Result<Bytes, TransportError> {
    let mut sink = BodySink::for_headers(headers, limits.bytes)?;
    // A body with a known size over the limit is refused before reading.
    if body.size_hint().lower() > limits.bytes as u64 {
        return Err(TransportError::TooLarge);
    }
    let mut on_the_wire = 0_usize;
    loop {
        let stalls_at = Instant::now() + limits.idle;
        let frame = match timeout_at(stalls_at.min(limits.until), body.frame()).await {
            Ok(frame) => frame,
            Err(_) if limits.until <= stalls_at => return Err(TransportError::Timeout),
            Err(_) => return Err(TransportError::Stalled),
        };
        let Some(frame) = frame else { return sink.finish() };
        let frame = frame.map_err(|_| TransportError::Broken)?;
        if let Some(data) = frame.data_ref() {
            on_the_wire = on_the_wire.saturating_add(data.len());
            if on_the_wire > limits.bytes {
                return Err(TransportError::TooLarge);
            }
            sink.take(data)?;
        }
    }
}

enum BodySink {
    Plain(BoundedBuffer),
    Gzip(Box<GzDecoder<BoundedBuffer>>),
}

impl BodySink {
    fn for_headers(headers: &HeaderMap, bound: usize) -> Result<Self, TransportError> {
        let bounded = BoundedBuffer {
            bytes: Vec::new(),
            bound,
            full: false,
        };
        let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
        let encoding = encodings.next().map(|value| value.to_str().unwrap_or("?").trim());
        if encodings.next().is_some() {
            return Err(TransportError::Encoding);
        }
        match encoding {
            None => Ok(Self::Plain(bounded)),
            Some(name) if name.is_empty() || name.eq_ignore_ascii_case("identity") => Ok(Self::Plain(bounded)),
            Some(name) if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => {
                Ok(Self::Gzip(Box::new(GzDecoder::new(bounded))))
            }
            Some(_) => Err(TransportError::Encoding),
        }
    }

    fn take(&mut self, data: &[u8]) -> Result<(), TransportError> {
        let written = match self {
            Self::Plain(bounded) => bounded.write_all(data),
            Self::Gzip(decoder) => decoder.write_all(data),
        };
        written.map_err(|_| self.refusal())
    }

    fn finish(self) -> Result<Bytes, TransportError> {
        match self {
            Self::Plain(bounded) => Ok(bounded.bytes.into()),
            Self::Gzip(mut decoder) => match decoder.try_finish() {
                Ok(()) => Ok(std::mem::take(&mut decoder.get_mut().bytes).into()),
                Err(_) if decoder.get_ref().full => Err(TransportError::TooLarge),
                Err(_) => Err(TransportError::Encoding),
            },
        }
    }

    fn refusal(&self) -> TransportError {
        let full = match self {
            Self::Plain(bounded) => bounded.full,
            Self::Gzip(decoder) => decoder.get_ref().full,
        };
        if full {
            TransportError::TooLarge
        } else {
            TransportError::Encoding
        }
    }
}

/// A buffer with a size limit.
struct BoundedBuffer {
    bytes: Vec<u8>,
    bound: usize,
    full: bool,
}

impl Write for BoundedBuffer {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + data.len() > self.bound {
            self.full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

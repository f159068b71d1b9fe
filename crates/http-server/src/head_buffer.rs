//! The buffer of request heads of an HTTP/1 connection: the raw bytes are kept until the next head begins.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use crate::raw_head::{RawHead, end_of_head};

/// A buffer that grew larger than this for one head shrinks with the next.
const KEPT_BYTES: usize = 4 * 1024;

/// The bytes that were received while no request was open. The cost is a copy of each head; only one task at a time holds the lock.
pub(crate) struct HeadBuffer {
    record: Mutex<BufferedHeads>,
    has_hash: AtomicBool,
    /// The longest head that the parser accepts.
    limit: usize,
}

#[derive(Default)]
struct BufferedHeads {
    bytes: Vec<u8>,
    /// How many requests had begun when the first of the bytes was received.
    begun: usize,
}

impl HeadBuffer {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            record: Mutex::default(),
            has_hash: AtomicBool::new(false),
            limit,
        }
    }

    /// Stores bytes that were received after `begun` requests, all of them answered.
    pub(crate) fn push(&self, bytes: &[u8], begun: usize) {
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        if record.begun != begun {
            record.begun = begun;
            record.bytes.clear();
            record.bytes.shrink_to(KEPT_BYTES);
            self.has_hash.store(false, Relaxed);
        }
        let room = self.limit.saturating_sub(record.bytes.len());
        let kept = &bytes[..bytes.len().min(room)];
        record.bytes.extend_from_slice(kept);
        if kept.contains(&b'#') {
            self.has_hash.store(true, Relaxed);
        }
    }

    /// Whether the bytes contain a `#`: a cheap check for a rare case.
    pub(crate) fn has_hash(&self) -> bool {
        self.has_hash.load(Relaxed)
    }

    /// Calls `read` with the head of the request number `begun`. Heads of one packet are separated if the earlier ones have no
    /// body; otherwise `read` gets an empty head.
    pub(crate) fn with_head<T>(&self, begun: usize, read: impl FnOnce(&RawHead<'_>) -> T) -> T {
        let record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = &record.bytes[..];
        for _ in record.begun..begun {
            bytes = end_of_head(bytes).map_or(&[], |end| &bytes[end..]);
        }
        read(&RawHead::parse(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(buffer: &HeadBuffer, begun: [usize; 3]) -> [String; 3] {
        begun.map(|begun| buffer.with_head(begun, |head| head.path().to_owned()))
    }

    #[test]
    fn heads_of_one_packet_are_separated() {
        let buffer = HeadBuffer::new(1_000);
        buffer.push(b"GET /a HTTP/1.1\r\n\r\nGET /b", 0);
        buffer.push(b"# HTTP/1.1\n\nGET /c HTTP/1.1\r\n", 0);
        assert!(buffer.has_hash());
        assert_eq!(paths(&buffer, [0, 1, 2]), ["/a", "/b", "/c"]);
        buffer.push(b"GET /d", 3);
        assert!(!buffer.has_hash());
        assert_eq!(paths(&buffer, [3, 4, 5]), ["/d", "", ""]);
    }

    #[test]
    fn buffer_is_bounded() {
        let buffer = HeadBuffer::new(10);
        for _ in 0..100 {
            buffer.push(b"GET /abcdefgh", 0);
        }
        assert_eq!(buffer.with_head(0, |head| head.path().to_owned()), "/abcde");
    }
}

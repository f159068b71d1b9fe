//! The bytes of the heads that arrive on an HTTP/1 connection, kept until the next one begins.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use super::raw_head::{RawHead, end_of_head};

/// A buffer that has grown larger for one head is given back with the next.
const KEPT_BYTES: usize = 4 * 1024;

/// What arrived while no request was open. Its cost is a copy of each head; the lock is held by one task at a time.
pub(super) struct Arrived {
    record: Mutex<Record>,
    has_hash: AtomicBool,
    /// The longest head that the parser takes.
    limit: usize,
}

#[derive(Default)]
struct Record {
    bytes: Vec<u8>,
    /// How many requests had begun when the first of the bytes came.
    begun: usize,
}

impl Arrived {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            record: Mutex::default(),
            has_hash: AtomicBool::new(false),
            limit,
        }
    }

    /// Keeps bytes that came when so many requests had begun, all of them answered.
    pub(super) fn came(&self, bytes: &[u8], begun: usize) {
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

    /// Whether there is a `#` anywhere: cheap to ask, and rare.
    pub(super) fn has_hash(&self) -> bool {
        self.has_hash.load(Relaxed)
    }

    /// Shows the head of the request before which so many had begun. Heads that came in one packet are told apart where the
    /// earlier ones have no body; else what is shown is no head.
    pub(super) fn with_head<T>(&self, begun: usize, look: impl FnOnce(&RawHead<'_>) -> T) -> T {
        let record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = &record.bytes[..];
        for _ in record.begun..begun {
            bytes = end_of_head(bytes).map_or(&[], |end| &bytes[end..]);
        }
        look(&RawHead::parse(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(arrived: &Arrived, begun: [usize; 3]) -> [String; 3] {
        begun.map(|begun| arrived.with_head(begun, |head| head.path().to_owned()))
    }

    #[test]
    fn heads_of_one_packet_are_told_apart() {
        let arrived = Arrived::new(1_000);
        arrived.came(b"GET /a HTTP/1.1\r\n\r\nGET /b", 0);
        arrived.came(b"# HTTP/1.1\n\nGET /c HTTP/1.1\r\n", 0);
        assert!(arrived.has_hash());
        assert_eq!(paths(&arrived, [0, 1, 2]), ["/a", "/b", "/c"]);
        arrived.came(b"GET /d", 3);
        assert!(!arrived.has_hash());
        assert_eq!(paths(&arrived, [3, 4, 5]), ["/d", "", ""]);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let arrived = Arrived::new(10);
        for _ in 0..100 {
            arrived.came(b"GET /abcdefgh", 0);
        }
        assert_eq!(arrived.with_head(0, |head| head.path().to_owned()), "/abcde");
    }
}

//! The timers of one connection: what it is doing, and when it has taken too long.
//!
//! hyper's own header timer also limits idle time, and sets a timer for every request. Here the connection stores instants,
//! and one timer, reset at most every few seconds, checks them.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    time::{Duration, Instant},
};

use crate::{head_buffer::HeadBuffer, options::ServerOptions, raw_head::RawHead};

/// An instant in milliseconds since the connection was accepted, plus one; zero means unset.
#[derive(Default)]
struct AtomicInstant(AtomicU64);

impl AtomicInstant {
    fn set(&self, since: Instant) {
        self.0.store(milliseconds(since.elapsed()) + 1, Relaxed);
    }

    fn set_if_clear(&self, since: Instant) {
        if self.0.load(Relaxed) == 0 {
            self.set(since);
        }
    }

    fn clear(&self) {
        if self.0.load(Relaxed) != 0 {
            self.0.store(0, Relaxed);
        }
    }

    fn get(&self) -> Option<Duration> {
        self.0.load(Relaxed).checked_sub(1).map(Duration::from_millis)
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX - 1)
}

/// Records what a connection does; shared by its socket, its requests and its timer.
pub(crate) struct ConnectionTimers {
    accepted: Instant,
    open_requests: AtomicUsize,
    /// Requests that have begun.
    begun: AtomicUsize,
    /// Requests whose response was handed to hyper.
    responses: AtomicUsize,
    /// The bytes that were received while no request was open.
    heads: HeadBuffer,
    had_request: AtomicBool,
    is_http2: AtomicBool,
    /// Bytes were received while no request was open: a head has begun.
    head_began: AtomicInstant,
    /// A request began or ended, or a part of a response was accepted.
    progressed: AtomicInstant,
    /// The socket accepts no more bytes.
    write_stalled: AtomicInstant,
}

/// What the connection does after a check.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TimeoutAction {
    /// Check again after this time.
    CheckAgain(Duration),
    /// It is idle for too long: close it gracefully.
    CloseIdle,
    /// It is too slow: close it at once.
    Cut,
}

impl ConnectionTimers {
    /// Timers of a connection whose heads have at most this length.
    pub(crate) fn new(max_head_bytes: usize) -> Self {
        Self {
            accepted: Instant::now(),
            open_requests: AtomicUsize::new(0),
            begun: AtomicUsize::new(0),
            responses: AtomicUsize::new(0),
            heads: HeadBuffer::new(max_head_bytes),
            had_request: AtomicBool::new(false),
            is_http2: AtomicBool::new(false),
            head_began: AtomicInstant::default(),
            progressed: AtomicInstant::default(),
            write_stalled: AtomicInstant::default(),
        }
    }

    pub(crate) fn record_bytes(&self, bytes: &[u8]) {
        if self.open_requests.load(Relaxed) == 0 {
            self.head_began.set_if_clear(self.accepted);
            if !self.is_http2() {
                self.heads.push(bytes, self.begun.load(Relaxed));
            }
        }
    }

    /// Calls `read` with the head that is being received or was just completed: no request has begun since.
    pub(crate) fn with_head<T>(&self, read: impl FnOnce(&RawHead<'_>) -> T) -> T {
        self.heads.with_head(self.begun.load(Relaxed), read)
    }

    /// Whether the target of [`Self::with_head`] can have a fragment.
    pub(crate) fn may_have_fragment(&self) -> bool {
        self.heads.has_hash()
    }

    pub(crate) fn count_response(&self) {
        self.responses.fetch_add(1, Relaxed);
    }

    pub(crate) fn responses(&self) -> usize {
        self.responses.load(Relaxed)
    }

    pub(crate) fn set_write_stalled(&self) {
        self.write_stalled.set_if_clear(self.accepted);
    }

    pub(crate) fn clear_write_stalled(&self) {
        self.write_stalled.clear();
    }

    pub(crate) fn begin_request(&self, is_http2: bool) {
        if self.open_requests.fetch_add(1, Relaxed) == 0 {
            self.progressed.set(self.accepted);
        }
        self.begun.fetch_add(1, Relaxed);
        self.head_began.clear();
        if !self.had_request.load(Relaxed) {
            self.is_http2.store(is_http2, Relaxed);
            self.had_request.store(true, Relaxed);
        }
    }

    pub(crate) fn record_progress(&self) {
        self.progressed.set(self.accepted);
    }

    pub(crate) fn end_request(&self) {
        self.progressed.set(self.accepted);
        self.open_requests.fetch_sub(1, Relaxed);
    }

    pub(crate) fn is_http2(&self) -> bool {
        self.is_http2.load(Relaxed)
    }

    /// Checks every limit; `write_timeout` is the one that applies now.
    pub(crate) fn check(&self, options: &ServerOptions, write_timeout: Duration) -> TimeoutAction {
        let now = self.accepted.elapsed();
        // Anything that begins right after this check is checked in time.
        let mut next = options
            .header_timeout
            .min(options.write_timeout)
            .min(options.keep_alive);
        let mut is_over = |since: Duration, limit: Duration| {
            let left = (since + limit).saturating_sub(now);
            next = next.min(left);
            left.is_zero()
        };
        if self
            .write_stalled
            .get()
            .is_some_and(|since| is_over(since, write_timeout))
        {
            return TimeoutAction::Cut;
        }
        if !self.had_request.load(Relaxed) && is_over(Duration::ZERO, options.header_timeout) {
            return TimeoutAction::Cut;
        }
        // An idle HTTP/2 connection may send other frames than requests.
        let head_began = self.head_began.get().filter(|_| !self.is_http2());
        if head_began.is_some_and(|since| is_over(since, options.header_timeout)) {
            return TimeoutAction::Cut;
        }
        if let Some(since) = self.progressed.get() {
            if self.open_requests.load(Relaxed) == 0 {
                if is_over(since, options.keep_alive) {
                    return TimeoutAction::CloseIdle;
                }
            // An HTTP/2 client can leave responses unread although the socket accepts bytes.
            } else if is_over(since, options.request_timeout + write_timeout) {
                return TimeoutAction::Cut;
            }
        }
        TimeoutAction::CheckAgain(next.max(Duration::from_millis(1)))
    }
}

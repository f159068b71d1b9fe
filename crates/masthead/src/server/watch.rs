//! What one connection is doing, and when it has taken too long.
//!
//! hyper's own header timer also limits how long a connection may idle, and sets a timer for every request. Here the
//! connection notes moments, and one timer, set anew at most every few seconds, looks at them.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    time::{Duration, Instant},
};

use super::{arrived::Arrived, raw_head::RawHead};
use crate::settings::HttpSettings;

/// A moment as milliseconds since the connection came, plus one; zero is "not now".
#[derive(Default)]
struct Moment(AtomicU64);

impl Moment {
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

/// Notes what a connection does; shared by its socket, its requests and its timer.
pub(super) struct Watch {
    came: Instant,
    open_requests: AtomicUsize,
    /// Requests that have begun.
    begun: AtomicUsize,
    /// Requests whose answer has been handed to hyper.
    answers: AtomicUsize,
    /// What came while no request was open.
    arrived: Arrived,
    had_request: AtomicBool,
    is_http2: AtomicBool,
    /// Bytes came while no request was open: a head has begun.
    head_began: Moment,
    /// A request began or ended, or a part of an answer was taken.
    moved: Moment,
    /// The socket takes no more of what we write.
    write_stalled: Moment,
}

/// What the timer does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Look again after this long.
    Fine(Duration),
    /// It has idled long enough: close it in order.
    Idle,
    /// It has taken too long: close it at once.
    TooSlow,
}

impl Watch {
    /// Watches a connection whose heads are at most so long.
    pub(super) fn new(longest_head: usize) -> Self {
        Self {
            came: Instant::now(),
            open_requests: AtomicUsize::new(0),
            begun: AtomicUsize::new(0),
            answers: AtomicUsize::new(0),
            arrived: Arrived::new(longest_head),
            had_request: AtomicBool::new(false),
            is_http2: AtomicBool::new(false),
            head_began: Moment::default(),
            moved: Moment::default(),
            write_stalled: Moment::default(),
        }
    }

    pub(super) fn bytes_came(&self, bytes: &[u8]) {
        if self.open_requests.load(Relaxed) == 0 {
            self.head_began.set_if_clear(self.came);
            if !self.is_http2() {
                self.arrived.came(bytes, self.begun.load(Relaxed));
            }
        }
    }

    /// Shows the head that arrives, or that just came whole: no request has begun since.
    pub(super) fn with_head<T>(&self, look: impl FnOnce(&RawHead<'_>) -> T) -> T {
        self.arrived.with_head(self.begun.load(Relaxed), look)
    }

    /// Whether [`Self::with_head`] may show a target with a fragment.
    pub(super) fn may_have_fragment(&self) -> bool {
        self.arrived.has_hash()
    }

    pub(super) fn answered(&self) {
        self.answers.fetch_add(1, Relaxed);
    }

    pub(super) fn answers(&self) -> usize {
        self.answers.load(Relaxed)
    }

    pub(super) fn write_stalled(&self) {
        self.write_stalled.set_if_clear(self.came);
    }

    pub(super) fn write_went_on(&self) {
        self.write_stalled.clear();
    }

    pub(super) fn request_began(&self, is_http2: bool) {
        if self.open_requests.fetch_add(1, Relaxed) == 0 {
            self.moved.set(self.came);
        }
        self.begun.fetch_add(1, Relaxed);
        self.head_began.clear();
        if !self.had_request.load(Relaxed) {
            self.is_http2.store(is_http2, Relaxed);
            self.had_request.store(true, Relaxed);
        }
    }

    pub(super) fn answer_went_on(&self) {
        self.moved.set(self.came);
    }

    pub(super) fn request_ended(&self) {
        self.moved.set(self.came);
        self.open_requests.fetch_sub(1, Relaxed);
    }

    pub(super) fn is_http2(&self) -> bool {
        self.is_http2.load(Relaxed)
    }

    pub(super) fn verdict(&self, http: &HttpSettings) -> Verdict {
        let now = self.came.elapsed();
        // Whatever begins right after this look is looked at in time.
        let mut next = http.header_timeout.min(http.write_timeout).min(http.keep_alive);
        let mut over = |since: Duration, limit: Duration| {
            let left = (since + limit).saturating_sub(now);
            next = next.min(left);
            left.is_zero()
        };
        if self
            .write_stalled
            .get()
            .is_some_and(|since| over(since, http.write_timeout))
        {
            return Verdict::TooSlow;
        }
        if !self.had_request.load(Relaxed) && over(Duration::ZERO, http.header_timeout) {
            return Verdict::TooSlow;
        }
        // An idle HTTP/2 connection may talk of other things than requests.
        let head_began = self.head_began.get().filter(|_| !self.is_http2());
        if head_began.is_some_and(|since| over(since, http.header_timeout)) {
            return Verdict::TooSlow;
        }
        if let Some(since) = self.moved.get() {
            if self.open_requests.load(Relaxed) == 0 {
                if over(since, http.keep_alive) {
                    return Verdict::Idle;
                }
            // An HTTP/2 client can leave answers untaken while the socket flows.
            } else if over(since, http.request_deadline + http.body_timeout + http.write_timeout) {
                return Verdict::TooSlow;
            }
        }
        Verdict::Fine(next.max(Duration::from_millis(1)))
    }
}

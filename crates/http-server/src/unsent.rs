//! The memory of responses that clients have not taken yet, bounded for each connection and in all (ADR 0130).

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::Notify;

/// How long a client may leave a response unread while others wait for memory; `write_timeout` otherwise.
const WRITE_TIMEOUT_WHEN_SHORT: Duration = Duration::from_secs(5);

/// Counted bytes with a limit, and those who wait for some to be freed.
///
/// The orderings are `SeqCst` since a waiter adds itself before it reads `used`, and who frees bytes reads `waiting` after that:
/// one of them sees the other.
struct Counted {
    used: AtomicUsize,
    limit: usize,
    waiting: AtomicUsize,
    freed: Notify,
}

impl Counted {
    fn new(limit: usize) -> Self {
        Self {
            used: AtomicUsize::new(0),
            limit,
            waiting: AtomicUsize::new(0),
            freed: Notify::new(),
        }
    }

    /// Adds bytes if they do not exceed `limit`, or nothing is counted: a single response may be larger than the limit.
    fn try_add(&self, bytes: usize, limit: usize) -> bool {
        let has_room = |used: usize| used == 0 || used.saturating_add(bytes) <= limit;
        if bytes == 0 {
            return has_room(self.used.load(SeqCst));
        }
        let add = |used| has_room(used).then(|| used + bytes);
        self.used.fetch_update(SeqCst, SeqCst, add).is_ok()
    }

    fn subtract(&self, bytes: usize) {
        self.used.fetch_sub(bytes, SeqCst);
        if self.waiting.load(SeqCst) > 0 {
            self.freed.notify_waiters();
        }
    }
}

/// Counts one waiter until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, SeqCst);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// The unsent bytes of all connections of a server.
pub(crate) struct UnsentTotal(Counted);

impl UnsentTotal {
    /// Counts up to this many bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self(Counted::new(limit))
    }

    /// How long a client may leave a response unread: not as long as usual while responses wait for memory.
    pub(crate) fn write_timeout(&self, usual: Duration) -> Duration {
        if self.0.waiting.load(SeqCst) == 0 {
            usual
        } else {
            usual.min(WRITE_TIMEOUT_WHEN_SHORT)
        }
    }

    /// Sets the gauge of unsent bytes. Called by the timers of connections: a change for every response would cost too much.
    pub(crate) fn publish(&self) {
        let used = u32::try_from(self.0.used.load(SeqCst)).unwrap_or(u32::MAX);
        metrics::gauge!("masthead_unsent_bytes").set(used);
    }
}

/// The unsent bytes of one connection, which also count in all.
pub(crate) struct UnsentBytes {
    own: Counted,
    total: Arc<UnsentTotal>,
}

/// Why a response has no room.
#[derive(Clone, Copy)]
enum NoRoom {
    OnConnection,
    InAll,
}

impl UnsentBytes {
    /// Counts up to this many bytes on one connection.
    pub(crate) fn new(limit: usize, total: Arc<UnsentTotal>) -> Arc<Self> {
        let own = Counted::new(limit);
        Arc::new(Self { own, total })
    }

    pub(crate) const fn total(&self) -> &Arc<UnsentTotal> {
        &self.total
    }

    fn try_reserve(&self, bytes: usize) -> Result<(), NoRoom> {
        let total = &self.total.0;
        // What is not reserved, because it is small, has an eighth of the room for itself.
        let limit = if bytes == 0 {
            total.limit
        } else {
            total.limit - total.limit / 8
        };
        if !self.own.try_add(bytes, self.own.limit) {
            return Err(NoRoom::OnConnection);
        }
        if !total.try_add(bytes, limit) {
            self.own.subtract(bytes);
            return Err(NoRoom::InAll);
        }
        Ok(())
    }

    async fn reserve(&self, bytes: usize) {
        let Err(mut missing) = self.try_reserve(bytes) else {
            return;
        };
        let limit = match missing {
            NoRoom::OnConnection => "connection",
            NoRoom::InAll => "all",
        };
        metrics::counter!("masthead_unsent_waits_total", "limit" => limit).increment(1);
        loop {
            let counted = match missing {
                NoRoom::OnConnection => &self.own,
                NoRoom::InAll => &self.total.0,
            };
            let _waiting = Waiting::begin(&counted.waiting);
            let mut freed = pin!(counted.freed.notified());
            // Bytes that are freed from now on are noticed, also before the first poll.
            freed.as_mut().enable();
            match self.try_reserve(bytes) {
                Ok(()) => return,
                Err(now) => missing = now,
            }
            // Where the other limit is the one that is missing now, that one is waited for in the next turn.
            let is_same = match missing {
                NoRoom::OnConnection => std::ptr::eq(counted, &raw const self.own),
                NoRoom::InAll => std::ptr::eq(counted, &raw const self.total.0),
            };
            if is_same {
                freed.await;
            }
        }
    }

    fn hold(self: &Arc<Self>, bytes: usize) -> HeldBytes {
        self.add(bytes);
        HeldBytes {
            unsent: Arc::clone(self),
            bytes,
        }
    }

    fn add(&self, bytes: usize) {
        if bytes > 0 {
            self.own.used.fetch_add(bytes, SeqCst);
            self.total.0.used.fetch_add(bytes, SeqCst);
        }
    }

    fn subtract(&self, bytes: usize) {
        if bytes > 0 {
            self.own.subtract(bytes);
            self.total.0.subtract(bytes);
        }
    }
}

/// The memory that the response to one request takes. Cheap to clone.
#[derive(Clone)]
pub struct ResponseRoom(Arc<Reservation>);

struct Reservation {
    unsent: Arc<UnsentBytes>,
    bytes: AtomicUsize,
}

impl ResponseRoom {
    pub(crate) fn new(unsent: &Arc<UnsentBytes>) -> Self {
        Self(Arc::new(Reservation {
            unsent: Arc::clone(unsent),
            bytes: AtomicUsize::new(0),
        }))
    }

    /// Whether a small response has memory now.
    #[must_use]
    pub fn has_memory(&self) -> bool {
        self.0.unsent.try_reserve(0).is_ok()
    }

    /// Waits until there is memory for a response of about this many bytes, and reserves them until the response is handed over.
    /// With 0 nothing is reserved: for a small response, which waits only while the limits are exceeded.
    ///
    /// The caller bounds the time. Responses are served as they fit, so that small ones need not wait for large ones.
    pub async fn reserve(&self, bytes: usize) {
        self.0.unsent.reserve(bytes).await;
        self.0.bytes.fetch_add(bytes, SeqCst);
    }

    /// Replaces what is reserved by what the response has.
    pub(crate) fn hold(&self, bytes: usize) -> HeldBytes {
        let held = self.0.unsent.hold(bytes);
        self.0.unsent.subtract(self.0.bytes.swap(0, SeqCst));
        held
    }

    /// Keeps what is reserved, for a response whose length is not known: what its maker holds while it is sent.
    pub(crate) fn hold_reserved(&self) -> HeldBytes {
        HeldBytes {
            unsent: Arc::clone(&self.0.unsent),
            bytes: self.0.bytes.swap(0, SeqCst),
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.unsent.subtract(*self.bytes.get_mut());
    }
}

/// Bytes of a response, counted until this is dropped.
pub(crate) struct HeldBytes {
    unsent: Arc<UnsentBytes>,
    bytes: usize,
}

impl HeldBytes {
    /// More data of the same response, counted until its last part is sent or dropped.
    pub(crate) fn bind_more(&self, data: Bytes) -> Bytes {
        self.unsent.hold(data.len()).bind(data)
    }

    /// The same data, counted until its last part is sent or dropped.
    pub(crate) fn bind(self, data: Bytes) -> Bytes {
        Bytes::from_owner(CountedData { data, _held: self })
    }
}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        self.unsent.subtract(self.bytes);
    }
}

/// Data, and its count.
struct CountedData {
    data: Bytes,
    _held: HeldBytes,
}

impl AsRef<[u8]> for CountedData {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn used(unsent: &UnsentBytes) -> (usize, usize) {
        (unsent.own.used.load(SeqCst), unsent.total.0.used.load(SeqCst))
    }

    #[test]
    fn bytes_count_until_their_last_part_is_dropped() {
        let unsent = UnsentBytes::new(100, Arc::new(UnsentTotal::new(800)));
        let room = ResponseRoom::new(&unsent);
        assert!(room.reserve(90).now_or_never().is_some());
        assert_eq!(used(&unsent), (90, 90));
        let mut data = room.hold(40).bind(Bytes::from(vec![7; 40]));
        assert_eq!(used(&unsent), (40, 40));
        let part = data.split_to(10);
        drop(data);
        assert_eq!(used(&unsent), (40, 40));
        assert_eq!(part[..], [7; 10]);
        drop(part);
        assert_eq!(used(&unsent), (0, 0));
    }

    #[test]
    fn reservation_of_an_abandoned_request_is_freed() {
        let unsent = UnsentBytes::new(100, Arc::new(UnsentTotal::new(800)));
        let room = ResponseRoom::new(&unsent);
        assert!(room.reserve(90).now_or_never().is_some());
        drop(room);
        assert_eq!(used(&unsent), (0, 0));
    }

    #[test]
    fn stream_counts_its_reservation_and_its_parts() {
        let unsent = UnsentBytes::new(100, Arc::new(UnsentTotal::new(800)));
        let room = ResponseRoom::new(&unsent);
        assert!(room.reserve(50).now_or_never().is_some());
        let held = room.hold_reserved();
        let part = held.bind_more(Bytes::from(vec![7; 20]));
        assert_eq!(used(&unsent), (70, 70));
        drop(part);
        drop(room);
        assert_eq!(used(&unsent), (50, 50));
        drop(held);
        assert_eq!(used(&unsent), (0, 0));
    }

    #[test]
    fn single_response_may_exceed_the_limit() {
        let unsent = UnsentBytes::new(100, Arc::new(UnsentTotal::new(800)));
        let (large, next) = (ResponseRoom::new(&unsent), ResponseRoom::new(&unsent));
        assert!(large.reserve(5_000).now_or_never().is_some());
        assert!(next.reserve(1).now_or_never().is_none());
        drop(large);
        assert!(next.reserve(1).now_or_never().is_some());
    }

    #[tokio::test]
    async fn response_waits_for_its_connection() {
        let unsent = UnsentBytes::new(100, Arc::new(UnsentTotal::new(800)));
        let held = ResponseRoom::new(&unsent).hold(60);
        let next = ResponseRoom::new(&unsent);
        let mut waiting = pin!(next.reserve(60));
        assert!(waiting.as_mut().now_or_never().is_none());
        // A small one still fits.
        assert!(ResponseRoom::new(&unsent).reserve(40).now_or_never().is_some());
        drop(held);
        waiting.await;
        assert_eq!(used(&unsent), (60, 60));
    }

    #[tokio::test]
    async fn large_responses_leave_an_eighth_to_small_ones() {
        let total = Arc::new(UnsentTotal::new(800));
        let connections: Vec<_> = (0..8).map(|_| UnsentBytes::new(100, Arc::clone(&total))).collect();
        let mut held: Vec<_> = connections[..7]
            .iter()
            .map(|unsent| ResponseRoom::new(unsent).hold(100))
            .collect();
        let (large, small) = (ResponseRoom::new(&connections[7]), ResponseRoom::new(&connections[7]));
        let mut waiting = pin!(large.reserve(1));
        assert!(waiting.as_mut().now_or_never().is_none());
        assert!(small.reserve(0).now_or_never().is_some());
        assert_eq!(total.write_timeout(Duration::from_secs(30)), WRITE_TIMEOUT_WHEN_SHORT);
        held.pop();
        waiting.await;
        assert_eq!(total.write_timeout(Duration::from_secs(30)), Duration::from_secs(30));
    }
}

//! Limits how many users a caller of a workspace requests per minute, in this process (ADR 0068).
//!
//! The window slides: the published limit holds for every minute, which a token bucket would not guarantee.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use masthead_domain::workspace::WorkspaceId;
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_mins(1);

/// Calls this close together are counted as one, which bounds a window to about 600 entries.
const GRAIN: Duration = Duration::from_millis(100);

/// How many callers of a workspace have a window of their own; all others share one. This bounds the memory, and what a
/// client with a key and many addresses can request.
const CALLERS: usize = 16;

/// The windows of all workspaces. Calls arrive with a valid key, so there is at most one entry per workspace.
#[derive(Default)]
pub(super) struct RateLimits(Mutex<HashMap<WorkspaceId, WorkspaceCallers>>);

#[derive(Default)]
struct WorkspaceCallers {
    known: HashMap<IpAddr, SlidingWindow>,
    /// For callers beyond [`CALLERS`], and those without a known address.
    others: SlidingWindow,
}

/// The calls of the last minute, oldest first.
#[derive(Default)]
struct SlidingWindow {
    batches: VecDeque<CallBatch>,
    users: u32,
}

/// Calls that are counted as one, as old as the last of them.
struct CallBatch {
    first: Instant,
    last: Instant,
    users: u32,
}

impl RateLimits {
    /// Counts a call for this many users.
    ///
    /// # Errors
    /// The call exceeds the limit: how long until it would not. It is not counted.
    pub(super) fn take(
        &self,
        workspace: &WorkspaceId,
        caller: Option<IpAddr>,
        users: u32,
        per_minute: u32,
    ) -> Result<(), Duration> {
        let mut rates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let callers = rates.entry(workspace.clone()).or_default();
        callers.window(caller, now).take(users, per_minute, now)
    }
}

impl WorkspaceCallers {
    fn window(&mut self, caller: Option<IpAddr>, now: Instant) -> &mut SlidingWindow {
        // Addresses are personal data: they are dropped when their minute is over, at the next call.
        self.known
            .retain(|other, last| Some(*other) == caller || last.is_recent(now));
        match caller {
            Some(caller) if self.known.len() < CALLERS || self.known.contains_key(&caller) => {
                self.known.entry(caller).or_default()
            }
            _ => &mut self.others,
        }
    }
}

impl SlidingWindow {
    fn is_recent(&self, now: Instant) -> bool {
        self.batches.back().is_some_and(|batch| batch.is_recent(now))
    }

    fn take(&mut self, users: u32, per_minute: u32, now: Instant) -> Result<(), Duration> {
        while let Some(batch) = self.batches.pop_front_if(|batch| !batch.is_recent(now)) {
            self.users -= batch.users;
        }
        let mut left = self.users;
        let mut wait = Duration::ZERO;
        for batch in &self.batches {
            if left.saturating_add(users) <= per_minute {
                break;
            }
            left -= batch.users;
            wait = batch.last + MINUTE - now;
        }
        if !wait.is_zero() {
            return Err(wait);
        }
        if users > per_minute {
            return Err(MINUTE);
        }
        match self.batches.back_mut() {
            Some(batch) if now.duration_since(batch.first) < GRAIN => {
                batch.last = now;
                batch.users += users;
            }
            _ => self.batches.push_back(CallBatch {
                first: now,
                last: now,
                users,
            }),
        }
        self.users += users;
        Ok(())
    }
}

impl CallBatch {
    fn is_recent(&self, now: Instant) -> bool {
        now.duration_since(self.last) < MINUTE
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn workspace(name: &str) -> WorkspaceId {
        WorkspaceId::parse(name).unwrap()
    }

    fn address(last: u8) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, last).into()
    }

    #[tokio::test(start_paused = true)]
    async fn window_slides_and_reports_the_wait() {
        let (rates, herald) = (RateLimits::default(), workspace("herald"));
        let take = |users| rates.take(&herald, Some(address(1)), users, 100);
        assert_eq!(take(60), Ok(()));
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(take(40), Ok(()));
        assert_eq!(take(1), Err(Duration::from_secs(40)));
        assert_eq!(take(61), Err(MINUTE));
        tokio::time::advance(Duration::from_secs(40)).await;
        assert_eq!(take(61), Err(Duration::from_secs(20)));
        assert_eq!(take(60), Ok(()));
        assert_eq!(take(101), Err(MINUTE));
    }

    #[tokio::test(start_paused = true)]
    async fn workspaces_and_addresses_are_counted_separately() {
        let (rates, herald, times) = (RateLimits::default(), workspace("herald"), workspace("times"));
        assert_eq!(rates.take(&herald, Some(address(1)), 100, 100), Ok(()));
        assert_eq!(rates.take(&herald, Some(address(1)), 1, 100), Err(MINUTE));
        assert_eq!(rates.take(&herald, Some(address(2)), 100, 100), Ok(()));
        assert_eq!(rates.take(&times, Some(address(1)), 100, 100), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn callers_beyond_the_limit_share_a_window() {
        let (rates, herald) = (RateLimits::default(), workspace("herald"));
        let take = |caller, users| rates.take(&herald, caller, users, 100);
        for caller in 0..16 {
            assert_eq!(take(Some(address(caller)), 100), Ok(()), "{caller}");
        }
        assert_eq!(take(Some(address(16)), 60), Ok(()));
        assert_eq!(take(Some(address(17)), 60), Err(MINUTE), "no window is left");
        assert_eq!(take(None, 60), Err(MINUTE), "callers without an address share it too");
        assert_eq!(take(Some(address(0)), 1), Err(MINUTE));
        tokio::time::advance(MINUTE).await;
        for caller in 17..33 {
            assert_eq!(
                take(Some(address(caller)), 100),
                Ok(()),
                "{caller}: the old windows are gone"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn window_is_bounded_and_keeps_every_call() {
        let mut window = SlidingWindow::default();
        let between = Duration::from_millis(1);
        for _ in 0..60_000 {
            assert_eq!(window.take(1, 60_000, Instant::now()), Ok(()));
            tokio::time::advance(between).await;
        }
        assert_eq!(window.batches.len(), 600);
        // The first hundred expire together, when the last of them is a minute old.
        assert_eq!(window.take(1, 60_000, Instant::now()), Err(between * 99));
        tokio::time::advance(between * 99).await;
        assert_eq!(window.take(100, 60_000, Instant::now()), Ok(()));
        assert!(window.take(1, 60_000, Instant::now()).is_err());
    }
}

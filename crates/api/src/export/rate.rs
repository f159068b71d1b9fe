//! How many users each workspace has asked for in the last minute, in this process.
//!
//! A minute that slides, not a bucket that refills: the published limit is of users a minute, whichever minute one looks at.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use masthead_domain::workspace::WorkspaceId;
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_mins(1);

/// The last minute of each workspace. Only those that have a key get here, so there are no more than there are workspaces.
#[derive(Default)]
pub(super) struct Rates(Mutex<HashMap<WorkspaceId, LastMinute>>);

/// What was asked for, oldest first.
#[derive(Default)]
struct LastMinute {
    asked: VecDeque<(Instant, u32)>,
    users: u32,
}

impl Rates {
    /// Takes so many users of what the workspace may ask for in a minute.
    ///
    /// # Errors
    /// It may not now: how long until it may. Nothing is taken then.
    pub(super) fn take(&self, workspace: &WorkspaceId, users: u32, per_minute: u32) -> Result<(), Duration> {
        let now = Instant::now();
        let mut rates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = rates.entry(workspace.clone()).or_default();
        last.forget_before(now);
        let mut left = last.users;
        let mut wait = Duration::ZERO;
        for (at, past) in &last.asked {
            if left.saturating_add(users) <= per_minute {
                break;
            }
            left -= past;
            wait = *at + MINUTE - now;
        }
        if !wait.is_zero() {
            return Err(wait);
        }
        if users > per_minute {
            return Err(MINUTE);
        }
        last.asked.push_back((now, users));
        last.users += users;
        Ok(())
    }
}

impl LastMinute {
    fn forget_before(&mut self, now: Instant) {
        while let Some((at, users)) = self.asked.front().copied() {
            if now.duration_since(at) < MINUTE {
                return;
            }
            self.asked.pop_front();
            self.users -= users;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_minute_slides_and_the_wait_is_until_enough_of_it_is_over() {
        let (rates, herald) = (Rates::default(), WorkspaceId::parse("herald").unwrap());
        let take = |users| rates.take(&herald, users, 100);
        assert_eq!(take(60), Ok(()));
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(take(40), Ok(()));
        assert_eq!(take(1), Err(Duration::from_secs(40)));
        assert_eq!(take(61), Err(MINUTE));
        tokio::time::advance(Duration::from_secs(40)).await;
        assert_eq!(take(61), Err(Duration::from_secs(20)));
        assert_eq!(take(60), Ok(()));
        assert_eq!(take(101), Err(MINUTE));
        let times = WorkspaceId::parse("times").unwrap();
        assert_eq!(rates.take(&times, 100, 100), Ok(()), "each has its own");
    }
}

//! How many users each caller of each workspace has asked for in the last minute, in this process (ADR 0043).
//!
//! A minute that slides, not a bucket that refills: the published limit is of users a minute, whichever minute one looks at.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use masthead_domain::workspace::WorkspaceId;
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_mins(1);

/// Calls this close together are counted as one, so that a minute is at most some six hundred numbers.
const GRAIN: Duration = Duration::from_millis(100);

/// How many callers of a workspace are told apart at a time; those beyond share one minute. This bounds the memory, and what
/// somebody with a key and many addresses can ask for.
const CALLERS: usize = 16;

/// The last minutes of each workspace. Only those that have a key get here, so there are no more than there are workspaces.
#[derive(Default)]
pub(super) struct Rates(Mutex<HashMap<WorkspaceId, Callers>>);

#[derive(Default)]
struct Callers {
    known: HashMap<IpAddr, LastMinute>,
    /// Of those who come when there is no more room, and of those whose address nobody knows.
    others: LastMinute,
}

/// What was asked for, oldest first.
#[derive(Default)]
struct LastMinute {
    asked: VecDeque<Asked>,
    users: u32,
}

/// Calls that are counted as one, which is as old as the last of them.
struct Asked {
    first: Instant,
    last: Instant,
    users: u32,
}

impl Rates {
    /// Takes so many users of what a caller may ask a workspace for in a minute.
    ///
    /// # Errors
    /// It may not now: how long until it may. Nothing is taken then.
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
        callers.last_minute(caller, now).take(users, per_minute, now)
    }
}

impl Callers {
    fn last_minute(&mut self, caller: Option<IpAddr>, now: Instant) -> &mut LastMinute {
        // Nobody's address is held for longer than it counts, unless nobody asks the workspace any more.
        self.known
            .retain(|other, last| Some(*other) == caller || last.counts(now));
        match caller {
            Some(caller) if self.known.len() < CALLERS || self.known.contains_key(&caller) => {
                self.known.entry(caller).or_default()
            }
            _ => &mut self.others,
        }
    }
}

impl LastMinute {
    fn counts(&self, now: Instant) -> bool {
        self.asked.back().is_some_and(|asked| asked.counts(now))
    }

    fn take(&mut self, users: u32, per_minute: u32, now: Instant) -> Result<(), Duration> {
        while let Some(asked) = self.asked.pop_front_if(|asked| !asked.counts(now)) {
            self.users -= asked.users;
        }
        let mut left = self.users;
        let mut wait = Duration::ZERO;
        for asked in &self.asked {
            if left.saturating_add(users) <= per_minute {
                break;
            }
            left -= asked.users;
            wait = asked.last + MINUTE - now;
        }
        if !wait.is_zero() {
            return Err(wait);
        }
        if users > per_minute {
            return Err(MINUTE);
        }
        match self.asked.back_mut() {
            Some(asked) if now.duration_since(asked.first) < GRAIN => {
                asked.last = now;
                asked.users += users;
            }
            _ => self.asked.push_back(Asked {
                first: now,
                last: now,
                users,
            }),
        }
        self.users += users;
        Ok(())
    }
}

impl Asked {
    fn counts(&self, now: Instant) -> bool {
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
    async fn a_minute_slides_and_the_wait_is_until_enough_of_it_is_over() {
        let (rates, herald) = (Rates::default(), workspace("herald"));
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
    async fn each_workspace_and_each_address_of_it_has_a_minute_of_its_own() {
        let (rates, herald, times) = (Rates::default(), workspace("herald"), workspace("times"));
        assert_eq!(rates.take(&herald, Some(address(1)), 100, 100), Ok(()));
        assert_eq!(rates.take(&herald, Some(address(1)), 1, 100), Err(MINUTE));
        assert_eq!(rates.take(&herald, Some(address(2)), 100, 100), Ok(()));
        assert_eq!(rates.take(&times, Some(address(1)), 100, 100), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn callers_beyond_those_who_are_told_apart_share_one_minute() {
        let (rates, herald) = (Rates::default(), workspace("herald"));
        let take = |caller, users| rates.take(&herald, caller, users, 100);
        for caller in 0..16 {
            assert_eq!(take(Some(address(caller)), 100), Ok(()), "{caller}");
        }
        assert_eq!(take(Some(address(16)), 60), Ok(()));
        assert_eq!(take(Some(address(17)), 60), Err(MINUTE), "there is no more room");
        assert_eq!(take(None, 60), Err(MINUTE), "nor for who has no address");
        assert_eq!(take(Some(address(0)), 1), Err(MINUTE));
        tokio::time::advance(MINUTE).await;
        for caller in 17..33 {
            assert_eq!(
                take(Some(address(caller)), 100),
                Ok(()),
                "{caller}: the others are forgotten"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_minute_of_many_calls_is_a_bounded_list_and_none_is_forgotten_early() {
        let mut last = LastMinute::default();
        let between = Duration::from_millis(1);
        for _ in 0..60_000 {
            assert_eq!(last.take(1, 60_000, Instant::now()), Ok(()));
            tokio::time::advance(between).await;
        }
        assert_eq!(last.asked.len(), 600);
        // The first hundred go together, when the last of them is a minute old.
        assert_eq!(last.take(1, 60_000, Instant::now()), Err(between * 99));
        tokio::time::advance(between * 99).await;
        assert_eq!(last.take(100, 60_000, Instant::now()), Ok(()));
        assert!(last.take(1, 60_000, Instant::now()).is_err());
    }
}

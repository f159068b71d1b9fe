//! The options of sync runs.

use std::time::Duration;

/// The options of sync runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncOptions {
    /// The unique name of this process, as the holder of its runs.
    pub holder: Box<str>,
    /// How long a run belongs to this process without a renewal; it is renewed three times as often.
    pub lease: Duration,
    /// The time between full runs; runs in between cover changes only.
    pub full_every: Duration,
    /// The time limit of one page, including the wait for the provider's rate limit.
    pub page_deadline: Duration,
    /// The time limit of a running page after a stop.
    pub grace: Duration,
    /// When failed calls are retried.
    pub retry: RetryOptions,
}

/// When failed calls are retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryOptions {
    /// The maximum number of attempts, at least one.
    pub attempts: u32,
    /// The pause before the second attempt; it doubles with each attempt.
    pub first_pause: Duration,
    /// The longest pause, also if the provider requests a longer one.
    pub longest_pause: Duration,
}

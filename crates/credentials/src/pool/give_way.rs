//! How the threads of the pool leave the processors to others: by their priority, and by pauses.

use std::{fs, time::Duration};

/// The part of a processor that a thread of the pool keeps, however busy the processors are.
const LEAST_PART: u32 = 8;

/// How many times the wait for a processor a thread pauses.
const PAUSE_PER_WAIT: u32 = 4;

/// Lowers the priority of this thread, so that a storm of sign-ins leaves the processors to look-ups. Only on Linux it is the
/// priority of a thread, and not of the whole process (nice(2), "C library/kernel differences").
pub(super) fn lower_priority(niceness: u8) {
    if cfg!(target_os = "linux") {
        // A thread may always give way more; should it fail, jobs run at the usual priority.
        let _ = rustix::process::nice(niceness.into());
    }
}

/// How long this thread has run, and has waited for a processor.
#[derive(Debug, Clone, Copy)]
pub(super) struct ThreadTimes {
    run: Duration,
    waited: Duration,
}

impl ThreadTimes {
    /// The times of this thread (proc(5), `schedstat`); `None` where the kernel does not count them.
    pub(super) fn now() -> Option<Self> {
        let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        let mut times = text
            .split_ascii_whitespace()
            .map_while(|number| number.parse().ok().map(Duration::from_nanos));
        Some(Self {
            run: times.next()?,
            waited: times.next()?,
        })
    }

    /// How long the thread pauses after a job that it began at these times. A priority counts only among the threads of one
    /// group of the scheduler: a service, a container, or, with autogroups, a session (sched(7)). Postgres on the same machine
    /// is in another group, so a thread that had to wait for a processor makes way by itself.
    pub(super) fn pause(self) -> Duration {
        Self::now().map_or(Duration::ZERO, |now| {
            pause(now.run.saturating_sub(self.run), now.waited.saturating_sub(self.waited))
        })
    }
}

/// Longer after a longer wait, until the thread has its least part of a processor.
fn pause(run: Duration, waited: Duration) -> Duration {
    let longest = (run * LEAST_PART).saturating_sub(run + waited);
    (waited * PAUSE_PER_WAIT).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pause_follows_wait_for_processor() {
        let run = Duration::from_millis(20);
        for (waited, paused) in [(0, 0), (1, 4), (20, 80), (40, 100), (140, 0), (1000, 0)] {
            let found = pause(run, Duration::from_millis(waited));
            assert_eq!(found, Duration::from_millis(paused), "after a wait of {waited} ms");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn thread_times_count_what_ran() {
        let before = ThreadTimes::now().unwrap();
        while ThreadTimes::now().unwrap().run < before.run + Duration::from_millis(5) {}
    }
}

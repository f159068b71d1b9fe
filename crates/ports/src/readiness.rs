//! Readiness checks of the service.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;

/// A component that reports whether it is ready.
#[async_trait]
pub trait Readiness: Send + Sync {
    /// The name in `/health/ready`.
    fn name(&self) -> &'static str;

    /// Checks the component within two seconds. An error is a short reason without addresses or secrets.
    async fn check(&self) -> Result<(), &'static str>;
}

/// Whether a background task gets on with its work: it is not ready while a piece of work takes longer than its limit, and
/// after its end.
pub struct TaskProgress {
    name: &'static str,
    limit: Duration,
    state: Mutex<TaskState>,
}

#[derive(Debug, Clone, Copy)]
enum TaskState {
    Idle,
    Working { since: Instant, late: &'static str },
    Ended,
}

impl TaskProgress {
    /// A task with nothing to do. `name` is its name in `/health/ready`, `limit` how long a piece of work may take with all
    /// its retries.
    #[must_use]
    pub const fn new(name: &'static str, limit: Duration) -> Self {
        Self {
            name,
            limit,
            state: Mutex::new(TaskState::Idle),
        }
    }

    /// A piece of work begins, or is tried again: then the time goes on from its beginning. `late` is the reason that is
    /// reported when it takes too long.
    pub fn begin(&self, late: &'static str) {
        let mut state = self.state();
        if matches!(*state, TaskState::Idle) {
            *state = TaskState::Working {
                since: Instant::now(),
                late,
            };
        }
    }

    /// The piece of work is finished.
    pub fn finish(&self) {
        let mut state = self.state();
        if !matches!(*state, TaskState::Ended) {
            *state = TaskState::Idle;
        }
    }

    /// Reports the end of the task when the guard is dropped, also by a panic.
    #[must_use]
    pub fn end_on_drop(self: &Arc<Self>) -> TaskEndGuard {
        TaskEndGuard(Arc::clone(self))
    }

    fn state(&self) -> MutexGuard<'_, TaskState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Readiness for TaskProgress {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn check(&self) -> Result<(), &'static str> {
        match *self.state() {
            TaskState::Working { since, late } if since.elapsed() > self.limit => Err(late),
            TaskState::Idle | TaskState::Working { .. } => Ok(()),
            TaskState::Ended => Err("its task has ended"),
        }
    }
}

impl fmt::Debug for TaskProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskProgress")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Marks a task as ended when dropped.
#[derive(Debug)]
pub struct TaskEndGuard(Arc<TaskProgress>);

impl Drop for TaskEndGuard {
    fn drop(&mut self) {
        *self.0.state() = TaskState::Ended;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer of a check, which never waits.
    fn check(task: &TaskProgress) -> Result<(), &'static str> {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        match task.check().as_mut().poll(&mut cx) {
            std::task::Poll::Ready(answer) => answer,
            std::task::Poll::Pending => panic!("it waits"),
        }
    }

    #[test]
    fn late_work_is_reported_until_it_is_finished() {
        let task = TaskProgress::new("mail", Duration::ZERO);
        assert_eq!(check(&task), Ok(()));
        task.begin("the outbox cannot be read");
        std::thread::sleep(Duration::from_millis(1));
        task.begin("another reason");
        assert_eq!(check(&task), Err("the outbox cannot be read"));
        task.finish();
        assert_eq!(check(&task), Ok(()));
    }

    #[test]
    fn work_within_its_limit_is_not_reported() {
        let task = TaskProgress::new("mail", Duration::from_hours(1));
        task.begin("the outbox cannot be read");
        assert_eq!(check(&task), Ok(()));
    }

    #[test]
    fn ended_task_is_reported_for_good() {
        let task = Arc::new(TaskProgress::new("mail", Duration::ZERO));
        drop(task.end_on_drop());
        task.finish();
        assert_eq!(check(&task), Err("its task has ended"));
    }
}

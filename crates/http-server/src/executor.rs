//! The executor of hyper's HTTP/2 tasks: each is tracked by the server.

use hyper::rt::Executor;
use tokio_util::task::TaskTracker;

/// Spawns tasks on a [`TaskTracker`].
#[derive(Clone)]
pub(crate) struct TrackedExecutor(pub(crate) TaskTracker);

impl<F> Executor<F> for TrackedExecutor
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    fn execute(&self, task: F) {
        self.0.spawn(task);
    }
}

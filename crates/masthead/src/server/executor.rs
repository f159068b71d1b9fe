//! Where hyper puts the tasks of HTTP/2 streams: never loose, always in the server's own set.

use hyper::rt::Executor;
use tokio_util::task::TaskTracker;

#[derive(Clone)]
pub(super) struct Tracked(pub(super) TaskTracker);

impl<F> Executor<F> for Tracked
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    fn execute(&self, task: F) {
        self.0.spawn(task);
    }
}

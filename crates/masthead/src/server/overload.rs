//! What a connection gets that is one too many: a quick 503, then the door.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
    time::timeout,
};
use tokio_util::task::TaskTracker;

/// How many are told so at once; beyond it, connections are closed without a word.
const TOLD_AT_ONCE: usize = 128;

/// How long telling one may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// Turns connections away.
#[derive(Clone)]
pub(super) struct Overload {
    telling: Arc<Semaphore>,
    answer: Arc<[u8]>,
}

impl Overload {
    /// `answer` is the whole HTTP/1.1 answer, head and body.
    pub(super) fn new(answer: &[u8]) -> Self {
        Self {
            telling: Arc::new(Semaphore::new(TOLD_AT_ONCE)),
            answer: answer.into(),
        }
    }

    /// Tells the client, on a task of `tasks`, that there is no room.
    pub(super) fn turn_away(&self, stream: TcpStream, tasks: &TaskTracker) {
        metrics::counter!("masthead_connections_refused_total").increment(1);
        let Ok(permit) = Arc::clone(&self.telling).try_acquire_owned() else {
            return;
        };
        let answer = Arc::clone(&self.answer);
        tasks.spawn(async move {
            let _ = timeout(PATIENCE, tell(stream, &answer)).await;
            drop(permit);
        });
    }
}

async fn tell(mut stream: TcpStream, answer: &[u8]) -> std::io::Result<()> {
    stream.write_all(answer).await?;
    stream.shutdown().await?;
    // Unread bytes would turn the close into a reset, which can overtake the answer.
    let mut scratch = [0; 4 * 1024];
    while stream.read(&mut scratch).await? > 0 {}
    Ok(())
}

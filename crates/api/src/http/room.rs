//! Memory for answers that their clients may be slow to take.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

/// The server's account of the memory of answers.
pub trait AnswerMemory: Send + Sync {
    /// Waits until there is memory for an answer of about this many bytes, and reserves it until the answer is handed over.
    fn reserve(&self, bytes: usize) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// An answer of at most this many bytes is made without a reservation: it is small beside what makes it.
const SMALL_BYTES: usize = 32 * 1024;

/// The room for the answer to one request. The default is unlimited.
#[derive(Clone, Default)]
pub struct AnswerRoom(Option<Arc<dyn AnswerMemory>>);

impl AnswerRoom {
    /// Room in this memory.
    #[must_use]
    pub fn new(memory: Arc<dyn AnswerMemory>) -> Self {
        Self(Some(memory))
    }

    /// Waits for memory for this many users; the caller bounds the time.
    pub async fn reserve(&self, users: usize, bytes_per_user: usize) {
        let bytes = users.saturating_mul(bytes_per_user);
        if let Some(memory) = &self.0
            && bytes > SMALL_BYTES
        {
            memory.reserve(bytes).await;
        }
    }
}

impl fmt::Debug for AnswerRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerRoom").finish_non_exhaustive()
    }
}

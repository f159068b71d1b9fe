//! Why a read gives no user.

use std::time::Duration;

use masthead_domain::answer::Completeness;
use thiserror::Error;

/// What the client of a read can do.
#[derive(Debug, Error)]
pub enum ReadError {
    /// Every source asked confirmed that there is no such user.
    #[error("no such user")]
    NoSuchUser {
        /// What the sources said; `None` for a tenant without a provider.
        completeness: Option<Completeness>,
    },
    /// A source that should know did not answer: nobody can tell. The client comes back later.
    #[error("a source did not answer")]
    Unavailable {
        /// When coming back makes sense, when it is known.
        retry_after: Option<Duration>,
        /// What the sources said; `None` for a tenant without a provider.
        completeness: Option<Completeness>,
    },
    /// The search takes longer than it may; the client narrows it.
    #[error("the search is too broad")]
    TooBroad,
    /// The page lies deeper than page numbers reach; the client uses a cursor.
    #[error("the page lies deeper than {limit} rows")]
    TooDeep {
        /// The depth, in rows, that page numbers reach.
        limit: u64,
    },
    /// A source answered with something that cannot be true.
    #[error("a source answered with something that cannot be true")]
    Corrupt,
}

//! Why a read returns no user.

use std::time::Duration;

use masthead_domain::answer::Completeness;
use thiserror::Error;

/// The error of a read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// Every queried source confirmed that there is no such user.
    #[error("no such user")]
    NoSuchUser {
        /// How the sources answered; `None` for a tenant without a provider.
        completeness: Option<Completeness>,
    },
    /// A source that may have the user did not answer; the client can retry.
    #[error("a source did not answer")]
    Unavailable {
        /// When to retry, if known.
        retry_after: Option<Duration>,
        /// How the sources answered; `None` for a tenant without a provider.
        completeness: Option<Completeness>,
    },
    /// The search takes too long; the client must add filters.
    #[error("the search is too broad")]
    TooBroad,
    /// The page is beyond the reach of page numbers; the client must use a cursor.
    #[error("the page lies deeper than {limit} rows")]
    TooDeep {
        /// The depth that page numbers reach, in rows.
        limit: u64,
    },
    /// A source returned contradictory data.
    #[error("a source returned contradictory data")]
    Corrupt,
}

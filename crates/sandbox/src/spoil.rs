//! Faults of an answer's meaning, and the waits that a refusal asks for: the same for several providers.

use serde_json::Value;
use time::OffsetDateTime;

use crate::fault::Fault;
use crate::server::reply::Reply;

/// Spoils a list of users; `other` gives somebody else than the user it is shown.
pub(crate) fn list(fault: &Fault, users: &mut Vec<Value>, other: impl Fn(&Value) -> Value) {
    match fault {
        Fault::OtherUser => {
            for user in users {
                *user = other(user);
            }
        }
        Fault::Shuffled => users.reverse(),
        Fault::Missing if !users.is_empty() => {
            users.remove(0);
        }
        Fault::Duplicated => users.extend(users.first().cloned()),
        _ => {}
    }
}

/// Adds the headers by which a caller learns how long to wait.
pub(crate) fn with_waits(reply: Reply, retry_after: Option<u64>, reset_in: Option<u64>, now: OffsetDateTime) -> Reply {
    let reply = match retry_after {
        Some(seconds) => reply.with("retry-after", seconds),
        None => reply,
    };
    match reset_in {
        Some(seconds) => {
            let reset = now.unix_timestamp().saturating_add_unsigned(seconds);
            reply.with("x-ratelimit-remaining", 0).with("x-ratelimit-reset", reset)
        }
        None => reply,
    }
}

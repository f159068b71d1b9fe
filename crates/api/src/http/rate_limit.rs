//! The headers of a request that a limit refuses (draft-ietf-httpapi-ratelimit-headers).

use http::{HeaderMap, HeaderName, HeaderValue, header::RETRY_AFTER};
use masthead_ports::rate_limit::RateExceeded;

use super::response::{retry_after_seconds, whole_seconds};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Names the limit that is reached, its quota, and when to try again.
pub(crate) fn insert_rate_limit(headers: &mut HeaderMap, exceeded: &RateExceeded) {
    let name = exceeded.policy.name();
    let seconds = whole_seconds(exceeded.retry_after);
    let fields = [
        (RATE_LIMIT_POLICY, format!("\"{name}\";q={};w=60", exceeded.per_minute)),
        (RATE_LIMIT, format!("\"{name}\";r=0;t={seconds}")),
    ];
    for (field, text) in fields {
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(field, value);
        }
    }
    headers.insert(RETRY_AFTER, retry_after_seconds(exceeded.retry_after));
}

//! Checks the raw settings of `[limits]`.

use masthead_domain::rate_limit::{MAX_RATE_LIMIT, RateLimit};
use masthead_rate_limits::LimiterOptions;

use crate::settings::{checker::Checker, model::LimitSettings, raw::RawLimits};

pub(in crate::settings) fn limits(raw: &RawLimits, c: &mut Checker<'_>) -> Option<LimitSettings> {
    let mut limit = |scope: &str, requests: &str, rows: &str| {
        let mut rate = |unit: &str, text: &str| {
            let key = format!("limits.{scope}_{unit}_per_minute");
            c.small(&key, text, 0..=MAX_RATE_LIMIT.into())
        };
        let (requests, rows) = (rate("requests", requests), rate("rows", rows));
        Some(RateLimit {
            requests: requests?,
            rows: rows?,
        })
    };
    let subject = limit(
        "subject",
        &raw.subject_requests_per_minute,
        &raw.subject_rows_per_minute,
    );
    let address = limit(
        "address",
        &raw.address_requests_per_minute,
        &raw.address_rows_per_minute,
    );
    let tenant = limit("tenant", &raw.tenant_requests_per_minute, &raw.tenant_rows_per_minute);
    let list_weight = c.small("limits.list_weight", &raw.list_weight, 1..=1_000);
    let shared = c.switch("limits.shared", &raw.shared);
    Some(LimitSettings {
        options: LimiterOptions {
            subject: subject?,
            address: address?,
            tenant: tenant?,
            list_weight: list_weight?,
        },
        shared: shared?,
    })
}

//! Checks the raw settings of `[telemetry]`.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use masthead_telemetry::is_endpoint;

use super::HOUR;
use crate::settings::{checker::Checker, model::TelemetrySettings, raw::RawTelemetry};

/// `None` inside: no collector is named.
#[expect(clippy::option_option, reason = "an error and an absent collector are different")]
pub(in crate::settings) fn telemetry(raw: &RawTelemetry, c: &mut Checker<'_>) -> Option<Option<TelemetrySettings>> {
    let endpoint = raw.otlp_endpoint.trim();
    let is_off = endpoint.is_empty();
    let is_valid = is_off || is_endpoint(endpoint);
    if !is_valid {
        c.errors.add(
            "telemetry.otlp_endpoint",
            "must be an http or https URL without user, query and fragment, such as http://127.0.0.1:4318",
        );
    }
    let headers = c.secret("telemetry.otlp_headers", &raw.otlp_headers, &raw.otlp_headers_file);
    let headers = headers.and_then(|text| headers_of(text.as_ref().map_or("", |text| text.reveal()), c));
    let sample_ratio = ratio(&raw.sample_ratio, c);
    let metrics_every = c.duration("telemetry.metrics_every", &raw.metrics_every, Duration::ZERO..=HOUR);
    let settings = TelemetrySettings {
        otlp_endpoint: is_valid.then(|| endpoint.to_owned())?,
        otlp_headers: headers?,
        sample_ratio: sample_ratio?,
        metrics_every: metrics_every.map(|every| Some(every).filter(|every| !every.is_zero()))?,
    };
    Some((!is_off).then_some(settings))
}

fn ratio(text: &str, c: &mut Checker<'_>) -> Option<f64> {
    let ratio = text.trim().parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    if ratio.is_none() {
        c.errors
            .add("telemetry.sample_ratio", "must be a number from 0 to 1, such as 0.1");
    }
    ratio
}

/// `NAME=VALUE` with commas between; the values are marked as secrets.
fn headers_of(text: &str, c: &mut Checker<'_>) -> Option<HeaderMap> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let headers: Option<HeaderMap> = parts
        .map(|part| {
            let (name, value) = part.split_once('=')?;
            let name: HeaderName = name.trim().parse().ok()?;
            let mut value: HeaderValue = value.trim().parse().ok()?;
            value.set_sensitive(true);
            Some((name, value))
        })
        .collect();
    if headers.is_none() {
        c.errors.add(
            "telemetry.otlp_headers",
            "must be NAME=VALUE, with commas between several",
        );
    }
    headers
}

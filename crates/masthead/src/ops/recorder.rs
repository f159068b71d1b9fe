//! The Prometheus recorder: the metrics and the buckets of their histograms.

use std::{
    sync::{PoisonError, RwLock},
    time::Duration,
};

use http::Method;
use metrics::{Histogram, describe_counter, describe_gauge, describe_histogram, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use crate::http_methods::known_method;

const REQUESTS: &str = "masthead_http_request_duration_seconds";

/// From the duration of a lookup to the usual timeout of a client.
const BUCKETS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// How many lookups are batched.
const BATCHES: [f64; 7] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

/// Installs the recorder for the process; a second one in the same process (tests) records nothing.
///
/// # Errors
/// The buckets are refused.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)?
        .set_buckets_for_metric(Matcher::Full("masthead_lookup_batch_size".to_owned()), &BATCHES)?
        .build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_ok() {
        describe();
    }
    Ok(handle)
}

fn describe() {
    describe_requests_and_database();
    describe_parts();
}

fn describe_requests_and_database() {
    describe_histogram!(
        REQUESTS,
        "how long requests took, by method, route and status (0: the client left)"
    );
    describe_gauge!("masthead_connections", "open connections");
    describe_counter!(
        "masthead_connections_refused_total",
        "connections that were one too many"
    );
    describe_counter!("masthead_connections_cut_total", "connections cut, by why");
    describe_counter!(
        "masthead_connections_ended_early_total",
        "connections that clients broke off"
    );
    describe_gauge!(
        "masthead_database_replica_up",
        "1 where a replica of the database answers reads, by replica"
    );
    describe_gauge!(
        "masthead_database_replica_lag_seconds",
        "how far a replica is behind the primary, as last measured, by replica"
    );
    describe_counter!(
        "masthead_database_reads_total",
        "look-ups, lists and bulk look-ups where the database has replicas, by target"
    );
    describe_counter!(
        "masthead_database_repeated_reads_total",
        "reads that failed on a replica and were repeated on the primary"
    );
}

fn describe_parts() {
    describe_gauge!(
        "masthead_write_intents",
        "two-sided writes that are open, by step; unsettled ones need an operator (masthead reconcile)"
    );
    describe_counter!(
        "masthead_write_intents_settled_total",
        "open writes that a server looked at, by outcome"
    );
    describe_counter!(
        "masthead_mails_total",
        "tries of mails, by outcome: sent, retry (later), dead (not tried again)"
    );
    describe_counter!(
        "masthead_password_checks_total",
        "passwords checked, by hash family and outcome"
    );
    describe_counter!("masthead_password_hashes_total", "passwords hashed");
    describe_counter!(
        "masthead_first_logins_total",
        "first passwords checked at the provider that users were imported from, by provider and outcome"
    );
    describe_histogram!(
        "masthead_password_seconds",
        "how long hashing or checking a password took, by hash family"
    );
    describe_histogram!(
        "masthead_password_queue_seconds",
        "how long a password waited for its thread"
    );
    describe_gauge!("masthead_password_waiting", "passwords that wait for a thread");
    describe_counter!(
        "masthead_password_refused_total",
        "passwords that found no room or no time, by reason"
    );
    describe_gauge!(
        "masthead_key_set_age_seconds",
        "how long ago the key set of an issuer of tokens was fetched, by issuer"
    );
    describe_gauge!(
        "masthead_key_set_keys",
        "usable keys in the key set of an issuer, by issuer"
    );
    describe_counter!(
        "masthead_key_set_fetches_total",
        "fetches of key sets, by issuer and outcome: fetched, failed"
    );
    describe_counter!(
        "masthead_tls_handshakes_total",
        "TLS handshakes of the listener, by result: ok, ok_with_certificate (the caller's), failed, timeout, refused"
    );
    describe_gauge!(
        "masthead_tls_certificate_expiry_timestamp_seconds",
        "when the listener's certificate expires, in seconds since 1970"
    );
    describe_counter!(
        "masthead_tls_certificate_reloads_total",
        "changed certificates of the listener, by result: ok, failed (the one of before stays)"
    );
    describe_counter!(
        "masthead_telemetry_exports_total",
        "messages to the OpenTelemetry collector, by signal (traces, metrics) and outcome (ok, failed)"
    );
    describe_counter!(
        "masthead_telemetry_spans_dropped_total",
        "spans that found no room in the queue to the collector"
    );
    describe_counter!("masthead_accept_errors_total", "failures to accept connections");
    describe_counter!("masthead_panics_total", "panics");
    describe_gauge!(
        "masthead_ready",
        "1 where a part of the server is ready, by part: process, database, tokens, events, mail"
    );
    describe_counter!(
        "masthead_reloads_total",
        "reloads of the settings, by outcome: reloaded, invalid, partly_failed"
    );
    describe_gauge!(
        "masthead_mail_relay_failing",
        "1 where the last mail that was tried must wait, because the SMTP server does not take it"
    );
    describe_counter!(
        "masthead_rate_limited_total",
        "requests that a limit of a minute refused, by limit"
    );
    describe_gauge!(
        "masthead_rate_limit_keys",
        "callers, addresses and tenants whose usage is remembered, by scope"
    );
    describe_counter!(
        "masthead_rate_limit_sharing_errors_total",
        "exchanges of usage between servers that failed"
    );
    describe_gauge!("masthead_unsent_bytes", "bytes of answers that clients have not taken");
    describe_counter!(
        "masthead_unsent_waits_total",
        "answers that waited for memory, by limit"
    );
    describe_counter!("masthead_log_lines_dropped_total", "log lines that found no room");
    describe_gauge!("process_cpu_seconds_total", "processor time used, user and system");
    describe_gauge!("process_resident_memory_bytes", "memory in use");
}

/// The series of the histogram, cached: finding one by its labels would cost several allocations per request.
#[derive(Default)]
pub struct RequestTimes {
    series: RwLock<Vec<Series>>,
}

struct Series {
    status: u16,
    method: &'static str,
    route: Box<str>,
    times: Histogram,
}

impl RequestTimes {
    /// Records one request. `route` must come from a route table, not from a client.
    pub(crate) fn record(&self, method: &Method, route: &str, status: u16, took: Duration) {
        let method = known_method(method);
        let is_it = |s: &&Series| s.status == status && s.method == method && *s.route == *route;
        {
            let series = self.series.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(found) = series.iter().find(is_it) {
                found.times.record(took);
                return;
            }
        }
        let labels = [
            ("method", method.to_owned()),
            ("route", route.to_owned()),
            ("status", status.to_string()),
        ];
        let times = histogram!(REQUESTS, &labels);
        times.record(took);
        let mut series = self.series.write().unwrap_or_else(PoisonError::into_inner);
        if !series.iter().any(|s| is_it(&s)) {
            series.push(Series {
                status,
                method,
                route: route.into(),
                times,
            });
        }
    }
}

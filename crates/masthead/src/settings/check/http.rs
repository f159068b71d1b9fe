//! Checks the raw settings of `[http]`.

use std::time::Duration;

use super::{GIGABYTE, HOUR, MILLISECOND, tls::tls};
use crate::{
    client_address::{ForwardedHeader, TrustedProxies},
    settings::{checker::Checker, model::HttpSettings, raw::RawHttp},
};

pub(in crate::settings) fn http(raw: &RawHttp, c: &mut Checker<'_>) -> Option<HttpSettings> {
    let listen = c.address("http.listen", &raw.listen);
    let threads = c.size("http.threads", &raw.threads, 0..=1_024);
    let mut duration = |key: &str, text: &str, least| c.duration(&format!("http.{key}"), text, least..=HOUR);
    let header_timeout = duration("header_timeout", &raw.header_timeout, MILLISECOND);
    let request_deadline = duration("request_deadline", &raw.request_deadline, MILLISECOND);
    let body_timeout = duration("body_timeout", &raw.body_timeout, MILLISECOND);
    let write_timeout = duration("write_timeout", &raw.write_timeout, MILLISECOND);
    let keep_alive = duration("keep_alive", &raw.keep_alive, MILLISECOND);
    let drain_timeout = duration("drain_timeout", &raw.drain_timeout, Duration::ZERO);
    let drain_idle = duration("drain_idle", &raw.drain_idle, Duration::ZERO);
    let drain_delay = duration("drain_delay", &raw.drain_delay, Duration::ZERO);
    let max_connections = c.size("http.max_connections", &raw.max_connections, 1..=1_000_000);
    let max_connections_per_address = c.size(
        "http.max_connections_per_address",
        &raw.max_connections_per_address,
        1..=1_000_000,
    );
    let max_unsent_bytes_per_connection = c.size(
        "http.max_unsent_bytes_per_connection",
        &raw.max_unsent_bytes_per_connection,
        65_536..=GIGABYTE,
    );
    let max_unsent_bytes = c.size(
        "http.max_unsent_bytes",
        &raw.max_unsent_bytes,
        1_048_576..=1_024 * GIGABYTE,
    );
    let max_concurrent_streams = c.small("http.max_concurrent_streams", &raw.max_concurrent_streams, 1..=10_000);
    let max_body_bytes = c.size("http.max_body_bytes", &raw.max_body_bytes, 1..=GIGABYTE);
    let max_uri_bytes = c.size("http.max_uri_bytes", &raw.max_uri_bytes, 64..=60_000);
    let max_header_bytes = c.size("http.max_header_bytes", &raw.max_header_bytes, 1_024..=1_048_576);
    let trusted_proxies = c.networks("http.trusted_proxies", &raw.trusted_proxies);
    let forwarded_header = forwarded_header(&raw.forwarded_header, c);
    let tls = tls(raw, c);
    Some(HttpSettings {
        listen: listen?,
        threads: threads?,
        header_timeout: header_timeout?,
        request_deadline: request_deadline?,
        body_timeout: body_timeout?,
        write_timeout: write_timeout?,
        keep_alive: keep_alive?,
        max_connections: max_connections?,
        max_connections_per_address: max_connections_per_address?,
        max_unsent_bytes_per_connection: max_unsent_bytes_per_connection?,
        max_unsent_bytes: max_unsent_bytes?,
        max_concurrent_streams: max_concurrent_streams?,
        max_body_bytes: max_body_bytes?,
        max_uri_bytes: max_uri_bytes?,
        max_header_bytes: max_header_bytes?,
        drain_timeout: drain_timeout?,
        drain_idle: drain_idle?,
        drain_delay: drain_delay?,
        trusted_proxies: TrustedProxies::new(trusted_proxies?, forwarded_header?),
        tls: tls?,
    })
}

fn forwarded_header(text: &str, c: &mut Checker<'_>) -> Option<ForwardedHeader> {
    if text.eq_ignore_ascii_case("X-Forwarded-For") {
        Some(ForwardedHeader::XForwardedFor)
    } else if text.eq_ignore_ascii_case("Forwarded") {
        Some(ForwardedHeader::Forwarded)
    } else {
        c.errors
            .add("http.forwarded_header", "must be X-Forwarded-For or Forwarded");
        None
    }
}

//! The access log: one line per request, formatted by hand because `tracing`'s JSON costs several times as much
//! (`docs/performance.md`).

use std::{
    cell::RefCell,
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderValue, Method};
use masthead_api::RequestId;
use masthead_ports::clock::Clock;
use time::OffsetDateTime;

use super::writer::LogWriter;
use crate::{http_methods::known_method, settings::LogFormat};

/// The target by which `log.level` can turn access lines off: `info,masthead::access=off`.
pub const TARGET: &str = "masthead::access";

/// Writes access lines; cheap to clone.
#[derive(Clone)]
pub struct AccessLog {
    writer: LogWriter,
    /// By `log.level`, which may change while the process runs.
    wanted: Arc<AtomicBool>,
    format: LogFormat,
    clock: Arc<dyn Clock>,
}

/// The fields of a line. Neither path, query, body nor address of the client: they identify users.
pub(crate) struct AccessEntry {
    pub(crate) method: Method,
    /// The pattern of its path; `None` if there is no such route.
    pub(crate) route: Option<Arc<str>>,
    /// Zero if the client left before the response.
    pub(crate) status: u16,
    pub(crate) began: Instant,
    pub(crate) bytes: u64,
    pub(crate) id: RequestId,
    pub(crate) caller: CallerCodes,
}

/// The tenant and source system in the headers, verified or not (the status shows which).
pub(crate) struct CallerCodes {
    group: Option<HeaderValue>,
    client: Option<HeaderValue>,
    paper: Option<HeaderValue>,
    source_system: Option<HeaderValue>,
}

impl CallerCodes {
    pub(crate) fn from_headers(headers: &HeaderMap) -> Self {
        let [mut group, mut alias, mut client, mut paper, mut source_system] = [None; 5];
        // One pass: every lookup in the map would hash a name again.
        for (name, value) in headers {
            let place = match name.as_str() {
                "x-clientgroupcode" => &mut group,
                "x-mediagroupcode" => &mut alias,
                "x-clientcode" => &mut client,
                "x-papercode" => &mut paper,
                "x-sourcesystem" => &mut source_system,
                _ => continue,
            };
            // The first value of a repeated header.
            place.get_or_insert(value);
        }
        let code = |value: Option<&HeaderValue>| value.filter(|value| is_code(value)).cloned();
        Self {
            group: code(group).or_else(|| code(alias)),
            client: code(client),
            paper: code(paper),
            source_system: code(source_system),
        }
    }
}

/// Anything else could be an address or a name of a user.
fn is_code(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    (1..=64).contains(&bytes.len())
        && bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

impl AccessEntry {
    pub(crate) fn route(&self) -> &str {
        self.route.as_deref().unwrap_or("none")
    }
}

impl AccessLog {
    /// Lines go to `writer`.
    #[must_use]
    pub fn new(writer: LogWriter, format: LogFormat, clock: Arc<dyn Clock>) -> Self {
        Self {
            writer,
            wanted: Arc::new(AtomicBool::new(true)),
            format,
            clock,
        }
    }

    /// Turns the lines on or off, for all clones.
    pub(super) fn set_wanted(&self, wanted: bool) {
        self.wanted.store(wanted, Ordering::Relaxed);
    }

    pub(crate) fn write(&self, entry: &AccessEntry, took: Duration) {
        thread_local! {
            static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        if !self.wanted.load(Ordering::Relaxed) {
            return;
        }
        let now = self.clock.now();
        LINE.with_borrow_mut(|line| {
            line.clear();
            match self.format {
                LogFormat::Json => json(line, now, entry, took),
                LogFormat::Pretty => pretty(line, now, entry, took),
            }
            self.writer.line(line);
        });
    }
}

fn json(line: &mut Vec<u8>, now: OffsetDateTime, entry: &AccessEntry, took: Duration) {
    line.extend_from_slice(b"{\"timestamp\":\"");
    timestamp(line, now);
    line.extend_from_slice(
        b"\",\"level\":\"INFO\",\"target\":\"masthead::access\",\"message\":\"request\",\"method\":\"",
    );
    escaped(line, known_method(&entry.method).as_bytes());
    line.extend_from_slice(b"\",\"route\":\"");
    escaped(line, entry.route().as_bytes());
    line.extend_from_slice(b"\",\"status\":");
    number(line, u64::from(entry.status), 1);
    line.extend_from_slice(b",\"duration_ms\":");
    milliseconds(line, took);
    line.extend_from_slice(b",\"bytes\":");
    number(line, entry.bytes, 1);
    line.extend_from_slice(b",\"request_id\":\"");
    escaped(line, entry.id.redacted().as_bytes());
    let caller = &entry.caller;
    if let (Some(group), Some(client), Some(paper)) = (&caller.group, &caller.client, &caller.paper) {
        line.extend_from_slice(b"\",\"tenant\":\"");
        for (n, part) in [group, client, paper].into_iter().enumerate() {
            if n > 0 {
                line.push(b'/');
            }
            line.extend_from_slice(part.as_bytes());
        }
    }
    if let Some(source_system) = &caller.source_system {
        line.extend_from_slice(b"\",\"source_system\":\"");
        line.extend_from_slice(source_system.as_bytes());
    }
    line.extend_from_slice(b"\"}\n");
}

fn pretty(line: &mut Vec<u8>, now: OffsetDateTime, entry: &AccessEntry, took: Duration) {
    timestamp(line, now);
    line.extend_from_slice(b"  INFO ");
    escaped(line, known_method(&entry.method).as_bytes());
    line.push(b' ');
    escaped(line, entry.route().as_bytes());
    line.push(b' ');
    number(line, u64::from(entry.status), 1);
    line.push(b' ');
    milliseconds(line, took);
    // Writing to a buffer cannot fail.
    let _ = writeln!(line, " ms, {} bytes, {}", entry.bytes, entry.id.redacted());
}

/// RFC 3339 in UTC with microseconds, the same as `tracing`.
fn timestamp(line: &mut Vec<u8>, now: OffsetDateTime) {
    let (year, month, day) = now.to_calendar_date();
    let (hour, minute, second, microsecond) = now.time().as_hms_micro();
    number(line, u64::try_from(year).unwrap_or_default(), 4);
    for (mark, value) in [
        (b'-', u8::from(month)),
        (b'-', day),
        (b'T', hour),
        (b':', minute),
        (b':', second),
    ] {
        line.push(mark);
        number(line, u64::from(value), 2);
    }
    line.push(b'.');
    number(line, u64::from(microsecond), 6);
    line.push(b'Z');
}

fn milliseconds(line: &mut Vec<u8>, took: Duration) {
    let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    number(line, microseconds / 1_000, 1);
    line.push(b'.');
    number(line, microseconds % 1_000, 3);
}

/// A number with at least this many digits.
fn number(line: &mut Vec<u8>, mut value: u64, digits: usize) {
    let mut text = [b'0'; 20];
    let mut at = text.len();
    while value > 0 {
        at -= 1;
        text[at] += u8::try_from(value % 10).unwrap_or_default();
        value /= 10;
    }
    line.extend_from_slice(&text[at.min(text.len() - digits)..]);
}

/// Text inside a JSON string; characters that need escaping are replaced.
fn escaped(line: &mut Vec<u8>, text: &[u8]) {
    line.extend(text.iter().map(|&byte| match byte {
        b'"' | b'\\' | 0..=0x1f | 0x7f.. => b'?',
        byte => byte,
    }));
}

#[cfg(test)]
mod tests {
    use http::HeaderName;
    use time::macros::datetime;

    use super::*;

    fn entry(id: &'static str) -> AccessEntry {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-clientgroupcode", "north"),
            ("x-clientcode", "daily"),
            ("x-papercode", "herald"),
            ("x-sourcesystem", "ann@example.com"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        AccessEntry {
            method: Method::GET,
            route: Some("/v4/Users/{crid}".into()),
            status: 200,
            began: Instant::now(),
            bytes: 1_234,
            id: RequestId::new(id).unwrap(),
            caller: CallerCodes::from_headers(&headers),
        }
    }

    #[test]
    fn line_is_json_with_the_documented_fields() {
        let mut line = Vec::new();
        let now = datetime!(2026-03-04 05:06:07.000_089 UTC);
        json(&mut line, now, &entry("a\"b\\c"), Duration::from_micros(12_034));
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(
            value,
            serde_json::json!({
                "timestamp": "2026-03-04T05:06:07.000089Z", "level": "INFO", "target": TARGET, "message": "request",
                "method": "GET", "route": "/v4/Users/{crid}", "status": 200, "duration_ms": 12.034, "bytes": 1_234,
                "request_id": "a?b?c", "tenant": "north/daily/herald",
            })
        );
        assert_eq!(line.last(), Some(&b'\n'));
    }

    #[test]
    fn address_in_a_header_is_not_written() {
        for write in [json, pretty] {
            let mut line = Vec::new();
            let now = datetime!(2026-03-04 05:06:07 UTC);
            write(&mut line, now, &entry("ann@example.com"), Duration::ZERO);
            assert!(!String::from_utf8(line).unwrap().contains('@'));
        }
    }

    #[test]
    fn first_of_a_repeated_header_is_written() {
        let caller = |headers: &[(&'static str, &'static str)]| {
            let value = |(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
            let mut map = HeaderMap::new();
            for (name, value) in headers.iter().copied().map(value) {
                map.append(name, value);
            }
            let CallerCodes { group, client, .. } = CallerCodes::from_headers(&map);
            [group, client].map(|value| value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned()))
        };
        assert_eq!(
            caller(&[("x-clientcode", "ann@example.com"), ("x-clientcode", "daily")]),
            ["", ""]
        );
        assert_eq!(
            caller(&[("x-clientcode", "daily"), ("x-clientcode", "other")]),
            ["", "daily"]
        );
        assert_eq!(caller(&[("x-mediagroupcode", "south")]), ["south", ""]);
        assert_eq!(
            caller(&[("x-mediagroupcode", "south"), ("x-clientgroupcode", "north")]),
            ["north", ""]
        );
    }

    #[test]
    fn unknown_method_is_written_as_other() {
        for write in [json, pretty] {
            let mut line = Vec::new();
            let mut entry = entry("7");
            entry.method = Method::from_bytes(b"ANN").unwrap();
            write(&mut line, datetime!(2026-03-04 05:06:07 UTC), &entry, Duration::ZERO);
            let line = String::from_utf8(line).unwrap();
            assert!(line.contains("other") && !line.contains("ANN"), "{line}");
        }
    }

    #[test]
    fn numbers_are_padded_to_the_minimum_digits() {
        for (value, digits, text) in [
            (0, 1, "0"),
            (7, 2, "07"),
            (u64::MAX, 1, "18446744073709551615"),
            (123, 2, "123"),
        ] {
            let mut line = Vec::new();
            number(&mut line, value, digits);
            assert_eq!(line, text.as_bytes());
        }
    }
}

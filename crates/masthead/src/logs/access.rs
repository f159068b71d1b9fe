//! One line a request, written by hand: `tracing`'s JSON costs several times as much, and this is the hot path (ADR 0031).

use std::{
    cell::RefCell,
    io::Write,
    sync::Arc,
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderValue, Method};
use masthead_api::RequestId;
use masthead_ports::clock::Clock;
use time::OffsetDateTime;

use super::writer::LogWriter;
use crate::{ops::known_method, settings::LogFormat};

/// The target by which `log.level` can turn access lines off: `info,masthead::access=off`.
pub const TARGET: &str = "masthead::access";

/// Writes access lines; cheap to clone.
#[derive(Clone)]
pub struct AccessLog {
    writer: Option<LogWriter>,
    format: LogFormat,
    clock: Arc<dyn Clock>,
}

/// What a line tells. Neither path, query, body nor address of the client: they name people.
pub(crate) struct Request {
    pub(crate) method: Method,
    /// The pattern of its path; `None` where there is no such address.
    pub(crate) route: Option<Arc<str>>,
    /// Zero when the client went away before there was an answer.
    pub(crate) status: u16,
    pub(crate) began: Instant,
    pub(crate) bytes: u64,
    pub(crate) id: RequestId,
    pub(crate) named: Named,
}

/// Whom the headers name; what the caller says, verified or not (the status tells).
pub(crate) struct Named {
    group: Option<HeaderValue>,
    client: Option<HeaderValue>,
    paper: Option<HeaderValue>,
    source_system: Option<HeaderValue>,
}

impl Named {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let [mut group, mut alias, mut client, mut paper, mut source_system] = [None; 5];
        // One pass: every look into the map would hash a name anew.
        for (name, value) in headers {
            let place = match name.as_str() {
                "x-clientgroupcode" => &mut group,
                "x-mediagroupcode" => &mut alias,
                "x-clientcode" => &mut client,
                "x-papercode" => &mut paper,
                "x-sourcesystem" => &mut source_system,
                _ => continue,
            };
            // Of a header that is repeated, the first.
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

/// Anything else than a code might be an address or a name.
fn is_code(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    (1..=64).contains(&bytes.len())
        && bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

impl Request {
    pub(crate) fn route(&self) -> &str {
        self.route.as_deref().unwrap_or("none")
    }
}

impl AccessLog {
    /// Lines go to `writer`; to nowhere without one.
    #[must_use]
    pub fn new(writer: Option<LogWriter>, format: LogFormat, clock: Arc<dyn Clock>) -> Self {
        Self { writer, format, clock }
    }

    pub(crate) fn write(&self, request: &Request, took: Duration) {
        thread_local! {
            static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        let Some(writer) = &self.writer else { return };
        let now = self.clock.now();
        LINE.with_borrow_mut(|line| {
            line.clear();
            match self.format {
                LogFormat::Json => json(line, now, request, took),
                LogFormat::Pretty => pretty(line, now, request, took),
            }
            writer.line(line);
        });
    }
}

fn json(line: &mut Vec<u8>, now: OffsetDateTime, request: &Request, took: Duration) {
    line.extend_from_slice(b"{\"timestamp\":\"");
    moment(line, now);
    line.extend_from_slice(
        b"\",\"level\":\"INFO\",\"target\":\"masthead::access\",\"message\":\"request\",\"method\":\"",
    );
    safe(line, known_method(&request.method).as_bytes());
    line.extend_from_slice(b"\",\"route\":\"");
    safe(line, request.route().as_bytes());
    line.extend_from_slice(b"\",\"status\":");
    number(line, u64::from(request.status), 1);
    line.extend_from_slice(b",\"duration_ms\":");
    milliseconds(line, took);
    line.extend_from_slice(b",\"bytes\":");
    number(line, request.bytes, 1);
    line.extend_from_slice(b",\"request_id\":\"");
    safe(line, request.id.redacted().as_bytes());
    let named = &request.named;
    if let (Some(group), Some(client), Some(paper)) = (&named.group, &named.client, &named.paper) {
        line.extend_from_slice(b"\",\"tenant\":\"");
        for (n, part) in [group, client, paper].into_iter().enumerate() {
            if n > 0 {
                line.push(b'/');
            }
            line.extend_from_slice(part.as_bytes());
        }
    }
    if let Some(source_system) = &named.source_system {
        line.extend_from_slice(b"\",\"source_system\":\"");
        line.extend_from_slice(source_system.as_bytes());
    }
    line.extend_from_slice(b"\"}\n");
}

fn pretty(line: &mut Vec<u8>, now: OffsetDateTime, request: &Request, took: Duration) {
    moment(line, now);
    line.extend_from_slice(b"  INFO ");
    safe(line, known_method(&request.method).as_bytes());
    line.push(b' ');
    safe(line, request.route().as_bytes());
    line.push(b' ');
    number(line, u64::from(request.status), 1);
    line.push(b' ');
    milliseconds(line, took);
    // A buffer takes every write.
    let _ = writeln!(line, " ms, {} bytes, {}", request.bytes, request.id.redacted());
}

/// RFC 3339 in UTC with microseconds, as `tracing` writes it.
fn moment(line: &mut Vec<u8>, now: OffsetDateTime) {
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

/// A number with at least so many digits.
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

/// Text inside a JSON string; what would need escaping is not worth telling.
fn safe(line: &mut Vec<u8>, text: &[u8]) {
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

    fn request(id: &'static str) -> Request {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-clientgroupcode", "north"),
            ("x-clientcode", "daily"),
            ("x-papercode", "herald"),
            ("x-sourcesystem", "ann@example.com"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        Request {
            method: Method::GET,
            route: Some("/v4/Users/{crid}".into()),
            status: 200,
            began: Instant::now(),
            bytes: 1_234,
            id: RequestId::new(id).unwrap(),
            named: Named::of(&headers),
        }
    }

    #[test]
    fn a_line_is_json_with_the_agreed_fields() {
        let mut line = Vec::new();
        let now = datetime!(2026-03-04 05:06:07.000_089 UTC);
        json(&mut line, now, &request("a\"b\\c"), Duration::from_micros(12_034));
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
    fn an_address_in_a_header_is_not_written() {
        for write in [json, pretty] {
            let mut line = Vec::new();
            let now = datetime!(2026-03-04 05:06:07 UTC);
            write(&mut line, now, &request("ann@example.com"), Duration::ZERO);
            assert!(!String::from_utf8(line).unwrap().contains('@'));
        }
    }

    #[test]
    fn of_a_repeated_header_the_first_is_told_and_the_older_name_of_the_group_stands_in() {
        let named = |headers: &[(&'static str, &'static str)]| {
            let value = |(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
            let mut map = HeaderMap::new();
            for (name, value) in headers.iter().copied().map(value) {
                map.append(name, value);
            }
            let Named { group, client, .. } = Named::of(&map);
            [group, client].map(|value| value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned()))
        };
        assert_eq!(
            named(&[("x-clientcode", "ann@example.com"), ("x-clientcode", "daily")]),
            ["", ""]
        );
        assert_eq!(
            named(&[("x-clientcode", "daily"), ("x-clientcode", "other")]),
            ["", "daily"]
        );
        assert_eq!(named(&[("x-mediagroupcode", "south")]), ["south", ""]);
        assert_eq!(
            named(&[("x-mediagroupcode", "south"), ("x-clientgroupcode", "north")]),
            ["north", ""]
        );
    }

    #[test]
    fn a_method_of_the_callers_own_is_not_written() {
        for write in [json, pretty] {
            let mut line = Vec::new();
            let mut request = request("7");
            request.method = Method::from_bytes(b"ANN").unwrap();
            write(&mut line, datetime!(2026-03-04 05:06:07 UTC), &request, Duration::ZERO);
            let line = String::from_utf8(line).unwrap();
            assert!(line.contains("other") && !line.contains("ANN"), "{line}");
        }
    }

    #[test]
    fn numbers_are_written_as_they_are() {
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

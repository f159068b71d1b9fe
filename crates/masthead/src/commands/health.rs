//! `masthead health`: whether a running server lives or is ready, for probes.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs},
    time::{Duration, Instant},
};

use http::Uri;
use serde::Deserialize;

use super::environment::print_line;
use crate::{cli::HealthArguments, command_error::CommandError, settings::UncheckedSettings};

/// How long a probe may take in all.
const TIME_LIMIT: Duration = Duration::from_secs(3);

/// The largest answer that is read; the rest of a longer one does not matter.
const MAX_ANSWER_BYTES: u64 = 1024 * 1024;

/// A page of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Page {
    Live,
    Ready,
}

impl Page {
    const fn path(self) -> &'static str {
        match self {
            Self::Live => "/health/live",
            Self::Ready => "/health/ready",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Live => "alive",
            Self::Ready => "ready",
        }
    }
}

/// The contents of the pages, as far as they matter here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PageBody {
    /// The address of the server's API.
    api: Option<SocketAddr>,
    parts: Vec<PartBody>,
}

#[derive(Debug, Deserialize)]
struct PartBody {
    name: String,
    why: Option<String>,
}

pub(super) fn run(settings_source: &UncheckedSettings, arguments: &HealthArguments) -> Result<(), CommandError> {
    let page = if arguments.live { Page::Live } else { Page::Ready };
    let until = Instant::now() + TIME_LIMIT;
    let (status, body) = if let Some(url) = &arguments.url {
        get_url(url, page, until)?
    } else {
        let (api, operations) = settings_source.addresses()?;
        let address = server_address(api, operations, until);
        get(address, &address.to_string(), page.path(), until).map_err(unreachable(address))?
    };
    if (200..300).contains(&status) {
        return print_line(page.word());
    }
    let parts = serde_json::from_slice::<PageBody>(&body).unwrap_or_default().parts;
    let reasons: Vec<String> = parts
        .iter()
        .filter_map(|part| Some(format!("{}: {}", part.name, part.why.as_deref()?)))
        .collect();
    Err(CommandError::new(if reasons.is_empty() {
        format!("not {}: status {status}", page.word())
    } else {
        format!("not {}: {}", page.word(), reasons.join("; "))
    }))
}

/// The operations port where it is that of the server with this API: another server, or another program, may have it.
fn server_address(api: SocketAddr, operations: Option<SocketAddr>, until: Instant) -> SocketAddr {
    let is_its_port = |port: &SocketAddr| {
        let live = get(*port, &port.to_string(), Page::Live.path(), until);
        live.is_ok_and(|(_, body)| {
            let body: PageBody = serde_json::from_slice(&body).unwrap_or_default();
            body.api == Some(api)
        })
    };
    operations
        .map(reachable)
        .filter(is_its_port)
        .unwrap_or_else(|| reachable(api))
}

/// A server that listens on all addresses is reached by the loopback address.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn get_url(url: &Uri, page: Page, until: Instant) -> Result<(u16, Vec<u8>), CommandError> {
    let authority = url.authority().map_or("", http::uri::Authority::as_str);
    let host = url.host().unwrap_or_default();
    let port = url.port_u16().unwrap_or(80);
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let addresses = (name, port)
        .to_socket_addrs()
        .map_err(CommandError::context("the host of --url cannot be found"))?;
    let path = url.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let path = if path == "/" { page.path() } else { path };
    let mut failure = CommandError::new("the host of --url has no address");
    for address in addresses {
        match get(address, authority, path, until) {
            Ok(answer) => return Ok(answer),
            Err(error) => failure = unreachable(address)(error),
        }
    }
    Err(failure)
}

fn unreachable(address: SocketAddr) -> impl FnOnce(io::Error) -> CommandError {
    move |error| {
        let why = match error.kind() {
            // What a timed-out read of a blocking socket reports.
            ErrorKind::WouldBlock => ErrorKind::TimedOut,
            kind => kind,
        };
        CommandError::new(format!("no answer at {address}: {why}"))
    }
}

/// One request of HTTP/1.1 on a connection of its own; status and body.
fn get(address: SocketAddr, host: &str, path: &str, until: Instant) -> io::Result<(u16, Vec<u8>)> {
    let left = || match until.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(io::Error::from(ErrorKind::TimedOut)),
        left => Ok(left),
    };
    let mut stream = TcpStream::connect_timeout(&address, left()?)?;
    stream.set_write_timeout(Some(left()?))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: {host}\r\nuser-agent: masthead-health\r\nconnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    let mut buffer = [0; 8 * 1024];
    while answer.len() as u64 <= MAX_ANSWER_BYTES {
        stream.set_read_timeout(Some(left()?))?;
        match stream.read(&mut buffer)? {
            0 => break,
            count => answer.extend_from_slice(&buffer[..count]),
        }
    }
    parse(&answer).ok_or_else(|| ErrorKind::InvalidData.into())
}

fn parse(answer: &[u8]) -> Option<(u16, Vec<u8>)> {
    const END_OF_HEAD: &[u8] = b"\r\n\r\n";
    let status = answer.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    let status = std::str::from_utf8(status).ok()?.parse().ok()?;
    let head = answer
        .windows(END_OF_HEAD.len())
        .position(|bytes| bytes == END_OF_HEAD)?;
    Some((status, answer[head + END_OF_HEAD.len()..].to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_is_split_into_status_and_body() {
        let answer = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(parse(answer), Some((503, b"{}".to_vec())));
        for incomplete in [
            "",
            "HTTP/1.1 200 OK\r\n",
            "SSH-2.0-OpenSSH_9.2\r\n\r\n",
            "HTTP/1.1 2\r\n\r\n",
        ] {
            assert_eq!(parse(incomplete.as_bytes()), None, "{incomplete}");
        }
    }

    #[test]
    fn unspecified_address_is_reached_by_loopback() {
        for (listen, reached) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("192.0.2.7:8080", "192.0.2.7:8080"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), reached);
        }
    }
}

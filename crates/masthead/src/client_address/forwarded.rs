//! The elements of `X-Forwarded-For` and of `Forwarded` (RFC 7239): the address of each hop.

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv6Addr},
};

/// The elements of one header line, last first, trimmed, without blank ones (RFC 9110 §5.6.1.2).
///
/// Commas inside quotes do not separate. Quotes are matched from the end of the line, where the nearest proxy wrote: a quote
/// that a client leaves open affects only the client's own part.
pub(super) fn elements(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    split_from_end(line, b',')
        .map(<[u8]>::trim_ascii)
        .filter(|element| !element.is_empty())
}

/// The address in one element of `X-Forwarded-For`, in its canonical form: IPv4 if it is IPv4 in IPv6.
/// `None` if it contains none.
///
/// The header has no standard. Proxies write the same as in the `for` parameter of RFC 7239, with and without quotes,
/// brackets, port and zone.
pub(super) fn address(element: &[u8]) -> Option<IpAddr> {
    node(&unquoted(std::str::from_utf8(element).ok()?.trim())?)
}

/// The address of the one `for` parameter of an element of `Forwarded` (RFC 7239 §4). `None` if the element has no such
/// parameter, or several, or one without an address.
pub(super) fn forwarded_for(element: &[u8]) -> Option<IpAddr> {
    let mut nodes = split_from_end(element, b';').filter_map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        let (name, value) = pair.split_at(at);
        name.trim_ascii().eq_ignore_ascii_case(b"for").then(|| &value[1..])
    });
    let node = nodes.next()?;
    if nodes.next().is_some() { None } else { address(node) }
}

/// A node without its port (RFC 7239 §6). `unknown` and obfuscated identifiers (`_hidden`) contain no address.
fn node(text: &str) -> Option<IpAddr> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let has_good_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return ipv6(address).filter(|_| has_good_port);
    }
    match text.split_once(':') {
        // More than one colon without brackets: IPv6, which then has no port.
        Some((_, rest)) if rest.contains(':') => ipv6(text),
        Some((address, port)) => ipv4(address).filter(|_| is_port(port)),
        None => ipv4(text),
    }
}

fn ipv4(text: &str) -> Option<IpAddr> {
    text.parse().ok().map(IpAddr::V4)
}

/// With or without a zone (RFC 4007 §11), which is only meaningful on the proxy's own host.
fn ipv6(text: &str) -> Option<IpAddr> {
    let address = match text.split_once('%') {
        Some((_, "")) => return None,
        Some((address, _)) => address,
        None => text,
    };
    address.parse::<Ipv6Addr>().ok().map(|address| address.to_canonical())
}

/// One to five digits, or an obfuscated port (RFC 7239 §6.3).
fn is_port(text: &str) -> bool {
    let is_number = (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_hidden = text.strip_prefix('_').is_some_and(|name| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        !name.is_empty() && name.bytes().all(allowed)
    });
    is_number || is_hidden
}

/// The content of a quoted string (RFC 9110 §5.6.4), or unquoted text unchanged; `None` for a single quote.
fn unquoted(text: &str) -> Option<Cow<'_, str>> {
    let Some(rest) = text.strip_prefix('"') else {
        return (!text.contains('"')).then_some(Cow::Borrowed(text));
    };
    let inside = rest.strip_suffix('"')?;
    if !inside.contains('\\') {
        return Some(Cow::Borrowed(inside.trim()));
    }
    let mut plain = String::with_capacity(inside.len());
    let mut characters = inside.chars();
    while let Some(one) = characters.next() {
        plain.push(if one == '\\' { characters.next()? } else { one });
    }
    Some(Cow::Owned(plain))
}

/// The parts between separators outside of quotes, last first.
fn split_from_end(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut quoted = false;
        for at in (0..text.len()).rev() {
            match text[at] {
                b'"' if !quoted => quoted = true,
                b'"' if !is_escaped(&text[..at]) => quoted = false,
                byte if byte == separator && !quoted => {
                    rest = Some(&text[..at]);
                    return Some(&text[at + 1..]);
                }
                _ => {}
            }
        }
        rest = None;
        Some(text)
    })
}

/// Whether the next byte is escaped: an odd number of backslashes precedes it.
fn is_escaped(before: &[u8]) -> bool {
    before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(address: Option<IpAddr>) -> String {
        address.map_or_else(|| "none".to_owned(), |address| address.to_string())
    }

    /// RFC 7239 §6, and what proxies write into `X-Forwarded-For` (Azure's gateways add the port, Envoy adds brackets).
    #[test]
    fn every_notation_of_an_address_is_parsed() {
        for (written, named) in [
            ("192.0.2.43", "192.0.2.43"),
            ("192.0.2.43:47011", "192.0.2.43"),
            ("\"192.0.2.43:47011\"", "192.0.2.43"),
            ("\" 192.0.2.43 \"", "192.0.2.43"),
            ("192.0.2.43:_port1", "192.0.2.43"),
            ("2001:db8::17", "2001:db8::17"),
            ("[2001:db8::17]", "2001:db8::17"),
            ("[2001:db8::17]:4711", "2001:db8::17"),
            ("\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            (r#""\[2001:db8::17\]""#, "2001:db8::17"),
            ("fe80::1%eth0", "fe80::1"),
            ("[fe80::1%25eth0]:80", "fe80::1"),
            ("::ffff:192.0.2.43", "192.0.2.43"),
            ("[::ffff:192.0.2.43]:80", "192.0.2.43"),
        ] {
            assert_eq!(shown(address(written.as_bytes())), named, "{written}");
        }
    }

    #[test]
    fn elements_without_an_address_are_none() {
        for written in [
            "unknown",
            "Unknown",
            "_hidden",
            "",
            "\"",
            "\"192.0.2.43",
            "192.0.2.43\"",
            "192.0.2.43:",
            "192.0.2.43:x",
            "192.0.2.43:123456",
            "192.0.2.43:_",
            "192.0.2",
            "192.0.2.043",
            "[192.0.2.43]",
            "[2001:db8::17",
            "2001:db8::17]",
            "[2001:db8::17]x",
            "[2001:db8::17]:",
            "fe80::1%",
            "2001:db8::17 10.0.0.9",
            "a.example",
        ] {
            assert_eq!(address(written.as_bytes()), None, "{written:?}");
        }
        assert_eq!(address(b"\xff192.0.2.43"), None);
    }

    /// The examples of RFC 7239 §4, and parameters in any order and case.
    #[test]
    fn forwarded_for_parameter_is_found() {
        for (written, named) in [
            ("for=\"_gazonk\"", "none"),
            ("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
            ("proto=https;by=\"a;for=10.0.0.1,b\";FOR=192.0.2.60", "192.0.2.60"),
            ("by=203.0.113.43", "none"),
            ("for=192.0.2.60;for=192.0.2.61", "none"),
            ("for=unknown", "none"),
            ("192.0.2.60", "none"),
        ] {
            assert_eq!(shown(forwarded_for(written.as_bytes())), named, "{written}");
        }
    }

    #[test]
    fn open_quote_of_a_client_affects_only_its_own_part() {
        let parts = |line: &'static str| {
            elements(line.as_bytes())
                .map(|part| str::from_utf8(part).unwrap())
                .collect()
        };
        let split: Vec<&str> = parts(r#"for="evil, for=192.0.2.1 ,, for="a,\"b\\" , "#);
        assert_eq!(split, [r#"for="a,\"b\\""#, "for=192.0.2.1", r#"for="evil"#]);
    }
}

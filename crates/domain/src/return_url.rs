//! The addresses that a link in a mail may lead to: which ones a tenant allows, and how a link is made of one.

use std::fmt;

use percent_encoding::percent_decode_str;
use thiserror::Error;
use url::{Host, Url};

/// The longest return address, in bytes.
pub const MAX_RETURN_URL_BYTES: usize = 2_048;

/// The maximum number of prefixes of a tenant.
pub const MAX_RETURN_URLS: usize = 100;

/// What the prefixes of a tenant must be.
pub(crate) const RETURN_URLS: &str = "comma-separated https addresses (http only of this machine) without user, query, dot segments \
                                      or encoded slashes, 100 at most";

/// How often a path is decoded in search of hidden dots and slashes.
const MAX_DECODINGS: usize = 4;

/// The return addresses that a tenant allows: prefixes of scheme, host, port and path (contract, links and mail). The default
/// allows none.
///
/// A path prefix ends at a slash: `/reset` allows `/reset` and `/reset/now`, not `/resetevil`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReturnUrlPolicy(Vec<Url>);

/// An address that a tenant allows. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct ReturnUrl(Url);

/// Why a text is no return address, or a prefix is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ReturnUrlError {
    /// The text is no absolute `https` address, or no `http` address of a loopback host.
    #[error("must be an absolute https address; http only of 127.0.0.1, [::1] and localhost")]
    NotAbsolute,
    /// The text has a user, blanks, backslashes, control characters, or dots and slashes in percent-encoding, or is too long.
    #[error(
        "must have no user, blanks, backslashes, dot segments or encoded slashes, and at most {MAX_RETURN_URL_BYTES} characters"
    )]
    Unsafe,
    /// The address is none that the tenant allows.
    #[error("is not among the return addresses that are allowed")]
    NotAllowed,
    /// A prefix has a query or a fragment.
    #[error("a prefix must end with its path")]
    NotAPrefix,
    /// More than [`MAX_RETURN_URLS`] prefixes.
    #[error("at most {MAX_RETURN_URLS} addresses")]
    TooMany,
}

impl ReturnUrlPolicy {
    /// Parses prefixes with commas or blanks between.
    ///
    /// # Errors
    /// The first prefix that is unsafe, not `https` (or `http` of a loopback host), or has a query or a fragment.
    pub fn parse(text: &str) -> Result<Self, ReturnUrlError> {
        let prefixes = text.split([',', ' ', '\t', '\n']).filter(|part| !part.is_empty());
        let prefixes = prefixes.map(|part| {
            let url = parse(part)?;
            let ends_with_path = url.query().is_none() && url.fragment().is_none();
            if ends_with_path {
                Ok(url)
            } else {
                Err(ReturnUrlError::NotAPrefix)
            }
        });
        let prefixes: Vec<Url> = prefixes.collect::<Result<_, _>>()?;
        if prefixes.len() > MAX_RETURN_URLS {
            return Err(ReturnUrlError::TooMany);
        }
        Ok(Self(prefixes))
    }

    /// Whether a text is an absolute `https` address, or an `http` address of a loopback host, as every reader understands it.
    #[must_use]
    pub fn is_address(text: &str) -> bool {
        parse(text).is_ok()
    }

    /// Whether no address is allowed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first of the prefixes, as an address; `None` where none is allowed.
    #[must_use]
    pub fn first(&self) -> Option<ReturnUrl> {
        self.0.first().cloned().map(ReturnUrl)
    }

    /// Whether this address is allowed.
    #[must_use]
    pub fn is_allowed(&self, text: &str) -> bool {
        self.check(text).is_ok()
    }

    /// Parses an address and checks that it is allowed.
    ///
    /// # Errors
    /// The text is no absolute address, is unsafe, or has none of the prefixes.
    pub fn check(&self, text: &str) -> Result<ReturnUrl, ReturnUrlError> {
        let url = parse(text)?;
        if self.0.iter().any(|prefix| has_prefix(&url, prefix)) {
            Ok(ReturnUrl(url))
        } else {
            Err(ReturnUrlError::NotAllowed)
        }
    }
}

impl ReturnUrl {
    /// The address with one more value in its query, as a link of a mail carries it.
    #[must_use]
    pub fn link(&self, name: &str, value: &str) -> String {
        let mut url = self.0.clone();
        url.query_pairs_mut().append_pair(name, value);
        url.into()
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for ReturnUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReturnUrl(<redacted>)")
    }
}

/// Parses an absolute address whose meaning every reader agrees on.
fn parse(text: &str) -> Result<Url, ReturnUrlError> {
    if text.len() > MAX_RETURN_URL_BYTES || text.chars().any(is_repaired_by_browsers) {
        return Err(ReturnUrlError::Unsafe);
    }
    // The parser accepts `https:herald.example` and `https:///herald.example` too, as browsers do.
    let (_, rest) = text.split_once("://").ok_or(ReturnUrlError::NotAbsolute)?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if authority.is_empty() {
        return Err(ReturnUrlError::NotAbsolute);
    }
    let path = path.split(['?', '#']).next().unwrap_or_default();
    if authority.contains('@') || !is_plain_path(path) {
        return Err(ReturnUrlError::Unsafe);
    }
    let url = Url::parse(text).map_err(|_| ReturnUrlError::NotAbsolute)?;
    let is_trusted = match url.scheme() {
        "https" => url.host().is_some(),
        "http" => url.host().as_ref().is_some_and(is_loopback),
        _ => false,
    };
    if is_trusted {
        Ok(url)
    } else {
        Err(ReturnUrlError::NotAbsolute)
    }
}

/// Characters that browsers drop, or read as others.
fn is_repaired_by_browsers(char: char) -> bool {
    char.is_control() || char.is_whitespace() || char == '\\'
}

/// Whether no server can read the path as another one: it has no dot segments, empty segments or encoded separators, however
/// often it is decoded.
fn is_plain_path(path: &str) -> bool {
    let mut path = path.to_owned();
    for _ in 0..MAX_DECODINGS {
        let mut segments = path.split('/').skip(1).peekable();
        while let Some(segment) = segments.next() {
            let is_inner = segments.peek().is_some();
            if matches!(segment, "." | "..") || (segment.is_empty() && is_inner) {
                return false;
            }
        }
        let Ok(decoded) = percent_decode_str(&path).decode_utf8() else {
            return false;
        };
        let slashes = |text: &str| text.bytes().filter(|b| *b == b'/').count();
        if decoded.chars().any(|char| char.is_control() || char == '\\') || slashes(&decoded) != slashes(&path) {
            return false;
        }
        if decoded == path {
            return true;
        }
        path = decoded.into_owned();
    }
    false
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

fn has_prefix(url: &Url, prefix: &Url) -> bool {
    let is_same_origin = url.scheme() == prefix.scheme()
        && url.host() == prefix.host()
        && url.port_or_known_default() == prefix.port_or_known_default();
    let rest = url.path().strip_prefix(prefix.path().trim_end_matches('/'));
    // A prefix with a final slash allows what is in it, not its name without the slash.
    let has_path = match rest {
        Some("") => !prefix.path().ends_with('/'),
        Some(rest) => rest.starts_with('/'),
        None => false,
    };
    is_same_origin && has_path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(text: &str) -> ReturnUrlPolicy {
        ReturnUrlPolicy::parse(text).unwrap()
    }

    fn is_allowed(prefix: &str, url: &str) -> bool {
        policy(prefix).is_allowed(url)
    }

    #[test]
    fn default_allows_no_address() {
        assert!(!ReturnUrlPolicy::default().is_allowed("https://herald.example/"));
        assert!(policy("").is_empty() && policy(" , ").is_empty());
    }

    #[test]
    fn prefix_allows_its_paths_queries_and_fragments() {
        let prefix = "https://herald.example/reset";
        for good in [
            "https://herald.example/reset",
            "https://herald.example/reset/",
            "https://herald.example/reset/now",
            "https://herald.example/reset?from=mail",
            "https://herald.example/reset/now#form",
            "https://herald.example/reset/a%20b",
            "https://herald.example:443/reset",
        ] {
            assert!(is_allowed(prefix, good), "{good}");
        }
    }

    #[test]
    fn path_prefix_ends_at_a_slash() {
        assert!(!is_allowed(
            "https://herald.example/reset",
            "https://herald.example/resetevil"
        ));
        assert!(!is_allowed(
            "https://herald.example/reset",
            "https://herald.example/rese"
        ));
        assert!(!is_allowed("https://herald.example/reset", "https://herald.example/"));
        assert!(is_allowed(
            "https://herald.example/reset/",
            "https://herald.example/reset/now"
        ));
        assert!(!is_allowed(
            "https://herald.example/reset/",
            "https://herald.example/reset"
        ));
        assert!(is_allowed("https://herald.example", "https://herald.example"));
        assert!(is_allowed("https://herald.example/", "https://herald.example/any/path"));
    }

    #[test]
    fn paths_compare_with_case_and_hosts_without() {
        assert!(is_allowed(
            "https://Herald.Example/reset",
            "HTTPS://HERALD.example/reset"
        ));
        assert!(!is_allowed(
            "https://herald.example/reset",
            "https://herald.example/Reset"
        ));
    }

    #[test]
    fn other_origin_is_not_allowed() {
        let prefix = "https://herald.example/reset";
        for bad in [
            "http://herald.example/reset",
            "https://herald.example:8443/reset",
            "https://herald.example.evil.example/reset",
            "https://evil.example/herald.example/reset",
            "https://www.herald.example/reset",
            "https://herald.example./reset",
            "https://herald.examplé/reset",
            "https://xherald.example/reset",
            "javascript://herald.example/reset",
            "ftp://herald.example/reset",
        ] {
            assert!(!is_allowed(prefix, bad), "{bad}");
        }
        assert!(is_allowed(
            "https://herald.example:8443",
            "https://herald.example:8443/x"
        ));
        assert!(!is_allowed("https://herald.example:8443", "https://herald.example/x"));
    }

    #[test]
    fn user_in_the_address_is_rejected() {
        for bad in [
            "https://herald.example@evil.example/reset",
            "https://user@herald.example/reset",
            "https://user:word@herald.example/reset",
            "https://@herald.example/reset",
            "https://:@herald.example/reset",
            "https://herald.example%40evil.example/reset",
        ] {
            assert!(!is_allowed("https://herald.example/reset", bad), "{bad}");
        }
    }

    #[test]
    fn path_traversal_is_rejected_also_when_encoded() {
        for path in [
            "reset/../evil",
            "reset/..",
            "reset/./now",
            "x/../reset",
            "reset/%2e%2e/evil",
            "reset/.%2E/evil",
            "reset/%252e%252e/evil",
            "reset/%25252e%25252e/evil",
            "reset%2fnow",
            "reset/%2F..%2Fevil",
            "reset/..%5cevil",
            "reset/%5c",
            "reset/%00",
            "reset/%0d%0aSet-Cookie:x",
            "reset/%ff",
            "reset//evil.example",
            "/reset",
        ] {
            let bad = format!("https://herald.example/{path}");
            assert!(!is_allowed("https://herald.example/reset", &bad), "{bad}");
        }
        // Only paths are decoded: a query is for its own application.
        assert!(is_allowed(
            "https://herald.example/reset",
            "https://herald.example/reset?to=..%2Fhome"
        ));
    }

    #[test]
    fn text_that_browsers_repair_is_rejected() {
        for bad in [
            "https:\\\\herald.example\\reset",
            "https://herald.example\\@evil.example/reset",
            "https://herald.example\\.evil.example/reset",
            "https:herald.example/reset",
            "https:/herald.example/reset",
            "https:///herald.example/reset",
            "//herald.example/reset",
            "/reset",
            "herald.example/reset",
            "",
            "https://",
            " https://herald.example/reset",
            "https://herald.example/reset\n",
            "https://herald\t.example/reset",
            "ht\ntps://herald.example/reset",
            "https://herald.example/re set",
            "https://herald.example/reset\u{a0}",
        ] {
            assert!(!is_allowed("https://herald.example/reset", bad), "{bad:?}");
        }
        let long = format!("https://herald.example/reset/{}", "x".repeat(MAX_RETURN_URL_BYTES));
        assert_eq!(
            policy("https://herald.example").check(&long),
            Err(ReturnUrlError::Unsafe)
        );
    }

    #[test]
    fn plain_http_is_for_loopback_alone() {
        for good in [
            "http://localhost:3000/a",
            "http://127.0.0.1:3000/a",
            "http://[::1]:3000/a",
        ] {
            assert!(is_allowed(good, good), "{good}");
        }
        for bad in [
            "http://herald.example/a",
            "http://10.0.0.1/a",
            "http://localhost.evil.example/a",
            "http://0.0.0.0/a",
        ] {
            assert_eq!(ReturnUrlPolicy::parse(bad), Err(ReturnUrlError::NotAbsolute), "{bad}");
        }
        assert!(
            !is_allowed("http://127.0.0.1:3000/a", "http://localhost:3000/a"),
            "another host"
        );
    }

    #[test]
    fn prefixes_are_a_list_of_safe_addresses() {
        let both = policy("https://a.example/x, https://b.example/y");
        assert!(both.is_allowed("https://a.example/x") && both.is_allowed("https://b.example/y"));
        for (bad, error) in [
            ("https://a.example/x?y", ReturnUrlError::NotAPrefix),
            ("https://a.example/x#y", ReturnUrlError::NotAPrefix),
            ("https://u@a.example/", ReturnUrlError::Unsafe),
            ("https://a.example/x/../y", ReturnUrlError::Unsafe),
            ("https://*.example/\\", ReturnUrlError::Unsafe),
            ("a.example", ReturnUrlError::NotAbsolute),
            ("https://a.example, b.example", ReturnUrlError::NotAbsolute),
        ] {
            assert_eq!(ReturnUrlPolicy::parse(bad), Err(error), "{bad}");
        }
        let many = "https://a.example ".repeat(MAX_RETURN_URLS + 1);
        assert_eq!(ReturnUrlPolicy::parse(&many), Err(ReturnUrlError::TooMany));
    }

    #[test]
    fn link_has_one_more_value_in_its_query() {
        let link = |url: &str| {
            policy(url.split(['?', '#']).next().unwrap())
                .check(url)
                .unwrap()
                .link("token", "a+b/c=")
        };
        assert_eq!(link("https://a.example/x"), "https://a.example/x?token=a%2Bb%2Fc%3D");
        assert_eq!(
            link("https://a.example/x?y=1#z"),
            "https://a.example/x?y=1&token=a%2Bb%2Fc%3D#z"
        );
    }

    #[test]
    fn return_address_is_redacted() {
        let url = policy("https://a.example").check("https://a.example/x").unwrap();
        assert_eq!(format!("{url:?}"), "ReturnUrl(<redacted>)");
        assert_eq!(url.as_str(), "https://a.example/x");
    }
}

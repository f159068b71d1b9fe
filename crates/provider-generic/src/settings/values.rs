//! What single settings take.

use http::{HeaderName, HeaderValue, Method, Uri, header};
use masthead_provider_kit::settings::value::address;
pub(super) use masthead_provider_kit::settings::value::visible;

/// Headers that settings must not set.
const RESERVED: [HeaderName; 12] = [
    header::AUTHORIZATION,
    header::PROXY_AUTHORIZATION,
    header::COOKIE,
    header::HOST,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::TRANSFER_ENCODING,
    header::ACCEPT_ENCODING,
    header::TE,
    header::UPGRADE,
    header::EXPECT,
];

/// An address in which no place is left to fill.
pub(super) fn base(text: &str, allow_plain_http: bool) -> Option<Box<str>> {
    address(text, allow_plain_http).filter(|_| !text.contains(['{', '}']))
}

/// An address, or a path at the same host.
pub(super) fn token_url(text: &str, base_url: Option<&str>, allow_plain_http: bool) -> Option<Uri> {
    if !text.starts_with('/') {
        return base(text, allow_plain_http)?.parse().ok();
    }
    let known: Uri = base_url?.parse().ok()?;
    let whole = format!("{}://{}{text}", known.scheme_str()?, known.authority()?);
    base(&whole, allow_plain_http)?.parse().ok()
}

pub(super) fn user(text: &str) -> Option<Box<str>> {
    visible(text).filter(|user| !user.contains(':'))
}

pub(super) fn parameter(text: &str) -> Option<Box<str>> {
    let good = text.len() <= 255 && !text.chars().any(char::is_control);
    good.then(|| text.into())
}

pub(super) fn header_name(text: &str) -> Option<HeaderName> {
    let name = HeaderName::from_bytes(text.as_bytes()).ok()?;
    (!RESERVED.contains(&name)).then_some(name)
}

pub(super) fn header_value(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(text).ok()
}

pub(super) fn read_method(text: &str) -> Option<Method> {
    match text {
        "GET" => Some(Method::GET),
        "POST" => Some(Method::POST),
        _ => None,
    }
}

pub(super) fn write_method(text: &str) -> Option<Method> {
    match text {
        "POST" => Some(Method::POST),
        "PUT" => Some(Method::PUT),
        "PATCH" => Some(Method::PATCH),
        "DELETE" => Some(Method::DELETE),
        _ => None,
    }
}

pub(super) fn number(text: &str, least: u32, most: u32) -> Option<u32> {
    text.parse().ok().filter(|number| (least..=most).contains(number))
}

pub(super) fn codes(text: &str) -> Option<Vec<Box<str>>> {
    let code = |code: &str| (!code.is_empty()).then(|| code.into());
    text.split(',').map(str::trim).map(code).collect()
}

pub(super) fn statuses(text: &str) -> Option<Vec<u16>> {
    let status = |text: &str| text.trim().parse().ok().filter(|status| (400..=599).contains(status));
    text.split(',').map(status).collect()
}

/// Statuses that may mean absence: not those about Masthead's own request.
pub(super) fn absences(text: &str) -> Option<Vec<u16>> {
    let about_us = |status: &u16| matches!(status, 401 | 403 | 407 | 429 | 500..);
    statuses(text).filter(|statuses| !statuses.iter().any(about_us))
}

//! The forms that values of settings have.

use http::Uri;

use super::Auth;

const OLD_AND_NEW_CENTRES: [&str; 7] = ["us1", "eu1", "eu2", "au1", "global", "ru1", "il1"];

/// The domain of a data centre (`providers.md` §2.1): a short name, or a domain of Gigya's for one that is younger than
/// this program.
pub(super) fn data_centre(text: &str) -> Option<Box<str>> {
    let text = text.to_ascii_lowercase();
    if text == "cn1" {
        return Some("cn1.sapcdm.cn".into());
    }
    if OLD_AND_NEW_CENTRES.contains(&&*text) {
        return Some(format!("{text}.gigya.com").into());
    }
    let theirs = ["gigya.com", "sapcdm.cn", "gigya-api.cn"];
    let under = theirs
        .iter()
        .find_map(|domain| text.strip_suffix(domain)?.strip_suffix('.'));
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    (text.len() <= 240 && under?.split('.').all(label)).then(|| text.into())
}

/// An address without path, question or user name.
pub(super) fn origin(text: &str, allow_plain_http: bool) -> Option<Box<str>> {
    let uri: Uri = text.parse().ok()?;
    let scheme = uri.scheme_str()?;
    let authority = uri.authority()?;
    let good = (scheme == "https" || (scheme == "http" && allow_plain_http))
        && matches!(uri.path(), "" | "/")
        && uri.query().is_none()
        && !text.contains(['#', '@'])
        && !authority.host().is_empty();
    good.then(|| format!("{scheme}://{authority}").into())
}

pub(super) fn auth(text: &str) -> Option<Auth> {
    match text {
        "signed" => Some(Auth::Signed),
        "secret" => Some(Auth::Secret),
        "bearer" => Some(Auth::Bearer),
        _ => None,
    }
}

pub(super) fn visible(text: &str) -> Option<Box<str>> {
    let good = (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    good.then(|| text.into())
}

pub(super) fn path(text: &str) -> Option<Box<str>> {
    (!text.is_empty() && !text.chars().any(char::is_control)).then(|| text.into())
}

pub(super) fn variable_name(text: &str) -> Option<Box<str>> {
    let good = !text.is_empty()
        && !text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    good.then(|| text.into())
}

pub(super) fn number(text: &str, most: u32) -> Option<u32> {
    text.parse().ok().filter(|number| (1..=most).contains(number))
}

pub(super) fn flag(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

//! The text after `?`, taken apart.

use std::borrow::Cow;

use crate::error::Call;

use super::{
    given::Given,
    invalid::{InvalidParameter, Shown},
    table::{Found, Spec, find},
};

/// Reads the parameters of a query string.
///
/// Names and values are percent-encoded UTF-8, decoded once; a `+` is a blank, as in forms, except in an e-mail address.
pub(crate) fn of_query(query: &str, call: Call, ignore_unknown: bool) -> Result<Given<'_>, InvalidParameter> {
    let mut given = Given::default();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (raw_name, raw_value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = match decoded(raw_name, Plus::Blank) {
            Some(name) => name,
            None if ignore_unknown => continue,
            None => return Err(InvalidParameter::BadEncoding(raw_name.into())),
        };
        match find(&name, call) {
            Found::Known(spec) => given.put(spec, value(spec, raw_value)?)?,
            Found::Metadata(key) => {
                let value = decoded(raw_value, Plus::Blank)
                    .ok_or_else(|| InvalidParameter::BadEncoding(Shown::from(&*name)))?;
                given.put_metadata(key, &value)?;
            }
            Found::Deprecated(name, successor) => return Err(InvalidParameter::Deprecated(name, successor)),
            Found::Unknown if ignore_unknown => {}
            Found::Unknown => return Err(InvalidParameter::Unknown(Shown::from(&*name))),
        }
    }
    Ok(given)
}

/// Whether a query string names a parameter that only a list takes, so that an address which names one user is the list of
/// that user (contract §3.1, where the path's id stands among the list's parameters).
pub(crate) fn names_a_list(query: &str) -> bool {
    let names = query
        .split('&')
        .map(|pair| pair.split_once('=').map_or(pair, |(name, _)| name));
    names
        .filter_map(|raw| decoded(raw, Plus::Blank))
        .any(|name| match find(&name, Call::List) {
            Found::Known(spec) => !spec.by_id,
            Found::Metadata(_) => true,
            Found::Deprecated(..) | Found::Unknown => false,
        })
}

fn value<'a>(spec: &'static Spec, raw: &'a str) -> Result<Cow<'a, str>, InvalidParameter> {
    spec.kind
        .decoded(raw)
        .ok_or_else(|| InvalidParameter::BadEncoding(spec.into()))
}

/// A blank at the ends of an address was typed by mistake, and one inside was a `+` that a form decoder took for a blank
/// (contract §3.1), except inside quotes, where an address may hold one (RFC 5321 §4.1.2, `Quoted-string`).
pub(crate) fn plus_for_blank(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.contains(' ') {
        return text;
    }
    let trimmed = text.trim_matches(' ');
    Cow::Owned(if trimmed.starts_with('"') {
        trimmed.to_owned()
    } else {
        trimmed.replace(' ', "+")
    })
}

/// What a `+` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plus {
    /// Itself.
    Kept,
    /// A blank, as in forms.
    Blank,
}

/// The text that percent-encoding stands for; `None` when a `%` is not followed by two hexadecimal digits, or the bytes
/// are not UTF-8.
pub(crate) fn decoded(raw: &str, plus: Plus) -> Option<Cow<'_, str>> {
    let special = |byte: u8| byte == b'%' || (byte == b'+' && plus == Plus::Blank);
    if !raw.bytes().any(special) {
        return Some(Cow::Borrowed(raw));
    }
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            b'+' if plus == Plus::Blank => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_encoding_is_decoded_once_and_strictly() {
        let kept = |raw| decoded(raw, Plus::Kept).map(Cow::into_owned);
        assert_eq!(kept("auth0%7Cx+y").as_deref(), Some("auth0|x+y"));
        assert_eq!(kept("%2525").as_deref(), Some("%25"));
        assert_eq!(decoded("a+b%2B", Plus::Blank).as_deref(), Some("a b+"));
        for bad in ["%", "%4", "%zz", "a%g0", "%ff", "%c3", "%+1"] {
            assert_eq!(kept(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_list_is_named_by_any_parameter_that_by_id_lacks() {
        for list in [
            "pageSize=1",
            "x=1&PAGENUMBER",
            "email=",
            "metadata.city=Oslo",
            "%65mail=a",
            "customerRegistrationId=7",
        ] {
            assert!(names_a_list(list), "{list}");
        }
        for one in [
            "",
            "&",
            "ignoreProvider=true&fields=email&explain=1&onProviderFailure=fail",
            "Type=1",
            "colour=pageSize",
            "metadata=city",
            "%zz=1",
        ] {
            assert!(!names_a_list(one), "{one}");
        }
    }

    #[test]
    fn a_blank_in_an_address_was_a_plus() {
        for (raw, text) in [
            ("ann+tag@x.com", "ann+tag@x.com"),
            ("ann%2Btag@x.com", "ann+tag@x.com"),
            ("ann%20tag@x.com", "ann+tag@x.com"),
            ("%20ann@x.com%20", "ann@x.com"),
            ("+ann@x.com", "+ann@x.com"),
            ("%22john%20doe%22@x.com", "\"john doe\"@x.com"),
            ("%22john+doe%22@x.com", "\"john+doe\"@x.com"),
        ] {
            assert_eq!(plus_for_blank(decoded(raw, Plus::Kept).unwrap()), text);
        }
    }
}

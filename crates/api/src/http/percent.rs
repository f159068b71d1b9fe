//! Query strings and percent-encoding (RFC 3986 §2.1), decoded strictly and once.

use std::borrow::Cow;

/// What a `+` decodes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plus {
    /// Itself.
    Literal,
    /// A blank, as in forms.
    Blank,
}

/// The pairs of a query string, still encoded; a name without `=` has an empty value.
pub(crate) fn query_pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// Decodes a text; `None` when a `%` is not followed by two hexadecimal digits, or the bytes are not UTF-8.
pub(crate) fn decode(raw: &str, plus: Plus) -> Option<Cow<'_, str>> {
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

/// Decodes an e-mail address. Blanks at its ends are typing mistakes; one inside was a `+` that a form encoder turned into a
/// blank (contract §3.1), except in a quoted local part, which may contain one (RFC 5321 §4.1.2, `Quoted-string`).
pub(crate) fn decode_email(raw: &str) -> Option<Cow<'_, str>> {
    let text = decode(raw, Plus::Literal)?;
    if !text.contains(' ') {
        return Some(text);
    }
    let trimmed = text.trim_matches(' ');
    Some(Cow::Owned(if trimmed.starts_with('"') {
        trimmed.to_owned()
    } else {
        trimmed.replace(' ', "+")
    }))
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
        let literal = |raw| decode(raw, Plus::Literal).map(Cow::into_owned);
        assert_eq!(literal("auth0%7Cx+y").as_deref(), Some("auth0|x+y"));
        assert_eq!(literal("%2525").as_deref(), Some("%25"));
        assert_eq!(decode("a+b%2B", Plus::Blank).as_deref(), Some("a b+"));
        for bad in ["%", "%4", "%zz", "a%g0", "%ff", "%c3", "%+1"] {
            assert_eq!(literal(bad), None, "{bad}");
        }
    }

    #[test]
    fn blank_in_an_address_is_a_plus() {
        for (raw, text) in [
            ("ann+tag@x.com", "ann+tag@x.com"),
            ("ann%2Btag@x.com", "ann+tag@x.com"),
            ("ann%20tag@x.com", "ann+tag@x.com"),
            ("%20ann@x.com%20", "ann@x.com"),
            ("+ann@x.com", "+ann@x.com"),
            ("%22john%20doe%22@x.com", "\"john doe\"@x.com"),
            ("%22john+doe%22@x.com", "\"john+doe\"@x.com"),
        ] {
            assert_eq!(decode_email(raw).as_deref(), Some(text));
        }
    }
}

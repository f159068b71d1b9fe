//! The few LDAP messages that a load needs (RFC 4511), in BER: bind, search, and the ends of their answers.

/// Tags of messages: SEQUENCE, BindResponse, SearchResultEntry, SearchResultDone, SearchResultReference.
const SEQUENCE: u8 = 0x30;
const BIND_RESPONSE: u8 = 0x61;
const ENTRY: u8 = 0x64;
const DONE: u8 = 0x65;
const REFERENCE: u8 = 0x73;

/// Result codes: success, and more entries than the search wanted.
const SUCCESS: u8 = 0;
const SIZE_LIMIT_EXCEEDED: u8 = 4;

/// A message of a server.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum LdapReply {
    Entry,
    /// The end of a bind or a search, and whether it succeeded.
    End(bool),
}

/// A bind by name and password.
pub(super) fn bind_request(name: &str, password: &str) -> Vec<u8> {
    let body = [integer(3), octets(0x04, name), octets(0x80, password)].concat();
    message(1, &encode(0x60, &body))
}

/// A search below `base` for at most `limit` entries whose `mail` contains the needle, with all their attributes.
pub(super) fn search_request(base: &str, needle: &str, limit: u8) -> Vec<u8> {
    let filter = [octets(0x04, "mail"), encode(SEQUENCE, &octets(0x81, needle))].concat();
    let body = [
        octets(0x04, base),
        // One level below the base; aliases are not followed.
        encode(0x0a, &[1]),
        encode(0x0a, &[0]),
        integer(limit),
        integer(0),
        encode(0x01, &[0]),
        encode(0xa4, &filter),
        encode(SEQUENCE, &[]),
    ];
    message(2, &encode(0x63, &body.concat()))
}

/// The first message in these bytes and its length; `None` while it is incomplete.
///
/// # Errors
/// When the bytes are no message that is expected.
pub(super) fn read_reply(bytes: &[u8]) -> Result<Option<(LdapReply, usize)>, String> {
    let Some((SEQUENCE, content, end)) = read_element(bytes) else {
        return match bytes.first() {
            None | Some(&SEQUENCE) => Ok(None),
            Some(tag) => Err(format!("the server sent a message of tag {tag:#x}")),
        };
    };
    let Some(content) = bytes.get(content..end) else {
        return Ok(None);
    };
    let unreadable = || "the server sent a message that cannot be read".to_owned();
    let (_, _, number_end) = read_element(content).ok_or_else(unreadable)?;
    let operation = content.get(number_end..).ok_or_else(unreadable)?;
    let (tag, body, _) = read_element(operation).ok_or_else(unreadable)?;
    let reply = match tag {
        ENTRY | REFERENCE => LdapReply::Entry,
        BIND_RESPONSE | DONE => {
            let (_, code, _) = read_element(&operation[body..]).ok_or_else(unreadable)?;
            let code = operation.get(body + code).ok_or_else(unreadable)?;
            LdapReply::End([SUCCESS, SIZE_LIMIT_EXCEEDED].contains(code))
        }
        other => return Err(format!("the server sent an operation of tag {other:#x}")),
    };
    Ok(Some((reply, end)))
}

/// Tag, and where the content begins and ends; `None` if the bytes end within the tag or length.
fn read_element(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (tag, first) = (*bytes.first()?, *bytes.get(1)?);
    if first < 0x80 {
        return Some((tag, 2, 2 + usize::from(first)));
    }
    let begin = 2 + usize::from(first & 0x7f);
    // An answer of more than four length bytes would be gigabytes long; it is never complete.
    let length = bytes.get(2..begin).filter(|length| length.len() <= 4)?;
    let length = length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    Some((tag, begin, begin + length))
}

fn message(number: u8, operation: &[u8]) -> Vec<u8> {
    encode(SEQUENCE, &[&integer(number), operation].concat())
}

fn integer(value: u8) -> Vec<u8> {
    encode(0x02, &[value])
}

fn octets(tag: u8, text: &str) -> Vec<u8> {
    encode(tag, text.as_bytes())
}

/// All messages here are shorter than 64 KiB.
fn encode(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut element = vec![tag];
    match u8::try_from(content.len()) {
        Ok(length) if length < 0x80 => element.push(length),
        _ => {
            let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
            element.push(0x82);
            element.extend(length.to_be_bytes());
        }
    }
    element.extend(content);
    element
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_encoded_as_specified() {
        // As ldapsearch sends them, but for the message number and the limits.
        let bind = [0x30, 14, 0x02, 1, 1, 0x60, 9, 0x02, 1, 3, 0x04, 1, b'n', 0x80, 1, b'p'];
        assert_eq!(bind_request("n", "p"), bind);
        let search = search_request("o", "x", 10);
        let filter = [0xa4, 11, 0x04, 4, b'm', b'a', b'i', b'l', 0x30, 3, 0x81, 1, b'x'];
        assert!(search.windows(filter.len()).any(|window| window == filter));
        assert_eq!(usize::from(search[1]), search.len() - 2);
        let long = search_request("o", &"x".repeat(200), 10);
        assert_eq!(read_element(&long), Some((SEQUENCE, 4, long.len())));
    }

    #[test]
    fn replies_are_read_when_complete() {
        let done = |code| message(2, &encode(DONE, &[0x0a, 1, code, 0x04, 0, 0x04, 0]));
        let entry = message(2, &encode(ENTRY, &octets(0x04, &"x".repeat(300))));
        let both = [entry.clone(), done(4)].concat();
        assert_eq!(read_reply(&both), Ok(Some((LdapReply::Entry, entry.len()))));
        assert_eq!(
            read_reply(&both[entry.len()..]),
            Ok(Some((LdapReply::End(true), done(4).len())))
        );
        assert_eq!(read_reply(&done(51)), Ok(Some((LdapReply::End(false), done(51).len()))));
        for end in 0..entry.len() {
            assert_eq!(read_reply(&entry[..end]), Ok(None), "{end} bytes");
        }
        assert!(read_reply(b"HTTP/1.1").is_err());
        assert!(read_reply(&message(2, &encode(0x78, &[]))).is_err());
    }
}

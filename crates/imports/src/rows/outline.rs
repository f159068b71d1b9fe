//! What the beginning of a JSON document shows of it.

use super::value_end::ValueEnd;

/// The form of a JSON document, as far as its beginning shows it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outline {
    /// The document is an array; the keys are those of its first element.
    pub(crate) is_array: bool,
    /// The names of the members, and whether each is an array.
    pub(crate) members: Vec<(Box<str>, bool)>,
    /// A line has a whole object, or goes on behind what is shown: the text is NDJSON unless it has a list.
    pub(crate) is_lines: bool,
}

/// The form of the document that begins with these bytes.
pub(crate) fn outline(head: &[u8]) -> Outline {
    let trimmed = head.trim_ascii_start();
    let is_array = trimmed.first() == Some(&b'[');
    let object = if is_array {
        trimmed[1..].trim_ascii_start()
    } else {
        trimmed
    };
    let mut outline = Outline {
        is_array,
        members: Vec::new(),
        // The first line may be a broken row.
        is_lines: head.split(|byte| *byte == b'\n').any(is_object) || !trimmed.trim_ascii_end().contains(&b'\n'),
    };
    let mut rest = object.strip_prefix(b"{").unwrap_or_default();
    // Member after member, until one is cut off.
    while let Some((key, value, next)) = split_member(rest) {
        outline.members.push((key, value == b'['));
        rest = next;
    }
    outline
}

/// Whether a line is an object, by its quotes and brackets.
fn is_object(line: &[u8]) -> bool {
    line.starts_with(b"{") && ValueEnd::new(b'{').find(line) == (line.trim_ascii_end().len(), true)
}

/// The name of a member, the first byte of its value, and what follows the member.
fn split_member(text: &[u8]) -> Option<(Box<str>, u8, &[u8])> {
    let text = text.trim_ascii_start();
    let text = text.strip_prefix(b",").unwrap_or(text).trim_ascii_start();
    let value_end = |text: &[u8]| ValueEnd::new(*text.first().unwrap_or(&b' ')).find(text);
    if text.first() != Some(&b'"') {
        return None;
    }
    let (key_end, true) = value_end(text) else { return None };
    let key = serde_json::from_slice(&text[..key_end]).ok()?;
    let value = text[key_end..]
        .trim_ascii_start()
        .strip_prefix(b":")?
        .trim_ascii_start();
    let first = *value.first()?;
    let (end, is_whole) = value_end(value);
    // A value that is cut off is the last that shows.
    let rest = if is_whole { &value[end..] } else { &[] };
    Some((key, first, rest))
}

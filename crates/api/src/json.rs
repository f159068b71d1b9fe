//! JSON written by hand, for what every answer holds: serde looks at each byte of each key anew (ADR 0081).

/// What stands in an envelope as its `data`.
pub(crate) trait WriteJson {
    /// Appends itself.
    ///
    /// # Errors
    /// A part that serde writes cannot be written.
    fn write_json(&self, out: &mut Vec<u8>) -> serde_json::Result<()>;
}

/// The data of an error.
impl WriteJson for () {
    fn write_json(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        out.extend_from_slice(b"null");
        Ok(())
    }
}

/// Appends a key of ours, in which nothing is to be escaped.
pub(crate) fn key(out: &mut Vec<u8>, name: &'static str) {
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// Appends a text between quotes, escaped where it must be (RFC 8259 §7).
pub(crate) fn text(out: &mut Vec<u8>, text: &str) -> serde_json::Result<()> {
    if must_be_escaped(text) {
        return serde_json::to_writer(out, text);
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
    Ok(())
}

/// Appends a text that stands between quotes already.
pub(crate) fn inside(out: &mut Vec<u8>, value: &str) -> serde_json::Result<()> {
    if must_be_escaped(value) {
        out.pop();
        text(out, value)?;
        out.pop();
    } else {
        out.extend_from_slice(value.as_bytes());
    }
    Ok(())
}

/// Looks at every byte, without a branch for each: most texts need nothing, and this is how a processor is quick at it.
fn must_be_escaped(text: &str) -> bool {
    let escaped = |byte| matches!(byte, 0..b' ' | b'"' | b'\\');
    text.bytes().fold(false, |found, byte| found | escaped(byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_are_written_as_serde_writes_them(value in any::<String>()) {
            let expected = serde_json::to_vec(&value).unwrap();
            let mut out = Vec::new();
            text(&mut out, &value).unwrap();
            prop_assert_eq!(&out, &expected);
            let mut out = b"\"".to_vec();
            inside(&mut out, &value).unwrap();
            out.push(b'"');
            prop_assert_eq!(&out, &expected);
        }
    }

    #[test]
    fn every_byte_that_must_be_escaped_is() {
        for byte in 0..128_u8 {
            let value = char::from(byte).to_string();
            let mut out = Vec::new();
            text(&mut out, &value).unwrap();
            assert_eq!(out, serde_json::to_vec(&value).unwrap());
        }
    }
}

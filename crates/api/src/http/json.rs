//! A JSON writer for the hot part of every v4 response; serde would escape each constant key again
//! (`docs/performance.md`).

/// A value that writes itself as JSON.
pub(crate) trait WriteJson {
    /// Appends its JSON.
    ///
    /// # Errors
    /// serde cannot write a part.
    fn write_json(&self, out: &mut Vec<u8>) -> serde_json::Result<()>;
}

/// `null`, the data of an error.
impl WriteJson for () {
    fn write_json(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        out.extend_from_slice(b"null");
        Ok(())
    }
}

/// Appends a constant key, in which nothing needs escaping.
pub(crate) fn write_key(out: &mut Vec<u8>, name: &'static str) {
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// Appends a text between quotes, escaped where necessary (RFC 8259 §7).
pub(crate) fn write_text(out: &mut Vec<u8>, text: &str) -> serde_json::Result<()> {
    if needs_escaping(text) {
        return serde_json::to_writer(out, text);
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
    Ok(())
}

/// Appends a text after an opening quote that is already written; the closing quote is the caller's.
pub(crate) fn write_inside_quotes(out: &mut Vec<u8>, value: &str) -> serde_json::Result<()> {
    if needs_escaping(value) {
        out.pop();
        write_text(out, value)?;
        out.pop();
    } else {
        out.extend_from_slice(value.as_bytes());
    }
    Ok(())
}

/// Looks at every byte without a branch: most texts need no escaping, and this loop vectorises.
fn needs_escaping(text: &str) -> bool {
    let escaped = |byte| matches!(byte, 0..b' ' | b'"' | b'\\');
    text.bytes().fold(false, |found, byte| found | escaped(byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn text_is_written_as_serde_writes_it(value in any::<String>()) {
            let expected = serde_json::to_vec(&value).unwrap();
            let mut out = Vec::new();
            write_text(&mut out, &value).unwrap();
            prop_assert_eq!(&out, &expected);
            let mut out = b"\"".to_vec();
            write_inside_quotes(&mut out, &value).unwrap();
            out.push(b'"');
            prop_assert_eq!(&out, &expected);
        }
    }

    #[test]
    fn every_byte_that_needs_escaping_is() {
        for byte in 0..128_u8 {
            let value = char::from(byte).to_string();
            let mut out = Vec::new();
            write_text(&mut out, &value).unwrap();
            assert_eq!(out, serde_json::to_vec(&value).unwrap());
        }
    }
}

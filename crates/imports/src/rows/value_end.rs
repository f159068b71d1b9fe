//! Where a JSON value ends, by its quotes and brackets alone.

/// Finds the end of a value that comes in parts.
#[derive(Debug, Clone, Copy)]
pub(super) enum ValueEnd {
    /// A number or a word: it ends before a blank, a comma or a bracket.
    Scalar,
    /// A text, or an array or object at this depth.
    Nested {
        depth: u64,
        in_text: bool,
        is_escaped: bool,
    },
}

impl ValueEnd {
    pub(super) const fn new(byte: u8) -> Self {
        match byte {
            b'"' | b'{' | b'[' => Self::Nested {
                depth: 0,
                in_text: false,
                is_escaped: false,
            },
            _ => Self::Scalar,
        }
    }

    /// How many of the bytes belong to the value, and whether it ends there.
    pub(super) fn find(&mut self, bytes: &[u8]) -> (usize, bool) {
        let Self::Nested {
            depth,
            in_text,
            is_escaped,
        } = self
        else {
            let is_end = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b',' | b']' | b'}' | b':');
            let end = bytes.iter().position(is_end);
            return (end.unwrap_or(bytes.len()), end.is_some());
        };
        for (at, byte) in bytes.iter().enumerate() {
            if *in_text {
                match byte {
                    _ if *is_escaped => *is_escaped = false,
                    b'\\' => *is_escaped = true,
                    b'"' => *in_text = false,
                    _ => {}
                }
            } else {
                match byte {
                    b'"' => *in_text = true,
                    b'{' | b'[' => *depth += 1,
                    b'}' | b']' => *depth = depth.saturating_sub(1),
                    _ => {}
                }
            }
            if *depth == 0 && !*in_text {
                return (at + 1, true);
            }
        }
        (bytes.len(), false)
    }
}

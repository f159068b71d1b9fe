//! Rewrites a JSON text so that serde_json can parse it.

/// The deepest nesting; deeper values become `null`. serde_json stops at 128.
const DEEPEST: usize = 100;

/// Replaces the lost part of a string: the replacement character, and a NUL, which neither ids nor addresses can contain.
/// So the string can be shown but matches no user.
const LOST: &[u8] = b"\\ufffd\\u0000";

/// The repaired text; `None` where nothing needs repair. Invalid JSON stays invalid, except inside values that are nested
/// too deeply.
pub(super) fn repaired(text: &[u8]) -> Option<Vec<u8>> {
    let mut repair = Repair {
        rest: text,
        written: Vec::with_capacity(text.len()),
        changed: false,
    };
    repair.values();
    repair.changed.then_some(repair.written)
}

struct Repair<'a> {
    rest: &'a [u8],
    written: Vec<u8>,
    changed: bool,
}

impl Repair<'_> {
    fn values(&mut self) {
        let mut depth = 0_usize;
        while let Some(&byte) = self.rest.first() {
            match byte {
                b'"' => self.string(),
                b'-' | b'0'..=b'9' => self.number(),
                b'[' | b'{' if depth == DEEPEST => self.leave_out(),
                _ => {
                    match byte {
                        b'[' | b'{' => depth += 1,
                        b']' | b'}' => depth = depth.saturating_sub(1),
                        _ => {}
                    }
                    self.copy(1);
                }
            }
        }
    }

    fn string(&mut self) {
        self.copy(1);
        loop {
            let plain = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
            let run = self.rest.iter().position(plain).unwrap_or(self.rest.len());
            let (run, rest) = self.rest.split_at(run);
            for chunk in run.utf8_chunks() {
                self.written.extend_from_slice(chunk.valid().as_bytes());
                if !chunk.invalid().is_empty() {
                    self.written.extend_from_slice(LOST);
                    self.changed = true;
                }
            }
            self.rest = rest;
            match rest {
                [] => return,
                [b'"', ..] => return self.copy(1),
                [b'\\', b'u', ..] => self.unicode_escape(),
                [b'\\', ..] => self.copy(2),
                [control, ..] => {
                    let escape = format!("\\u{control:04x}");
                    self.replace(1, escape.as_bytes());
                }
            }
        }
    }

    /// `\uXXXX`: a character, a surrogate pair, or a lone surrogate.
    fn unicode_escape(&mut self) {
        match code_unit(self.rest) {
            Some(0xD800..=0xDBFF) => match self.rest.get(6..).and_then(code_unit) {
                Some(0xDC00..=0xDFFF) => self.copy(12),
                _ => self.replace(6, LOST),
            },
            Some(0xDC00..=0xDFFF) => self.replace(6, LOST),
            Some(_) => self.copy(6),
            None => self.copy(2),
        }
    }

    /// A number out of range becomes a string of the same digits.
    fn number(&mut self) {
        let part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let end = self.rest.iter().position(|byte| !part(byte)).unwrap_or(self.rest.len());
        let digits = &self.rest[..end];
        if is_number(digits) && !fits(digits) {
            let quoted = [b"\"", digits, b"\""].concat();
            self.replace(end, &quoted);
        } else {
            self.copy(end);
        }
    }

    /// Replaces a list or an object by `null`.
    fn leave_out(&mut self) {
        let (mut depth, mut within_text, mut at) = (0_usize, false, 0);
        while let Some(byte) = self.rest.get(at) {
            match (byte, within_text) {
                (b'\\', true) => at += 1,
                (b'"', _) => within_text = !within_text,
                (b'[' | b'{', false) => depth += 1,
                (b']' | b'}', false) => depth -= 1,
                _ => {}
            }
            at += 1;
            if depth == 0 {
                break;
            }
        }
        // An unterminated value stays, so that the text stays invalid.
        if depth == 0 {
            self.replace(at, b"null");
        } else {
            self.copy(self.rest.len());
        }
    }

    fn copy(&mut self, count: usize) {
        let (copied, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.written.extend_from_slice(copied);
        self.rest = rest;
    }

    fn replace(&mut self, count: usize, by: &[u8]) {
        self.written.extend_from_slice(by);
        self.rest = self.rest.get(count..).unwrap_or_default();
        self.changed = true;
    }
}

/// The code unit of a leading `\uXXXX`.
fn code_unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    let mut digits = digits.iter().map(|digit| char::from(*digit).to_digit(16));
    digits.try_fold(0, |number, digit| Some(number * 16 + u16::try_from(digit?).ok()?))
}

/// Whether it is a number by the grammar (RFC 8259 §6).
fn is_number(digits: &[u8]) -> bool {
    serde_json::from_slice::<&serde_json::value::RawValue>(digits).is_ok()
}

/// Whether a Rust number represents it: integers exactly, others approximately.
fn fits(digits: &[u8]) -> bool {
    let is_whole = digits.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-');
    match serde_json::from_slice::<serde_json::Number>(digits) {
        Ok(number) => !is_whole || !number.is_f64() || digits == b"-0",
        Err(_) => false,
    }
}

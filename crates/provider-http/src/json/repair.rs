//! Writes a JSON text anew without what is in a reader's way.

/// How deep values are nested at most; a deeper one becomes `null`. Less than the 128 at which serde_json stops.
const DEEPEST: usize = 100;

/// What stands for a piece of text that was lost: the replacement character, and a NUL, which neither an id nor an address can
/// have. So a text that lost a piece can be shown, and is taken for nobody's.
const LOST: &[u8] = b"\\ufffd\\u0000";

/// The text without what is in a reader's way; `None` where nothing is. A text that is no JSON
/// stays none, but for what is nested too deep to be looked at.
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

    /// `\uXXXX`: one character, half of one with its other half behind it, or half of one alone.
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

    /// A number that no Rust number holds becomes a text of the same digits.
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

    /// Passes over a list or an object.
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
        // One that does not end stays, so that the text is no JSON as before.
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

/// The number of a `\uXXXX` at the beginning of the text.
fn code_unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    let mut digits = digits.iter().map(|digit| char::from(*digit).to_digit(16));
    digits.try_fold(0, |number, digit| Some(number * 16 + u16::try_from(digit?).ok()?))
}

/// Whether it is a number by the grammar (RFC 8259 §6), which serde_json checks without reading it.
fn is_number(digits: &[u8]) -> bool {
    serde_json::from_slice::<&serde_json::value::RawValue>(digits).is_ok()
}

/// Whether a number of Rust holds it: whole ones exactly, others about.
fn fits(digits: &[u8]) -> bool {
    let is_whole = digits.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-');
    match serde_json::from_slice::<serde_json::Number>(digits) {
        Ok(number) => !is_whole || !number.is_f64() || digits == b"-0",
        Err(_) => false,
    }
}

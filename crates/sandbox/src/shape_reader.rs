//! Reads the few query shapes that the adapters send, piece by piece and without tolerance.

/// The rest of a query that is not read yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShapeReader<'a>(pub(crate) &'a str);

impl<'a> ShapeReader<'a> {
    pub(crate) fn is_at_end(self) -> bool {
        self.0.is_empty()
    }

    /// Reads exactly this text, if it comes next.
    pub(crate) fn take(&mut self, text: &str) -> bool {
        match self.0.strip_prefix(text) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    /// Reads up to this text, and the text itself; `None` when it does not come.
    pub(crate) fn take_until(&mut self, end: &str) -> Option<&'a str> {
        let (before, rest) = self.0.split_once(end)?;
        self.0 = rest;
        Some(before)
    }

    /// Reads characters as long as they match.
    pub(crate) fn take_while(&mut self, matches: impl Fn(char) -> bool) -> &'a str {
        let end = self.0.find(|char| !matches(char)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        taken
    }

    pub(crate) fn take_char(&mut self) -> Option<char> {
        let char = self.0.chars().next()?;
        self.0 = &self.0[char.len_utf8()..];
        Some(char)
    }
}

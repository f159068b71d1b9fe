//! The mistakes of a body: all of them are reported in one answer, each with its field and never with a value.

use std::{borrow::Cow, fmt};

use crate::v4::parameters::error::EchoedName;

/// How many mistakes are reported; the rest is counted.
const MAX_REPORTED: usize = 16;

/// A mistake of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The field; `None` for the body as a whole.
    field: Option<EchoedName>,
    text: Cow<'static, str>,
    /// A sealed text that does not open: alone it has a code of its own (contract §2.5).
    is_sealed: bool,
}

/// The mistakes of a body, in the order of their discovery.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Problems {
    reported: Vec<Problem>,
    more: usize,
}

impl Problems {
    /// Adds a mistake of a field.
    pub(crate) fn field(&mut self, name: impl Into<EchoedName>, text: impl Into<Cow<'static, str>>) {
        self.add(Problem {
            field: Some(name.into()),
            text: text.into(),
            is_sealed: false,
        });
    }

    /// Adds a sealed text that does not open; one text for every cause.
    pub(crate) fn sealed(&mut self, name: &'static str) {
        self.add(Problem {
            field: Some(EchoedName::known(name)),
            text: "cannot be opened".into(),
            is_sealed: true,
        });
    }

    /// Adds a mistake of the body as a whole.
    pub(crate) fn body(&mut self, text: impl Into<Cow<'static, str>>) {
        self.add(Problem {
            field: None,
            text: text.into(),
            is_sealed: false,
        });
    }

    fn add(&mut self, problem: Problem) {
        if self.reported.len() < MAX_REPORTED {
            self.reported.push(problem);
        } else {
            self.more += 1;
        }
    }

    /// Whether there is none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.reported.is_empty()
    }

    /// Whether the only mistakes are sealed texts that do not open.
    pub(crate) fn are_sealed(&self) -> bool {
        self.more == 0 && self.reported.iter().all(|problem| problem.is_sealed)
    }

    /// The mistakes one by one.
    pub(crate) fn texts(&self) -> impl Iterator<Item = String> {
        self.reported.iter().map(ToString::to_string)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.field {
            Some(field) => write!(f, "{field}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.reported.iter().enumerate() {
            write!(f, "{}{problem}", if n == 0 { "" } else { "; " })?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reported_mistakes_are_bounded() {
        let mut problems = Problems::default();
        for n in 0..MAX_REPORTED + 2 {
            problems.field(&*format!("field{n}\n"), "is wrong");
        }
        let text = problems.to_string();
        assert!(
            text.starts_with("field0\u{fffd}: is wrong; field1\u{fffd}: is wrong; "),
            "{text}"
        );
        assert!(text.ends_with("; and 2 more"));
        assert!(!problems.are_sealed());
    }
}

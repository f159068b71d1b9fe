//! What is wrong with the settings, all of it at once.

use std::fmt;

/// Everything that is wrong, in the order of the reference; no value is ever repeated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mistakes(Vec<Mistake>);

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mistake {
    /// `section.key`, or empty where the mistake is of no single key.
    key: String,
    says: String,
}

impl Mistakes {
    /// Notes that the value of `section.key` is wrong. `says` must not repeat it.
    pub(crate) fn add(&mut self, key: &str, says: impl Into<String>) {
        self.0.push(Mistake {
            key: key.to_owned(),
            says: says.into(),
        });
    }

    /// Notes something that is of no single key.
    pub(crate) fn add_general(&mut self, says: impl Into<String>) {
        self.add("", says);
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The value, when nothing is wrong.
    ///
    /// # Errors
    /// Itself, when something is.
    pub(crate) fn or<T>(self, value: Option<T>) -> Result<T, Self> {
        match value {
            Some(value) if self.is_empty() => Ok(value),
            _ => Err(self),
        }
    }
}

/// The name of a key in the environment.
#[must_use]
pub fn environment_name(key: &str) -> String {
    format!("MASTHEAD__{}", key.replace('.', "__").to_ascii_uppercase())
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, mistake) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            if mistake.key.is_empty() {
                write!(f, "  {}", mistake.says)?;
            } else {
                let name = environment_name(&mistake.key);
                write!(f, "  {} ({name}): {}", mistake.key, mistake.says)?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

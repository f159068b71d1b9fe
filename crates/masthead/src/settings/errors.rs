//! All errors in the settings.

use std::fmt;

/// All errors, in the order of the reference; values are never repeated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettingsError(Vec<InvalidSetting>);

/// One error.
#[derive(Debug, Clone, PartialEq, Eq)]
struct InvalidSetting {
    /// `section.key`, or empty for an error that concerns no single key.
    key: String,
    message: String,
}

impl SettingsError {
    /// Records that the value of `section.key` is wrong. `message` must not repeat it.
    pub(crate) fn add(&mut self, key: &str, message: impl Into<String>) {
        self.0.push(InvalidSetting {
            key: key.to_owned(),
            message: message.into(),
        });
    }

    /// Records an error that concerns no single key.
    pub(crate) fn add_general(&mut self, message: impl Into<String>) {
        self.add("", message);
    }

    /// Whether there is no error.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many errors there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The value if there is no error.
    ///
    /// # Errors
    /// Itself, if there is an error.
    pub(crate) fn or<T>(self, value: Option<T>) -> Result<T, Self> {
        match value {
            Some(value) if self.is_empty() => Ok(value),
            _ => Err(self),
        }
    }
}

/// The environment variable of a setting.
#[must_use]
pub fn environment_name(key: &str) -> String {
    format!("MASTHEAD__{}", key.replace('.', "__").to_ascii_uppercase())
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, error) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            if error.key.is_empty() {
                write!(f, "  {}", error.message)?;
            } else {
                let name = environment_name(&error.key);
                write!(f, "  {} ({name}): {}", error.key, error.message)?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for SettingsError {}

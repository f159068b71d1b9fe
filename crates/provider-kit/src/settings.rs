//! Reads a tenant's settings for one provider and reports all errors at once, without any value.

use std::collections::BTreeMap;

use masthead_ports::source::SourceName;
use thiserror::Error;

use crate::secrets::SecretPlace;

pub mod keys;
pub mod value;

/// The settings, without the provider's name, that only affect how the provider is called: they do not change which
/// accounts it returns.
const CALL_SETTINGS: [&str; 19] = [
    "BudgetPerSecond",
    "BudgetBurst",
    "PageSize",
    "Page.Size",
    "Auth",
    "AuthHeader",
    "AuthField",
    "TokenUrl",
    "Audience",
    "SecretFile",
    "SecretEnv",
    "ClientSecretFile",
    "ClientSecretEnv",
    "PrivateKeyFile",
    "PrivateKeyEnv",
    "TokenFile",
    "TokenEnv",
    // Where accounts are created, and how lists are requested.
    "Connection",
    "LeadingWildcards",
];

/// Whether a setting of this name affects the answers of this provider for a tenant. The client id does: another client may
/// see other accounts.
pub(crate) fn affects_answers(provider: SourceName, name: &str) -> bool {
    let own = name.strip_prefix(provider).and_then(|rest| rest.strip_prefix('.'));
    own.is_some_and(|own| !CALL_SETTINGS.contains(&own))
}

/// One setting, for help texts and docs.
#[derive(Debug, Clone, Copy)]
pub struct ProviderSettingSpec {
    /// Its name.
    pub name: &'static str,
    /// The accepted values.
    pub values: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

/// An error in a tenant's settings for a provider; it contains no value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProviderSettingError {
    /// No such setting.
    #[error("{0}: no such setting")]
    UnknownName(Box<str>),
    /// A required setting is missing.
    #[error("{name}: must be set: {meaning}")]
    Missing {
        /// The setting.
        name: &'static str,
        /// Its meaning.
        meaning: &'static str,
    },
    /// The value has the wrong form.
    #[error("{name}: must be {expected}")]
    BadValue {
        /// The setting.
        name: &'static str,
        /// The accepted values.
        expected: &'static str,
    },
    /// The value contradicts another setting.
    #[error("{name}: {problem}")]
    Contradiction {
        /// The setting.
        name: &'static str,
        /// What is wrong.
        problem: &'static str,
    },
    /// Secrets belong in files or the environment, never in settings.
    #[error("{name}: a secret is never kept here; set {name}File or {name}Env")]
    SecretInSettings {
        /// The setting.
        name: &'static str,
    },
    /// Both places of a secret are set.
    #[error("{file}, {environment}: set one of them, not both")]
    TwoSecrets {
        /// The setting that names a file.
        file: &'static str,
        /// The setting that names a variable.
        environment: &'static str,
    },
}

/// Reads the settings of one provider and collects the errors.
#[derive(Debug)]
pub struct SettingReader<'a> {
    settings: &'a BTreeMap<Box<str>, Box<str>>,
    specs: &'static [ProviderSettingSpec],
    errors: Vec<ProviderSettingError>,
}

impl<'a> SettingReader<'a> {
    /// Creates a reader of the settings in `specs`; others are ignored.
    #[must_use]
    pub const fn new(settings: &'a BTreeMap<Box<str>, Box<str>>, specs: &'static [ProviderSettingSpec]) -> Self {
        Self {
            settings,
            specs,
            errors: Vec::new(),
        }
    }

    /// Whether a setting is set.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.settings.contains_key(name)
    }

    /// The parsed value of a setting; `None` where it is not set or invalid.
    pub fn text<T>(&mut self, name: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let value = parse(self.settings.get(name)?.trim());
        if value.is_none() {
            let expected = self.spec(name).map_or("", |spec| spec.values);
            self.errors.push(ProviderSettingError::BadValue { name, expected });
        }
        value
    }

    /// The parsed value of a required setting.
    pub fn required<T>(&mut self, name: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        if !self.has(name) {
            let meaning = self.spec(name).map_or("", |spec| spec.meaning);
            self.errors.push(ProviderSettingError::Missing { name, meaning });
        }
        self.text(name, parse)
    }

    /// A number from 1 to `most`, or the default.
    pub fn number(&mut self, name: &'static str, most: u32, default: u32) -> u32 {
        self.text(name, |text| value::number(text, most)).unwrap_or(default)
    }

    /// The place of a secret: the first setting names a file, the second an environment variable.
    pub fn secret(&mut self, [file, environment]: [&'static str; 2]) -> Option<SecretPlace> {
        match (self.has(file), self.has(environment)) {
            (true, true) => {
                self.errors.push(ProviderSettingError::TwoSecrets { file, environment });
                None
            }
            (false, true) => self
                .text(environment, value::variable_name)
                .map(SecretPlace::Environment),
            (_, false) => self.required(file, value::path).map(SecretPlace::File),
        }
    }

    /// Reports a value that contradicts another setting.
    pub fn contradiction(&mut self, name: &'static str, problem: &'static str) {
        self.errors.push(ProviderSettingError::Contradiction { name, problem });
    }

    /// Reports every unknown name with this prefix; `never` are the names that look like a secret itself.
    pub fn unknown_names(&mut self, prefix: &str, never: &[&'static str]) {
        for name in self.settings.keys().filter(|name| name.starts_with(prefix)) {
            if let Some(name) = never.iter().find(|never| **never == &**name) {
                self.errors.push(ProviderSettingError::SecretInSettings { name });
            } else if self.spec(name).is_none() {
                self.errors.push(ProviderSettingError::UnknownName(name.clone()));
            }
        }
    }

    /// Returns what was read, when there were no errors.
    ///
    /// # Errors
    /// Every error, in the order of the settings; unknown names come last.
    pub fn done<T>(mut self, read: Option<T>) -> Result<T, Vec<ProviderSettingError>> {
        match read {
            Some(read) if self.errors.is_empty() => Ok(read),
            _ => {
                let specs = self.specs;
                self.errors.sort_by_key(|error| position(specs, error));
                Err(self.errors)
            }
        }
    }

    fn spec(&self, name: &str) -> Option<&'static ProviderSettingSpec> {
        self.specs.iter().find(|spec| spec.name == name)
    }
}

fn position(specs: &[ProviderSettingSpec], error: &ProviderSettingError) -> usize {
    let at = |meant: &dyn Fn(&str) -> bool| specs.iter().position(|spec| meant(spec.name)).unwrap_or(specs.len());
    match error {
        ProviderSettingError::Missing { name, .. }
        | ProviderSettingError::BadValue { name, .. }
        | ProviderSettingError::Contradiction { name, .. } => at(&|known| known == *name),
        ProviderSettingError::TwoSecrets { file, .. } => at(&|known| known == *file),
        // With the settings that name its place.
        ProviderSettingError::SecretInSettings { name } => at(&|known| known.starts_with(name)),
        ProviderSettingError::UnknownName(_) => specs.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPECS: [ProviderSettingSpec; 4] = [spec("X.Url"), spec("X.SecretFile"), spec("X.SecretEnv"), spec("X.Size")];

    const fn spec(name: &'static str) -> ProviderSettingSpec {
        ProviderSettingSpec {
            name,
            values: "good",
            meaning: "what it does",
        }
    }

    fn read(pairs: &[(&str, &str)]) -> Result<(Box<str>, SecretPlace, u32), Vec<String>> {
        let settings = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let settings = settings.collect();
        let mut reading = SettingReader::new(&settings, &SPECS);
        let size = reading.number("X.Size", 10, 5);
        let url = reading.required("X.Url", |text| value::origin(text, false));
        let secret = reading.secret(["X.SecretFile", "X.SecretEnv"]);
        reading.unknown_names("X.", &["X.Secret"]);
        let read = url.zip(secret).map(|(url, secret)| (url, secret, size));
        let to_texts = |errors: Vec<ProviderSettingError>| errors.iter().map(ToString::to_string).collect();
        reading.done(read).map_err(to_texts)
    }

    #[test]
    fn valid_settings_are_read_with_defaults() {
        let good = [
            ("X.Url", " https://x.example "),
            ("X.SecretEnv", "X_SECRET"),
            ("Y.Url", "?"),
        ];
        let secret = SecretPlace::Environment("X_SECRET".into());
        assert_eq!(read(&good), Ok(("https://x.example".into(), secret, 5)));
    }

    #[test]
    fn errors_follow_settings_order_without_values() {
        let bad = [
            ("X.Size", "11"),
            ("X.Secret", "s3cret"),
            ("X.SecretFile", "/a"),
            ("X.SecretEnv", "A"),
            ("X.Colour", "red"),
        ];
        assert_eq!(
            read(&bad).unwrap_err(),
            [
                "X.Url: must be set: what it does",
                "X.SecretFile, X.SecretEnv: set one of them, not both",
                "X.Secret: a secret is never kept here; set X.SecretFile or X.SecretEnv",
                "X.Size: must be good",
                "X.Colour: no such setting",
            ]
        );
    }
}

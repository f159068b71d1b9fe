//! A tenant's settings for one provider as they are read: each by its name, every mistake at once, no value repeated.

use std::collections::BTreeMap;

use masthead_ports::source::SourceName;
use thiserror::Error;

use crate::SecretPlace;

pub mod keys;
pub mod value;

/// The settings, without their provider's name, that say how often it is called and how we prove who we are: whatever they
/// are, it has the same accounts and says the same of them.
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
    // Where accounts are made, and how lists are asked for.
    "Connection",
    "LeadingWildcards",
];

/// Whether a setting of this name decides which accounts this provider has for a tenant, or what it says of them. Who we
/// are there is among those that do: another client may be shown other accounts.
pub(crate) fn affects_answers(provider: SourceName, name: &str) -> bool {
    let own = name.strip_prefix(provider).and_then(|rest| rest.strip_prefix('.'));
    own.is_some_and(|own| !CALL_SETTINGS.contains(&own))
}

/// One setting, for help texts and docs.
#[derive(Debug, Clone, Copy)]
pub struct ProviderSettingSpec {
    /// The name under which it is set.
    pub name: &'static str,
    /// What values it takes.
    pub values: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

/// Something wrong with a tenant's settings for a provider; it never repeats a value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProviderSettingError {
    /// No such setting.
    #[error("{0}: no such setting")]
    UnknownName(Box<str>),
    /// A setting without which the provider cannot be called.
    #[error("{name}: must be set: {meaning}")]
    Missing {
        /// The setting.
        name: &'static str,
        /// What it does.
        meaning: &'static str,
    },
    /// The value is not of the setting's form.
    #[error("{name}: must be {expected}")]
    BadValue {
        /// The setting.
        name: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// The value does not go with another setting's.
    #[error("{name}: {problem}")]
    Contradiction {
        /// The setting.
        name: &'static str,
        /// What is wrong.
        problem: &'static str,
    },
    /// Secrets are kept in files or the environment, never among a tenant's settings.
    #[error("{name}: a secret is never kept here; set {name}File or {name}Env")]
    SecretInSettings {
        /// The name under which it was set.
        name: &'static str,
    },
    /// Both places of a secret are named.
    #[error("{file}, {environment}: set one of them, not both")]
    TwoSecrets {
        /// The setting that names a file.
        file: &'static str,
        /// The setting that names a variable.
        environment: &'static str,
    },
}

/// The settings of one provider as they are read, with the mistakes found so far.
#[derive(Debug)]
pub struct SettingReader<'a> {
    settings: &'a BTreeMap<Box<str>, Box<str>>,
    specs: &'static [ProviderSettingSpec],
    mistakes: Vec<ProviderSettingError>,
}

impl<'a> SettingReader<'a> {
    /// Begins to read the settings that `specs` names; the others are left alone.
    #[must_use]
    pub const fn new(settings: &'a BTreeMap<Box<str>, Box<str>>, specs: &'static [ProviderSettingSpec]) -> Self {
        Self {
            settings,
            specs,
            mistakes: Vec::new(),
        }
    }

    /// Whether a setting is set, to whatever value.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.settings.contains_key(name)
    }

    /// The value of a setting as `parse` takes it; `None` where it is not set, or is a mistake.
    pub fn text<T>(&mut self, name: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let value = parse(self.settings.get(name)?.trim());
        if value.is_none() {
            let expected = self.spec(name).map_or("", |spec| spec.values);
            self.mistakes.push(ProviderSettingError::BadValue { name, expected });
        }
        value
    }

    /// The same of a setting that must be set.
    pub fn required<T>(&mut self, name: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        if !self.has(name) {
            let meaning = self.spec(name).map_or("", |spec| spec.meaning);
            self.mistakes.push(ProviderSettingError::Missing { name, meaning });
        }
        self.text(name, parse)
    }

    /// A number from 1 to `most`, or this one where it is not set.
    pub fn number(&mut self, name: &'static str, most: u32, otherwise: u32) -> u32 {
        self.text(name, |text| value::number(text, most)).unwrap_or(otherwise)
    }

    /// The place of a secret, which two settings can name: the first as a file, the second as a variable.
    pub fn secret(&mut self, [file, environment]: [&'static str; 2]) -> Option<SecretPlace> {
        match (self.has(file), self.has(environment)) {
            (true, true) => {
                self.mistakes
                    .push(ProviderSettingError::TwoSecrets { file, environment });
                None
            }
            (false, true) => self
                .text(environment, value::variable_name)
                .map(SecretPlace::Environment),
            (_, false) => self.required(file, value::path).map(SecretPlace::File),
        }
    }

    /// Tells of a value that does not go with another setting's.
    pub fn contradiction(&mut self, name: &'static str, problem: &'static str) {
        self.mistakes
            .push(ProviderSettingError::Contradiction { name, problem });
    }

    /// Tells of every name that begins with `prefix` and is no setting; `never` are those under which somebody may have
    /// meant to set a secret itself.
    pub fn unknown_names(&mut self, prefix: &str, never: &[&'static str]) {
        for name in self.settings.keys().filter(|name| name.starts_with(prefix)) {
            if let Some(name) = never.iter().find(|never| **never == &**name) {
                self.mistakes.push(ProviderSettingError::SecretInSettings { name });
            } else if self.spec(name).is_none() {
                self.mistakes.push(ProviderSettingError::UnknownName(name.clone()));
            }
        }
    }

    /// What was read, unless there was any mistake; nothing was read only where there was one.
    ///
    /// # Errors
    /// Every mistake, in the order of the settings; unknown names come last.
    pub fn done<T>(mut self, read: Option<T>) -> Result<T, Vec<ProviderSettingError>> {
        match read {
            Some(read) if self.mistakes.is_empty() => Ok(read),
            _ => {
                let specs = self.specs;
                self.mistakes.sort_by_key(|mistake| place(specs, mistake));
                Err(self.mistakes)
            }
        }
    }

    fn spec(&self, name: &str) -> Option<&'static ProviderSettingSpec> {
        self.specs.iter().find(|spec| spec.name == name)
    }
}

fn place(specs: &[ProviderSettingSpec], mistake: &ProviderSettingError) -> usize {
    let at = |meant: &dyn Fn(&str) -> bool| specs.iter().position(|spec| meant(spec.name)).unwrap_or(specs.len());
    match mistake {
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
        let to_texts = |mistakes: Vec<ProviderSettingError>| mistakes.iter().map(ToString::to_string).collect();
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

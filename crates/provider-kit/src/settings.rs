//! Reads a tenant's settings for one provider and reports all errors at once, without any value.

use std::collections::BTreeMap;

use masthead_ports::source::SourceName;
use thiserror::Error;

use crate::secrets::SecretPlace;

pub mod client_tls;
pub mod keys;
pub mod value;

/// The settings, without the provider's name, that only affect how the provider is called: they do not change which
/// accounts it returns.
const CALL_SETTINGS: [&str; 22] = [
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
    "ClientCertificateFile",
    "ClientKeyFile",
    "CaFile",
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
#[error("{name}: {problem}")]
pub struct ProviderSettingError {
    /// The setting.
    pub name: Box<str>,
    /// What is wrong, for the operator.
    pub problem: Box<str>,
}

/// The settings of all providers of a tenant, by name.
pub type SettingMap = BTreeMap<Box<str>, Box<str>>;

/// Reads the settings of one provider and collects the errors.
#[derive(Debug)]
pub struct SettingReader<'a> {
    /// Precedes each name in errors.
    prefix: String,
    values: BTreeMap<&'a str, &'a str>,
    specs: &'static [ProviderSettingSpec],
    errors: Vec<(usize, ProviderSettingError)>,
}

impl<'a> SettingReader<'a> {
    /// Creates a reader of the settings in `specs`; others are ignored.
    #[must_use]
    pub fn new(settings: &'a SettingMap, specs: &'static [ProviderSettingSpec]) -> Self {
        let values = settings.iter().map(|(name, value)| (&**name, value.trim()));
        Self::with_prefix(String::new(), values.collect(), specs)
    }

    /// Creates a reader of settings whose names, in `values` and `specs`, lack this prefix.
    #[must_use]
    pub const fn with_prefix(
        prefix: String,
        values: BTreeMap<&'a str, &'a str>,
        specs: &'static [ProviderSettingSpec],
    ) -> Self {
        Self {
            prefix,
            values,
            specs,
            errors: Vec::new(),
        }
    }

    /// Whether a setting is set.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// The unparsed value of a setting.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&'a str> {
        self.values.get(name).copied()
    }

    /// The parsed value of a setting; `None` where it is not set or invalid.
    pub fn text<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let value = parse(self.value(name)?);
        if value.is_none() {
            self.bad(name);
        }
        value
    }

    /// The parsed value of a required setting.
    pub fn required<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        if !self.has(name) {
            self.missing(name);
        }
        self.text(name, parse)
    }

    /// A number from 1 to `most`, or the default.
    pub fn number(&mut self, name: &str, most: u32, default: u32) -> u32 {
        self.text(name, |text| value::number(text, most)).unwrap_or(default)
    }

    /// `true` or `false`, or the default.
    pub fn flag(&mut self, name: &str, default: bool) -> bool {
        self.text(name, value::flag).unwrap_or(default)
    }

    /// The place of a secret: the first setting names a file, the second an environment variable.
    pub fn secret(&mut self, [file, environment]: [&str; 2]) -> Option<SecretPlace> {
        match (self.has(file), self.has(environment)) {
            (true, true) => {
                self.report(file, format!("set this or {}{environment}, not both", self.prefix));
                None
            }
            (false, true) => self
                .text(environment, value::variable_name)
                .map(SecretPlace::Environment),
            (_, false) => self.required(file, value::path).map(SecretPlace::File),
        }
    }

    /// The settings that begin with `family`: the rest of the name, and the name.
    #[must_use]
    pub fn family(&self, family: &str) -> Vec<(&'a str, &'a str)> {
        let rest = |name: &&'a str| Some((name.strip_prefix(family)?, *name));
        let members = self.values.keys().filter_map(rest);
        members.filter(|(rest, _)| !rest.is_empty()).collect()
    }

    /// Reports an invalid value.
    pub fn bad(&mut self, name: &str) {
        let values = self.spec(name).map_or("", |spec| spec.values);
        self.report(name, format!("must be {values}"));
    }

    /// Reports that a required setting is missing.
    pub fn missing(&mut self, name: &str) {
        let meaning = self.spec(name).map_or("", |spec| spec.meaning);
        self.report(name, format!("must be set: {meaning}"));
    }

    /// Reports another problem of a setting.
    pub fn report(&mut self, name: &str, problem: impl Into<Box<str>>) {
        let error = ProviderSettingError {
            name: format!("{}{name}", self.prefix).into(),
            problem: problem.into(),
        };
        self.errors.push((self.position(name), error));
    }

    /// Reports every unknown name that begins with `start`; `never` are the names that look like a secret itself.
    pub fn unknown_names(&mut self, start: &str, never: &[&str]) {
        let names: Vec<&str> = self.values.keys().copied().collect();
        for name in names.into_iter().filter(|name| name.starts_with(start)) {
            if never.contains(&name) {
                let problem = "a secret is never stored here; set its file or its environment variable";
                self.report(name, problem);
            } else if self.spec(name).is_none() {
                self.report(name, "no such setting");
            }
        }
    }

    /// Returns what was read, when there were no errors.
    ///
    /// # Errors
    /// Every error once, in the order of the settings; unknown names come last.
    pub fn done<T>(mut self, read: Option<T>) -> Result<T, Vec<ProviderSettingError>> {
        match read {
            Some(read) if self.errors.is_empty() => Ok(read),
            _ => {
                self.errors.sort_by_key(|(position, _)| *position);
                self.errors.dedup();
                Err(self.errors.into_iter().map(|(_, error)| error).collect())
            }
        }
    }

    fn spec(&self, name: &str) -> Option<&'static ProviderSettingSpec> {
        self.specs.iter().find(|spec| spec.describes(name))
    }

    /// A secret's position is that of the settings for its place.
    fn position(&self, name: &str) -> usize {
        let find = |wanted: &dyn Fn(&ProviderSettingSpec) -> bool| self.specs.iter().position(wanted);
        let exact = find(&|spec| spec.describes(name));
        let place = || find(&|spec| spec.name.starts_with(name));
        exact.or_else(place).unwrap_or(self.specs.len())
    }
}

impl ProviderSettingSpec {
    /// Whether it describes the setting with this name. A `*` at its end matches any name.
    #[must_use]
    pub fn describes(&self, name: &str) -> bool {
        match self.name.strip_suffix('*') {
            Some(family) => name.strip_prefix(family).is_some_and(|rest| !rest.is_empty()),
            None => self.name == name,
        }
    }
}

/// The texts of errors in settings.
#[must_use]
pub fn error_texts(errors: Vec<ProviderSettingError>) -> Vec<String> {
    errors.into_iter().map(|error| error.to_string()).collect()
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
        reading.done(read).map_err(error_texts)
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
                "X.SecretFile: set this or X.SecretEnv, not both",
                "X.Secret: a secret is never stored here; set its file or its environment variable",
                "X.Size: must be good",
                "X.Colour: no such setting",
            ]
        );
    }
}

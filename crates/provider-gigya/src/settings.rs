//! A tenant's settings for Gigya: their names, their meaning, and every mistake in them at once.

use std::collections::BTreeMap;

use masthead_provider_http::{SecretPlace, budget::BudgetOptions};
use thiserror::Error;

use crate::metadata_map::MetadataMap;

mod table;
mod values;

pub use table::{SETTINGS, SettingSpec};
use table::{position, spec};

/// Something wrong with a tenant's settings for Gigya; it never repeats a value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Mistake {
    /// No such setting.
    #[error("{0}: no such setting")]
    UnknownName(Box<str>),
    /// A setting without which Gigya cannot be called.
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
    /// A secret that this way of proving oneself does not use would be kept for nothing, or the wrong way is set.
    #[error("{name}: has no use with this Gigya.Auth")]
    NoUse {
        /// The setting.
        name: &'static str,
    },
}

/// How the application proves itself (`providers.md` §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Auth {
    /// A signature over the request; the secret does not leave us.
    Signed,
    /// The secret in the body.
    Secret,
    /// A token that its private key signs.
    Bearer,
}

/// A tenant's settings for Gigya, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GigyaSettings {
    /// The address under which the API is called, without a slash at its end.
    pub(crate) origin: Box<str>,
    /// The site.
    pub(crate) api_key: Box<str>,
    /// The application that calls.
    pub(crate) user_key: Box<str>,
    /// How it proves itself.
    pub(crate) auth: Auth,
    /// Where its secret or private key is.
    pub(crate) secret: SecretPlace,
    /// How many accounts are asked for at a time.
    pub(crate) page_size: u32,
    /// How often the tenant may call: at once, and a second.
    pub(crate) budget: (u32, u32),
    /// Lite accounts count as users.
    pub(crate) lite_accounts: bool,
    /// What is read of, and written into, an account's data and profile.
    pub(crate) metadata: MetadataMap,
}

impl GigyaSettings {
    /// Reads the settings of a tenant whose name begins with `Gigya.`; other names are left alone. Plain http in
    /// `Gigya.BaseUrl` is taken only where private addresses may be called.
    ///
    /// # Errors
    /// Every mistake at once, each by its setting's name, in the order of [`SETTINGS`].
    pub fn parse(settings: &BTreeMap<Box<str>, Box<str>>, allow_private: bool) -> Result<Self, Vec<Mistake>> {
        let mut reading = Reading {
            settings,
            mistakes: Vec::new(),
        };
        let api_key = reading.required("Gigya.ApiKey", values::visible);
        let user_key = reading.required("Gigya.UserKey", values::visible);
        let base_url = reading.text("Gigya.BaseUrl", |text| values::origin(text, allow_private));
        let data_centre = if reading.has("Gigya.BaseUrl") {
            reading.text("Gigya.DataCenter", values::data_centre)
        } else {
            reading.required("Gigya.DataCenter", values::data_centre)
        };
        let auth = if reading.has("Gigya.Auth") {
            reading.text("Gigya.Auth", values::auth)
        } else {
            Some(Auth::Signed)
        };
        let secret = auth.and_then(|auth| reading.secret(auth));
        let page_size = reading.number("Gigya.PageSize", 1000, 300);
        let per_second = reading.number("Gigya.BudgetPerSecond", 1000, 10);
        let burst = reading.number("Gigya.BudgetBurst", 1000, 20);
        let lite_accounts = reading.text("Gigya.LiteAccounts", values::flag).unwrap_or(false);
        let metadata = reading
            .text("Gigya.MetadataMap", MetadataMap::parse)
            .unwrap_or_default();
        reading.unknown_names();

        let origin = base_url.or_else(|| data_centre.map(|domain| format!("https://accounts.{domain}").into()));
        match (origin, api_key, user_key, auth, secret) {
            (Some(origin), Some(api_key), Some(user_key), Some(auth), Some(secret)) if reading.mistakes.is_empty() => {
                Ok(Self {
                    origin,
                    api_key,
                    user_key,
                    auth,
                    secret,
                    page_size,
                    budget: (burst, per_second),
                    lite_accounts,
                    metadata,
                })
            }
            _ => Err(reading.told()),
        }
    }

    /// Where the application's secret, or its private key, is kept.
    #[must_use]
    pub const fn secret_place(&self) -> &SecretPlace {
        &self.secret
    }

    /// How often the tenant may call.
    #[must_use]
    pub fn budget(&self) -> BudgetOptions {
        let (burst, per_second) = self.budget;
        BudgetOptions {
            burst,
            per_second: f64::from(per_second),
        }
    }
}

/// The two settings that name the place of a secret: a file, and a variable.
const SECRET: [&str; 2] = ["Gigya.SecretFile", "Gigya.SecretEnv"];
const PRIVATE_KEY: [&str; 2] = ["Gigya.PrivateKeyFile", "Gigya.PrivateKeyEnv"];

/// The settings as they are read, with the mistakes found so far.
struct Reading<'a> {
    settings: &'a BTreeMap<Box<str>, Box<str>>,
    mistakes: Vec<Mistake>,
}

impl Reading<'_> {
    fn has(&self, name: &str) -> bool {
        self.settings.contains_key(name)
    }

    fn text<T>(&mut self, name: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let value = parse(self.settings.get(name)?.trim());
        if value.is_none() {
            let expected = spec(name).map_or("", |spec| spec.values);
            self.mistakes.push(Mistake::BadValue { name, expected });
        }
        value
    }

    fn required<T>(&mut self, name: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        if !self.has(name) {
            let meaning = spec(name).map_or("", |spec| spec.meaning);
            self.mistakes.push(Mistake::Missing { name, meaning });
        }
        self.text(name, parse)
    }

    fn number(&mut self, name: &'static str, most: u32, otherwise: u32) -> u32 {
        self.text(name, |text| values::number(text, most)).unwrap_or(otherwise)
    }

    fn secret(&mut self, auth: Auth) -> Option<SecretPlace> {
        let (used, unused) = match auth {
            Auth::Signed | Auth::Secret => (SECRET, PRIVATE_KEY),
            Auth::Bearer => (PRIVATE_KEY, SECRET),
        };
        for name in unused.into_iter().filter(|name| self.settings.contains_key(*name)) {
            self.mistakes.push(Mistake::NoUse { name });
        }
        let [file, environment] = used;
        match (self.has(file), self.has(environment)) {
            (true, true) => {
                self.mistakes.push(Mistake::TwoSecrets { file, environment });
                None
            }
            (false, true) => self
                .text(environment, values::variable_name)
                .map(SecretPlace::Environment),
            (_, false) => self.required(file, values::path).map(SecretPlace::File),
        }
    }

    fn unknown_names(&mut self) {
        for name in self.settings.keys().filter(|name| name.starts_with("Gigya.")) {
            let never = ["Gigya.Secret", "Gigya.PrivateKey"]
                .into_iter()
                .find(|never| **name == **never);
            if let Some(name) = never {
                self.mistakes.push(Mistake::SecretInSettings { name });
            } else if spec(name).is_none() {
                self.mistakes.push(Mistake::UnknownName(name.clone()));
            }
        }
    }

    fn told(mut self) -> Vec<Mistake> {
        let place = |mistake: &Mistake| match mistake {
            Mistake::Missing { name, .. } | Mistake::BadValue { name, .. } | Mistake::NoUse { name } => position(name),
            Mistake::SecretInSettings { .. } => position("Gigya.SecretFile"),
            Mistake::TwoSecrets { file, .. } => position(file),
            Mistake::UnknownName(_) => SETTINGS.len(),
        };
        self.mistakes.sort_by_key(place);
        self.mistakes
    }
}

#[cfg(test)]
mod tests;

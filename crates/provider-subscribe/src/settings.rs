//! A tenant's settings for a remote Users API: their names, their meaning, and every mistake in them at once.

use std::collections::BTreeMap;

use http::{HeaderValue, Method};
use masthead_domain::{settings::SUBSCRIBE_PREFIX, tenant::TenantId};
use masthead_provider_http::{SecretPlace, budget::BudgetOptions};
use thiserror::Error;

/// One setting, for help texts and docs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettingSpec {
    /// The name under which it is set.
    pub name: &'static str,
    /// What values it takes.
    pub values: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

const fn spec(name: &'static str, values: &'static str, meaning: &'static str) -> SettingSpec {
    SettingSpec { name, values, meaning }
}

const URL: usize = 0;
const API: usize = 1;
const METHOD: usize = 2;
const TENANT: usize = 3;
const SOURCE_SYSTEM: usize = 4;
const TOKEN_FILE: usize = 5;
const TOKEN_ENV: usize = 6;
const PER_SECOND: usize = 7;
const BURST: usize = 8;

/// Every setting.
pub const SETTINGS: [SettingSpec; 9] = [
    spec(
        "Subscribe.Url",
        "https://host, with a port and a path if need be; http only where private addresses may be called",
        "the address of the Users API that answers in place of our registrations, without /v4/Users or /User",
    ),
    spec(
        "Subscribe.Api",
        "v4 or legacy",
        "which of its APIs is asked; v4 when not set",
    ),
    spec(
        "Subscribe.Method",
        "POST or GET",
        "how v4 is asked: POST keeps addresses out of URLs and is Masthead's own, GET is the published query string; POST when \
         not set",
    ),
    spec(
        "Subscribe.Tenant",
        "group/client/paper",
        "the tenant that is asked about there; the same as here when not set",
    ),
    spec(
        "Subscribe.SourceSystem",
        "1 to 64 printable ASCII characters",
        "what we call ourselves there (X-SourceSystem); Masthead when not set",
    ),
    spec(
        "Subscribe.TokenFile",
        "the path of a file",
        "where the bearer token is kept; or Subscribe.TokenEnv",
    ),
    spec(
        "Subscribe.TokenEnv",
        "the name of an environment variable",
        "where the bearer token is kept; or Subscribe.TokenFile",
    ),
    spec(
        "Subscribe.BudgetPerSecond",
        "a number from 1 to 10000",
        "how many calls a second the tenant may make for ever; 500 when not set",
    ),
    spec(
        "Subscribe.BudgetBurst",
        "a number from 1 to 10000",
        "how many calls it may make at once; 1000 when not set",
    ),
];

/// The most calls that a budget can be set to.
const MOST_CALLS: u32 = 10_000;

/// Something wrong with a tenant's settings for a remote Users API; it never repeats a value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Mistake {
    /// No such setting.
    #[error("{0}: no such setting")]
    UnknownName(Box<str>),
    /// A setting without which the API cannot be called.
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
    #[error("Subscribe.Token: a secret is never kept here; set Subscribe.TokenFile or Subscribe.TokenEnv")]
    SecretInSettings,
    /// Both places of the token are named.
    #[error("Subscribe.TokenFile, Subscribe.TokenEnv: set one of them, not both")]
    TwoSecrets,
    /// The legacy API is only asked in one way.
    #[error("Subscribe.Method: has no use with Subscribe.Api=legacy")]
    NoUse,
}

/// Which API is asked, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    /// `POST /v4/Users/Search`.
    V4Body,
    /// `GET /v4/Users?…`.
    V4Query,
    /// `GET /User…`.
    Legacy,
}

/// A tenant's settings for a remote Users API, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscribeSettings {
    /// The address, without a slash at its end.
    pub(crate) url: Box<str>,
    pub(crate) api: Api,
    /// The tenant there; `None` where it is named as here.
    pub(crate) tenant: Option<TenantId>,
    pub(crate) source_system: HeaderValue,
    pub(crate) token: SecretPlace,
    /// How often the tenant may call: at once, and a second.
    pub(crate) budget: (u32, u32),
}

impl SubscribeSettings {
    /// Reads the settings of a tenant whose name begins with `Subscribe.`; other names are left alone. Plain http in
    /// `Subscribe.Url` is taken only where private addresses may be called.
    ///
    /// # Errors
    /// Every mistake at once, each by its setting's name, in the order of [`SETTINGS`].
    pub fn parse(settings: &BTreeMap<Box<str>, Box<str>>, allow_private: bool) -> Result<Self, Vec<Mistake>> {
        let mut reading = Reading {
            settings,
            mistakes: Vec::new(),
        };
        let url = reading.required(URL, |text| base(text, allow_private));
        let legacy = reading.text(API, |text| match text {
            "v4" => Some(false),
            "legacy" => Some(true),
            _ => None,
        });
        let method = reading.text(METHOD, |text| match text {
            "POST" => Some(Method::POST),
            "GET" => Some(Method::GET),
            _ => None,
        });
        let api = match (legacy, method) {
            (Some(true), None) => Api::Legacy,
            (Some(true), Some(_)) => {
                reading.mistakes.push(Mistake::NoUse);
                Api::Legacy
            }
            (_, Some(Method::GET)) => Api::V4Query,
            (_, _) => Api::V4Body,
        };
        let tenant = reading.text(TENANT, |text| TenantId::parse(text).ok());
        let source_system = if reading.has(SOURCE_SYSTEM) {
            reading.text(SOURCE_SYSTEM, code)
        } else {
            Some(HeaderValue::from_static("Masthead"))
        };
        let token = reading.token();
        let per_second = reading.text(PER_SECOND, calls).unwrap_or(500);
        let burst = reading.text(BURST, calls).unwrap_or(1000);
        reading.unknown_names();
        match (url, source_system, token) {
            (Some(url), Some(source_system), Some(token)) if reading.mistakes.is_empty() => Ok(Self {
                url,
                api,
                tenant,
                source_system,
                token,
                budget: (burst, per_second),
            }),
            _ => Err(reading.mistakes),
        }
    }

    /// Where the bearer token is kept.
    #[must_use]
    pub const fn token_place(&self) -> &SecretPlace {
        &self.token
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

/// The settings as they are read, with the mistakes found so far.
struct Reading<'a> {
    settings: &'a BTreeMap<Box<str>, Box<str>>,
    mistakes: Vec<Mistake>,
}

impl Reading<'_> {
    fn has(&self, at: usize) -> bool {
        self.settings.contains_key(SETTINGS[at].name)
    }

    fn text<T>(&mut self, at: usize, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let SettingSpec { name, values, .. } = SETTINGS[at];
        let value = parse(self.settings.get(name)?.trim());
        if value.is_none() {
            self.mistakes.push(Mistake::BadValue { name, expected: values });
        }
        value
    }

    fn required<T>(&mut self, at: usize, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        if !self.has(at) {
            let SettingSpec { name, meaning, .. } = SETTINGS[at];
            self.mistakes.push(Mistake::Missing { name, meaning });
        }
        self.text(at, parse)
    }

    fn token(&mut self) -> Option<SecretPlace> {
        if self.settings.contains_key("Subscribe.Token") {
            self.mistakes.push(Mistake::SecretInSettings);
        }
        match (self.has(TOKEN_FILE), self.has(TOKEN_ENV)) {
            (true, true) => {
                self.mistakes.push(Mistake::TwoSecrets);
                None
            }
            (false, true) => self.text(TOKEN_ENV, variable_name).map(SecretPlace::Environment),
            (_, false) => self.required(TOKEN_FILE, path).map(SecretPlace::File),
        }
    }

    fn unknown_names(&mut self) {
        let own = self.settings.keys().filter(|name| name.starts_with(SUBSCRIBE_PREFIX));
        let unknown =
            own.filter(|name| ***name != *"Subscribe.Token" && !SETTINGS.iter().any(|known| known.name == &***name));
        self.mistakes.extend(unknown.cloned().map(Mistake::UnknownName));
    }
}

/// An address without question and user name, and without a slash at its end.
fn base(text: &str, allow_plain_http: bool) -> Option<Box<str>> {
    let uri: http::Uri = text.parse().ok()?;
    let scheme = uri.scheme_str()?;
    let authority = uri.authority()?;
    let good = (scheme == "https" || (scheme == "http" && allow_plain_http))
        && uri.query().is_none()
        && !text.contains(['#', '@', '\\'])
        && !uri.path().split('/').any(|segment| matches!(segment, "." | ".."))
        && !authority.host().is_empty();
    let path = uri.path().trim_end_matches('/');
    good.then(|| format!("{scheme}://{authority}{path}").into())
}

fn code(text: &str) -> Option<HeaderValue> {
    let good = (1..=64).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    good.then(|| HeaderValue::from_str(text).ok())?
}

fn path(text: &str) -> Option<Box<str>> {
    (!text.is_empty() && !text.chars().any(char::is_control)).then(|| text.into())
}

fn variable_name(text: &str) -> Option<Box<str>> {
    let good = !text.is_empty()
        && !text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    good.then(|| text.into())
}

fn calls(text: &str) -> Option<u32> {
    text.parse().ok().filter(|number| (1..=MOST_CALLS).contains(number))
}

#[cfg(test)]
mod tests;

//! A tenant's settings for Auth0: their names, their meaning, and every mistake in them at once.

use std::collections::BTreeMap;

use http::Uri;
use masthead_provider_http::{
    Secret, SecretPlace, budget::BudgetOptions, client_credentials::ClientCredentialsOptions,
};
use thiserror::Error;

use crate::metadata_map::MetadataMap;

mod table;

pub use table::{SETTINGS, SettingSpec};
use table::{position, spec};

/// Something wrong with a tenant's settings for Auth0; it never repeats a value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Mistake {
    /// No such setting.
    #[error("{0}: no such setting")]
    UnknownName(Box<str>),
    /// A setting without which Auth0 cannot be called.
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
    #[error("Auth0.ClientSecret: a secret is never kept here; set Auth0.ClientSecretFile or Auth0.ClientSecretEnv")]
    SecretInSettings,
    /// Both places of the secret are named.
    #[error("Auth0.ClientSecretFile, Auth0.ClientSecretEnv: set one of them, not both")]
    TwoSecrets,
    /// Accounts would be made where they are not looked for.
    #[error("Auth0.Connection: must be one of Auth0.Connections")]
    ConnectionNotAllowed,
}

/// A tenant's settings for Auth0, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth0Settings {
    /// The address under which the API is called, without a slash at its end.
    pub(crate) origin: Box<str>,
    /// The application that calls.
    pub(crate) client_id: Box<str>,
    /// Where its secret is.
    pub(crate) secret: SecretPlace,
    /// The API's identifier.
    pub(crate) audience: Box<str>,
    /// The connections whose users are this tenant's; empty means all.
    pub(crate) connections: Vec<Box<str>>,
    /// The connection in which accounts are made; without one none can be.
    pub(crate) connection: Option<Box<str>>,
    /// How many users are asked for at a time.
    pub(crate) page_size: u32,
    /// How often the tenant may call.
    pub(crate) budget: (u32, u32),
    /// Parts of addresses are searched for by the provider.
    pub(crate) leading_wildcards: bool,
    /// A look-up by address also looks for one that was kept with capitals.
    pub(crate) mixed_case_emails: bool,
    /// What is read of, and written into, a user's metadata.
    pub(crate) metadata: MetadataMap,
}

impl Auth0Settings {
    /// Reads the settings of a tenant whose name begins with `Auth0.`; other names are left alone. Plain http in
    /// `Auth0.BaseUrl` is taken only where private addresses may be called.
    ///
    /// # Errors
    /// Every mistake at once, each by its setting's name, in the order of [`SETTINGS`].
    pub fn parse(settings: &BTreeMap<Box<str>, Box<str>>, allow_private: bool) -> Result<Self, Vec<Mistake>> {
        let mut reading = Reading {
            settings,
            mistakes: Vec::new(),
        };
        let base_url = reading.text("Auth0.BaseUrl", |text| origin(text, allow_private));
        let domain = if reading.settings.contains_key("Auth0.BaseUrl") {
            reading.text("Auth0.Domain", host_name)
        } else {
            reading.required("Auth0.Domain", host_name)
        };
        let client_id = reading.required("Auth0.ClientId", visible);
        let secret = reading.secret();
        let audience = reading.text("Auth0.Audience", absolute);
        let connections = reading.text("Auth0.Connections", names).unwrap_or_default();
        let connection = reading.text("Auth0.Connection", name);
        if connection
            .as_ref()
            .is_some_and(|one| !connections.is_empty() && !connections.contains(one))
        {
            reading.mistakes.push(Mistake::ConnectionNotAllowed);
        }
        let page_size = reading.text("Auth0.PageSize", |text| number(text, 100)).unwrap_or(50);
        let per_second = reading
            .text("Auth0.BudgetPerSecond", |text| number(text, 1000))
            .unwrap_or(2);
        let burst = reading
            .text("Auth0.BudgetBurst", |text| number(text, 1000))
            .unwrap_or(10);
        let metadata = reading
            .text("Auth0.MetadataMap", MetadataMap::parse)
            .unwrap_or_default();
        let leading_wildcards = reading.text("Auth0.LeadingWildcards", flag).unwrap_or(false);
        let mixed_case_emails = reading.text("Auth0.MixedCaseEmails", flag).unwrap_or(true);
        reading.unknown_names();

        let origin = base_url.or_else(|| domain.as_ref().map(|domain| format!("https://{domain}").into()));
        let api_of = |host: &str| Box::from(format!("{host}/api/v2/"));
        let audience = audience
            .or_else(|| domain.map(|domain| api_of(&format!("https://{domain}"))))
            .or_else(|| origin.as_deref().map(api_of));
        match (origin, client_id, secret, audience) {
            (Some(origin), Some(client_id), Some(secret), Some(audience)) if reading.mistakes.is_empty() => Ok(Self {
                origin,
                client_id,
                secret,
                audience,
                connections,
                connection,
                page_size,
                budget: (burst, per_second),
                leading_wildcards,
                mixed_case_emails,
                metadata,
            }),
            _ => Err(reading.told()),
        }
    }

    /// Where the client's secret is kept.
    #[must_use]
    pub const fn secret_place(&self) -> &SecretPlace {
        &self.secret
    }

    /// How tokens are fetched, with the secret that was found at its place.
    ///
    /// # Errors
    /// The token address cannot be written; settings that [`Self::parse`] made never are so.
    pub fn credentials(&self, client_secret: Secret) -> Result<ClientCredentialsOptions, http::uri::InvalidUri> {
        Ok(ClientCredentialsOptions {
            token_url: format!("{}/oauth/token", self.origin).parse()?,
            client_id: self.client_id.clone(),
            client_secret,
            audience: Some(self.audience.clone()),
        })
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
    fn text<T>(&mut self, name: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let value = parse(self.settings.get(name)?.trim());
        if value.is_none() {
            let expected = spec(name).map_or("", |spec| spec.values);
            self.mistakes.push(Mistake::BadValue { name, expected });
        }
        value
    }

    fn required<T>(&mut self, name: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        if !self.settings.contains_key(name) {
            let meaning = spec(name).map_or("", |spec| spec.meaning);
            self.mistakes.push(Mistake::Missing { name, meaning });
        }
        self.text(name, parse)
    }

    fn secret(&mut self) -> Option<SecretPlace> {
        let (file, variable) = ("Auth0.ClientSecretFile", "Auth0.ClientSecretEnv");
        match (self.settings.contains_key(file), self.settings.contains_key(variable)) {
            (true, true) => {
                self.mistakes.push(Mistake::TwoSecrets);
                None
            }
            (false, true) => self.text(variable, variable_name).map(SecretPlace::Environment),
            (_, false) => self.required(file, path).map(SecretPlace::File),
        }
    }

    fn unknown_names(&mut self) {
        for name in self.settings.keys().filter(|name| name.starts_with("Auth0.")) {
            if &**name == "Auth0.ClientSecret" {
                self.mistakes.push(Mistake::SecretInSettings);
            } else if spec(name).is_none() {
                self.mistakes.push(Mistake::UnknownName(name.clone()));
            }
        }
    }

    fn told(mut self) -> Vec<Mistake> {
        let place = |mistake: &Mistake| match mistake {
            Mistake::Missing { name, .. } | Mistake::BadValue { name, .. } => position(name),
            Mistake::SecretInSettings | Mistake::TwoSecrets => position("Auth0.ClientSecretFile"),
            Mistake::ConnectionNotAllowed => position("Auth0.Connection"),
            Mistake::UnknownName(_) => SETTINGS.len(),
        };
        self.mistakes.sort_by_key(place);
        self.mistakes
    }
}

fn host_name(text: &str) -> Option<Box<str>> {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let good = text.len() <= 253 && text.contains('.') && text.split('.').all(label);
    good.then(|| text.to_ascii_lowercase().into())
}

/// An address without path, question or user name.
fn origin(text: &str, allow_plain_http: bool) -> Option<Box<str>> {
    let uri: Uri = text.parse().ok()?;
    let scheme = uri.scheme_str()?;
    let authority = uri.authority()?;
    let good = (scheme == "https" || (scheme == "http" && allow_plain_http))
        && matches!(uri.path(), "" | "/")
        && uri.query().is_none()
        && !text.contains(['#', '@'])
        && !authority.host().is_empty();
    good.then(|| format!("{scheme}://{authority}").into())
}

fn absolute(text: &str) -> Option<Box<str>> {
    let uri: Uri = text.parse().ok()?;
    (uri.scheme().is_some() && uri.authority().is_some()).then(|| text.into())
}

fn visible(text: &str) -> Option<Box<str>> {
    let good = (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    good.then(|| text.into())
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

/// The longest name of a connection (the Management API's own rule).
const MAX_CONNECTION_BYTES: usize = 128;

fn name(text: &str) -> Option<Box<str>> {
    let good = (1..=MAX_CONNECTION_BYTES).contains(&text.len()) && !text.chars().any(char::is_control);
    good.then(|| text.into())
}

fn names(text: &str) -> Option<Vec<Box<str>>> {
    text.split(',').map(str::trim).map(name).collect()
}

fn number(text: &str, most: u32) -> Option<u32> {
    text.parse().ok().filter(|number| (1..=most).contains(number))
}

fn flag(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests;

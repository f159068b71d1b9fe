//! A tenant's settings for Auth0: their names, their meaning, and every error in them at once.

use http::Uri;
use masthead_provider_kit::{
    ClientTlsPlaces, ProviderSettingError, Secret, SecretPlace, SettingMap, SettingReader,
    client_credentials::ClientCredentialsOptions,
    settings::value::{is_host_label, origin, visible},
};

use crate::metadata_map::Auth0MetadataMap;

mod table;

pub use table::SETTINGS;

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
    /// How many users are requested at a time.
    pub(crate) page_size: u32,
    /// How often the tenant may call.
    pub(crate) budget: (u32, u32),
    /// Parts of addresses are searched for by the provider.
    pub(crate) leading_wildcards: bool,
    /// A look-up by address also looks for one that was stored with capitals.
    pub(crate) mixed_case_emails: bool,
    /// What is read of, and written into, a user's metadata.
    pub(crate) metadata: Auth0MetadataMap,
    /// What the calls' TLS is made of.
    pub(crate) tls: ClientTlsPlaces,
}

impl Auth0Settings {
    /// Reads the settings of a tenant whose name begins with `Auth0.`; other names are left alone. Plain http in
    /// `Auth0.BaseUrl` is taken only where private addresses may be called.
    ///
    /// # Errors
    /// Every error at once, each by its setting's name, in the order of [`SETTINGS`].
    pub fn parse(settings: &SettingMap, allow_private: bool) -> Result<Self, Vec<ProviderSettingError>> {
        let mut reading = SettingReader::new(settings, &SETTINGS);
        let base_url = reading.text("Auth0.BaseUrl", |text| origin(text, allow_private));
        let domain = if reading.has("Auth0.BaseUrl") {
            reading.text("Auth0.Domain", host_name)
        } else {
            reading.required("Auth0.Domain", host_name)
        };
        let client_id = reading.required("Auth0.ClientId", visible);
        let secret = reading.secret(["Auth0.ClientSecretFile", "Auth0.ClientSecretEnv"]);
        let audience = reading.text("Auth0.Audience", absolute);
        let connections = reading.text("Auth0.Connections", names).unwrap_or_default();
        let connection = reading.text("Auth0.Connection", name);
        if connection
            .as_ref()
            .is_some_and(|one| !connections.is_empty() && !connections.contains(one))
        {
            reading.report("Auth0.Connection", "must be one of Auth0.Connections");
        }
        let page_size = reading.number("Auth0.PageSize", 100, 50);
        let per_second = reading.number("Auth0.BudgetPerSecond", 1000, 2);
        let burst = reading.number("Auth0.BudgetBurst", 1000, 10);
        let metadata = reading
            .text("Auth0.MetadataMap", Auth0MetadataMap::parse)
            .unwrap_or_default();
        let leading_wildcards = reading.flag("Auth0.LeadingWildcards", false);
        let mixed_case_emails = reading.flag("Auth0.MixedCaseEmails", true);
        let tls = reading.client_tls(["Auth0.ClientCertificateFile", "Auth0.ClientKeyFile", "Auth0.CaFile"]);
        reading.unknown_names("Auth0.", &["Auth0.ClientSecret"]);

        let origin = base_url.or_else(|| domain.as_ref().map(|domain| format!("https://{domain}").into()));
        let api_of = |host: &str| Box::from(format!("{host}/api/v2/"));
        let audience = audience
            .or_else(|| domain.map(|domain| api_of(&format!("https://{domain}"))))
            .or_else(|| origin.as_deref().map(api_of));
        let needed = origin.zip(client_id).zip(secret.zip(audience));
        reading.done(needed.map(|((origin, client_id), (secret, audience))| Self {
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
            tls,
        }))
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
}

fn host_name(text: &str) -> Option<Box<str>> {
    let good = text.len() <= 253 && text.contains('.') && text.split('.').all(is_host_label);
    good.then(|| text.to_ascii_lowercase().into())
}

fn absolute(text: &str) -> Option<Box<str>> {
    let uri: Uri = text.parse().ok()?;
    (uri.scheme().is_some() && uri.authority().is_some()).then(|| text.into())
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

#[cfg(test)]
mod tests;

//! A tenant's settings for Cognito: their names, their meaning, and every error in them at once.

use masthead_provider_kit::{
    ClientTlsPlaces, ProviderSettingError, SecretPlace, SettingMap, SettingReader,
    settings::value::{is_host_label, origin, visible},
};

mod table;

pub use table::SETTINGS;

/// The two settings that name the place of the app client's secret.
const SECRET: [&str; 2] = ["Cognito.ClientSecretFile", "Cognito.ClientSecretEnv"];

/// A tenant's settings for Cognito, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CognitoSettings {
    /// The address under which the API is called, without a slash at its end.
    pub(crate) origin: Box<str>,
    /// The app client.
    pub(crate) client_id: Box<str>,
    /// Where its secret is, if it has one.
    pub(crate) secret: Option<SecretPlace>,
    /// How often the tenant may call: at once, and a second.
    pub(crate) budget: (u32, u32),
    /// What the calls' TLS is made of.
    pub(crate) tls: ClientTlsPlaces,
}

impl CognitoSettings {
    /// Reads the settings of a tenant whose name begins with `Cognito.`; other names are left alone. Plain http in
    /// `Cognito.BaseUrl` is taken only where private addresses may be called.
    ///
    /// # Errors
    /// Every error at once, each by its setting's name, in the order of [`SETTINGS`].
    pub fn parse(settings: &SettingMap, allow_private: bool) -> Result<Self, Vec<ProviderSettingError>> {
        let mut reading = SettingReader::new(settings, &SETTINGS);
        let base_url = reading.text("Cognito.BaseUrl", |text| origin(text, allow_private));
        let region = if reading.has("Cognito.BaseUrl") {
            reading.text("Cognito.Region", region)
        } else {
            reading.required("Cognito.Region", region)
        };
        let client_id = reading.required("Cognito.ClientId", visible);
        let has_secret = SECRET.iter().any(|name| reading.has(name));
        let secret = has_secret.then(|| reading.secret(SECRET)).flatten();
        let per_second = reading.number("Cognito.BudgetPerSecond", 1000, 50);
        let burst = reading.number("Cognito.BudgetBurst", 1000, 100);
        let tls = reading.client_tls([
            "Cognito.ClientCertificateFile",
            "Cognito.ClientKeyFile",
            "Cognito.CaFile",
        ]);
        reading.unknown_names("Cognito.", &["Cognito.ClientSecret"]);

        let of_region = |region: Box<str>| format!("https://cognito-idp.{region}.amazonaws.com").into();
        let origin = base_url.or_else(|| region.map(of_region));
        reading.done(origin.zip(client_id).map(|(origin, client_id)| Self {
            origin,
            client_id,
            secret,
            budget: (burst, per_second),
            tls,
        }))
    }
}

/// A region is one label of a host's name, so that no other host is called.
fn region(text: &str) -> Option<Box<str>> {
    (is_host_label(text) && text.contains('-')).then(|| text.to_ascii_lowercase().into())
}

#[cfg(test)]
mod tests;

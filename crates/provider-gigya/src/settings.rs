//! A tenant's settings for Gigya: their names, their meaning, and every error in them at once.

use masthead_provider_kit::{
    ClientTlsPlaces, ProviderSettingError, SecretPlace, SettingMap, SettingReader,
    settings::value::{origin, visible},
};

use crate::metadata_map::GigyaMetadataMap;

mod table;
mod values;

pub use table::SETTINGS;
pub(crate) use values::Auth;

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
    /// How many accounts are requested at a time.
    pub(crate) page_size: u32,
    /// How often the tenant may call: at once, and a second.
    pub(crate) budget: (u32, u32),
    /// Lite accounts count as users.
    pub(crate) lite_accounts: bool,
    /// What is read of, and written into, an account's data and profile.
    pub(crate) metadata: GigyaMetadataMap,
    /// What the calls' TLS is made of.
    pub(crate) tls: ClientTlsPlaces,
}

impl GigyaSettings {
    /// Reads the settings of a tenant whose name begins with `Gigya.`; other names are left alone. Plain http in
    /// `Gigya.BaseUrl` is taken only where private addresses may be called.
    ///
    /// # Errors
    /// Every error at once, each by its setting's name, in the order of [`SETTINGS`].
    pub fn parse(settings: &SettingMap, allow_private: bool) -> Result<Self, Vec<ProviderSettingError>> {
        let mut reading = SettingReader::new(settings, &SETTINGS);
        let api_key = reading.required("Gigya.ApiKey", visible);
        let user_key = reading.required("Gigya.UserKey", visible);
        let base_url = reading.text("Gigya.BaseUrl", |text| origin(text, allow_private));
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
        let secret = auth.and_then(|auth| secret(&mut reading, auth));
        let page_size = reading.number("Gigya.PageSize", 1000, 300);
        let per_second = reading.number("Gigya.BudgetPerSecond", 1000, 10);
        let burst = reading.number("Gigya.BudgetBurst", 1000, 20);
        let lite_accounts = reading.flag("Gigya.LiteAccounts", false);
        let metadata = reading
            .text("Gigya.MetadataMap", GigyaMetadataMap::parse)
            .unwrap_or_default();
        let tls = reading.client_tls(["Gigya.ClientCertificateFile", "Gigya.ClientKeyFile", "Gigya.CaFile"]);
        reading.unknown_names("Gigya.", &["Gigya.Secret", "Gigya.PrivateKey"]);

        let origin = base_url.or_else(|| data_centre.map(|domain| format!("https://accounts.{domain}").into()));
        let needed = origin.zip(api_key.zip(user_key)).zip(auth.zip(secret));
        reading.done(needed.map(|((origin, (api_key, user_key)), (auth, secret))| Self {
            origin,
            api_key,
            user_key,
            auth,
            secret,
            page_size,
            budget: (burst, per_second),
            lite_accounts,
            metadata,
            tls,
        }))
    }
}

/// The two settings that name the place of a secret: a file, and a variable.
const SECRET: [&str; 2] = ["Gigya.SecretFile", "Gigya.SecretEnv"];
const PRIVATE_KEY: [&str; 2] = ["Gigya.PrivateKeyFile", "Gigya.PrivateKeyEnv"];

/// The place of the secret for this kind of credentials. A setting of another kind is an error.
fn secret(reading: &mut SettingReader<'_>, auth: Auth) -> Option<SecretPlace> {
    let (used, unused) = match auth {
        Auth::Signed | Auth::Secret => (SECRET, PRIVATE_KEY),
        Auth::Bearer => (PRIVATE_KEY, SECRET),
    };
    for name in unused {
        if reading.has(name) {
            reading.report(name, "has no use with this Gigya.Auth");
        }
    }
    reading.secret(used)
}

#[cfg(test)]
mod tests;

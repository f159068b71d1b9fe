//! The secrets that imported password hashes of a tenant need, by the tenant's settings.

use base64::{Engine, prelude::BASE64_STANDARD};
use masthead_credentials::{FIREBASE_SIGNER_KEY, FirebaseKey, HashSecrets, PEPPER, TenantHashSecrets};
use masthead_domain::{settings::HASHES_PREFIX, tenant::Tenant};
use masthead_provider_kit::{
    ProviderSettingError, ProviderSettingSpec, Secret, SecretPlace, Secrets, SettingMap, SettingReader,
};
use zeroize::Zeroizing;

use crate::settings::TenantSecrets;

const SALT_SEPARATOR: &str = "Hashes.FirebaseSaltSeparator";
/// That of most projects, `Bw==`.
const USUAL_SALT_SEPARATOR: [u8; 1] = [7];

const SIGNER_KEY_PLACES: [&str; 2] = ["Hashes.FirebaseSignerKeyFile", "Hashes.FirebaseSignerKeyEnv"];
const PEPPER_PLACES: [&str; 2] = ["Hashes.PepperFile", "Hashes.PepperEnv"];

/// Every setting.
const SPECS: [ProviderSettingSpec; 5] = [
    ProviderSettingSpec {
        name: SIGNER_KEY_PLACES[0],
        values: "the path of a file",
        meaning: "the file with base64_signer_key of the Firebase project",
    },
    ProviderSettingSpec {
        name: SIGNER_KEY_PLACES[1],
        values: "the name of an environment variable",
        meaning: "the variable with base64_signer_key of the Firebase project",
    },
    ProviderSettingSpec {
        name: SALT_SEPARATOR,
        values: "base64",
        meaning: "base64_salt_separator of the Firebase project (Bw==)",
    },
    ProviderSettingSpec {
        name: PEPPER_PLACES[0],
        values: "the path of a file",
        meaning: "the file with the pepper of imported hashes",
    },
    ProviderSettingSpec {
        name: PEPPER_PLACES[1],
        values: "the name of an environment variable",
        meaning: "the variable with the pepper of imported hashes",
    },
];

/// The checked settings of a tenant.
struct HashSettings {
    signer_key: Option<SecretPlace>,
    salt_separator: Vec<u8>,
    pepper: Option<SecretPlace>,
}

impl HashSettings {
    fn parse(settings: &SettingMap) -> Result<Self, Vec<ProviderSettingError>> {
        let mut reader = SettingReader::new(settings, &SPECS);
        let mut place = |places: [&str; 2]| {
            let is_set = places.iter().any(|name| reader.has(name));
            is_set.then(|| reader.secret(places)).flatten()
        };
        let signer_key = place(SIGNER_KEY_PLACES);
        let pepper = place(PEPPER_PLACES);
        let salt_separator = reader.text(SALT_SEPARATOR, |text| BASE64_STANDARD.decode(text).ok());
        reader.unknown_names(HASHES_PREFIX, &[FIREBASE_SIGNER_KEY, PEPPER]);
        reader.done(Some(Self {
            signer_key,
            salt_separator: salt_separator.unwrap_or_else(|| USUAL_SALT_SEPARATOR.into()),
            pepper,
        }))
    }
}

/// All errors in a tenant's settings of imported hashes.
pub(crate) fn setting_errors(settings: &SettingMap) -> Vec<ProviderSettingError> {
    HashSettings::parse(settings).err().unwrap_or_default()
}

/// Reads the secrets each time one is needed, so that a changed one counts at once.
pub(crate) struct SettingHashSecrets(TenantSecrets);

impl SettingHashSecrets {
    /// Reads secrets from here.
    pub(crate) const fn new(secrets: TenantSecrets) -> Self {
        Self(secrets)
    }

    fn read(&self, tenant: &Tenant, place: Option<&SecretPlace>) -> Option<Secret> {
        place.and_then(|place| self.0.secret(&tenant.id, place))
    }
}

impl TenantHashSecrets for SettingHashSecrets {
    fn for_tenant(&self, tenant: &Tenant) -> HashSecrets {
        // Invalid settings are refused when they are set.
        let Ok(settings) = HashSettings::parse(&tenant.settings.provider) else {
            return HashSecrets::default();
        };
        let signer_key = self.read(tenant, settings.signer_key.as_ref());
        let signer_key = signer_key.and_then(|key| BASE64_STANDARD.decode(key.expose_text()?.trim()).ok());
        let pepper = self.read(tenant, settings.pepper.as_ref());
        HashSecrets {
            firebase: signer_key.map(|key| FirebaseKey {
                signer_key: Zeroizing::new(key),
                salt_separator: settings.salt_separator,
            }),
            pepper: pepper.map(|pepper| Zeroizing::new(pepper.expose().to_vec())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use masthead_domain::{
        settings::TenantSettings,
        tenant::{PoolId, TenantId},
    };

    use super::*;

    fn tenant(pairs: &[(&str, &str)]) -> Tenant {
        let (settings, errors) = TenantSettings::parse(pairs.iter().copied());
        assert_eq!(errors, []);
        Tenant {
            id: TenantId::parse("north/daily/herald").unwrap(),
            pool: PoolId(1),
            settings,
        }
    }

    fn errors(pairs: &[(&str, &str)]) -> Vec<String> {
        let errors = setting_errors(&tenant(pairs).settings.provider);
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn secrets_are_read_where_the_settings_name_them() {
        let folder = std::env::temp_dir().join(format!("masthead-hash_secrets-{}", std::process::id()));
        let own = folder.join("north/daily/herald");
        fs::create_dir_all(&own).unwrap();
        fs::write(own.join("signer"), "AAEC\n").unwrap();
        fs::write(own.join("pepper"), "black pepper").unwrap();
        let secrets = SettingHashSecrets::new(TenantSecrets::new(&folder, false));
        let found = secrets.for_tenant(&tenant(&[
            ("Hashes.FirebaseSignerKeyFile", "signer"),
            ("Hashes.FirebaseSaltSeparator", "CAk="),
            ("Hashes.PepperFile", "pepper"),
        ]));
        let firebase = found.firebase.unwrap();
        assert_eq!(
            (&**firebase.signer_key, &*firebase.salt_separator),
            (&[0, 1, 2][..], &[8, 9][..])
        );
        assert_eq!(**found.pepper.unwrap(), *b"black pepper");
        let usual = secrets.for_tenant(&tenant(&[("Hashes.FirebaseSignerKeyFile", "signer")]));
        assert_eq!(usual.firebase.unwrap().salt_separator, USUAL_SALT_SEPARATOR);
        fs::write(own.join("pepper"), "white pepper").unwrap();
        let replaced = secrets.for_tenant(&tenant(&[("Hashes.PepperFile", "pepper")]));
        assert_eq!(**replaced.pepper.unwrap(), *b"white pepper", "at once");
        let none = secrets.for_tenant(&tenant(&[("Hashes.PepperFile", "missing")]));
        assert!(none.firebase.is_none() && none.pepper.is_none());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn errors_of_hash_settings_name_the_setting() {
        assert_eq!(errors(&[]), [""; 0]);
        assert_eq!(errors(&[("Hashes.PepperEnv", "MASTHEAD_SECRET_PEPPER")]), [""; 0]);
        let found = errors(&[
            ("Hashes.FirebaseSignerKeyFile", "a"),
            ("Hashes.FirebaseSignerKeyEnv", "A"),
            ("Hashes.FirebaseSaltSeparator", "?"),
            ("Hashes.Pepper", "s3cret"),
            ("Hashes.Colour", "red"),
        ]);
        assert_eq!(found.len(), 4, "{found:?}");
        for (error, start) in found.iter().zip([
            "Hashes.FirebaseSignerKeyFile: set this or",
            "Hashes.FirebaseSaltSeparator: must be base64",
            "Hashes.Pepper: a secret is never stored here",
            "Hashes.Colour: no such setting",
        ]) {
            assert!(error.starts_with(start), "{error}");
        }
    }
}

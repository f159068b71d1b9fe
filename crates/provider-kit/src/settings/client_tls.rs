//! The settings with which a provider's server is trusted, and shown a certificate.

use super::{SettingReader, value};
use crate::secrets::SecretPlace;

/// What each of the three files is, for help texts and docs.
pub const CLIENT_CERTIFICATE: &str =
    "the certificate (PEM, with its chain) that is presented to a provider that asks for one";
/// The second.
pub const CLIENT_KEY: &str = "the key of that certificate (PEM, without a password)";
/// The third.
pub const AUTHORITIES: &str = "the authorities (PEM) that are trusted for the provider besides the system's";

/// The places of a client certificate with its key, and of the authorities of the provider's own certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientTlsPlaces {
    pub(crate) identity: Option<(SecretPlace, SecretPlace)>,
    pub(crate) authorities: Option<SecretPlace>,
}

impl SettingReader<'_> {
    /// The three settings, each the path of a file: the client certificate, its key, and the authorities.
    pub fn client_tls(&mut self, [certificate, key, authorities]: [&str; 3]) -> ClientTlsPlaces {
        for (given, other) in [(certificate, key), (key, certificate)] {
            if self.has(given) && !self.has(other) {
                self.missing(other);
            }
        }
        let mut file = |name: &str| self.text(name, value::path).map(SecretPlace::File);
        ClientTlsPlaces {
            identity: file(certificate).zip(file(key)),
            authorities: file(authorities),
        }
    }
}

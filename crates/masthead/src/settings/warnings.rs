//! What a server can start with, but an operator should change.

use super::model::ServerSettings;

const SHARED_SECRET: &str = "tokens.hs256_secret is for local use, and http.listen is not a loopback address: a caller that \
knows the secret can mint any token; use a key set (tokens.jwks_url)";

impl ServerSettings {
    /// Each warning as one line; no value of a setting is in it.
    #[must_use]
    pub fn warnings(&self) -> Vec<&'static str> {
        let mut warnings = Vec::new();
        if self.tokens.shared_secret().is_some() && !self.http.listen.ip().is_loopback() {
            warnings.push(SHARED_SECRET);
        }
        warnings
    }
}

//! Tenant settings as JSON, as a tenant's row stores them.

use std::collections::BTreeMap;

use masthead_domain::settings::{SettingError, TenantSettings};

pub(crate) fn to_json(settings: &BTreeMap<String, String>) -> String {
    // A map of strings always serialises; `{}` is only the unreachable fallback.
    serde_json::to_string(settings).unwrap_or_else(|_| "{}".to_owned())
}

pub(crate) fn parse(json: &str) -> Result<BTreeMap<String, String>, serde_json::Error> {
    serde_json::from_str(json)
}

/// The effective settings, with the errors and warnings about the stored ones.
pub(crate) fn evaluate(settings: &BTreeMap<String, String>) -> (TenantSettings, Vec<SettingError>) {
    TenantSettings::parse(settings.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

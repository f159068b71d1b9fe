//! The values of tenants' settings: how they are parsed, and how errors describe them; and whose settings a name belongs to.

use crate::{first_login::FormerProvider, flow::UserProvider};

pub(crate) const MINUTES: &str = "a number of minutes from 1 to 525600";
pub(crate) const CONFIRMATIONS: &str = "a number from 1 to 100";
pub(crate) const HOURS: &str = "a number of hours from 0 to 8760";
pub(crate) const EVENT_DAYS: &str = "a number of days from 30 to 3650";
pub(crate) const FLOOR: &str = "a number of milliseconds from 0 to 10000";

pub(crate) fn number(text: &str, least: u64, most: u64) -> Option<u64> {
    text.parse().ok().filter(|number| (least..=most).contains(number))
}

const BOOLEAN: &str = "true or false";

pub(crate) fn boolean(text: &str) -> Result<bool, &'static str> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(BOOLEAN),
    }
}

/// The prefix of the settings of a remote Users API.
pub const SUBSCRIBE_PREFIX: &str = "Subscribe.";

/// The prefix of the settings of imported password hashes.
pub const HASHES_PREFIX: &str = "Hashes.";

/// Whether an adapter parses the setting with this name.
pub(crate) fn is_provider_setting(name: &str) -> bool {
    name.split_once('.').is_some_and(|(section, rest)| {
        !rest.is_empty()
            && (UserProvider::from_name(section).is_some()
                || FormerProvider::ALL.iter().any(|provider| provider.name() == section)
                || name.starts_with(SUBSCRIBE_PREFIX)
                || name.starts_with(HASHES_PREFIX))
    })
}

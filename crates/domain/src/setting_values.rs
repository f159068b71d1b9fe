//! The values of tenants' settings: how they are parsed, and how errors describe them; and whose settings a name belongs to.

use std::time::Duration;

use crate::{
    first_login::FormerProvider,
    flow::UserProvider,
    setting_groups::{EventDays, InactiveAction},
};

pub(crate) const MINUTES: &str = "a number of minutes from 1 to 525600";
pub(crate) const CONFIRMATIONS: &str = "a number from 1 to 100";
pub(crate) const HOURS: &str = "a number of hours from 0 to 8760";
pub(crate) const FLOOR: &str = "a number of milliseconds from 0 to 10000";

/// How long a registration waits for the verification of its address.
pub(crate) fn pending_life(text: &str) -> Result<Duration, &'static str> {
    let hours = number(text, 1, 720).map(Duration::from_hours);
    hours.ok_or("a number of hours from 1 to 720")
}

/// How long a deleted user is kept.
pub(crate) fn purge_after(text: &str) -> Result<Duration, &'static str> {
    let days = number(text, 0, 3_650).map(|days| Duration::from_hours(24 * days));
    days.ok_or("a number of days from 0 to 3650")
}

/// How many days events are kept.
pub(crate) fn event_days(text: &str) -> Result<EventDays, &'static str> {
    let days = number(text, 30, 3650).and_then(|days| u16::try_from(days).ok());
    days.map(EventDays).ok_or("a number of days from 30 to 3650")
}

/// The months after which a user is inactive; `None` for 0, which is never.
pub(crate) fn inactive_months(text: &str) -> Result<Option<u16>, &'static str> {
    let months = number(text, 0, 240).and_then(|months| u16::try_from(months).ok());
    match months {
        Some(0) => Ok(None),
        Some(3..) => Ok(months),
        Some(_) | None => Err("0, or a number of months from 3 to 240"),
    }
}

/// What becomes of inactive users.
pub(crate) fn inactive_action(text: &str) -> Result<InactiveAction, &'static str> {
    match text {
        "report" => Ok(InactiveAction::Report),
        "erase" => Ok(InactiveAction::Erase),
        _ => Err("report or erase"),
    }
}

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

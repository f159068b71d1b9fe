//! The values of tenants' settings: how they are parsed, and how errors describe them.

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

//! Groups of a tenant's settings.

use std::time::Duration;

use crate::return_url::ReturnUrlPolicy;

const TOKEN_TEXT: &str = "1 to 512 bytes without control characters";
const KEY_ADDRESS: &str = "an https address without user information; http only of this host itself";

/// How a tenant's mirror is used and updated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MirrorSettings {
    /// The maximum age at which lists from the mirror count as current.
    pub max_age: Duration,
    /// The number of confirmed absences that remove a profile, at least 1.
    pub removal_confirmations: u16,
    /// The minimum time between two counted absences.
    pub removal_apart: Duration,
}

impl Default for MirrorSettings {
    fn default() -> Self {
        Self {
            max_age: Duration::from_hours(1),
            removal_confirmations: 3,
            removal_apart: Duration::from_hours(24),
        }
    }
}

/// Who issues the tokens of a tenant's users; all three are needed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserTokenSettings {
    /// The one `iss` that is trusted.
    pub issuer: Option<Box<str>>,
    /// The audience that a token must name.
    pub audience: Option<Box<str>>,
    /// The address of the issuer's key set: https, or http of this host itself.
    pub jwks_url: Option<Box<str>>,
}

/// The longest issuer or audience, in bytes.
const MAX_TOKEN_TEXT_BYTES: usize = 512;

/// An issuer or an audience.
pub(crate) fn token_text(text: &str) -> Result<Box<str>, &'static str> {
    let is_good = (1..=MAX_TOKEN_TEXT_BYTES).contains(&text.len()) && !text.contains(char::is_control);
    is_good.then(|| text.into()).ok_or(TOKEN_TEXT)
}

/// The address of a key set.
pub(crate) fn key_address(text: &str) -> Result<Box<str>, &'static str> {
    let is_safe = ReturnUrlPolicy::is_address(text);
    is_safe.then(|| text.into()).ok_or(KEY_ADDRESS)
}

/// How many days the events of a tenant are kept at least; they go within a month afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventDays(pub u16);

/// As in the schema, where a server of an earlier version writes.
impl Default for EventDays {
    fn default() -> Self {
        Self(400)
    }
}

/// When users count as inactive, and what becomes of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InactivityRule {
    /// After so many months without a sign-in or a change; `None`: never.
    pub after_months: Option<u16>,
    /// What becomes of them.
    pub action: InactiveAction,
}

/// What becomes of inactive users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InactiveAction {
    /// They are counted for operators.
    #[default]
    Report,
    /// They are erased.
    Erase,
}

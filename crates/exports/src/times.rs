//! Times as RFC 3339 in UTC, with the microseconds that are stored.

use masthead_domain::account::Account;
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

use crate::error::WriteError;

/// The three times of an account as text.
pub(crate) struct AccountTimes {
    pub(crate) registered: Option<String>,
    pub(crate) changed: Option<String>,
    pub(crate) last_logout: Option<String>,
}

impl AccountTimes {
    pub(crate) fn of(account: &Account) -> Result<Self, WriteError> {
        let text = |field: &'static str, at: Option<OffsetDateTime>| match at {
            None => Ok(None),
            Some(at) => to_text(at).map(Some).ok_or(WriteError::Time {
                registration: account.registration_id.unwrap_or_default(),
                field,
            }),
        };
        Ok(Self {
            registered: text("dateRegistered", account.registered_at)?,
            changed: text("changeDate", account.changed_at)?,
            last_logout: text("lastLogoutDate", account.last_logout_at)?,
        })
    }
}

fn to_text(at: OffsetDateTime) -> Option<String> {
    at.checked_to_offset(UtcOffset::UTC)?.format(&Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn times_are_utc_with_microseconds() {
        let text = |at| to_text(at).unwrap();
        assert_eq!(
            text(datetime!(2020-01-02 03:04:05.000_006 +1)),
            "2020-01-02T02:04:05.000006Z"
        );
        assert_eq!(text(datetime!(2020-01-02 03:04:05 UTC)), "2020-01-02T03:04:05Z");
        assert_eq!(to_text(datetime!(-0044-03-15 0:00 UTC)), None);
    }
}

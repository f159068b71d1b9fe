//! The check at first login: a user who was imported without a password hash signs in with the password that the provider
//! of before has (ADR 0140).

use time::{Date, OffsetDateTime, macros::format_description};

use crate::account::Account;

const FORMER_PROVIDER: &str = "auth0, gigya or cognito";
const DATE: &str = "a date such as 2026-11-29";

/// The provider that users were imported from, which still checks their passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FormerProvider {
    /// Auth0.
    Auth0,
    /// Gigya (SAP Customer Data Cloud).
    Gigya,
    /// A user pool of Amazon Cognito.
    Cognito,
}

impl FormerProvider {
    /// Every provider that can be named.
    pub const ALL: [Self; 3] = [Self::Auth0, Self::Gigya, Self::Cognito];

    /// The name in logs and metrics, and the prefix of its settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auth0 => "Auth0",
            Self::Gigya => "Gigya",
            Self::Cognito => "Cognito",
        }
    }
}

/// Whose passwords are checked once elsewhere, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FirstLoginSettings {
    /// The provider that the tenant's users were imported from.
    pub provider: Option<FormerProvider>,
    /// Users who registered later have no password there; `None` for no such limit.
    pub registered_before: Option<OffsetDateTime>,
}

impl FirstLoginSettings {
    /// The provider that checks this user's first password: for a user without one, who registered before the move.
    #[must_use]
    pub fn provider_of(&self, user: &Account) -> Option<FormerProvider> {
        let dates = self.registered_before.zip(user.registered_at);
        let is_older = dates.is_none_or(|(move_at, registered_at)| registered_at < move_at);
        self.provider.filter(|_| is_older && !user.has_password)
    }

    pub(crate) fn set_provider(&mut self, text: &str) -> Result<(), &'static str> {
        let mut all = FormerProvider::ALL.into_iter();
        let named = all.find(|provider| provider.name().eq_ignore_ascii_case(text));
        self.provider = Some(named.ok_or(FORMER_PROVIDER)?);
        Ok(())
    }

    pub(crate) fn set_registered_before(&mut self, text: &str) -> Result<(), &'static str> {
        let date = Date::parse(text, format_description!("[year]-[month]-[day]"));
        self.registered_before = Some(date.map_err(|_| DATE)?.midnight().assume_utc());
        Ok(())
    }
}

/// Whether the account of the former provider is this user's: it has the user's id, or the provider has verified that the
/// user's address is its own. A stranger can register an unverified address at a provider that is still open.
#[must_use]
pub fn is_same_user(user: &Account, former: &Account) -> bool {
    let verified = former.email.as_ref().filter(|_| former.verified == Some(true));
    let has_address = user
        .email
        .as_ref()
        .zip(verified)
        .is_some_and(|(stored, verified)| stored.key() == verified.key());
    former.crid == user.crid || has_address
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::{customer_registration_id::CustomerRegistrationId, email::Email};

    fn user(id: &str, address: Option<&str>, verified: bool) -> Account {
        Account {
            email: address.map(|address| Email::parse(address).unwrap()),
            verified: Some(verified),
            ..Account::new(CustomerRegistrationId::parse(id).unwrap())
        }
    }

    #[test]
    fn only_older_users_without_password_are_checked() {
        let mut settings = FirstLoginSettings::default();
        let imported = Account {
            registered_at: Some(datetime!(2020-01-01 00:00 UTC)),
            ..user("1", None, true)
        };
        assert_eq!(settings.provider_of(&imported), None);
        settings.set_provider("gigya").unwrap();
        assert_eq!(settings.provider_of(&imported), Some(FormerProvider::Gigya));
        let with_password = Account {
            has_password: true,
            ..imported.clone()
        };
        assert_eq!(settings.provider_of(&with_password), None);
        settings.set_registered_before("2026-11-29").unwrap();
        for (registered_at, is_checked) in [
            (None, true),
            (Some(datetime!(2026-11-28 23:59:59 UTC)), true),
            (Some(datetime!(2026-11-29 00:00 UTC)), false),
        ] {
            let user = Account {
                registered_at,
                ..imported.clone()
            };
            assert_eq!(settings.provider_of(&user).is_some(), is_checked, "{registered_at:?}");
        }
    }

    #[test]
    fn values_are_checked() {
        let mut settings = FirstLoginSettings::default();
        for provider in FormerProvider::ALL {
            settings.set_provider(&provider.name().to_lowercase()).unwrap();
            assert_eq!(settings.provider, Some(provider));
        }
        assert_eq!(settings.set_provider("okta"), Err(FORMER_PROVIDER));
        for bad in ["", "29.11.2026", "2026-11-31", "2026-11-29T00:00:00Z"] {
            assert_eq!(settings.set_registered_before(bad), Err(DATE), "{bad}");
        }
    }

    #[test]
    fn account_is_known_by_id_or_verified_address() {
        let (ann, other) = ("Ann@Example.com", "bob@example.com");
        let imported = user("auth0|1", Some(ann), false);
        for (former, is_same) in [
            (user("auth0|1", Some(other), false), true),
            (user("auth0|1", None, false), true),
            (user("auth0|2", Some("ann@example.com"), true), true),
            (user("auth0|2", Some(ann), false), false),
            (user("auth0|2", Some(other), true), false),
            (user("auth0|2", None, true), false),
        ] {
            assert_eq!(is_same_user(&imported, &former), is_same, "{:?}", former.crid.as_str());
        }
        let without = user("1", None, true);
        assert!(!is_same_user(&without, &user("2", None, true)));
    }
}

//! One page of users: those that cannot be stored are put aside, with the reason.

use std::{collections::BTreeMap, fmt};

use masthead_domain::{account::Account, customer_registration_id::CustomerRegistrationId, tenant::Tenant};
use masthead_provider_subscribe::RemoteRow;
use masthead_subscribe_store::{ImportOrigin, Importer, NewRegistration, RowError};

use crate::command_error::CommandError;

/// A page before it is stored.
pub(super) struct MigrationPage {
    users: Vec<NumberedUser>,
    rejected: Vec<UserNote>,
    /// Fields that could not be read, of users that are stored.
    incomplete: Vec<UserNote>,
}

/// A user and its position in the migration.
struct NumberedUser {
    number: u64,
    registration: NewRegistration,
    had_password: bool,
}

/// A page after it was stored.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct StoredPage {
    pub(super) imported: u64,
    pub(super) skipped: u64,
    /// How many users of the page could be stored and have a password at the remote side.
    pub(super) without_password: u64,
    /// The users that are not stored, and why, in order.
    pub(super) rejected: Vec<UserNote>,
    /// The users that are stored without some fields, and which, in order.
    pub(super) incomplete: Vec<UserNote>,
}

/// A remark about one user.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct UserNote {
    /// The position in the migration.
    pub(super) number: u64,
    /// The id, if it can be read.
    pub(super) id: Option<CustomerRegistrationId>,
    pub(super) text: String,
}

impl fmt::Display for UserNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "user {}: {}", self.number, self.text)?;
        match &self.id {
            Some(id) => write!(f, " (id {})", id.as_str()),
            None => Ok(()),
        }
    }
}

impl MigrationPage {
    /// Converts these users; `before` users came on earlier pages.
    pub(super) fn from_rows(users: Vec<RemoteRow>, before: u64) -> Self {
        let mut page = Self {
            users: Vec::with_capacity(users.len()),
            rejected: Vec::new(),
            incomplete: Vec::new(),
        };
        for (number, user) in (before + 1..).zip(users) {
            let noted = |text| UserNote {
                number,
                id: user.id,
                text,
            };
            match user.account {
                Ok(account) => {
                    if !user.lost.is_empty() {
                        let text = format!("stored without unreadable fields: {}", user.lost.join(", "));
                        page.incomplete.push(noted(text));
                    }
                    page.users.push(NumberedUser {
                        number,
                        had_password: account.has_password,
                        registration: registration(account),
                    });
                }
                Err(error) => page.rejected.push(noted(error.to_string())),
            }
        }
        page
    }

    /// Stores all valid users.
    pub(super) async fn store(
        mut self,
        importer: &Importer,
        tenant: &Tenant,
        origin: &ImportOrigin,
    ) -> Result<StoredPage, CommandError> {
        let registrations = self.users.iter().map(|user| user.registration.clone());
        let done = importer.registrations(tenant, origin, registrations).await;
        let done = done.map_err(CommandError::context("the migration stopped"))?;
        let reasons: BTreeMap<u64, RowError> = done.rejected.into_iter().collect();
        let mut without_password = 0;
        for (place, user) in (1..).zip(self.users) {
            match reasons.get(&place) {
                None => without_password += u64::from(user.had_password),
                Some(reason) => {
                    self.incomplete.retain(|noted| noted.number != user.number);
                    self.rejected.push(UserNote {
                        number: user.number,
                        id: Some(user.registration.crid),
                        text: reason.to_string(),
                    });
                }
            }
        }
        self.rejected.sort_unstable();
        Ok(StoredPage {
            imported: done.inserted,
            skipped: done.skipped,
            without_password,
            rejected: self.rejected,
            incomplete: self.incomplete,
        })
    }
}

/// The registration of an account: everything but the password, which no API returns.
fn registration(account: Account) -> NewRegistration {
    NewRegistration {
        crid: account.crid,
        email: account.email,
        first_name: account.first_name,
        last_name: account.last_name,
        verified: account.verified == Some(true),
        password_hash: None,
        metadata: account.metadata,
        registered_at: account.registered_at,
        changed_at: account.changed_at,
        last_logout_at: account.last_logout_at,
    }
}

#[cfg(test)]
mod tests {
    use masthead_provider_subscribe::RemoteAnswerError;

    use super::*;

    /// Quality rules, fault table: an unreadable row or field costs only itself; both are reported by id alone.
    #[test]
    fn unreadable_users_and_fields_are_reported_by_id() {
        let id = |text: &str| Some(CustomerRegistrationId::parse(text).unwrap());
        let row = |id: Option<CustomerRegistrationId>, account, lost: &[&'static str]| RemoteRow {
            id,
            account,
            lost: lost.to_vec(),
        };
        let account = |text: &str| Ok(Account::new(CustomerRegistrationId::parse(text).unwrap()));
        let users = vec![
            row(id("a"), account("a"), &[]),
            row(id("b"), account("b"), &["metadata", "verified"]),
            row(id("c"), Err(RemoteAnswerError::Field("email")), &["metadata"]),
            row(None, Err(RemoteAnswerError::Shape), &[]),
        ];
        let page = MigrationPage::from_rows(users, 10);
        let text = |noted: &[UserNote]| noted.iter().map(UserNote::to_string).collect::<Vec<_>>();
        assert_eq!(page.users.len(), 2);
        assert_eq!(
            text(&page.incomplete),
            ["user 12: stored without unreadable fields: metadata, verified (id b)"]
        );
        assert_eq!(
            text(&page.rejected),
            [
                "user 13: a user's email is invalid (id c)",
                "user 14: the answer's format is not the API's"
            ]
        );
    }
}

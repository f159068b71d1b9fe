//! One page of users on its way into the store: those who cannot be taken are put aside, with the reason.

use std::fmt;

use masthead_domain::{account::Account, customer_registration_id::CustomerRegistrationId, tenant::Tenant};
use masthead_provider_subscribe::RemoteRow;
use masthead_subscribe_store::{ImportError, ImportOrigin, ImportStop, Imported, Importer, NewRegistration};

use crate::failure::Failure;

/// A page before it is stored.
pub(super) struct Page {
    users: Vec<Numbered>,
    rejected: Vec<Noted>,
    /// Of those who are taken, the fields that cannot be read.
    incomplete: Vec<Noted>,
}

/// A user, by the number in the walk.
struct Numbered {
    number: u64,
    registration: NewRegistration,
    had_password: bool,
}

/// A page after it was stored.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) imported: u64,
    pub(super) skipped: u64,
    /// Of the users of the page who could be taken, how many had a password there.
    pub(super) without_password: u64,
    /// Those who are not taken, and why, in order.
    pub(super) rejected: Vec<Noted>,
    /// Those who are taken without some fields, and which, in order.
    pub(super) incomplete: Vec<Noted>,
}

/// What is noted of a user.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Noted {
    /// The number in the walk.
    pub(super) number: u64,
    /// The id, where it can be read.
    pub(super) id: Option<CustomerRegistrationId>,
    pub(super) words: String,
}

impl fmt::Display for Noted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "user {}: {}", self.number, self.words)?;
        match &self.id {
            Some(id) => write!(f, " (id {})", id.as_str()),
            None => Ok(()),
        }
    }
}

impl Page {
    /// The users after so many others.
    pub(super) fn of(users: Vec<RemoteRow>, before: u64) -> Self {
        let mut page = Self {
            users: Vec::with_capacity(users.len()),
            rejected: Vec::new(),
            incomplete: Vec::new(),
        };
        for (number, user) in (before + 1..).zip(users) {
            let noted = |words| Noted {
                number,
                id: user.id,
                words,
            };
            match user.account {
                Ok(account) => {
                    if !user.lost.is_empty() {
                        let words = format!("taken without what cannot be read: {}", user.lost.join(", "));
                        page.incomplete.push(noted(words));
                    }
                    page.users.push(Numbered {
                        number,
                        had_password: account.has_password,
                        registration: registration(account),
                    });
                }
                Err(flaw) => page.rejected.push(noted(flaw.to_string())),
            }
        }
        page
    }

    /// Stores all who can be: an import takes a batch whole or not at all, so it is tried again without each whom it names.
    pub(super) async fn store(
        mut self,
        importer: &Importer,
        tenant: &Tenant,
        origin: &ImportOrigin,
    ) -> Result<Stored, Failure> {
        let Imported { inserted, skipped } = loop {
            let registrations = self.users.iter().map(|user| user.registration.clone());
            match importer.registrations(tenant, origin, registrations).await {
                Ok(done) => break done,
                Err(ImportError {
                    reason: ImportStop::Line { line, problem },
                    ..
                }) => self.put_aside(line, &problem.to_string())?,
                Err(error) => return Err(Failure::when("the migration stopped")(error)),
            }
        };
        self.rejected.sort_unstable();
        Ok(Stored {
            imported: inserted,
            skipped,
            without_password: self.users.iter().filter(|user| user.had_password).count() as u64,
            rejected: self.rejected,
            incomplete: self.incomplete,
        })
    }

    /// The user of this line of the import, from 1.
    fn put_aside(&mut self, line: u64, reason: &str) -> Result<(), Failure> {
        let at = usize::try_from(line).ok().and_then(|line| line.checked_sub(1));
        match at.filter(|at| *at < self.users.len()) {
            Some(at) => {
                let user = self.users.remove(at);
                self.incomplete.retain(|noted| noted.number != user.number);
                self.rejected.push(Noted {
                    number: user.number,
                    id: Some(user.registration.crid),
                    words: reason.to_owned(),
                });
                Ok(())
            }
            None => Err(Failure::new("the import named a line that it was not given")),
        }
    }
}

/// The registration to make of an account: all but the password, which no answer has.
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

    /// Quality rules, fault table: one row or one field that cannot be read costs itself; both are named by the id alone.
    #[test]
    fn who_is_not_taken_whole_is_named_by_number_and_id() {
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
        let page = Page::of(users, 10);
        let told = |noted: &[Noted]| noted.iter().map(Noted::to_string).collect::<Vec<_>>();
        assert_eq!(page.users.len(), 2);
        assert_eq!(
            told(&page.incomplete),
            ["user 12: taken without what cannot be read: metadata, verified (id b)"]
        );
        assert_eq!(
            told(&page.rejected),
            [
                "user 13: a user's email cannot be one (id c)",
                "user 14: the answer is not of the API's form"
            ]
        );
    }
}

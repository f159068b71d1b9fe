//! Which accounts of a provider are a person's.

use std::collections::HashSet;

use masthead_domain::{customer_registration_id::CustomerRegistrationId, user_key::UserKey};
use masthead_ports::{
    accounts::AccountWriter,
    erasure::{ErasureOutcome, Person, ReceiptLine},
    person::sources,
    source::CallContext,
};
use time::OffsetDateTime;

use super::{
    error::{WriteUserError, provider_read_error},
    services::Services,
};

/// The accounts of a provider that a person's ids and addresses lead to.
#[derive(Default)]
pub(super) struct Accounts {
    pub(super) own: Vec<CustomerRegistrationId>,
    /// Those that may be another person's.
    others: HashSet<CustomerRegistrationId>,
    /// How many ids and addresses were not looked up.
    not_looked_up: usize,
}

const OF_ANOTHER: &str = "accounts have an address of the person that the provider has not verified: they may be another person's; \
                          look at them there";
const NOT_LOOKED_UP: &str =
    "ids and addresses of the person were not looked up at the provider, since there are too many: look there";

impl Accounts {
    /// The lines of the receipt, once they are deleted.
    pub(super) fn lines(&self, at: OffsetDateTime) -> Vec<ReceiptLine> {
        let not_possible = |count: usize, note: &'static str| {
            (count > 0).then(|| ReceiptLine {
                count: Some(count as u64),
                ..ReceiptLine::new(sources::PROVIDER, ErasureOutcome::NotPossible, note, at)
            })
        };
        let own = ReceiptLine::of_count(sources::PROVIDER, self.own.len() as u64, at);
        let others = not_possible(self.others.len(), OF_ANOTHER);
        let not_looked_up = not_possible(self.not_looked_up, NOT_LOOKED_UP);
        // The provider holds something, if not certainly of the person.
        let own = (!self.own.is_empty() || (others.is_none() && not_looked_up.is_none())).then_some(own);
        own.into_iter().chain(others).chain(not_looked_up).collect()
    }
}

impl Services {
    /// The accounts that the provider has of the person, whose ids and addresses are added to it. An account with one of its ids is
    /// the person's; one with an address of it where the request names that address, or the provider has verified it.
    pub(super) async fn accounts(
        &self,
        cx: &CallContext,
        writer: &dyn AccountWriter,
        named: &UserKey,
        person: &mut Person,
    ) -> Result<Accounts, WriteUserError> {
        let mut keys = person.keys();
        let mut found = Accounts {
            not_looked_up: keys.len().saturating_sub(Person::MOST_LOOKED_UP),
            ..Accounts::default()
        };
        keys.truncate(Person::MOST_LOOKED_UP);
        for key in keys {
            let accounts = writer.find_written(cx, &key).await;
            let accounts = accounts.map_err(|error| provider_read_error(&error, writer.name()))?;
            for account in accounts {
                let belongs = matches!(key, UserKey::Id(_)) || key == *named || account.verified == Some(true);
                if !belongs {
                    found.others.insert(account.crid);
                    continue;
                }
                person.add_id(account.crid.clone());
                if let Some(email) = account.email {
                    person.add_email(email);
                }
                if !found.own.contains(&account.crid) {
                    found.own.push(account.crid);
                }
            }
        }
        found.others.retain(|id| !found.own.contains(id));
        Ok(found)
    }
}

//! A directory as a source of accounts: by id, by address, and lists.

use async_trait::async_trait;
use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    email::EmailKey,
    name::fold_name,
    query::{EmailFilter, NamePrefix, UserFilter, UserQuery},
};
use masthead_ports::source::{
    AccountPage, CallContext, SourceError, SourceErrorKind, SourceName, UserSource, search_by_key,
};
use masthead_provider_http::LeftOut;

use crate::{
    described::{Described, Listing},
    directory::Directory,
    template::{Given, Slot},
    unfit::Unfit,
};

const BY_ID: &str = "by_id";
const BY_EMAIL: &str = "by_email";
const SEARCH: &str = "search";

/// The longest key that is asked for.
const LONGEST_KEY: usize = 1_000;

/// The most spellings of an address that are asked for, each by a call.
const MOST_SPELLINGS: usize = 8;

/// The most accounts that may share an address.
const MOST_ALIKE: usize = 20;

#[async_trait]
impl UserSource for Directory {
    fn name(&self) -> SourceName {
        self.preset.name
    }

    async fn by_id(&self, cx: &CallContext, id: &CustomerRegistrationId) -> Result<Option<Account>, SourceError> {
        self.of(&cx.tenant, BY_ID)?.account(cx, id).await
    }

    async fn by_email(&self, cx: &CallContext, email: &EmailKey) -> Result<Vec<Account>, SourceError> {
        self.of(&cx.tenant, BY_EMAIL)?.accounts_with(cx, email).await
    }

    async fn search(&self, cx: &CallContext, query: &UserQuery) -> Result<AccountPage, SourceError> {
        match search_by_key(self, cx, query, |account| query.filter.matches(account)).await? {
            Some(page) => Ok(page),
            None => self.of(&cx.tenant, SEARCH)?.list(cx, query).await,
        }
    }
}

impl Described {
    /// The account with this id.
    pub(crate) async fn account(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
    ) -> Result<Option<Account>, SourceError> {
        let user = self.user(cx, BY_ID, id).await?;
        user.map(|user| self.settings.map.account(&user))
            .transpose()
            .map_err(|unfit| self.unfit(BY_ID, unfit))
    }

    /// Every account whose address this is, in the order of their ids. A user who has it only among the linked ones is not
    /// among them; one who has it nowhere makes the answer untrue, where the directory is not said to answer loosely.
    pub(crate) async fn accounts_with(&self, cx: &CallContext, email: &EmailKey) -> Result<Vec<Account>, SourceError> {
        if email.as_str().len() > LONGEST_KEY {
            return Err(SourceError::new(BY_EMAIL, SourceErrorKind::Refused));
        }
        let settings = &self.settings;
        let mut found: Vec<Account> = Vec::new();
        // A directory may compare to the letter: who was asked for by some spellings only may be there by another.
        let spellings = email.spellings().filter(|spellings| spellings.len() <= MOST_SPELLINGS);
        let Some(spellings) = spellings else {
            return Err(SourceError::new(BY_EMAIL, SourceErrorKind::Refused));
        };
        for form in spellings {
            let given = Given {
                email: Some(&form),
                ..Given::default()
            };
            let listing = Listing {
                name: BY_EMAIL,
                operation: &settings.by_email,
                given,
                may_say_nobody: settings.email_not_found,
            };
            let shown = self
                .walk(cx, listing, |user| {
                    if !settings.map.has_address(user, email) {
                        return if settings.loose {
                            Ok(false)
                        } else {
                            Err(Unfit::SomebodyElse)
                        };
                    }
                    let account = settings.map.account(user)?;
                    let is_its = account.email.as_ref().is_some_and(|own| own.key() == email);
                    if is_its && !found.iter().any(|known| known.crid == account.crid) {
                        found.push(account);
                    }
                    Ok(found.len() > MOST_ALIKE)
                })
                .await?;
            if shown.unreadable > 0 {
                // It may be one of them.
                return Err(self.unfit(BY_EMAIL, Unfit::UnreadableRow));
            }
            if !shown.to_the_end || found.len() > MOST_ALIKE {
                return Err(SourceError::new(BY_EMAIL, SourceErrorKind::TooBroad));
            }
            if !shown.all() {
                return Err(self.unfit(BY_EMAIL, Unfit::Contradiction));
            }
        }
        found.sort_unstable_by(|a, b| a.crid.cmp(&b.crid));
        Ok(found)
    }

    /// The first users who meet the conditions.
    async fn list(&self, cx: &CallContext, query: &UserQuery) -> Result<AccountPage, SourceError> {
        let settings = &self.settings;
        let Some(search) = &settings.search else {
            return Err(SourceError::new(SEARCH, SourceErrorKind::Refused));
        };
        let filter = &query.filter;
        let pushed = Pushed::of(filter, |slot| search.holds(slot), settings.contains_from);
        let listing = Listing {
            name: SEARCH,
            operation: search,
            given: pushed.given(),
            may_say_nobody: false,
        };
        let size = usize::from(query.size);
        let mut found = Vec::new();
        let mut strays = false;
        let shown = self
            .walk(cx, listing, |user| {
                let account = settings.map.account(user)?;
                if filter.matches_except_id(&account) {
                    found.push(account);
                } else {
                    strays |= !pushed.is_met_by(&account);
                }
                Ok(found.len() > size)
            })
            .await?;
        let mut left_out = LeftOut::default();
        left_out.add_unreadable(shown.unreadable);
        left_out.log(self.name, cx, SEARCH);
        let unseen = (!shown.all() || strays).then(|| shown.total.unwrap_or_default());
        Ok(AccountPage {
            unreadable: left_out.any(),
            ..AccountPage::from_matches(found, query, unseen)
        })
    }
}

/// The conditions that go to the directory, in the form in which they go.
struct Pushed {
    email_prefix: Option<String>,
    email_contains: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
}

impl Pushed {
    /// What can be asked for without losing a user who meets the filter. Of addresses only what no spelling changes: a
    /// directory may keep accents decomposed and domains in Unicode.
    fn of(filter: &UserFilter, takes: impl Fn(Slot) -> bool, contains_from: usize) -> Self {
        let name = |slot, prefix: &Option<NamePrefix>| {
            let text = prefix.as_ref().map_or("", NamePrefix::as_str);
            (takes(slot) && !text.is_empty()).then(|| text.to_owned())
        };
        let plain = |char: char| char.is_ascii() && char != '@';
        let mut prefixes = filter.emails.iter().filter_map(|email| match email {
            EmailFilter::Prefix(needle) => needle.as_str().split(|char| !plain(char)).next(),
            EmailFilter::Exact(_) | EmailFilter::Contains(_) => None,
        });
        let parts = filter.emails.iter().flat_map(|email| match email {
            EmailFilter::Contains(needle) => needle.as_str().split(|char| !plain(char)).collect(),
            EmailFilter::Exact(_) | EmailFilter::Prefix(_) => Vec::new(),
        });
        let prefix = prefixes.find(|prefix| !prefix.is_empty());
        let part = parts
            .filter(|part| part.len() >= contains_from && !part.contains("xn--"))
            .max_by_key(|part| part.len());
        Self {
            email_prefix: prefix.filter(|_| takes(Slot::EmailPrefix)).map(str::to_owned),
            email_contains: part.filter(|_| takes(Slot::EmailContains)).map(str::to_owned),
            first_name: name(Slot::FirstName, &filter.first_name),
            last_name: name(Slot::LastName, &filter.last_name),
        }
    }

    fn given(&self) -> Given<'_> {
        Given {
            email_prefix: self.email_prefix.as_deref(),
            email_contains: self.email_contains.as_deref(),
            first_name: self.first_name.as_deref(),
            last_name: self.last_name.as_deref(),
            ..Given::default()
        }
    }

    /// Whether an account could be an answer to these conditions; one that could not says that the directory compares in
    /// another way than its settings say, so that nobody knows whom it left out.
    fn is_met_by(&self, account: &Account) -> bool {
        let email = account.email.as_ref().map_or("", |email| email.key().as_str());
        let starts = |wanted: &Option<String>, text: &str| {
            wanted.as_ref().is_none_or(|wanted| text.starts_with(wanted.as_str()))
        };
        starts(&self.email_prefix, email)
            && self
                .email_contains
                .as_ref()
                .is_none_or(|part| email.contains(part.as_str()))
            && starts(&self.first_name, &fold_name(&account.first_name))
            && starts(&self.last_name, &fold_name(&account.last_name))
    }
}

#[cfg(test)]
mod tests {
    use masthead_domain::email::EmailFragment;

    use super::*;

    #[test]
    fn only_what_the_call_has_a_place_for_and_no_spelling_changes_is_sent() {
        let filter = UserFilter {
            emails: vec![
                EmailFilter::Prefix(EmailFragment::from_text("jos\u{e9}@x")),
                EmailFilter::Contains(EmailFragment::from_text("bcd\u{e9}ef")),
            ],
            first_name: Some(NamePrefix::from_text("\u{c1}nn")),
            last_name: Some(NamePrefix::from_text("")),
            ..UserFilter::default()
        };
        let all = Pushed::of(&filter, |_| true, 3);
        let given = all.given();
        assert_eq!((given.email_prefix, given.email_contains), (Some("jos"), Some("bcd")));
        assert_eq!((given.first_name, given.last_name), (Some("ann"), None));
        let none = Pushed::of(&filter, |_| false, 3);
        assert!(none.given().email_prefix.is_none() && none.given().first_name.is_none());
        assert_eq!(Pushed::of(&filter, |_| true, 4).given().email_contains, None);
    }
}

//! A provider as a source of accounts: by id, by address, and lists.

use async_trait::async_trait;
use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    email::EmailKey,
    name::fold_name,
    query::{EmailFilter, NamePrefix, UserFilter, UserQuery},
    user_key::UserKey,
};
use masthead_ports::source::{
    AccountPage, CallContext, SourceError, SourceErrorKind, SourceName, UserSource, search_by_key,
};
use masthead_provider_kit::SkippedRows;

use crate::{
    adapter::GenericAdapter,
    answer_error::GenericAnswerError,
    api::{GenericApi, ListRequest},
    template::{Placeholder, TemplateValues},
};

const BY_ID: &str = "by_id";
const BY_EMAIL: &str = "by_email";
const SEARCH: &str = "search";

/// The longest key that is requested.
const LONGEST_KEY: usize = 1_000;

/// The most spellings of an address that are requested, each by a call.
const MOST_SPELLINGS: usize = 8;

/// The most accounts that may share an address.
const MOST_ALIKE: usize = 20;

#[async_trait]
impl UserSource for GenericAdapter {
    fn name(&self) -> SourceName {
        self.preset.name
    }

    async fn find(&self, cx: &CallContext, key: &UserKey) -> Result<Vec<Account>, SourceError> {
        let api = self.api_of(&cx.tenant, key.operation())?;
        match key {
            UserKey::Id(id) => api.account(cx, id).await.map(Vec::from_iter),
            UserKey::Email(email) => api.accounts_with(cx, email).await,
        }
    }

    async fn search(&self, cx: &CallContext, query: &UserQuery) -> Result<AccountPage, SourceError> {
        match search_by_key(self, cx, query, |account| query.filter.matches(account)).await? {
            Some(page) => Ok(page),
            None => self.api_of(&cx.tenant, SEARCH)?.list(cx, query).await,
        }
    }
}

impl GenericApi {
    pub(crate) async fn account(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
    ) -> Result<Option<Account>, SourceError> {
        let user = self.user(cx, BY_ID, id).await?;
        user.map(|user| self.settings.map.account(&user))
            .transpose()
            .map_err(|answer_error| self.answer_error(BY_ID, answer_error))
    }

    /// Every account with this address, ordered by id. A user with it only among linked addresses is left out; a user
    /// without it is an error, unless the provider is configured as answering loosely.
    pub(crate) async fn accounts_with(&self, cx: &CallContext, email: &EmailKey) -> Result<Vec<Account>, SourceError> {
        if email.as_str().len() > LONGEST_KEY {
            return Err(SourceError::new(BY_EMAIL, SourceErrorKind::Refused));
        }
        let settings = &self.settings;
        let mut found: Vec<Account> = Vec::new();
        // A provider may compare addresses exactly, so a user found by one spelling may be missing from another
        // spelling's answer.
        let spellings = email.spellings().filter(|spellings| spellings.len() <= MOST_SPELLINGS);
        let Some(spellings) = spellings else {
            return Err(SourceError::new(BY_EMAIL, SourceErrorKind::Refused));
        };
        for form in spellings {
            let values = TemplateValues {
                email: Some(&form),
                ..TemplateValues::default()
            };
            let listing = ListRequest {
                name: BY_EMAIL,
                operation: &settings.by_email,
                values,
                may_be_absent: settings.email_not_found,
            };
            let shown = self
                .list_pages(cx, listing, |user| {
                    if !settings.map.has_address(user, email) {
                        return if settings.loose {
                            Ok(false)
                        } else {
                            Err(GenericAnswerError::OtherUser)
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
                return Err(self.answer_error(BY_EMAIL, GenericAnswerError::UnreadableRow));
            }
            if !shown.to_the_end || found.len() > MOST_ALIKE {
                return Err(SourceError::new(BY_EMAIL, SourceErrorKind::TooBroad));
            }
            if !shown.all() {
                return Err(self.answer_error(BY_EMAIL, GenericAnswerError::Contradiction));
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
        let pushed = PushedFilter::from_filter(filter, |slot| search.holds(slot), settings.contains_from);
        let listing = ListRequest {
            name: SEARCH,
            operation: search,
            values: pushed.values(),
            may_be_absent: false,
        };
        let size = usize::from(query.size);
        let mut found = Vec::new();
        let mut strays = false;
        let shown = self
            .list_pages(cx, listing, |user| {
                let account = settings.map.account(user)?;
                if filter.matches_except_id(&account) {
                    found.push(account);
                } else {
                    strays |= !pushed.is_met_by(&account);
                }
                Ok(found.len() > size)
            })
            .await?;
        let mut left_out = SkippedRows::default();
        left_out.add_unreadable(shown.unreadable);
        left_out.log(self.name, cx, SEARCH);
        let unseen = (!shown.all() || strays).then(|| shown.total.unwrap_or_default());
        Ok(AccountPage {
            unreadable: left_out.any(),
            ..AccountPage::from_matches(found, query, unseen)
        })
    }
}

/// The conditions that go to the provider, in the form in which they go.
struct PushedFilter {
    email_prefix: Option<String>,
    email_contains: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
}

impl PushedFilter {
    /// What can be requested without losing a user who meets the filter. Of addresses only what no spelling changes: a
    /// provider may store accents decomposed and domains in Unicode.
    fn from_filter(filter: &UserFilter, takes: impl Fn(Placeholder) -> bool, contains_from: usize) -> Self {
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
            EmailFilter::Contains(needle) => {
                // Of a label with other letters the ASCII form has the runs of ASCII, too (RFC 3492 section 3.1).
                let is_split = |char| !plain(char) || needle.in_domain().is_some() && char == '.';
                needle.as_str().split(is_split).collect()
            }
            EmailFilter::Exact(_) | EmailFilter::Prefix(_) => Vec::new(),
        });
        let prefix = prefixes.find(|prefix| !prefix.is_empty());
        let part = parts
            .filter(|part| part.len() >= contains_from && !part.contains("xn--"))
            .max_by_key(|part| part.len());
        Self {
            email_prefix: prefix.filter(|_| takes(Placeholder::EmailPrefix)).map(str::to_owned),
            email_contains: part.filter(|_| takes(Placeholder::EmailContains)).map(str::to_owned),
            first_name: name(Placeholder::FirstName, &filter.first_name),
            last_name: name(Placeholder::LastName, &filter.last_name),
        }
    }

    fn values(&self) -> TemplateValues<'_> {
        TemplateValues {
            email_prefix: self.email_prefix.as_deref(),
            email_contains: self.email_contains.as_deref(),
            first_name: self.first_name.as_deref(),
            last_name: self.last_name.as_deref(),
            ..TemplateValues::default()
        }
    }

    /// Whether an account can match these conditions. If one cannot, the provider compares differently than configured,
    /// and may have left out others.
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
    fn only_safe_conditions_are_pushed() {
        let filter = UserFilter {
            emails: vec![
                EmailFilter::Prefix(EmailFragment::from_text("jos\u{e9}@x")),
                EmailFilter::Contains(EmailFragment::from_text("bcd\u{e9}ef")),
                EmailFilter::Contains(EmailFragment::from_text("bcd@\u{e9}ef")),
            ],
            first_name: Some(NamePrefix::from_text("\u{c1}nn")),
            last_name: Some(NamePrefix::from_text("")),
            ..UserFilter::default()
        };
        let all = PushedFilter::from_filter(&filter, |_| true, 3);
        let values = all.values();
        assert_eq!((values.email_prefix, values.email_contains), (Some("jos"), Some("bcd")));
        assert_eq!((values.first_name, values.last_name), (Some("ann"), None));
        let none = PushedFilter::from_filter(&filter, |_| false, 3);
        assert!(none.values().email_prefix.is_none() && none.values().first_name.is_none());
        assert_eq!(
            PushedFilter::from_filter(&filter, |_| true, 4).values().email_contains,
            None
        );
    }
}

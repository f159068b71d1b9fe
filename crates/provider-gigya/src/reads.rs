//! Gigya as a source of accounts: by id, by address, and lists.

use std::collections::HashSet;

use async_trait::async_trait;
use futures_util::future::try_join;
use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::EmailKey, query::UserQuery,
    user_key::UserKey,
};
use masthead_ports::source::{
    AccountPage, CallContext, SourceError, SourceErrorKind, SourceName, UserSource, search_by_key,
};
use masthead_provider_kit::{AnswerError, SkippedRows, wire as sent};

use crate::{
    adapter::GigyaAdapter,
    address::{forms, is_known_by, may_be_shown_for},
    mapping::account,
    name::GIGYA,
    query::AccountQuery,
    site::GigyaSite,
    wire,
};

const BY_ID: &str = "by_id";
const BY_EMAIL: &str = "by_email";
const SEARCH: &str = "search";

/// The longest key any address has; a longer one belongs to no user.
const LONGEST_KEY: usize = 1_000;

/// The most accounts that may have one address.
const MOST_ALIKE: u64 = 20;

#[async_trait]
impl UserSource for GigyaAdapter {
    fn name(&self) -> SourceName {
        GIGYA
    }

    async fn find(&self, cx: &CallContext, key: &UserKey) -> Result<Vec<Account>, SourceError> {
        match key {
            UserKey::Id(id) => self.by_id(cx, id).await.map(Vec::from_iter),
            UserKey::Email(email) => self.by_email(cx, email).await,
        }
    }

    async fn search(&self, cx: &CallContext, query: &UserQuery) -> Result<AccountPage, SourceError> {
        match search_by_key(self, cx, query, |account| query.filter.matches(account)).await? {
            Some(page) => Ok(page),
            None => self.site(&cx.tenant, SEARCH)?.list(cx, query).await,
        }
    }
}

impl GigyaAdapter {
    async fn by_id(&self, cx: &CallContext, id: &CustomerRegistrationId) -> Result<Option<Account>, SourceError> {
        let site = self.site(&cx.tenant, BY_ID)?;
        let found = site.by_uid(cx, BY_ID, id.as_str()).await?;
        found.map_or(Ok(None), |remote| site.user_account(&remote, BY_ID))
    }

    async fn by_email(&self, cx: &CallContext, email: &EmailKey) -> Result<Vec<Account>, SourceError> {
        if email.as_str().len() > LONGEST_KEY {
            return Ok(Vec::new());
        }
        let site = self.site(&cx.tenant, BY_EMAIL)?;
        let mut accounts = Vec::new();
        for remote in site.with_address(cx, email).await? {
            accounts.extend(site.user_account(&remote, BY_EMAIL)?);
        }
        accounts.sort_unstable_by(|a, b| a.crid.cmp(&b.crid));
        Ok(accounts)
    }
}

impl GigyaSite {
    /// Every account known by this address. The direct look-up finds only the one that signs in with it, and never
    /// lags. Search finds all, and lags: accounts found only there are read again by id.
    async fn with_address(&self, cx: &CallContext, email: &EmailKey) -> Result<Vec<wire::GigyaAccount>, SourceError> {
        // Without the search, neither uniqueness nor absence is certain.
        let Some(emails) = forms(email) else {
            return Err(SourceError::new(BY_EMAIL, SourceErrorKind::Refused));
        };
        let query = AccountQuery {
            emails,
            limit: MOST_ALIKE + 1,
        };
        let direct = self.by_login(cx, BY_EMAIL, email);
        let searched = async {
            let strange = |account: &wire::GigyaAccount| !may_be_shown_for(account, email);
            let shown = self
                .search(cx, BY_EMAIL, &query, false, |page| {
                    if page.iter().any(strange) {
                        return Err(AnswerError::OtherUser);
                    }
                    Ok(true)
                })
                .await?;
            if shown.unreadable > 0 {
                // It may be one of them.
                Err(AnswerError::UnreadableRow.refuse(GIGYA, BY_EMAIL))
            } else if shown.all {
                Ok(shown.accounts)
            } else {
                Err(SourceError::new(BY_EMAIL, SourceErrorKind::TooBroad))
            }
        };
        let (direct, searched) = try_join(direct, searched).await?;
        let mut known: HashSet<String> = direct.iter().map(|account| account.uid.clone()).collect();
        let mut found: Vec<wire::GigyaAccount> = direct.into_iter().filter(|one| is_known_by(one, email)).collect();
        for account in searched.into_iter().filter(|one| is_known_by(one, email)) {
            if known.insert(account.uid.clone()) {
                let live = self.by_uid(cx, BY_EMAIL, &account.uid).await?;
                found.extend(live.filter(|live| is_known_by(live, email)));
            }
        }
        Ok(found)
    }

    /// The first accounts that match the conditions. The query is always "all": Gigya cannot search for parts of
    /// addresses, and compares names with case and accents, which Masthead ignores.
    async fn list(&self, cx: &CallContext, query: &UserQuery) -> Result<AccountPage, SourceError> {
        let (filter, size) = (&query.filter, usize::from(query.size));
        let page_size = u64::from(self.settings.page_size);
        let wanted = u64::from(query.size) + 1;
        let one_page = filter.is_empty() && wanted <= page_size;
        let requests = AccountQuery {
            emails: Vec::new(),
            limit: if one_page { wanted } else { page_size },
        };
        let mut accounts = Vec::new();
        let mut left_out = SkippedRows::default();
        let shown = self
            .search(cx, SEARCH, &requests, !one_page, |page| {
                for remote in page.iter().filter(|remote| self.counts(remote)) {
                    match account(remote, &self.settings.metadata) {
                        Ok(account) => accounts.extend(Some(account).filter(|account| filter.matches(account))),
                        Err(flaw) => left_out.add(sent::id(&remote.uid), flaw),
                    }
                }
                Ok(accounts.len() > size)
            })
            .await?;
        left_out.add_unreadable(shown.unreadable);
        left_out.log(GIGYA, cx, SEARCH);
        let unseen = (!shown.all).then_some(shown.total);
        Ok(AccountPage {
            unreadable: left_out.any(),
            ..AccountPage::from_matches(accounts, query, unseen)
        })
    }

    /// The Masthead account, if the Gigya account counts as a user.
    fn user_account(
        &self,
        remote: &wire::GigyaAccount,
        operation: &'static str,
    ) -> Result<Option<Account>, SourceError> {
        let local = self
            .counts(remote)
            .then(|| account(remote, &self.settings.metadata))
            .transpose();
        local.map_err(|flaw| flaw.refuse(GIGYA, operation))
    }
}

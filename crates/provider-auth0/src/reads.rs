//! Auth0 as a source of accounts: by id, by address, and lists.

use std::collections::HashSet;

use async_trait::async_trait;
use futures_util::future::try_join;
use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    email::EmailKey,
    name::fold_name,
    query::{UserFilter, UserQuery},
    user_key::UserKey,
};
use masthead_ports::source::{
    AccountPage, CallContext, SourceError, SourceErrorKind, SourceName, UserSource, search_by_key,
};
use masthead_provider_kit::{AnswerError, SkippedRows, wire};

use crate::{
    adapter::Auth0Adapter,
    address::{forms, pushed},
    lucene::{Auth0Field, Clause, QueryValue, all_of},
    management::{ManagementApi, UserSearch},
    mapping::account,
    name::AUTH0,
    wire::Auth0User,
};

const BY_ID: &str = "by_id";
const BY_EMAIL: &str = "by_email";
const SEARCH: &str = "search";

/// The longest key any address has; a longer one belongs to no user.
const LONGEST_KEY: usize = 1_000;

/// The most users that a search may find for one address or one identity.
const MOST_ALIKE: usize = 20;

#[async_trait]
impl UserSource for Auth0Adapter {
    fn name(&self) -> SourceName {
        AUTH0
    }

    async fn find(&self, cx: &CallContext, key: &UserKey) -> Result<Vec<Account>, SourceError> {
        match key {
            UserKey::Id(id) => self.by_id(cx, id).await.map(Vec::from_iter),
            UserKey::Email(email) => self.by_email(cx, email).await,
        }
    }

    async fn search(&self, cx: &CallContext, query: &UserQuery) -> Result<AccountPage, SourceError> {
        match search_by_key(self, cx, query, |account| meets(&query.filter, account)).await? {
            Some(page) => Ok(page),
            None => self.api(&cx.tenant, SEARCH)?.list(cx, query).await,
        }
    }
}

impl Auth0Adapter {
    async fn by_id(&self, cx: &CallContext, id: &CustomerRegistrationId) -> Result<Option<Account>, SourceError> {
        let api = self.api(&cx.tenant, BY_ID)?;
        let id = id.as_str();
        let found = match api.user(cx, BY_ID, id).await? {
            Some(user) => Some(user),
            None => api.user_with_identity(cx, id).await?,
        };
        found.map_or(Ok(None), |user| api.tenant_account(&user, BY_ID))
    }

    async fn by_email(&self, cx: &CallContext, email: &EmailKey) -> Result<Vec<Account>, SourceError> {
        // No Masthead account has such an address.
        if email.as_str().len() > LONGEST_KEY || email.as_str().contains('\0') {
            return Ok(Vec::new());
        }
        let api = self.api(&cx.tenant, BY_EMAIL)?;
        let mut accounts = Vec::new();
        for user in api.users_with_address(cx, email).await? {
            accounts.extend(api.tenant_account(&user, BY_EMAIL)?);
        }
        accounts.sort_unstable_by(|a, b| a.crid.cmp(&b.crid));
        Ok(accounts)
    }
}

/// Whether an account meets the conditions that a provider is given; an id is met by that of a linked identity too.
fn meets(filter: &UserFilter, account: &Account) -> bool {
    filter.matches_except_id(account)
}

impl ManagementApi {
    /// The user with a linked identity of this id. Only search finds it, and search lags, so the user is then read by
    /// id.
    async fn user_with_identity(&self, cx: &CallContext, id: &str) -> Result<Option<Auth0User>, SourceError> {
        let own_part = id.split_once('|').and_then(|(_, own)| QueryValue::new(own));
        let Some(own) = own_part else { return Ok(None) };
        let clause = Clause::Is(Auth0Field::IdentityId, own.clone());
        let has_part = |user: &Auth0User| {
            let mut ids = user
                .identities
                .iter()
                .filter_map(|identity| identity.user_id.as_deref());
            ids.any(|id| id == own.as_str())
        };
        let mut shown = self.few(cx, BY_ID, &clause, has_part).await?;
        shown.retain(|user| user.is(id));
        match <[Auth0User; 1]>::try_from(shown) {
            Ok([user]) => {
                let live = self.user(cx, BY_ID, &user.user_id).await?;
                Ok(live.filter(|user| user.is(id)))
            }
            Err(none) if none.is_empty() => Ok(None),
            // One identity cannot be two users'.
            Err(_) => Err(AnswerError::Contradiction.refuse(AUTH0, BY_ID)),
        }
    }

    /// The user with this id, which no path can carry. Each id at Auth0 is `provider|id` (`providers.md` §1.4), so
    /// another form belongs to no user. Other ids are searched; search lags, so a missing user may still exist.
    pub(crate) async fn user_out_of_paths(
        &self,
        cx: &CallContext,
        operation: &'static str,
        id: &str,
    ) -> Result<Option<Auth0User>, SourceError> {
        let Some(value) = QueryValue::new(id).filter(|_| id.contains('|')) else {
            return Ok(None);
        };
        let clause = Clause::Is(Auth0Field::UserId, value);
        let shown = self.few(cx, operation, &clause, |user| user.user_id == id).await?;
        match <[Auth0User; 1]>::try_from(shown) {
            Ok([user]) => Ok(Some(user)),
            Err(_) => Err(SourceError::new(operation, SourceErrorKind::Refused)),
        }
    }

    /// Every user with this address in any spelling. The direct look-up compares exactly and never lags. Search finds
    /// other spellings; users found only there are read again by id.
    async fn users_with_address(&self, cx: &CallContext, email: &EmailKey) -> Result<Vec<Auth0User>, SourceError> {
        // Who was requested by some spellings only may be there by another.
        let Some(spellings) = forms(email) else {
            return Err(SourceError::new(BY_EMAIL, SourceErrorKind::Refused));
        };
        let spellings = Some(spellings).filter(|forms| self.settings.mixed_case_emails || forms.len() > 1);
        let direct = self.users_by_email(cx, BY_EMAIL, email.as_str());
        let searched = async {
            let Some(spellings) = spellings else {
                return Ok(Vec::new());
            };
            let clauses = spellings.into_iter().map(|form| Clause::Is(Auth0Field::Email, form));
            self.few(cx, BY_EMAIL, &any(clauses), |user| has_address(user, email))
                .await
        };
        let (mut users, searched) = try_join(direct, searched).await?;
        if !users.iter().all(|user| has_address(user, email)) {
            return Err(AnswerError::OtherUser.refuse(AUTH0, BY_EMAIL));
        }
        for user in searched {
            if users.iter().any(|known| known.user_id == user.user_id) {
                continue;
            }
            let live = self.user(cx, BY_EMAIL, &user.user_id).await?;
            users.extend(live.filter(|user| has_address(user, email)));
        }
        let mut known = HashSet::new();
        users.retain(|user| known.insert(user.user_id.clone()));
        Ok(users)
    }

    /// The few users that match a clause; each is checked against it.
    async fn few(
        &self,
        cx: &CallContext,
        operation: &'static str,
        clause: &Clause,
        is_about: impl Fn(&Auth0User) -> bool + Send + Sync,
    ) -> Result<Vec<Auth0User>, SourceError> {
        let q = clause.to_string();
        let search = UserSearch {
            operation,
            q: Some(&q),
            ordered: false,
        };
        let shown = self.search(cx, search, |_| Ok(true)).await?;
        if !shown.users.iter().all(is_about) {
            return Err(AnswerError::OtherUser.refuse(AUTH0, operation));
        }
        // It may be one of them.
        if shown.unreadable > 0 {
            return Err(AnswerError::UnreadableRow.refuse(AUTH0, operation));
        }
        if !shown.all || shown.users.len() > MOST_ALIKE {
            return Err(SourceError::new(operation, SourceErrorKind::TooBroad));
        }
        Ok(shown.users)
    }

    /// The first users who meet the conditions that can be requested.
    async fn list(&self, cx: &CallContext, query: &UserQuery) -> Result<AccountPage, SourceError> {
        let filter = &query.filter;
        let conditions: Vec<Clause> = filter
            .emails
            .iter()
            .filter_map(|email| pushed(email, self.settings.leading_wildcards))
            .collect();
        let mut clauses = conditions.clone();
        clauses.extend(self.in_our_connections());
        let q = all_of(&clauses);
        let search = UserSearch {
            operation: SEARCH,
            q: q.as_deref(),
            ordered: true,
        };
        let mut accounts = Vec::new();
        let mut left_out = SkippedRows::default();
        let size = usize::from(query.size);
        let shown = self
            .search(cx, search, |users| {
                for user in users {
                    if !conditions.iter().all(|clause| may_meet(clause, user)) {
                        return Err(AnswerError::OtherUser);
                    }
                    match self.account_of(user) {
                        Ok(account) => accounts.extend(account.filter(|account| meets(filter, account))),
                        Err(flaw) => left_out.add(wire::id(&user.user_id), flaw),
                    }
                }
                Ok(accounts.len() > size)
            })
            .await?;
        left_out.add_unreadable(shown.unreadable);
        left_out.log(AUTH0, cx, SEARCH);
        let unseen = (!shown.all).then_some(shown.total);
        Ok(AccountPage {
            unreadable: left_out.any(),
            ..AccountPage::from_matches(accounts, query, unseen)
        })
    }

    /// The condition that a user is in one of the connections that are this tenant's; `None` where all are.
    pub(crate) fn in_our_connections(&self) -> Option<Clause> {
        let connections = self
            .settings
            .connections
            .iter()
            .filter_map(|name| QueryValue::new(name));
        let connections: Vec<Clause> = connections
            .map(|name| Clause::Is(Auth0Field::IdentityConnection, name))
            .collect();
        (!connections.is_empty()).then(|| any(connections))
    }

    /// The account of a user who is one of this tenant's.
    pub(crate) fn tenant_account(
        &self,
        user: &Auth0User,
        operation: &'static str,
    ) -> Result<Option<Account>, SourceError> {
        self.account_of(user).map_err(|flaw| flaw.refuse(AUTH0, operation))
    }

    /// The same, or why none can be made.
    pub(crate) fn account_of(&self, user: &Auth0User) -> Result<Option<Account>, AnswerError> {
        let account_of = self.belongs_to_tenant(user)?;
        account_of.then(|| account(user, &self.settings.metadata)).transpose()
    }
}

fn any(clauses: impl IntoIterator<Item = Clause>) -> Clause {
    let mut clauses: Vec<Clause> = clauses.into_iter().collect();
    match clauses.len() {
        1 => clauses.remove(0),
        _ => Clause::Any(clauses),
    }
}

fn has_address(user: &Auth0User, wanted: &EmailKey) -> bool {
    let email = user.email.as_deref().and_then(wire::address);
    email.is_some_and(|email| email.key() == wanted)
}

/// Whether a user may be among the answers to a condition on the address, however Auth0 compares case and accents.
fn may_meet(clause: &Clause, user: &Auth0User) -> bool {
    let email = fold_name(user.email.as_deref().unwrap_or_default());
    match clause {
        Clause::Is(Auth0Field::Email, value) => email == fold_name(value.as_str()),
        Clause::StartsWith(Auth0Field::Email, value) => email.starts_with(&fold_name(value.as_str())),
        Clause::Holds(Auth0Field::Email, value) => email.contains(&fold_name(value.as_str())),
        Clause::Any(clauses) => clauses.iter().any(|clause| may_meet(clause, user)),
        Clause::Is(..) | Clause::StartsWith(..) | Clause::Holds(..) | Clause::Within(..) => true,
    }
}

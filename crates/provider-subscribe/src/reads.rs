//! The remote API as the Subscribe source: by id, by address, and lists.

use std::cmp::Ordering;

use async_trait::async_trait;
use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    email::EmailKey,
    order::{ListCursor, Order, SortKey},
    query::{AccessPath, CountMode, EmailFilter, MAX_PAGE_SIZE, Position, Total, UserFilter, UserQuery},
    user_key::UserKey,
};
use masthead_ports::source::{
    AccountPage, CallContext, SUBSCRIBE, SourceError, SourceErrorKind, SourceName, UserSource,
};

use crate::{
    adapter::RemoteSubscribe, conditions, error::RemoteAnswerError, page::RemotePage, page_start::PageStart,
    query::RemoteQuery, remote_api::RemoteApi, settings::RemoteApiKind,
};

const BY_ID: &str = "by_id";
const BY_EMAIL: &str = "by_email";
const SEARCH: &str = "search";

/// The most spellings of an address that are requested, each by a call.
const MOST_SPELLINGS: usize = 8;

#[async_trait]
impl UserSource for RemoteSubscribe {
    fn name(&self) -> SourceName {
        SUBSCRIBE
    }

    async fn find(&self, cx: &CallContext, key: &UserKey) -> Result<Vec<Account>, SourceError> {
        let api = self.remote_api(&cx.tenant, key.operation())?;
        match key {
            UserKey::Id(id) => api.account(cx, id).await.map(Vec::from_iter),
            UserKey::Email(email) => api.accounts_with(cx, email).await,
        }
    }

    async fn search(&self, cx: &CallContext, query: &UserQuery) -> Result<AccountPage, SourceError> {
        if query.filter.access_path() == AccessPath::Contradiction || conditions::matches_no_account(&query.filter) {
            return Ok(AccountPage {
                accounts: Vec::new(),
                more: false,
                cursor: None,
                total: counted(query, Total::Exact(0)),
                truncated: false,
                unreadable: false,
            });
        }
        let far = self.remote_api(&cx.tenant, SEARCH)?;
        let exact = PageStart::from_position(&query.position)
            .and_then(|goes| Some((RemoteQuery::exact(far.settings.api, query, &goes)?, goes)));
        match exact {
            Some((question, goes)) => far.page(cx, query, &question, goes).await,
            None => far.filtered_page(cx, query).await,
        }
    }
}

impl RemoteApi {
    /// The account with this id, read from the list: an empty list means absence, which a 404 of a wrong URL never
    /// does.
    pub(crate) async fn account(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
    ) -> Result<Option<Account>, SourceError> {
        let filter = UserFilter {
            crids: vec![id.clone()],
            ..UserFilter::default()
        };
        let query = first(filter, 2);
        let question = self.question(BY_ID, &query)?;
        self.call(cx, BY_ID, &question, |rows| {
            next_page_mark(&rows, &query, PageStart::Offset(0))?;
            let accounts = rows.every_account(|account| account.crid == *id)?;
            Ok(accounts.into_iter().next())
        })
        .await
    }

    /// Every account with exactly this address, in the order of their ids.
    async fn accounts_with(&self, cx: &CallContext, email: &EmailKey) -> Result<Vec<Account>, SourceError> {
        let filter = UserFilter {
            emails: vec![EmailFilter::Exact(email.clone())],
            ..UserFilter::default()
        };
        if conditions::matches_no_account(&filter) {
            return Ok(Vec::new());
        }
        let query = first(filter, MAX_PAGE_SIZE);
        let Some(question) = RemoteQuery::exact(self.settings.api, &query, &PageStart::Offset(0)) else {
            // The legacy API takes what is no complete address for a part of one.
            let page = self.filtered_page(cx, &query).await?;
            return if page.unreadable {
                Err(SourceError::with_cause(
                    BY_EMAIL,
                    SourceErrorKind::Corrupt,
                    RemoteAnswerError::UnreadableRow,
                ))
            } else {
                Ok(page.accounts)
            };
        };
        let key = |account: &Account| account.email.as_ref().map(|email| email.key().clone());
        let read = |rows: RemotePage| {
            let all = next_page_mark(&rows, &query, PageStart::Offset(0))?.is_none();
            // A deployment may match by *contains* also where the address is complete.
            let is_near = |account: &Account| key(account).is_some_and(|known| known.as_str().contains(email.as_str()));
            Ok((rows.every_account(is_near)?, all))
        };
        let mut accounts = Vec::new();
        for form in self.spellings(email)? {
            let (near, all) = self.call(cx, BY_EMAIL, &question.with_spelling(&form), read).await?;
            if !all {
                return Err(SourceError::new(BY_EMAIL, SourceErrorKind::TooBroad));
            }
            accounts.extend(near);
        }
        accounts.retain(|account| key(account).as_ref() == Some(email));
        accounts.sort_unstable_by(|a, b| a.crid.cmp(&b.crid));
        accounts.dedup_by(|a, b| a.crid == b.crid);
        Ok(accounts)
    }

    /// The spellings of an address to request. Only Masthead accepts a search in a body, and compares by key; how other
    /// deployments compare is unpublished, and may be exact.
    fn spellings(&self, email: &EmailKey) -> Result<Vec<String>, SourceError> {
        if self.settings.api == RemoteApiKind::V4Body {
            return Ok(vec![email.as_str().to_owned()]);
        }
        let all = email.spellings().filter(|all| all.len() <= MOST_SPELLINGS);
        all.ok_or_else(|| SourceError::new(BY_EMAIL, SourceErrorKind::Refused))
    }

    /// A page that the remote API answers as it is requested.
    async fn page(
        &self,
        cx: &CallContext,
        query: &UserQuery,
        question: &RemoteQuery,
        goes: PageStart<'_>,
    ) -> Result<AccountPage, SourceError> {
        let read = |rows: RemotePage| {
            let mark = next_page_mark(&rows, query, goes)?;
            let total = match query.count {
                CountMode::None => None,
                CountMode::Exact | CountMode::Estimate => Some(rows.total.ok_or(RemoteAnswerError::Shape)?),
            };
            let (accounts, left_out) = rows.accounts(|account| query.filter.matches(account))?;
            let page = AccountPage {
                accounts,
                more: mark.is_some(),
                cursor: mark,
                total,
                truncated: false,
                unreadable: left_out.any(),
            };
            Ok((page, left_out))
        };
        let (page, left_out) = self.call(cx, SEARCH, question, read).await?;
        left_out.log(SUBSCRIBE, cx, SEARCH);
        Ok(page)
    }

    /// A page under conditions this API cannot express: filtered here from the first users that match the others, and
    /// only if these are all of them.
    async fn filtered_page(&self, cx: &CallContext, query: &UserQuery) -> Result<AccountPage, SourceError> {
        let refused = || SourceError::new(SEARCH, SourceErrorKind::Refused);
        // What a user does not show cannot be filtered by, nor can a mark.
        if conditions::needs_absent_field(self.settings.api, query)
            || matches!(query.position, Position::After(ListCursor::Opaque(_)))
        {
            return Err(refused());
        }
        let requested = first(conditions::expressible(self.settings.api, &query.filter), MAX_PAGE_SIZE);
        let question = self.question(SEARCH, &requested)?;
        let ((accounts, left_out), all) = self
            .call(cx, SEARCH, &question, |rows| {
                let all = next_page_mark(&rows, &requested, PageStart::Offset(0))?.is_none();
                Ok((rows.accounts(|account| requested.filter.matches(account))?, all))
            })
            .await?;
        if !all {
            return Err(SourceError::new(SEARCH, SourceErrorKind::TooBroad));
        }
        left_out.log(SUBSCRIBE, cx, SEARCH);
        Ok(AccountPage {
            unreadable: left_out.any(),
            ..cut(accounts, query, cx.tenant.settings.is_federated())
        })
    }

    fn question(&self, operation: &'static str, query: &UserQuery) -> Result<RemoteQuery, SourceError> {
        RemoteQuery::exact(self.settings.api, query, &PageStart::Offset(0))
            .ok_or_else(|| SourceError::new(operation, SourceErrorKind::Refused))
    }
}

/// The first users that meet a filter, with their number.
fn first(filter: UserFilter, size: u16) -> UserQuery {
    UserQuery {
        filter,
        order: Order::default(),
        position: Position::Offset(0),
        size,
        count: CountMode::Exact,
    }
}

/// The cursor of the page after these rows, if there is one: the remote API's own, or else the number of users before
/// it, if its total is greater. A page with a successor must be full, or a user is missing.
pub(crate) fn next_page_mark(
    rows: &RemotePage,
    query: &UserQuery,
    goes: PageStart<'_>,
) -> Result<Option<Box<str>>, RemoteAnswerError> {
    let size = usize::from(query.size);
    if rows.users.len() > size {
        return Err(RemoteAnswerError::Contradiction);
    }
    let next = match (&rows.cursor, goes, rows.total) {
        (Some(cursor), ..) => Some(PageStart::Cursor(cursor).mark()),
        // An estimate is no evidence about a single user.
        (None, PageStart::Offset(offset), Some(Total::Exact(total))) => {
            let shown = offset.saturating_add(rows.users.len() as u64);
            (total > shown).then(|| PageStart::Offset(shown).mark())
        }
        (None, ..) => None,
    };
    if next.is_some() && rows.users.len() < size {
        return Err(RemoteAnswerError::Contradiction);
    }
    Ok(next)
}

/// Sorts and cuts what is all.
fn cut(mut accounts: Vec<Account>, query: &UserQuery, outside_provider: bool) -> AccountPage {
    accounts.retain(|account| query.filter.matches(account));
    let direction = query.order.direction;
    let place = |account: &Account| SortKey::for_account(account, query.order.column, outside_provider);
    accounts.sort_by(|a, b| place(a).compare(&place(b), direction));
    let total = accounts.len();
    let skipped = match &query.position {
        Position::Offset(offset) => usize::try_from(*offset).unwrap_or(usize::MAX),
        Position::After(ListCursor::Key(last)) => accounts
            .iter()
            .take_while(|account| place(account).compare(last, direction) != Ordering::Greater)
            .count(),
        // Refused before it comes here.
        Position::After(ListCursor::Opaque(_)) => total,
    };
    let accounts: Vec<Account> = accounts
        .into_iter()
        .skip(skipped)
        .take(usize::from(query.size))
        .collect();
    AccountPage {
        more: skipped.saturating_add(accounts.len()) < total,
        accounts,
        cursor: None,
        total: counted(query, Total::Exact(total as u64)),
        truncated: false,
        unreadable: false,
    }
}

fn counted(query: &UserQuery, total: Total) -> Option<Total> {
    match query.count {
        CountMode::Exact | CountMode::Estimate => Some(total),
        CountMode::None => None,
    }
}

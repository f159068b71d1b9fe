//! One tenant's Management API: the calls that read, each with its own signals.

use std::collections::HashSet;

use bytes::Bytes;
use http::Request;
use masthead_ports::source::{CallContext, SourceError, SourceErrorKind};
use masthead_provider_kit::{AnswerError, HttpReply, ProviderCall, Secret, Upstream, json::JsonRows};

use crate::{
    lucene::{Auth0Field, Clause, QueryValue},
    name::AUTH0,
    refusal::{envelope, refusal},
    requests::{Auth0Requests, ListCall},
    settings::Auth0Settings,
    wire::{Auth0User, UserListPage},
};

/// The highest number of users a search can page through.
pub(crate) const CAP: u64 = 1_000;

/// The order of pages: users created during paging come last.
pub(crate) const OLDEST_FIRST: &str = "created_at:1";

#[derive(Debug)]
pub(crate) struct ManagementApi {
    pub(crate) settings: Auth0Settings,
    pub(crate) upstream: Upstream,
    /// The application's secret, for the grant that checks a password.
    pub(crate) client_secret: Secret,
}

impl AsRef<Upstream> for ManagementApi {
    fn as_ref(&self) -> &Upstream {
        &self.upstream
    }
}

#[derive(Debug)]
pub(crate) struct Auth0SearchResult {
    /// Each user once.
    pub(crate) users: Vec<Auth0User>,
    pub(crate) unreadable: usize,
    /// Auth0's total.
    pub(crate) total: u64,
    /// Whether these are all.
    pub(crate) all: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct UserSearch<'a> {
    pub(crate) operation: &'static str,
    pub(crate) q: Option<&'a str>,
    /// Pages are only as steady as their order; a search that is one page needs none.
    pub(crate) ordered: bool,
}

impl ManagementApi {
    pub(crate) fn requests(&self) -> Auth0Requests<'_> {
        Auth0Requests {
            origin: &self.settings.origin,
        }
    }

    /// The user with this id; `None` when Auth0 reports that no first identity has it.
    ///
    /// Auth0 answers 404 about the user, or 400 for a text that cannot be an id: every id is `provider|id`.
    pub(crate) async fn user(
        &self,
        cx: &CallContext,
        operation: &'static str,
        id: &str,
    ) -> Result<Option<Auth0User>, SourceError> {
        let Some(request) = self.requests().user(id) else {
            return self.user_out_of_paths(cx, operation, id).await;
        };
        let request = written(operation, request)?;
        let read = |reply: &HttpReply| match reply.status.as_u16() {
            200 => {
                let user: Auth0User = reply.json()?;
                if user.is(id) {
                    Ok(Some(user))
                } else {
                    Err(AnswerError::OtherUser.refuse_reply(AUTH0, operation))
                }
            }
            404 if is_about_the_user(reply) => Ok(None),
            400 if !id.contains('|') && is_code(reply, "invalid_uri") => Ok(None),
            _ => Err(refusal(operation, reply)),
        };
        self.upstream
            .call(ProviderCall::read(operation, cx), &request, read)
            .await
    }

    /// All users with exactly this address. An unreadable one is an error.
    pub(crate) async fn users_by_email(
        &self,
        cx: &CallContext,
        operation: &'static str,
        email: &str,
    ) -> Result<Vec<Auth0User>, SourceError> {
        let request = written(operation, self.requests().by_email(email))?;
        let read = |reply: &HttpReply| match reply.status.as_u16() {
            200 => Ok(reply.json()?),
            _ => Err(refusal(operation, reply)),
        };
        let users: JsonRows<Auth0User> = self
            .upstream
            .call(ProviderCall::read(operation, cx), &request, read)
            .await?;
        if users.unreadable > 0 {
            return Err(AnswerError::UnreadableRow.refuse(AUTH0, operation));
        }
        Ok(users.read)
    }

    /// Searches page by page until `enough` returns true for a page's users, all users were read, or Auth0 returns no
    /// more ([`CAP`]). `enough` gets each user once.
    pub(crate) async fn search(
        &self,
        cx: &CallContext,
        search: UserSearch<'_>,
        mut enough: impl FnMut(&[Auth0User]) -> Result<bool, AnswerError>,
    ) -> Result<Auth0SearchResult, SourceError> {
        let UserSearch { operation, q, ordered } = search;
        let mut shown = Auth0SearchResult {
            users: Vec::new(),
            unreadable: 0,
            total: 0,
            all: false,
        };
        let mut known = HashSet::new();
        let mut per_page = u64::from(self.settings.page_size);
        let mut page = 0;
        while (page + 1) * per_page <= CAP {
            let sort = ordered.then_some(OLDEST_FIRST);
            let call = ListCall {
                page,
                per_page,
                sort,
                q,
            };
            let list = self.page(cx, operation, call).await?;
            // Auth0 may shorten pages below the requested length; the shorter length is used from then on.
            per_page = list.limit;
            shown.total = list.total;
            shown.unreadable += list.users.unreadable;
            let new_ones = shown.users.len();
            shown.users.extend(
                list.users
                    .read
                    .into_iter()
                    .filter(|user| known.insert(user.user_id.clone())),
            );
            let enough = enough(&shown.users[new_ones..]).map_err(|flaw| flaw.refuse(AUTH0, operation))?;
            shown.all = list.start + list.length >= list.total;
            // An empty page before the end: the total includes users that Auth0 does not list.
            if shown.all || enough || list.length == 0 {
                return Ok(shown);
            }
            page += 1;
        }
        Ok(shown)
    }

    /// One page of users whose numbers agree with each other and with the request.
    pub(crate) async fn page(
        &self,
        cx: &CallContext,
        operation: &'static str,
        call: ListCall<'_>,
    ) -> Result<UserListPage, SourceError> {
        let request = written(operation, self.requests().list(call))?;
        let read = |reply: &HttpReply| match reply.status.as_u16() {
            200 => checked(reply.json()?, call.page, call.per_page).map_err(|flaw| flaw.refuse_reply(AUTH0, operation)),
            _ => Err(refusal(operation, reply)),
        };
        self.upstream
            .call(ProviderCall::read(operation, cx), &request, read)
            .await
    }

    /// Whether any user has an identity in this connection.
    pub(crate) async fn has_users_in(
        &self,
        cx: &CallContext,
        operation: &'static str,
        connection: &str,
    ) -> Result<bool, SourceError> {
        let Some(name) = QueryValue::new(connection) else {
            return Ok(false);
        };
        let q = Clause::Is(Auth0Field::IdentityConnection, name).to_string();
        let call = ListCall {
            page: 0,
            per_page: 1,
            sort: None,
            q: Some(&q),
        };
        Ok(self.page(cx, operation, call).await?.total > 0)
    }

    /// Whether the user is one of this tenant's: one of its identities is in a connection that is.
    pub(crate) fn belongs_to_tenant(&self, user: &Auth0User) -> Result<bool, AnswerError> {
        let connections = &self.settings.connections;
        if connections.is_empty() {
            return Ok(true);
        }
        if user.identities.is_empty() {
            return Err(AnswerError::NoIdentities);
        }
        let account_of = |name: &String| connections.iter().any(|connection| **connection == **name);
        Ok(user
            .identities
            .iter()
            .filter_map(|identity| identity.connection.as_ref())
            .any(account_of))
    }
}

/// Checks that a page's numbers agree with each other and with the request.
fn checked(list: UserListPage, page: u64, per_page: u64) -> Result<UserListPage, AnswerError> {
    let users = &list.users;
    let distinct: HashSet<&str> = users.read.iter().map(|user| user.user_id.as_str()).collect();
    let counts = [users.len(), distinct.len() + users.unreadable];
    let good = (1..=per_page).contains(&list.limit)
        && list.start == page * list.limit
        && list.length <= list.limit
        && counts.into_iter().any(|count| count as u64 == list.length);
    if good {
        Ok(list)
    } else {
        Err(AnswerError::Contradiction)
    }
}

/// A 404 is about the user when it is in the API's envelope and not the answer to an unknown path.
pub(crate) fn is_about_the_user(reply: &HttpReply) -> bool {
    envelope(reply).is_some_and(|refused| match refused.error_code.as_deref() {
        Some(code) => code == "inexistent_user",
        None => refused
            .message
            .is_some_and(|message| message.to_ascii_lowercase().contains("user")),
    })
}

fn is_code(reply: &HttpReply, code: &str) -> bool {
    envelope(reply).is_some_and(|refused| refused.error_code.as_deref() == Some(code))
}

/// As [`written`], for a request that names a user in its path.
pub(crate) fn written_about(
    operation: &'static str,
    request: Option<Result<Request<Bytes>, http::Error>>,
) -> Result<Request<Bytes>, SourceError> {
    let refused = || SourceError::new(operation, SourceErrorKind::Refused);
    written(operation, request.ok_or_else(refused)?)
}

pub(crate) fn written(
    operation: &'static str,
    request: Result<Request<Bytes>, http::Error>,
) -> Result<Request<Bytes>, SourceError> {
    request.map_err(|error| SourceError::with_cause(operation, SourceErrorKind::Refused, error))
}

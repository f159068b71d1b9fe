//! Auth0 as a provider that can be gone through: by the moments of users' making, or of their last change.

use std::collections::HashSet;

use async_trait::async_trait;
use masthead_domain::account::Account;
use masthead_ports::{
    scan::{ScanCursor, ScanExtent, ScanPage, UserScan},
    source::{CallContext, SourceError, SourceErrorKind, SourceName},
};
use masthead_provider_kit::{
    AnswerError, SkippedRows,
    json::JsonRows,
    wire::{self, milliseconds},
};
use time::Duration;

use crate::{
    adapter::Auth0Adapter,
    lucene::{Auth0Field, Clause, all_of},
    management::{ManagementApi, OLDEST_FIRST},
    mapping::moment,
    name::AUTH0,
    requests::ListCall,
    windows::{ScanWindow, ShownPage},
    wire::Auth0User,
};

const SCAN: &str = "scan";

/// How far a scan of changes starts before its moment. Search lags behind the users by a second on average; no greatest
/// lag is documented, and requesting a few users twice is cheap.
const LAG: Duration = Duration::minutes(5);

/// The order of pages by the moment of the last change: a user changed during paging comes again at the end.
const LONGEST_UNCHANGED_FIRST: &str = "updated_at:1";

/// The moment a scan is ordered by.
#[derive(Debug, Clone, Copy)]
struct ScanOrder {
    field: Auth0Field,
    sort: &'static str,
}

impl ScanOrder {
    const fn for_scope(scope: ScanExtent) -> Self {
        match scope {
            ScanExtent::Everything => Self {
                field: Auth0Field::CreatedAt,
                sort: OLDEST_FIRST,
            },
            ScanExtent::ChangedSince(_) => Self {
                field: Auth0Field::UpdatedAt,
                sort: LONGEST_UNCHANGED_FIRST,
            },
        }
    }

    /// The user's moment, in UNIX milliseconds.
    fn moment(self, user: &Auth0User) -> Option<i64> {
        let value = match self.field {
            Auth0Field::UpdatedAt => &user.updated_at,
            _ => &user.created_at,
        };
        moment(value).map(milliseconds)
    }
}

#[async_trait]
impl UserScan for Auth0Adapter {
    fn name(&self) -> SourceName {
        AUTH0
    }

    fn can_list_changes(&self) -> bool {
        true
    }

    async fn fetch_page(
        &self,
        cx: &CallContext,
        scope: ScanExtent,
        from: Option<&ScanCursor>,
    ) -> Result<ScanPage, SourceError> {
        let api = self.api(&cx.tenant, SCAN)?;
        let at = from.and_then(ScanWindow::read).unwrap_or_else(|| {
            ScanWindow::from(match scope {
                ScanExtent::Everything => None,
                ScanExtent::ChangedSince(moment) => Some(moment.saturating_sub(LAG)),
            })
        });
        let now = self.now();
        let stepped = api.scan_page(cx, ScanOrder::for_scope(scope), &at).await;
        let (accounts, left_out, shown) = match stepped {
            Ok(stepped) => stepped,
            // The search took longer than Auth0 lets it: a narrower one is quicker.
            Err(error) if error.kind == SourceErrorKind::TooBroad => {
                let Some(narrowed) = at.narrowed(now) else {
                    return Err(error);
                };
                return Ok(ScanPage {
                    accounts: Vec::new(),
                    next: narrowed.to_place(),
                    expected: None,
                    truncated: false,
                    gaps: false,
                    left_out: Vec::new(),
                });
            }
            Err(error) => return Err(error),
        };
        let way = at.followed(&shown, now);
        if way.truncated {
            tracing::warn!(
                source.name = AUTH0,
                tenant = %cx.tenant.id,
                "more users were created or changed in one millisecond than auth0 returns: the scan leaves some out"
            );
        }
        Ok(ScanPage {
            accounts,
            next: way.next.and_then(ScanWindow::to_place),
            // Who changes during a scan over changes is counted twice by then: before the window, and in it.
            expected: (scope == ScanExtent::Everything || from.is_none()).then_some(way.expected),
            truncated: way.truncated,
            gaps: left_out.any(),
            left_out: left_out.into_ids(),
        })
    }
}

impl ManagementApi {
    /// The tenant's accounts on a page, the rows that are left out, and the page.
    async fn scan_page(
        &self,
        cx: &CallContext,
        by: ScanOrder,
        at: &ScanWindow,
    ) -> Result<(Vec<Account>, SkippedRows, ShownPage), SourceError> {
        let (from, before) = at.window();
        let window = (from.is_some() || before.is_some()).then_some(Clause::Within(by.field, from, before));
        let q = all_of(&window.into_iter().chain(self.in_our_connections()).collect::<Vec<_>>());
        let call = ListCall {
            page: at.page,
            per_page: at.per_page.unwrap_or_else(|| self.settings.page_size.into()),
            sort: Some(by.sort),
            q: q.as_deref(),
        };
        let list = self.page(cx, SCAN, call).await?;
        // The page belongs to another time than requested, so its content is undefined.
        let too_early = |user: &Auth0User| {
            from.zip(by.moment(user))
                .is_some_and(|(from, at)| at < milliseconds(from))
        };
        if list.users.read.iter().any(too_early) {
            return Err(AnswerError::OtherUser.refuse(AUTH0, SCAN));
        }
        let shown = ShownPage {
            moments: distinct(&list.users.read).filter_map(|user| by.moment(user)).collect(),
            limit: list.limit,
            length: list.length,
            total: list.total,
        };
        let (accounts, left_out) = self.to_place(&list.users);
        left_out.log(AUTH0, cx, SCAN);
        Ok((accounts, left_out, shown))
    }

    /// The accounts of those who are the tenant's, each once. One user who cannot be stored must not keep all others away.
    fn to_place(&self, users: &JsonRows<Auth0User>) -> (Vec<Account>, SkippedRows) {
        let (mut accounts, mut left_out) = (Vec::new(), SkippedRows::default());
        left_out.add_unreadable(users.unreadable);
        for user in distinct(&users.read) {
            match self.account_of(user) {
                Ok(account) => accounts.extend(account),
                Err(flaw) => left_out.add(wire::id(&user.user_id), flaw),
            }
        }
        (accounts, left_out)
    }
}

/// Each user of a page once.
fn distinct(users: &[Auth0User]) -> impl Iterator<Item = &Auth0User> {
    let mut known = HashSet::new();
    users.iter().filter(move |user| known.insert(user.user_id.as_str()))
}

//! Auth0 as a provider that can be gone through: by the moments of users' making, or of their last change.

use std::collections::HashSet;

use async_trait::async_trait;
use masthead_domain::account::Account;
use masthead_ports::{
    scan::{ScanCursor, ScanExtent, ScanPage, UserScan},
    source::{CallContext, SourceError, SourceErrorKind, SourceName},
};
use masthead_provider_http::{LeftOut, json::Rows, wire};
use time::Duration;

use crate::{
    auth0::{AUTH0, Auth0},
    lucene::{Clause, Field, all_of},
    management::{Management, OLDEST_FIRST, corrupt},
    mapping::{Untrue, moment},
    requests::ListCall,
    windows::{At, Shown, milliseconds},
    wire::User,
};

const WALK: &str = "walk";

/// How far a walk over changes looks back behind its moment. Search lags behind the users by a second on average; no
/// greatest lag is documented, and asking for a few users twice is cheap.
const LAG: Duration = Duration::minutes(5);

/// The order of pages by the moment of the last change: who changes while we page comes once more, at the end.
const LONGEST_UNCHANGED_FIRST: &str = "updated_at:1";

/// What a walk goes by.
#[derive(Debug, Clone, Copy)]
struct By {
    field: Field,
    sort: &'static str,
}

impl By {
    const fn of(scope: ScanExtent) -> Self {
        match scope {
            ScanExtent::Everything => Self {
                field: Field::CreatedAt,
                sort: OLDEST_FIRST,
            },
            ScanExtent::ChangedSince(_) => Self {
                field: Field::UpdatedAt,
                sort: LONGEST_UNCHANGED_FIRST,
            },
        }
    }

    /// The user's moment, in UNIX milliseconds.
    fn moment(self, user: &User) -> Option<i64> {
        let value = match self.field {
            Field::UpdatedAt => &user.updated_at,
            _ => &user.created_at,
        };
        moment(value).map(milliseconds)
    }
}

#[async_trait]
impl UserScan for Auth0 {
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
        let api = self.api(&cx.tenant, WALK)?;
        let at = from.and_then(At::read).unwrap_or_else(|| {
            At::from(match scope {
                ScanExtent::Everything => None,
                ScanExtent::ChangedSince(moment) => Some(moment.saturating_sub(LAG)),
            })
        });
        let now = self.now();
        let stepped = api.walked(cx, By::of(scope), &at).await;
        let (accounts, left_out, shown) = match stepped {
            Ok(stepped) => stepped,
            // The search took longer than Auth0 lets it: a narrower one is quicker.
            Err(error) if error.kind == SourceErrorKind::TooBroad => {
                let Some(narrowed) = at.narrowed(now) else {
                    return Err(error);
                };
                return Ok(ScanPage {
                    accounts: Vec::new(),
                    next: narrowed.kept(),
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
                "more users were made or changed in one millisecond than auth0 shows: some are left out of the walk"
            );
        }
        Ok(ScanPage {
            accounts,
            next: way.next.and_then(|next| next.kept()),
            // Who changes during a walk over changes is counted twice by then: before the window, and in it.
            expected: (scope == ScanExtent::Everything || from.is_none()).then_some(way.expected),
            truncated: way.truncated,
            gaps: left_out.any(),
            left_out: left_out.into_ids(),
        })
    }
}

impl Management {
    /// The tenant's accounts on a page, the rows that are left out, and the page.
    async fn walked(&self, cx: &CallContext, by: By, at: &At) -> Result<(Vec<Account>, LeftOut, Shown), SourceError> {
        let (from, before) = at.window();
        let window = (from.is_some() || before.is_some()).then_some(Clause::Within(by.field, from, before));
        let q = all_of(&window.into_iter().chain(self.in_our_connections()).collect::<Vec<_>>());
        let call = ListCall {
            page: at.page,
            per_page: at.per_page.unwrap_or_else(|| self.settings.page_size.into()),
            sort: Some(by.sort),
            q: q.as_deref(),
        };
        let list = self.page(cx, WALK, call).await?;
        // Of another time than was asked for: nobody knows what this page is.
        let too_early = |user: &User| {
            from.zip(by.moment(user))
                .is_some_and(|(from, at)| at < milliseconds(from))
        };
        if list.users.read.iter().any(too_early) {
            return Err(corrupt(WALK, Untrue::SomebodyElse));
        }
        let shown = Shown {
            moments: distinct(&list.users.read).filter_map(|user| by.moment(user)).collect(),
            limit: list.limit,
            length: list.length,
            total: list.total,
        };
        let (accounts, left_out) = self.kept(&list.users);
        left_out.log(AUTH0, cx, WALK);
        Ok((accounts, left_out, shown))
    }

    /// The accounts of those who are the tenant's, each once. One user who cannot be kept must not keep all others away.
    fn kept(&self, users: &Rows<User>) -> (Vec<Account>, LeftOut) {
        let (mut accounts, mut left_out) = (Vec::new(), LeftOut::default());
        left_out.add_unreadable(users.unreadable);
        for user in distinct(&users.read) {
            match self.ours(user) {
                Ok(account) => accounts.extend(account),
                Err(flaw) => left_out.add(wire::id(&user.user_id), flaw),
            }
        }
        (accounts, left_out)
    }
}

/// Each user of a page once.
fn distinct(users: &[User]) -> impl Iterator<Item = &User> {
    let mut known = HashSet::new();
    users.iter().filter(move |user| known.insert(user.user_id.as_str()))
}

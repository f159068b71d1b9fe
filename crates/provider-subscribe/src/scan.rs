//! Scans all users of the remote API, for migrations.

use masthead_domain::{
    order::{Direction, ListCursor, Order, SortColumn},
    query::{CountMode, Position, Total, UserFilter, UserQuery},
};
use masthead_ports::source::{CallContext, SourceError, SourceErrorKind};

use crate::{
    adapter::RemoteSubscribe, page::RemoteRow, page_start::PageStart, query::RemoteQuery, reads::next_page_mark,
};

const SCAN: &str = "scan";

/// One batch of the scan, ordered by id, so that users created or deleted meanwhile hide no other.
#[derive(Debug)]
pub struct RemoteScanPage {
    /// Each user, or why it cannot be taken.
    pub users: Vec<RemoteRow>,
    /// Where the scan goes on; `None` at its end.
    pub next: Option<Box<str>>,
    /// How many users there are in all.
    pub total: Option<u64>,
}

impl RemoteSubscribe {
    /// The page of at most `size` users after this mark of an earlier page, or the first one.
    ///
    /// # Errors
    /// Those of a search; also for an invalid position.
    pub async fn scan_page(
        &self,
        cx: &CallContext,
        mark: Option<&str>,
        size: u16,
    ) -> Result<RemoteScanPage, SourceError> {
        let far = self.remote_api(&cx.tenant, SCAN)?;
        let query = UserQuery {
            filter: UserFilter::default(),
            order: Order {
                column: SortColumn::CustomerRegistrationId,
                direction: Direction::Ascending,
            },
            position: mark.map_or(Position::Offset(0), |mark| {
                Position::After(ListCursor::Opaque(mark.into()))
            }),
            size,
            count: CountMode::Exact,
        };
        let refused = || SourceError::new(SCAN, SourceErrorKind::Refused);
        let goes = PageStart::from_position(&query.position).ok_or_else(refused)?;
        let question = RemoteQuery::exact(far.settings.api, &query, &goes).ok_or_else(refused)?;
        far.call(cx, SCAN, &question, |rows| {
            Ok(RemoteScanPage {
                next: next_page_mark(&rows, &query, goes)?,
                total: rows.total.map(|(Total::Exact(total) | Total::Estimate(total))| total),
                users: rows.users,
            })
        })
        .await
    }
}

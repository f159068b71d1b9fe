//! Gigya as a provider that can be gone through: by a cursor over the moments of accounts' making, or of their last change.
//!
//! A cursor has no limit of 5,000, but Gigya drops it after five minutes without a request (`providers.md` §2.5). So a
//! position also contains the last moment read, from which a new cursor is opened.

use std::collections::HashSet;

use async_trait::async_trait;
use masthead_domain::account::Account;
use masthead_ports::{
    scan::{ScanCursor, ScanExtent, ScanPage, UserScan},
    source::{CallContext, SourceError, SourceName},
};
use masthead_provider_kit::{
    AnswerError, ProviderCall, ReplyError, SkippedRows,
    json::JsonRows,
    wire::{self as sent, milliseconds},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::Duration;

use crate::{
    adapter::GigyaAdapter,
    calls,
    mapping::{account, moment},
    name::GIGYA,
    query::{AccountMoment, ScanQuery},
    site::{GigyaSite, checked},
    wire::{self, GigyaErrorBody, GigyaSearchPage},
};

const SCAN: &str = "scan";

/// How far a scan of changes starts before its moment: search lags behind the accounts by 30 s at most, according to
/// SAP.
const LAG: Duration = Duration::minutes(2);

/// Where a scan is. `Debug` is not for it: the cursor is Gigya's.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CursorPosition {
    /// The latest moment that was shown, in UNIX milliseconds: where to begin without a cursor.
    from: Option<i64>,
    cursor: Option<String>,
    /// How many accounts were shown that are older than that moment,
    older: u64,
    /// and how many are of that moment.
    newest: u64,
    /// How many older accounts were shown before the cursor was opened: it begins behind them.
    before: u64,
}

impl CursorPosition {
    fn beginning(scope: ScanExtent) -> Self {
        let from = match scope {
            ScanExtent::Everything => None,
            ScanExtent::ChangedSince(moment) => Some(milliseconds(moment.saturating_sub(LAG))),
        };
        Self {
            from,
            ..Self::default()
        }
    }

    fn followed(&self, by: AccountMoment, found: &GigyaSearchPage) -> Self {
        let mut known = HashSet::new();
        let distinct = found
            .results
            .read
            .iter()
            .filter(|account| known.insert(account.uid.as_str()));
        let moments: Vec<Option<i64>> = distinct.map(|account| moment_of(account, by)).collect();
        let from = moments.iter().copied().max().flatten().max(self.from);
        let newest = moments
            .iter()
            .filter(|moment| from.is_some() && **moment == from)
            .count() as u64;
        let older = self.older + (moments.len() as u64 - newest);
        let moved = from > self.from;
        Self {
            from,
            cursor: found.next_cursor_id.clone(),
            older: if moved { older + self.newest } else { older },
            newest: if moved { newest } else { self.newest + newest },
            before: self.before,
        }
    }
}

#[async_trait]
impl UserScan for GigyaAdapter {
    fn name(&self) -> SourceName {
        GIGYA
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
        let site = self.site(&cx.tenant, SCAN)?;
        let by = match scope {
            ScanExtent::Everything => AccountMoment::Created,
            ScanExtent::ChangedSince(_) => AccountMoment::LastUpdated,
        };
        let known = from.and_then(|place| serde_json::from_str(place.as_str()).ok());
        let mut at = known.unwrap_or_else(|| CursorPosition::beginning(scope));
        let found = match &at.cursor {
            Some(cursor) => site.next_batch(cx, cursor).await?,
            None => None,
        };
        let found = if let Some(found) = found {
            found
        } else {
            // It shows those of that moment once more.
            (at.before, at.newest) = (at.older, 0);
            site.first_batch(cx, by, at.from).await?
        };
        let next = at.followed(by, &found);
        let (accounts, left_out) = site.to_place(&found.results);
        left_out.log(GIGYA, cx, SCAN);
        let next = next.cursor.is_some().then(|| to_place(&next)).transpose()?;
        Ok(ScanPage {
            accounts,
            next,
            expected: Some(at.before + found.total_count),
            truncated: false,
            gaps: left_out.any(),
            left_out: left_out.into_ids(),
        })
    }
}

impl GigyaSite {
    /// Opens a cursor over the accounts from this moment on.
    async fn first_batch(
        &self,
        cx: &CallContext,
        by: AccountMoment,
        from: Option<i64>,
    ) -> Result<GigyaSearchPage, SourceError> {
        let limit = self.settings.page_size.into();
        let query = ScanQuery { by, from, limit }.to_string();
        let params = calls::search(&query, true, self.settings.lite_accounts);
        let call = ProviderCall::read(SCAN, cx);
        let found = self.call(call, calls::SEARCH, &params, readable, |_| None).await?;
        // The page belongs to another time than requested, so its content is undefined.
        let too_early =
            |account: &wire::GigyaAccount| from.zip(moment_of(account, by)).is_some_and(|(from, at)| at < from);
        if found.results.read.iter().any(too_early) {
            return Err(AnswerError::OtherUser.refuse(GIGYA, SCAN));
        }
        Ok(found)
    }

    /// The cursor's next batch; `None` when Gigya does not know the cursor any more.
    async fn next_batch(&self, cx: &CallContext, cursor: &str) -> Result<Option<GigyaSearchPage>, SourceError> {
        let call = ProviderCall::read(SCAN, cx);
        let gone = |refused: &GigyaErrorBody| refused.is_bad_value().then_some(None);
        let read = |found: GigyaSearchPage| readable(found).map(Some);
        self.call(call, calls::SEARCH, &calls::next_page(cursor), read, gone)
            .await
    }

    /// The accounts of those who count as users, each once. One that cannot be stored must not keep all others away.
    fn to_place(&self, page: &JsonRows<wire::GigyaAccount>) -> (Vec<Account>, SkippedRows) {
        let (mut accounts, mut left_out) = (Vec::new(), SkippedRows::default());
        left_out.add_unreadable(page.unreadable);
        let mut known = HashSet::new();
        for remote in &page.read {
            if !self.counts(remote) || !known.insert(remote.uid.as_str()) {
                continue;
            }
            match account(remote, &self.settings.metadata) {
                Ok(account) => accounts.push(account),
                Err(flaw) => left_out.add(sent::id(&remote.uid), flaw),
            }
        }
        (accounts, left_out)
    }
}

fn readable(found: GigyaSearchPage) -> Result<GigyaSearchPage, ReplyError> {
    checked(found).map_err(|flaw| flaw.refuse_reply(GIGYA, SCAN))
}

/// The place to keep. A cursor longer than any place may be is nothing to go on with.
fn to_place(at: &CursorPosition) -> Result<ScanCursor, SourceError> {
    let text = serde_json::to_string(at).ok();
    text.and_then(|text| ScanCursor::parse(&text))
        .ok_or_else(|| AnswerError::Contradiction.refuse(GIGYA, SCAN))
}

/// The account's moment, in UNIX milliseconds.
fn moment_of(account: &wire::GigyaAccount, by: AccountMoment) -> Option<i64> {
    let value: &Value = match by {
        AccountMoment::Created => &account.created,
        AccountMoment::LastUpdated => &account.last_updated,
    };
    moment(value).map(milliseconds)
}

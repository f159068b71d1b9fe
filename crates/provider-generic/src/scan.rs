//! A provider as a provider that can be gone through: by its own pages, from the first to the last.
//!
//! Settings cannot name an order, so users deleted during the scan may move others to a page that was already read; nor
//! can changed users be requested.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
};

use async_trait::async_trait;
use masthead_domain::account::Account;
use masthead_ports::{
    scan::{ScanCursor as Kept, ScanExtent, ScanPage, UserScan},
    source::{CallContext, SourceError, SourceErrorKind, SourceName},
};
use masthead_provider_kit::SkippedRows;
use serde::{Deserialize, Serialize};

use crate::{
    adapter::GenericAdapter,
    answer_error::GenericAnswerError,
    api::{GenericApi, ListPage, ListRequest},
    paging::PagePosition,
    template::TemplateValues,
};

const SCAN: &str = "scan";

/// How often one scan may begin anew, because the provider does not know its own cursor any more, or because users went.
const MOST_BEGINNINGS: u32 = 3;

/// Where a scan is. `Debug` is not for it: the cursor is the provider's.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListPosition {
    place: PagePosition,
    /// A hash of each user on the page before.
    print: Option<u64>,
    /// How often the scan began anew.
    beginnings: u32,
    /// The total on the page before.
    total: Option<u64>,
}

impl ListPosition {
    fn begun_anew(&self) -> Self {
        Self {
            beginnings: self.beginnings + 1,
            ..Self::default()
        }
    }
}

#[async_trait]
impl UserScan for GenericAdapter {
    fn name(&self) -> SourceName {
        self.preset.name
    }

    fn can_list_changes(&self) -> bool {
        false
    }

    async fn fetch_page(&self, cx: &CallContext, _: ScanExtent, from: Option<&Kept>) -> Result<ScanPage, SourceError> {
        let described = self.api_of(&cx.tenant, SCAN)?;
        let mut at = from
            .and_then(|place| serde_json::from_str::<ListPosition>(place.as_str()).ok())
            .unwrap_or_default();
        let rows = match described.rows(cx, &at.place).await {
            // Nothing is requested but this cursor: it is what the provider will not have.
            Err(error) if error.kind == SourceErrorKind::Refused && at.place.has_cursor() => {
                if at.beginnings == MOST_BEGINNINGS {
                    return Err(error);
                }
                at = at.begun_anew();
                described.rows(cx, &at.place).await?
            }
            answer => answer?,
        };
        let expected = rows.total;
        let (accounts, left_out) = described.readable(&rows);
        left_out.log(described.name, cx, SCAN);
        let mut gaps = left_out.any();
        // Users went from the pages before, perhaps, and pushed others over the edge of this one. Those who come are counted by
        // the run, which compares how many it was shown with the greatest total.
        let is_first = at.place.pages == 0;
        let shrank = !is_first && expected.is_some() && expected < at.total;
        let anew = (shrank && at.beginnings < MOST_BEGINNINGS).then(|| at.begun_anew());
        let mut next = described.turned(at, rows)?;
        // Without a total on every page it goes unnoticed who slips from one to another.
        let is_only = is_first && next.is_none();
        gaps |= !is_only && expected.is_none();
        match anew {
            Some(anew) => next = described.kept(&anew).map(Some)?,
            None => gaps |= shrank,
        }
        Ok(ScanPage {
            accounts,
            next,
            expected,
            truncated: false,
            gaps,
            left_out: left_out.into_ids(),
        })
    }
}

impl GenericApi {
    async fn rows(&self, cx: &CallContext, place: &PagePosition) -> Result<ListPage, SourceError> {
        let Some(search) = &self.settings.search else {
            return Err(SourceError::new(SCAN, SourceErrorKind::Refused));
        };
        let listing = ListRequest {
            name: SCAN,
            operation: search,
            values: TemplateValues::default(),
            may_be_absent: false,
        };
        self.page(cx, listing, place).await
    }

    /// The accounts of a page, each once. A user who cannot be stored must not keep all others away.
    fn readable(&self, rows: &ListPage) -> (Vec<Account>, SkippedRows) {
        let (mut accounts, mut left_out) = (Vec::new(), SkippedRows::default());
        let mut known = HashSet::new();
        for user in &rows.users {
            match self.settings.map.account(user) {
                Ok(account) if known.insert(account.crid.clone()) => accounts.push(account),
                Ok(_) => {}
                Err(answer_error) => left_out.add(self.settings.map.id(user).ok(), answer_error),
            }
        }
        (accounts, left_out)
    }

    /// The place behind a page; `None` after the last.
    fn turned(&self, mut at: ListPosition, rows: ListPage) -> Result<Option<Kept>, SourceError> {
        let contradiction = || self.answer_error(SCAN, GenericAnswerError::Contradiction);
        let mut print = DefaultHasher::new();
        for user in &rows.users {
            self.settings.map.id(user).ok().hash(&mut print);
        }
        let print = (!rows.users.is_empty()).then(|| print.finish());
        let doubles = self.doubles(&rows.users);
        at.total = rows.total;
        let more = self
            .settings
            .paging
            .turn(&mut at.place, rows.users.len() as u64, doubles, rows.total, rows.next)
            .map_err(|answer_error| self.answer_error(SCAN, answer_error))?;
        if !more {
            return Ok(None);
        }
        // The very users of the page before: a provider that does not turn its pages would be scanned for ever.
        if print.is_some() && print == at.print {
            return Err(contradiction());
        }
        at.print = print;
        self.kept(&at).map(Some)
    }

    fn kept(&self, at: &ListPosition) -> Result<Kept, SourceError> {
        let text = serde_json::to_string(at).ok();
        text.and_then(|text| Kept::parse(&text))
            .ok_or_else(|| self.answer_error(SCAN, GenericAnswerError::Contradiction))
    }
}

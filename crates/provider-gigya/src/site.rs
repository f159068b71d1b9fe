//! One tenant's site: the calls that read, each with its own signals.

use std::{collections::HashSet, sync::Arc};

use masthead_domain::email::EmailKey;
use masthead_ports::{
    clock::Clock,
    source::{CallContext, SourceError, SourceErrorKind},
};
use masthead_provider_kit::{AnswerError, HttpReply, ProviderCall, ReplyError, Upstream};
use serde::de::DeserializeOwned;

use crate::{
    address::has_address,
    calls::{self, GigyaParams},
    credentials::{RequestSigner, SignRequestError},
    envelope::{self, EnvelopeContent},
    name::GIGYA,
    query::AccountQuery,
    settings::GigyaSettings,
    wire::{GigyaAccount, GigyaErrorBody, GigyaSearchPage},
};

/// The most pages of one search; a search with more reports that it is incomplete.
pub(crate) const MOST_PAGES: u32 = 50;

pub(crate) struct GigyaSite {
    pub(crate) settings: GigyaSettings,
    pub(crate) signer: RequestSigner,
    pub(crate) upstream: Upstream,
    pub(crate) clock: Arc<dyn Clock>,
}

impl AsRef<Upstream> for GigyaSite {
    fn as_ref(&self) -> &Upstream {
        &self.upstream
    }
}

#[derive(Debug)]
pub(crate) struct GigyaSearchResult {
    /// Each account once.
    pub(crate) accounts: Vec<GigyaAccount>,
    pub(crate) unreadable: usize,
    pub(crate) total: u64,
    /// Whether these are all.
    pub(crate) all: bool,
}

impl GigyaSite {
    /// Makes a call. `done` reads what is answered when it is done; `refused` takes a refusal for an answer, where it is one.
    pub(crate) async fn call<T, R: DeserializeOwned>(
        &self,
        call: ProviderCall,
        method: &'static str,
        params: &GigyaParams,
        done: impl Fn(R) -> Result<T, ReplyError> + Send + Sync,
        refused: impl Fn(&GigyaErrorBody) -> Option<T> + Send + Sync,
    ) -> Result<T, SourceError> {
        let (operation, effect) = (call.operation, call.effect);
        let write = || {
            self.signer
                .request(method, params)
                .map_err(|cause| unwritten(operation, cause))
        };
        let read = |reply: &HttpReply| match envelope::read::<R>(reply)? {
            EnvelopeContent::EmptyAnswer(content) => done(content),
            EnvelopeContent::GigyaErrorBody(why) => refused(&why).ok_or_else(|| {
                let now = self.clock.now();
                envelope::refusal(operation, effect, &why, reply, now, |reply| {
                    self.signer.correct_clock(reply)
                })
            }),
        };
        self.upstream.call_signed(call, write, read).await
    }

    /// The account with this UID; `None` when Gigya reports that it does not exist.
    pub(crate) async fn by_uid(
        &self,
        cx: &CallContext,
        operation: &'static str,
        uid: &str,
    ) -> Result<Option<GigyaAccount>, SourceError> {
        let is_it = |account: &GigyaAccount| account.uid == uid;
        self.one(cx, operation, &calls::by_uid(uid), is_it).await
    }

    /// The account that signs in with this address, of which there is one at most; it may be known by another.
    pub(crate) async fn by_login(
        &self,
        cx: &CallContext,
        operation: &'static str,
        email: &EmailKey,
    ) -> Result<Option<GigyaAccount>, SourceError> {
        let is_it = |account: &GigyaAccount| has_address(account, email);
        self.one(cx, operation, &calls::by_login_email(email), is_it).await
    }

    async fn one(
        &self,
        cx: &CallContext,
        operation: &'static str,
        params: &GigyaParams,
        is_it: impl Fn(&GigyaAccount) -> bool + Send + Sync,
    ) -> Result<Option<GigyaAccount>, SourceError> {
        let done = |account: GigyaAccount| {
            if is_it(&account) {
                Ok(Some(account))
            } else {
                Err(AnswerError::OtherUser.refuse_reply(GIGYA, operation))
            }
        };
        let unknown = |refused: &GigyaErrorBody| refused.is_unknown_account().then_some(None);
        let call = ProviderCall::read(operation, cx);
        self.call(call, calls::GET_ACCOUNT_INFO, params, done, unknown).await
    }

    /// Searches until `enough` returns true for a page's accounts, all accounts were read, or [`MOST_PAGES`] were
    /// requested. `enough` gets each account once, though pages may repeat some.
    ///
    /// Without `cursor` it is one page; with it there is no end at 5,000.
    pub(crate) async fn search(
        &self,
        cx: &CallContext,
        operation: &'static str,
        query: &AccountQuery,
        cursor: bool,
        mut enough: impl FnMut(&[GigyaAccount]) -> Result<bool, AnswerError>,
    ) -> Result<GigyaSearchResult, SourceError> {
        let mut shown = GigyaSearchResult {
            accounts: Vec::new(),
            unreadable: 0,
            total: 0,
            all: false,
        };
        let mut known = HashSet::new();
        let mut params = calls::search(&query.to_string(), cursor, self.settings.lite_accounts);
        for _ in 0..MOST_PAGES {
            let done = |found: GigyaSearchPage| checked(found).map_err(|flaw| flaw.refuse_reply(GIGYA, operation));
            let call = ProviderCall::read(operation, cx);
            let found = self.call(call, calls::SEARCH, &params, done, |_| None).await?;
            shown.total = found.total_count;
            let before = shown.accounts.len();
            shown.unreadable += found.results.unreadable;
            let fresh = found
                .results
                .read
                .into_iter()
                .filter(|row| known.insert(row.uid.clone()));
            shown.accounts.extend(fresh);
            let enough = enough(&shown.accounts[before..]).map_err(|flaw| flaw.refuse(GIGYA, operation))?;
            let next = found.next_cursor_id.filter(|_| cursor);
            // Rows that came twice leave others unseen.
            let rows = shown.accounts.len() + shown.unreadable;
            shown.all = next.is_none() && rows as u64 >= found.total_count;
            match next {
                Some(next) if !enough => params = calls::next_page(&next),
                _ => break,
            }
        }
        Ok(shown)
    }

    /// Whether the account counts as a user.
    pub(crate) fn counts(&self, account: &GigyaAccount) -> bool {
        self.settings.lite_accounts || !account.is_lite()
    }
}

/// A page's numbers agree with each other.
pub(crate) fn checked(found: GigyaSearchPage) -> Result<GigyaSearchPage, AnswerError> {
    let rows = &found.results;
    let distinct: HashSet<&str> = rows.read.iter().map(|account| account.uid.as_str()).collect();
    let counts = [rows.len(), distinct.len() + rows.unreadable];
    let good =
        found.objects_count <= found.total_count && counts.into_iter().any(|count| count as u64 == found.objects_count);
    if good {
        Ok(found)
    } else {
        Err(AnswerError::Contradiction)
    }
}

fn unwritten(operation: &'static str, cause: SignRequestError) -> SourceError {
    let kind = match cause {
        SignRequestError::NoRandomness | SignRequestError::NoToken => SourceErrorKind::Unavailable,
        SignRequestError::Http(_) => SourceErrorKind::Misconfigured,
    };
    SourceError::with_cause(operation, kind, cause)
}

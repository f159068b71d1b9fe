//! What one side has told about the users that a request is about, over as many calls as it took.

use std::time::Duration;

use masthead_domain::{
    account::Account,
    answer::{SourceReport, SourceStatus},
    evidence::Evidence,
    finding::Finding,
    join::Key,
};
use masthead_ports::{
    provider::{Asked, Heard},
    source::{SourceError, SourceErrorKind, SourceName},
};
use time::OffsetDateTime;

/// One side's word: its accounts, and how far they can be trusted.
#[derive(Debug)]
pub(crate) struct Told {
    name: SourceName,
    /// Its accounts, and what it has confirmed.
    pub(crate) evidence: Evidence,
    /// When the oldest part of it was true.
    as_of: Option<OffsetDateTime>,
    /// Why a part of it is only remembered.
    stale: Option<SourceErrorKind>,
    /// Why a part of it is missing.
    silent: Option<SourceErrorKind>,
    /// Whether any call of this request left us.
    pub(crate) called: bool,
    /// It has more than it can show, or what it shows could not all be confirmed.
    pub(crate) partial: Option<&'static str>,
    /// The request left it out: it has said nothing, and nothing may be concluded of it.
    skipped: bool,
}

impl Told {
    pub(crate) fn nothing_yet(name: SourceName) -> Self {
        Self {
            name,
            evidence: Evidence::default(),
            as_of: None,
            stale: None,
            silent: None,
            called: false,
            partial: None,
            skipped: false,
        }
    }

    /// A side that the request leaves out.
    pub(crate) fn skipped(name: SourceName) -> Self {
        Self {
            skipped: true,
            ..Self::nothing_yet(name)
        }
    }

    /// Whether the request left it out.
    pub(crate) const fn is_skipped(&self) -> bool {
        self.skipped
    }

    /// The accounts that it has shown.
    pub(crate) fn accounts(&self) -> &[Account] {
        self.evidence.accounts()
    }

    /// Takes a provider's answer to this question, or to a search; `accounts` unfolds it. Only a live answer confirms.
    pub(crate) fn hear<T>(
        &mut self,
        asked: Asked<T>,
        question: Option<&Key>,
        accounts: impl FnOnce(T) -> Vec<Account>,
    ) {
        self.called |= asked.called;
        match asked.heard {
            Heard::Live { value, as_of } => self.take(accounts(value), question, as_of),
            Heard::Remembered { value, as_of, reason } => {
                self.stale.get_or_insert(reason);
                self.take(accounts(value), None, as_of);
            }
            Heard::Nothing { reason } => {
                self.silent.get_or_insert(reason);
            }
        }
    }

    /// Takes the store's answer to this question, or to a search.
    pub(crate) fn read(
        &mut self,
        answer: Result<Vec<Account>, SourceError>,
        question: Option<&Key>,
        now: OffsetDateTime,
    ) {
        self.called = true;
        match answer {
            Ok(accounts) => self.take(accounts, question, now),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    source.name = self.name,
                    "no answer"
                );
                self.silent.get_or_insert(error.kind);
            }
        }
    }

    fn take(&mut self, accounts: Vec<Account>, confirmed: Option<&Key>, as_of: OffsetDateTime) {
        self.as_of = Some(self.as_of.map_or(as_of, |oldest| oldest.min(as_of)));
        for account in accounts {
            self.evidence.add(account);
        }
        match confirmed {
            // An account that was found by an id that is not its own leaves that id no account's own.
            Some(Key::Id(id)) => self.evidence.confirm_id(id.clone()),
            Some(Key::Address(key)) => self.evidence.confirm_address(key.clone()),
            None => {}
        }
    }

    /// The finding about one user, whom it has or has not among its accounts. One who was left out decides nothing, which
    /// is the answer table's column of absence.
    pub(crate) const fn finding(&self, has: bool) -> Finding {
        match (has, self.silent.is_some() || self.stale.is_some()) {
            (true, false) => Finding::Found,
            (true, true) => Finding::Stale,
            (false, false) => Finding::Absent,
            (false, true) => Finding::Unknown,
        }
    }

    /// Whether all that it told is its own word of now.
    pub(crate) const fn is_live(&self) -> bool {
        self.silent.is_none() && self.stale.is_none()
    }

    /// Why it did not answer, when a part of its answer is missing.
    pub(crate) const fn silence(&self) -> Option<SourceErrorKind> {
        self.silent
    }

    /// When coming back makes sense.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self.silent.or(self.stale) {
            Some(SourceErrorKind::RateLimited { retry_after }) => retry_after,
            _ => None,
        }
    }

    /// What `meta.sources` says of it; `has` is whether it has any account.
    pub(crate) fn report(&self, has: bool, ambiguous: bool) -> SourceReport {
        let status = match self.finding(has) {
            _ if self.skipped => SourceStatus::Skipped,
            Finding::Found | Finding::Absent => SourceStatus::Ok,
            Finding::Stale => SourceStatus::Stale,
            Finding::Unknown => SourceStatus::Unavailable,
        };
        SourceReport {
            name: self.name,
            status,
            as_of: self.as_of.filter(|_| status != SourceStatus::Unavailable),
            reason: self.silent.or(self.stale).map(SourceErrorKind::name).or(self.partial),
            ambiguous,
        }
    }
}

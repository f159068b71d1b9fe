//! What the sources answered about the users of one request, over all its lookups.

use std::time::Duration;

use masthead_domain::{
    account::Account,
    answer::{SourceReport, SourceStatus},
    event::EventOutcome,
    evidence::Evidence,
    finding::Finding,
    join::{OpenLookups, open_lookups},
    user_key::UserKey,
};
use masthead_ports::{
    provider::{Freshness, Lookup},
    source::{SUBSCRIBE, SourceErrorKind, SourceName},
};
use time::OffsetDateTime;

/// The answers of one source: its accounts, and how far they can be trusted.
#[derive(Debug)]
pub(crate) struct SourceFindings {
    name: SourceName,
    /// The accounts and confirmed absences.
    pub(crate) evidence: Evidence,
    /// When the oldest answer was true.
    as_of: Option<OffsetDateTime>,
    /// Why an answer is a remembered one.
    stale: Option<SourceErrorKind>,
    /// Why an answer is missing.
    failed: Option<SourceErrorKind>,
    /// Whether this request called the source.
    pub(crate) called: bool,
    /// Why the accounts are not all that the source has.
    pub(crate) partial: Option<&'static str>,
    /// The request does not read the source; nothing is known about its accounts.
    skipped: bool,
}

impl SourceFindings {
    pub(crate) fn new(name: SourceName) -> Self {
        Self {
            name,
            evidence: Evidence::default(),
            as_of: None,
            stale: None,
            failed: None,
            called: false,
            partial: None,
            skipped: false,
        }
    }

    /// The findings of a source that the request does not read.
    pub(crate) fn skipped(name: SourceName) -> Self {
        Self {
            skipped: true,
            ..Self::new(name)
        }
    }

    pub(crate) const fn is_skipped(&self) -> bool {
        self.skipped
    }

    /// The known accounts.
    pub(crate) fn accounts(&self) -> &[Account] {
        self.evidence.accounts()
    }

    /// Adds the answer to a lookup of this key, or to a search. Only a live answer confirms the key.
    pub(crate) fn add(&mut self, lookup: Lookup, key: Option<&UserKey>) {
        self.called |= lookup.called;
        let confirmed = match lookup.freshness {
            Freshness::Live => key,
            Freshness::Remembered(reason) => {
                self.stale.get_or_insert(reason);
                None
            }
            Freshness::Failed(reason) => {
                self.failed.get_or_insert(reason);
                return;
            }
        };
        if let Some(as_of) = lookup.as_of {
            self.as_of = Some(self.as_of.map_or(as_of, |oldest| oldest.min(as_of)));
        }
        for account in lookup.accounts {
            self.evidence.add(account);
        }
        // An account found by a secondary id leaves that id without an account of its own.
        if let Some(key) = confirmed {
            self.evidence.confirm(key.clone());
        }
    }

    /// The finding about one user, who is or is not among the accounts. A skipped source counts as [`Finding::Absent`].
    pub(crate) const fn finding(&self, has_user: bool) -> Finding {
        match (has_user, self.is_live()) {
            (true, true) => Finding::Found,
            (true, false) => Finding::Stale,
            (false, true) => Finding::Absent,
            (false, false) => Finding::Unknown,
        }
    }

    /// Whether all its answers are live.
    pub(crate) const fn is_live(&self) -> bool {
        self.failed.is_none() && self.stale.is_none()
    }

    /// When to retry, if known.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self.failed.or(self.stale) {
            Some(SourceErrorKind::RateLimited { retry_after }) => retry_after,
            _ => None,
        }
    }

    /// The entry in `meta.sources`; `has_user` is whether it has any account.
    pub(crate) fn report(&self, has_user: bool, ambiguous: bool) -> SourceReport {
        let status = match self.finding(has_user) {
            _ if self.skipped => SourceStatus::Skipped,
            Finding::Found | Finding::Absent => SourceStatus::Ok,
            Finding::Stale => SourceStatus::Stale,
            Finding::Unknown => SourceStatus::Unavailable,
        };
        SourceReport {
            name: self.name,
            status,
            as_of: self.as_of.filter(|_| status != SourceStatus::Unavailable),
            reason: self.failed.or(self.stale).map(SourceErrorKind::name).or(self.partial),
            ambiguous,
        }
    }

    /// The outcome in the audit log.
    pub(crate) fn outcome(&self) -> EventOutcome {
        match (self.accounts().is_empty(), self.failed) {
            (false, _) => EventOutcome::Found,
            (true, None) => EventOutcome::Absent,
            (true, Some(_)) => EventOutcome::Unknown,
        }
    }
}

/// The findings of both sources.
#[derive(Debug)]
pub(crate) struct PairFindings {
    pub(crate) provider: SourceFindings,
    pub(crate) store: SourceFindings,
    /// The users were looked up by key. Only then a registration may be written: the search of a source may lag behind its
    /// lookups, so an absence in a search is not confirmed.
    pub(crate) by_key: bool,
}

impl PairFindings {
    pub(crate) fn new(provider: SourceName, by_key: bool) -> Self {
        Self {
            provider: SourceFindings::new(provider),
            store: SourceFindings::new(SUBSCRIBE),
            by_key,
        }
    }

    /// The findings of a request that reads the provider alone.
    pub(crate) fn provider_only(provider: SourceFindings) -> Self {
        let mut findings = Self {
            provider,
            store: SourceFindings::skipped(SUBSCRIBE),
            by_key: false,
        };
        findings.mark_subjects(|_| true);
        findings
    }

    /// Marks the known accounts that the request is about.
    pub(crate) fn mark_subjects(&mut self, is_subject: impl Fn(&Account) -> bool) {
        self.provider.evidence.mark_subjects(&is_subject);
        self.store.evidence.mark_subjects(&is_subject);
    }

    /// The open lookups at sources that answer.
    pub(crate) fn open_lookups(&self) -> OpenLookups {
        let mut open = open_lookups(&self.provider.evidence, &self.store.evidence);
        if !self.provider.is_live() {
            open.provider.clear();
        }
        if !self.store.is_live() {
            open.store.clear();
        }
        open
    }
}

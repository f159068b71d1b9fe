//! Trying a tenant's source against its address, and telling in words where the two do not agree.

use std::error::Error as _;

use masthead_domain::{
    account::Account,
    crid::Crid,
    email::EmailKey,
    order::Order,
    query::{CountMode, Position, UserFilter, UserQuery},
};
use masthead_ports::source::{CallContext, SourceError, SourceErrorKind, UserSource};

/// An address that nobody has (RFC 2606: no domain is under `invalid`).
pub const UNKNOWN_ADDRESS: &str = "masthead-check-nobody@masthead.invalid";

/// How many users are listed to find one to try with.
const LISTED: u16 = 10;

/// What was tried, and how it went. Nothing of an answer is repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckResult {
    /// What was tried.
    pub subject: &'static str,
    /// How it went.
    pub verdict: CheckVerdict,
    /// Why, and which settings to look at.
    pub explanation: String,
}

/// How a try went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckVerdict {
    /// The source does as its settings say.
    Agrees,
    /// It does not.
    Differs,
    /// There was nothing to try it with.
    Untried,
}

/// What was tried, in order.
#[derive(Debug, Default)]
pub struct CheckReport(Vec<CheckResult>);

impl CheckReport {
    /// Adds one try.
    pub fn add(&mut self, subject: &'static str, verdict: CheckVerdict, explanation: impl Into<String>) {
        self.0.push(CheckResult {
            subject,
            verdict,
            explanation: explanation.into(),
        });
    }

    /// Adds one that went as it should.
    pub fn agrees(&mut self, subject: &'static str, explanation: impl Into<String>) {
        self.add(subject, CheckVerdict::Agrees, explanation);
    }

    /// Adds one that did not.
    pub fn differs(&mut self, subject: &'static str, explanation: impl Into<String>) {
        self.add(subject, CheckVerdict::Differs, explanation);
    }

    /// All of it.
    #[must_use]
    pub fn done(self) -> Vec<CheckResult> {
        self.0
    }
}

/// What is known of a kind of source beside its port, to try it with.
#[derive(Debug, Clone, Copy)]
pub struct CheckHints {
    /// An id that nobody has, of the form that its ids have.
    pub unknown_id: &'static str,
    /// The settings that say where it is.
    pub address: &'static str,
    /// The settings that say how we prove who we are.
    pub proof: &'static str,
}

/// Tries a source: somebody unknown by id and by address, its list, and somebody from it (or `known`) both ways. Nothing is
/// changed.
pub async fn check_source(
    source: &dyn UserSource,
    cx: &CallContext,
    known: Option<&Crid>,
    hints: CheckHints,
) -> Vec<CheckResult> {
    let mut report = CheckReport::default();
    check_unknown(source, cx, hints, &mut report).await;
    let listed = check_list(source, cx, hints, &mut report).await;
    match known.cloned().or(listed) {
        Some(id) => check_known(source, cx, &id, hints, &mut report).await,
        None => report.add(
            "a known user",
            CheckVerdict::Untried,
            "the list showed nobody, and no id was given",
        ),
    }
    report.done()
}

async fn check_unknown(source: &dyn UserSource, cx: &CallContext, hints: CheckHints, report: &mut CheckReport) {
    let subject = "an unknown id";
    if let Ok(id) = Crid::parse(hints.unknown_id) {
        match source.by_id(cx, &id).await {
            Ok(None) => report.agrees(subject, "the answer is the word for nobody"),
            Ok(Some(_)) => report.differs(subject, "the answer has a user with an id that nobody has"),
            Err(error) => report.differs(subject, explain(&error, hints)),
        }
    }
    let subject = "an unknown address";
    match source.by_email(cx, &EmailKey::of(UNKNOWN_ADDRESS)).await {
        Ok(found) if found.is_empty() => report.agrees(subject, "the answer is an empty list"),
        Ok(_) => report.differs(subject, "the answer has users with an address that nobody has"),
        Err(error) => report.differs(subject, explain(&error, hints)),
    }
}

/// Tries the list; gives somebody from it, one with an address if there is one.
async fn check_list(
    source: &dyn UserSource,
    cx: &CallContext,
    hints: CheckHints,
    report: &mut CheckReport,
) -> Option<Crid> {
    let subject = "the list";
    let query = UserQuery {
        filter: UserFilter::default(),
        order: Order::default(),
        position: Position::Offset(0),
        size: LISTED,
        count: CountMode::None,
    };
    match source.search(cx, &query).await {
        Ok(page) => {
            report.agrees(subject, format!("it begins with {} users", page.accounts.len()));
            let with_address = page.accounts.iter().find(|account| account.email.is_some());
            with_address
                .or(page.accounts.first())
                .map(|account| account.crid.clone())
        }
        Err(error) => {
            report.differs(subject, explain(&error, hints));
            None
        }
    }
}

async fn check_known(
    source: &dyn UserSource,
    cx: &CallContext,
    id: &Crid,
    hints: CheckHints,
    report: &mut CheckReport,
) {
    let subject = "a known id";
    let account = match source.by_id(cx, id).await {
        Ok(Some(account)) => account,
        Ok(None) => return report.differs(subject, "the answer says that there is nobody"),
        Err(error) => return report.differs(subject, explain(&error, hints)),
    };
    report.agrees(subject, "the answer is about this user");
    let subject = "a known address";
    let Some(email) = &account.email else {
        return report.add(subject, CheckVerdict::Untried, "the user has none");
    };
    let among = |found: &[Account]| found.iter().any(|found| found.crid == account.crid);
    match source.by_email(cx, email.key()).await {
        Ok(found) if among(&found) => report.agrees(subject, "the user is among the answers"),
        Ok(_) => report.differs(subject, "the user is not among the answers"),
        Err(error) => report.differs(subject, explain(&error, hints)),
    }
}

/// An error in words, with the settings that are about it.
fn explain(error: &SourceError, CheckHints { address, proof, .. }: CheckHints) -> String {
    let look = match error.kind {
        SourceErrorKind::RateLimited { .. } => "too many calls: see the budget, or try again later".to_owned(),
        SourceErrorKind::Unavailable => format!("no usable answer: see {address}"),
        SourceErrorKind::Misconfigured => format!("our proof or our address is refused: see {proof}, {address}"),
        SourceErrorKind::Refused => format!("the call is refused: is it this provider that answers at {address}?"),
        SourceErrorKind::Corrupt => "the answer cannot be true".to_owned(),
        SourceErrorKind::TooBroad => "the answer takes too long or does not end".to_owned(),
        SourceErrorKind::OutcomeUnknown => "the outcome is unknown".to_owned(),
    };
    match error.source() {
        Some(cause) => format!("{look} ({cause})"),
        None => look,
    }
}

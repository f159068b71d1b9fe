//! Checks a tenant's settings against the real source, and explains each mismatch.

use std::error::Error as _;

use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    email::EmailKey,
    order::Order,
    query::{CountMode, Position, UserFilter, UserQuery},
};
use masthead_ports::source::{CallContext, SourceError, SourceErrorKind, SourceName, UserSource};

/// An address that no user has (RFC 2606: no domain is under `invalid`).
pub const UNKNOWN_ADDRESS: &str = "masthead-check-nobody@masthead.invalid";

/// The number of listed users, to find a known one.
const LISTED: u16 = 10;

/// One check and its result. It contains no data of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckResult {
    /// What was checked.
    pub subject: &'static str,
    /// The result.
    pub verdict: CheckVerdict,
    /// The reason, and the settings that concern it.
    pub explanation: String,
}

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckVerdict {
    /// The source matches its settings.
    Agrees,
    /// It does not match.
    Differs,
    /// It could not be checked.
    Untried,
}

/// The results in order.
#[derive(Debug, Default)]
pub struct CheckReport(Vec<CheckResult>);

impl CheckReport {
    /// Adds a result.
    pub fn add(&mut self, subject: &'static str, verdict: CheckVerdict, explanation: impl Into<String>) {
        self.0.push(CheckResult {
            subject,
            verdict,
            explanation: explanation.into(),
        });
    }

    /// Adds a match.
    pub fn agrees(&mut self, subject: &'static str, explanation: impl Into<String>) {
        self.add(subject, CheckVerdict::Agrees, explanation);
    }

    /// Adds a mismatch.
    pub fn differs(&mut self, subject: &'static str, explanation: impl Into<String>) {
        self.add(subject, CheckVerdict::Differs, explanation);
    }

    /// The only result when the secret is unusable.
    #[must_use]
    pub fn unusable_secret(reason: impl Into<String>) -> Vec<CheckResult> {
        let mut report = Self::default();
        report.differs("the secret", reason);
        report.done()
    }

    /// The only result when the client certificate or the authorities of this provider's settings are unusable.
    #[must_use]
    pub fn unusable_tls(provider: SourceName) -> Vec<CheckResult> {
        let mut report = Self::default();
        report.differs(
            "the client certificate",
            format!(
                "a file is missing or cannot be used: see {provider}.ClientCertificateFile, {provider}.ClientKeyFile and \
                 {provider}.CaFile"
            ),
        );
        report.done()
    }

    /// The results.
    #[must_use]
    pub fn done(self) -> Vec<CheckResult> {
        self.0
    }
}

/// What the check needs to know of a provider.
#[derive(Debug, Clone, Copy)]
pub struct CheckHints {
    /// An id in the provider's form that no user has.
    pub unknown_id: &'static str,
    /// The settings of the address.
    pub address: &'static str,
    /// The settings of the credentials.
    pub credentials: &'static str,
}

/// Checks a source: an unknown id and address, the list, and a user of the list (or `known`) by id and address. Changes
/// nothing.
pub async fn check_source(
    source: &dyn UserSource,
    cx: &CallContext,
    known: Option<&CustomerRegistrationId>,
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
            "the list is empty, and no id was given",
        ),
    }
    report.done()
}

async fn check_unknown(source: &dyn UserSource, cx: &CallContext, hints: CheckHints, report: &mut CheckReport) {
    let subject = "an unknown id";
    if let Ok(id) = CustomerRegistrationId::parse(hints.unknown_id) {
        match source.find(cx, &id.into()).await.as_deref() {
            Ok([]) => report.agrees(subject, "the answer confirms the absence"),
            Ok([_, ..]) => report.differs(subject, "the answer has a user for an unknown id"),
            Err(error) => report.differs(subject, explain(error, hints)),
        }
    }
    let subject = "an unknown address";
    match source.find(cx, &EmailKey::from_text(UNKNOWN_ADDRESS).into()).await {
        Ok(found) if found.is_empty() => report.agrees(subject, "the answer is an empty list"),
        Ok(_) => report.differs(subject, "the answer has users for an unknown address"),
        Err(error) => report.differs(subject, explain(&error, hints)),
    }
}

/// Checks the list; returns the id of a listed user, if possible of one with an address.
async fn check_list(
    source: &dyn UserSource,
    cx: &CallContext,
    hints: CheckHints,
    report: &mut CheckReport,
) -> Option<CustomerRegistrationId> {
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
    id: &CustomerRegistrationId,
    hints: CheckHints,
    report: &mut CheckReport,
) {
    let subject = "a known id";
    let found = source.find(cx, &id.clone().into()).await;
    let account = match found.map(|found| found.into_iter().next()) {
        Ok(Some(account)) => account,
        Ok(None) => return report.differs(subject, "the answer means absence"),
        Err(error) => return report.differs(subject, explain(&error, hints)),
    };
    report.agrees(subject, "the answer is about this user");
    let subject = "a known address";
    let Some(email) = &account.email else {
        return report.add(subject, CheckVerdict::Untried, "the user has none");
    };
    let among = |found: &[Account]| found.iter().any(|found| found.crid == account.crid);
    match source.find(cx, &email.key().clone().into()).await {
        Ok(found) if among(&found) => report.agrees(subject, "the user is among the answers"),
        Ok(_) => report.differs(subject, "the user is not among the answers"),
        Err(error) => report.differs(subject, explain(&error, hints)),
    }
}

/// Explains an error and names the settings that concern it.
fn explain(
    error: &SourceError,
    CheckHints {
        address, credentials, ..
    }: CheckHints,
) -> String {
    let look = match error.kind {
        SourceErrorKind::RateLimited { .. } => "too many calls: see the budget, or try again later".to_owned(),
        SourceErrorKind::Unavailable => format!("no usable answer: see {address}"),
        SourceErrorKind::Misconfigured => {
            format!("our credentials or our address are refused: see {credentials}, {address}")
        }
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

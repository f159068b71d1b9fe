//! Checks the settings of a generic provider against the provider, and explains each mismatch.

use std::error::Error as _;

use masthead_domain::{customer_registration_id::CustomerRegistrationId, email::EmailKey};
use masthead_ports::source::{CallContext, SourceError, SourceErrorKind};
use masthead_provider_kit::{CheckReport, CheckResult, CheckVerdict, SetupError, check::UNKNOWN_ADDRESS, error_texts};
use serde_json::Value;

use crate::{
    adapter::GenericAdapter,
    api::{GenericApi, ListRequest},
    mapping::Pointers,
    paging::{PagePosition, PagingStyle},
    template::TemplateValues,
};

const NAME: &str = "check";

/// An id that no user has.
const UNKNOWN_ID: &str = "00000000-masthead-check-nobody";

/// Checks the tenant's settings against the provider: an unknown user, a user of the list (or `known`), and the pages. It
/// makes at most ten calls, with their own budget, and changes nothing.
pub(crate) async fn check_provider(
    adapter: &GenericAdapter,
    cx: &CallContext,
    known: Option<&CustomerRegistrationId>,
) -> Result<Vec<CheckResult>, Vec<String>> {
    let api = match adapter.create_api(&adapter.clients.setup(&cx.tenant)) {
        Ok(api) => api,
        Err(SetupError::Settings(errors)) => return Err(error_texts(errors)),
        Err(SetupError::Secret(reason)) => {
            let look = "see SecretFile and SecretEnv, or ClientCertificateFile, ClientKeyFile and CaFile";
            return Ok(CheckReport::unusable_secret(format!("{reason}: {look}")));
        }
    };
    let mut report = CheckReport::default();
    api.check_unknown(cx, &mut report).await;
    let listed = api.check_list(cx, &mut report).await;
    match known.cloned().or(listed) {
        Some(id) => api.check_known(cx, &id, &mut report).await,
        None => report.add(
            "a known user",
            CheckVerdict::Untried,
            "the list is empty, and no id was given",
        ),
    }
    Ok(report.done())
}

/// Explains an error and names the settings that concern it.
fn explain(error: &SourceError) -> String {
    let look = match error.kind {
        SourceErrorKind::RateLimited { .. } => "too many calls: see BudgetPerSecond, or try again later",
        SourceErrorKind::Unavailable => {
            "no usable answer: see BaseUrl, the path of this call, and the Envelope settings"
        }
        SourceErrorKind::Misconfigured => {
            "our credentials or our address are refused: see Auth, SecretFile, BaseUrl and the path"
        }
        SourceErrorKind::Refused => "the call is refused: see its path, query and body, and Param.*",
        SourceErrorKind::Corrupt => "the answer cannot be true: see Field.Id, Field.Email, Total and ByEmail.Loose",
        SourceErrorKind::TooBroad => "the answer does not end: see how the call takes its condition, and Page.*",
        SourceErrorKind::OutcomeUnknown => "the outcome is unknown",
    };
    match error.source() {
        Some(cause) => format!("{look} ({cause})"),
        None => look.to_owned(),
    }
}

impl GenericApi {
    async fn check_unknown(&self, cx: &CallContext, report: &mut CheckReport) {
        let subject = "an unknown id";
        if let Ok(id) = CustomerRegistrationId::parse(UNKNOWN_ID) {
            match self.user(cx, NAME, &id).await {
                Ok(None) => report.agrees(subject, "the answer means absence, as NotFound describes"),
                Ok(Some(_)) => report.differs(subject, "the answer has a user for an unknown id"),
                Err(error) => report.differs(
                    subject,
                    format!(
                        "the answer is not what NotFound describes, so that no user would ever be absent; {}",
                        explain(&error)
                    ),
                ),
            }
        }
        let subject = "an unknown address";
        match self.accounts_with(cx, &EmailKey::from_text(UNKNOWN_ADDRESS)).await {
            Ok(found) if found.is_empty() => report.agrees(subject, "the answer is an empty list"),
            Ok(_) => report.differs(subject, "the answer has users for an unknown address"),
            Err(error) if error.kind == SourceErrorKind::Corrupt => report.differs(
                subject,
                "the answer has users with other addresses: the provider does not know the condition (see ByEmail.Query), or it answers loosely (see ByEmail.Loose)",
            ),
            Err(error) => report.differs(subject, explain(&error)),
        }
    }

    /// Checks the list and its pages; returns the id of a listed user.
    async fn check_list(&self, cx: &CallContext, report: &mut CheckReport) -> Option<CustomerRegistrationId> {
        let subject = "the list";
        let Some(operation) = &self.settings.search else {
            report.add(subject, CheckVerdict::Untried, "no list is described (Search.Path)");
            return None;
        };
        let listing = ListRequest {
            name: NAME,
            operation,
            values: TemplateValues::default(),
            may_be_absent: false,
        };
        let mut place = PagePosition::default();
        let rows = match self.page(cx, listing, &place).await {
            Ok(rows) => rows,
            Err(error) => {
                report.differs(subject, explain(&error));
                return None;
            }
        };
        let paging = &self.settings.paging;
        let count = rows.users.len() as u64;
        let paged = paging.style != PagingStyle::None;
        if rows.total.is_some_and(|total| total < count) {
            report.differs(subject, "the total is less than the users on the first page: see Total");
        } else if paged && count > paging.size {
            report.differs(subject, "the page is longer than requested: see Page.SizeName");
        } else if paged && count < paging.size && rows.total.is_some_and(|total| total > count) {
            report.differs(
                subject,
                "the page is shorter than requested: lower Page.Size to the limit of the provider",
            );
        } else {
            report.agrees(subject, format!("the first page has {count} users"));
        }
        self.check_fields(&rows.users, report);
        let first = rows.users.first().and_then(|user| self.settings.map.id(user).ok());
        let total = rows.total;
        match paging.turn(&mut place, count, 0, total, rows.next) {
            Ok(true) => {
                self.check_second_page(cx, listing, &place, (&rows.users, total), report)
                    .await;
            }
            Ok(false) => report.add("the second page", CheckVerdict::Untried, "the first page is the last"),
            Err(answer_error) => report.differs("the second page", answer_error.to_string()),
        }
        first
    }

    async fn check_second_page(
        &self,
        cx: &CallContext,
        listing: ListRequest<'_>,
        place: &PagePosition,
        (before, total): (&[Value], Option<u64>),
        report: &mut CheckReport,
    ) {
        let subject = "the second page";
        let ids = |users: &[Value]| -> Vec<Option<CustomerRegistrationId>> {
            users.iter().map(|user| self.settings.map.id(user).ok()).collect()
        };
        match self.page(cx, listing, place).await {
            Err(error) => report.differs(subject, explain(&error)),
            Ok(rows) if rows.users.is_empty() && total.is_some() => {
                report.differs(subject, "it is empty, but the total is larger: see Page.At and Total");
            }
            Ok(rows) if ids(&rows.users).iter().any(|id| ids(before).contains(id)) => report.differs(
                subject,
                "it has users of the first page: the provider does not know the parameter (see Page.At, Page.Style and Page.First)",
            ),
            Ok(_) => report.agrees(subject, "it has other users than the first"),
        }
    }

    /// Checks that fields have values at their places.
    fn check_fields(&self, users: &[Value], report: &mut CheckReport) {
        let subject = "the fields";
        let map = &self.settings.map;
        if users.is_empty() {
            report.add(subject, CheckVerdict::Untried, "the list is empty");
            return;
        }
        let mut good = true;
        if users.iter().any(|user| map.id(user).is_err()) {
            report.differs(subject, "a user has no usable id at Field.Id");
            good = false;
        }
        let there = |places: &Pointers| {
            users
                .iter()
                .any(|user| places.iter().any(|place| place.find(user).is_some()))
        };
        let named = [
            ("Field.Email", &map.email),
            ("Field.FirstName", &map.first_name),
            ("Field.LastName", &map.last_name),
            ("Field.Verified", &map.verified),
            ("Field.RegisteredAt", &map.registered_at),
            ("Field.ChangedAt", &map.changed_at),
        ];
        let named = named.into_iter().map(|(name, places)| (name.to_owned(), places));
        let metadata = map
            .metadata
            .iter()
            .map(|(key, places)| (format!("Metadata.{key}"), places));
        for (name, places) in named.chain(metadata).filter(|(_, places)| !places.is_empty()) {
            if !there(places) {
                report.differs(subject, format!("no user of the first page has a value at {name}"));
                good = false;
            }
        }
        if good {
            report.agrees(subject, "each has a value at some user of the first page");
        }
    }

    async fn check_known(&self, cx: &CallContext, id: &CustomerRegistrationId, report: &mut CheckReport) {
        let subject = "a known id";
        let account = match self.account(cx, id).await {
            Ok(Some(account)) => account,
            Ok(None) => {
                report.differs(
                    subject,
                    "the answer means absence: see ById.Path, and whether Field.Id is the id that it takes",
                );
                return;
            }
            Err(error) => {
                report.differs(subject, explain(&error));
                return;
            }
        };
        report.agrees(subject, "the answer is about this user");
        let Some(email) = &account.email else {
            report.add("a known address", CheckVerdict::Untried, "the user has none");
            return;
        };
        let among = |found: &[masthead_domain::account::Account]| found.iter().any(|found| found.crid == *id);
        let subject = "a known address";
        match self.accounts_with(cx, email.key()).await {
            Ok(found) if among(&found) => report.agrees(subject, "the user is among the answers"),
            Ok(_) => report.differs(
                subject,
                "the user is not among the answers: see ByEmail, and whether the provider compares addresses without case",
            ),
            Err(error) => report.differs(subject, explain(&error)),
        }
        let subject = "a known address in capitals";
        let values = email.as_str().to_uppercase();
        let listing = ListRequest {
            name: NAME,
            operation: &self.settings.by_email,
            values: TemplateValues {
                email: Some(&values),
                ..TemplateValues::default()
            },
            may_be_absent: self.settings.email_not_found,
        };
        match self.page(cx, listing, &PagePosition::default()).await {
            Ok(rows) if rows.users.iter().any(|user| self.settings.map.id(user).is_ok_and(|found| found == *id)) => {
                report.agrees(subject, "the user is among the answers");
            }
            Ok(_) => report.differs(
                subject,
                "the user is not among the answers: the provider compares addresses with case, and users with capitals in their address would seem absent",
            ),
            Err(error) => report.differs(subject, explain(&error)),
        }
    }
}

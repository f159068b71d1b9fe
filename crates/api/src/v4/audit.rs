//! `GET /v4/Audit`: who read or changed a user, as far as the audit log goes back.

use std::{borrow::Cow, collections::HashSet};

use http::request::Parts;
use masthead_domain::{
    access::Scope, customer_registration_id::CustomerRegistrationId, event::EventKind, tenant::TenantId,
};
use masthead_ports::{
    audit::{AuditEntry, AuditPlace, AuditQuery, AuditSubject, MAX_AUDIT_PAGE},
    sealing::{Purpose, Sealing},
};
use serde::Serialize;
use serde_json::value::RawValue;
use time::{OffsetDateTime, format_description::well_known::Rfc3339, macros::datetime};

use super::{
    audit_error::AuditParameterError, code::Code, envelope::V4Meta, error::V4Error, operation::V4Operation,
    state::V4State,
};
use crate::http::{
    deadline::by_deadline,
    json::WriteJson,
    percent::{Plus, decode, query_pairs},
    request::RequestContext,
    response::{ApiResponse, published_time},
};

/// The page where the request has no `limit`.
const DEFAULT_LIMIT: u16 = 100;
/// The longest subject or client that is searched for, in bytes.
const MAX_CALLER_BYTES: usize = 256;
/// Later than every event.
const LATEST: OffsetDateTime = datetime!(9999-12-31 23:59:59 UTC);

/// A parameter, for the documents.
#[derive(Debug)]
pub(crate) struct AuditParameter {
    pub(crate) name: &'static str,
    pub(crate) meaning: &'static str,
    pub(crate) example: &'static str,
}

const fn parameter(name: &'static str, meaning: &'static str, example: &'static str) -> AuditParameter {
    AuditParameter { name, meaning, example }
}

/// The parameters, in the order of the documents.
pub(crate) static PARAMETERS: [AuditParameter; 7] = [
    parameter("user", "the id of a user: reads and changes of it", "2937"),
    parameter(
        "caller",
        "the subject or the client of tokens: calls with them",
        "newsletter",
    ),
    parameter(
        "kind",
        "`refused` for refused calls, `operator` for changes by operators, `audit` for reads of the log",
        "refused",
    ),
    parameter(
        "since",
        "from this time on (RFC 3339); required",
        "2026-01-01T00:00:00Z",
    ),
    parameter("until", "before this time (RFC 3339)", "2027-01-01T00:00:00Z"),
    parameter("limit", "the size of the page, 1 to 1000; 100 when not given", "50"),
    parameter(
        "cursor",
        "`meta.nextCursor` of the page before, with the same other parameters",
        "qv5S0m9fZ2l2ZW4tYnktdXM=",
    ),
];

/// `GET /v4/Audit?…`
pub(crate) async fn read_audit(state: &V4State, context: RequestContext, parts: &Parts) -> ApiResponse {
    let (verified, responder) = match state.authenticate_for(&context, parts, &[Scope::AuditRead]).await {
        Ok(authenticated) => authenticated,
        Err(refusal) => return refusal,
    };
    let caller = &verified.caller;
    let tenant = &caller.tenant.id;
    let read = async {
        let query = parse(parts.uri.query().unwrap_or_default(), tenant, &*state.sealing).map_err(V4Error::Audit)?;
        let page = state.use_cases.read_audit.read(caller, &query).await;
        let page = page.map_err(|error| V4Error::Read(V4Operation::ListUsers, error))?;
        Ok((query, page))
    };
    match by_deadline(context.deadline, read).await {
        Ok((query, page)) => {
            let last = page.entries.last().filter(|_| page.more);
            let next = last.map(|entry| seal(&*state.sealing, tenant, &query, entry.place));
            verified.admission.charge_rows(page.entries.len());
            let size_hint = 256 + page.entries.len() * 512;
            let meta = V4Meta::for_list(None, None, next);
            responder.success(Code::S200_15, Some(meta), AuditView(&page.entries), size_hint)
        }
        Err(error) => responder.error(&error),
    }
}

fn parse(query: &str, tenant: &TenantId, sealing: &dyn Sealing) -> Result<AuditQuery, AuditParameterError> {
    let mut seen = HashSet::new();
    let (mut subjects, mut since, mut until, mut limit, mut cursor) = (Vec::new(), None, LATEST, DEFAULT_LIMIT, None);
    for (name, raw) in query_pairs(query) {
        let known = PARAMETERS.iter().find(|known| known.name.eq_ignore_ascii_case(name));
        let name = known.ok_or(AuditParameterError::Unknown)?.name;
        if !seen.insert(name) {
            return Err(AuditParameterError::Repeated(name));
        }
        let bad = || AuditParameterError::BadForm(name);
        // A `+` belongs to a time zone or to base64.
        let value = decode(raw, Plus::Literal).ok_or_else(bad)?;
        match name {
            "user" => subjects.push(AuditSubject::User(
                CustomerRegistrationId::parse(&value).map_err(|_| bad())?,
            )),
            "caller" if (1..=MAX_CALLER_BYTES).contains(&value.len()) => {
                subjects.push(AuditSubject::Caller(value.into()));
            }
            "kind" => subjects.push(AuditSubject::Kind(match &*value {
                "refused" => EventKind::CallRefused,
                "operator" => EventKind::OperatorChange,
                "audit" => EventKind::AuditRead,
                _ => return Err(bad()),
            })),
            "since" => since = Some(OffsetDateTime::parse(&value, &Rfc3339).map_err(|_| bad())?),
            "until" => until = OffsetDateTime::parse(&value, &Rfc3339).map_err(|_| bad())?,
            "limit" => {
                let number = value
                    .parse()
                    .ok()
                    .filter(|number| (1..=MAX_AUDIT_PAGE).contains(number));
                limit = number.ok_or_else(bad)?;
            }
            "cursor" => cursor = Some(value),
            _ => return Err(bad()),
        }
    }
    let (Some(subject), None) = (subjects.pop(), subjects.pop()) else {
        return Err(AuditParameterError::NoSubject);
    };
    let mut query = AuditQuery {
        subject,
        since: since.ok_or(AuditParameterError::NoSince)?,
        until,
        before: None,
        limit,
    };
    if let Some(cursor) = cursor {
        let place = open(sealing, tenant, &query, &cursor);
        query.before = Some(place.ok_or(AuditParameterError::BadCursor)?);
    }
    Ok(query)
}

/// The text that a cursor is bound to.
fn binding(query: &AuditQuery) -> String {
    let (kind, value): (_, Cow<'_, str>) = match &query.subject {
        AuditSubject::User(id) => ("user", id.as_str().into()),
        AuditSubject::Caller(caller) => ("caller", (&**caller).into()),
        AuditSubject::Kind(kind) => ("kind", kind.name().into()),
    };
    let (since, until) = (query.since.unix_timestamp_nanos(), query.until.unix_timestamp_nanos());
    format!("audit {since} {until} {kind} {value}")
}

fn seal(sealing: &dyn Sealing, tenant: &TenantId, query: &AuditQuery, place: AuditPlace) -> String {
    let binding = binding(query);
    let plain = format!("{}:{}", place.at.unix_timestamp_nanos(), place.id);
    sealing.seal(tenant, Purpose::Cursor { binding: &binding }, &plain)
}

fn open(sealing: &dyn Sealing, tenant: &TenantId, query: &AuditQuery, cursor: &str) -> Option<AuditPlace> {
    let binding = binding(query);
    let plain = sealing
        .open(tenant, Purpose::Cursor { binding: &binding }, cursor)
        .ok()?;
    let (at, id) = plain.split_once(':')?;
    Some(AuditPlace {
        at: OffsetDateTime::from_unix_timestamp_nanos(at.parse().ok()?).ok()?,
        id: id.parse().ok()?,
    })
}

/// The events of a page.
pub(crate) struct AuditView<'a>(pub(crate) &'a [AuditEntry]);

impl WriteJson for AuditView<'_> {
    fn write_json(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let events: Vec<EventView<'_>> = self.0.iter().map(EventView::from).collect();
        serde_json::to_writer(out, &events)
    }
}

/// One event, its keys in order; `None` is omitted.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    number: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'static str>,
    outcome: &'a str,
    users: i64,
    request_id: &'a str,
    source_system: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    caller: Option<CallerView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<FilterView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CallerView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_id: Option<&'a str>,
}

#[derive(Serialize)]
struct FilterView<'a> {
    kind: &'a str,
    /// 64 bits as hexadecimal digits.
    hash: String,
}

impl<'a> From<&'a AuditEntry> for EventView<'a> {
    fn from(entry: &'a AuditEntry) -> Self {
        let caller = CallerView {
            issuer: entry.issuer.as_deref(),
            subject: entry.subject.as_deref(),
            client_id: entry.client_id.as_deref(),
            token_id: entry.token_id.as_deref(),
        };
        let has_caller = caller.issuer.is_some() || caller.token_id.is_some();
        let hash = entry.filter_hash.map(|hash| format!("{:016x}", hash.cast_unsigned()));
        Self {
            at: published_time(entry.place.at),
            number: entry.number,
            event: entry.kind.map(EventKind::name),
            outcome: &entry.outcome,
            users: entry.users,
            request_id: &entry.request_id,
            source_system: &entry.source_system,
            caller: has_caller.then_some(caller),
            network: entry.network.as_deref(),
            filter: entry
                .filter_kind
                .as_deref()
                .zip(hash)
                .map(|(kind, hash)| FilterView { kind, hash }),
            // The log has JSON only.
            detail: entry
                .detail
                .as_deref()
                .and_then(|detail| serde_json::from_str(detail).ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use masthead_testkit::sealing::FakeSealing;

    use super::*;

    fn parsed(query: &str) -> Result<AuditQuery, AuditParameterError> {
        parse(query, &TenantId::parse("north/daily/herald").unwrap(), &FakeSealing)
    }

    #[test]
    fn parameters_are_checked() {
        use AuditParameterError as E;
        for (query, expected) in [
            ("", E::NoSubject),
            ("since=2026-01-01T00:00:00Z", E::NoSubject),
            ("user=7&caller=job&since=2026-01-01T00:00:00Z", E::NoSubject),
            ("user=7", E::NoSince),
            ("user=7&since=yesterday", E::BadForm("since")),
            ("user=7&since=2026-01-01T00:00:00Z&until=x", E::BadForm("until")),
            ("user=7&user=8&since=2026-01-01T00:00:00Z", E::Repeated("user")),
            ("user=&since=2026-01-01T00:00:00Z", E::BadForm("user")),
            ("caller=&since=2026-01-01T00:00:00Z", E::BadForm("caller")),
            ("kind=read&since=2026-01-01T00:00:00Z", E::BadForm("kind")),
            ("user=7&since=2026-01-01T00:00:00Z&limit=0", E::BadForm("limit")),
            ("user=7&since=2026-01-01T00:00:00Z&limit=1001", E::BadForm("limit")),
            ("user=7&since=2026-01-01T00:00:00Z&cursor=abc", E::BadCursor),
            ("user=7&since=2026-01-01T00:00:00Z&page=2", E::Unknown),
        ] {
            assert_eq!(parsed(query), Err(expected), "{query}");
        }
        let query = parsed("User=auth0%7C7&since=2026-01-01T01:00:00+01:00&limit=5").unwrap();
        assert_eq!(
            query.subject,
            AuditSubject::User(CustomerRegistrationId::parse("auth0|7").unwrap())
        );
        assert_eq!((query.since, query.limit), (datetime!(2026-01-01 00:00 UTC), 5));
    }

    #[test]
    fn cursor_is_bound_to_the_other_parameters() {
        let tenant = TenantId::parse("north/daily/herald").unwrap();
        let query = parsed("user=7&since=2026-01-01T00:00:00Z").unwrap();
        let place = AuditPlace {
            at: datetime!(2026-02-03 04:05:06.000_007 UTC),
            id: 9,
        };
        let cursor = seal(&FakeSealing, &tenant, &query, place);
        assert_eq!(open(&FakeSealing, &tenant, &query, &cursor), Some(place));
        for other in ["user=8&since=2026-01-01T00:00:00Z", "user=7&since=2026-01-02T00:00:00Z"] {
            assert_eq!(
                open(&FakeSealing, &tenant, &parsed(other).unwrap(), &cursor),
                None,
                "{other}"
            );
        }
    }
}

//! `GET /v4/Users/{crid}/Report`: everything that is held about one person, as JSON or as a page.

use http::{
    HeaderMap, HeaderValue,
    header::{ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    request::Parts,
};
use masthead_domain::{access::Scope, user_key::UserKey};
use masthead_orchestrator::{PersonReport, PersonReports};
use masthead_ports::{
    erasure::{Receipt, ReceiptLine},
    person::{Record, RecordValue, SourceAnswer, SourceReport},
};
use serde::{Serialize, Serializer, ser::SerializeMap as _};
use time::OffsetDateTime;

use super::{
    code::Code,
    envelope::V4Meta,
    error::V4Error,
    operation::V4Operation,
    parameters::{conditions::parse_path_id, error::ParameterError},
    report_page,
    state::V4State,
};
use crate::http::{
    deadline::by_deadline,
    json::WriteJson,
    percent::query_pairs,
    request::RequestContext,
    response::{ApiResponse, json_response, published_time},
};

/// The page loads nothing and runs nothing.
const PAGE_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// About how many bytes a record takes.
const RECORD_BYTES: usize = 512;

/// `GET /v4/Users/{crid}/Report`
pub(crate) async fn report_person(
    state: &V4State,
    reports: &PersonReports,
    context: RequestContext,
    parts: &Parts,
    path_id: &str,
) -> ApiResponse {
    let (verified, responder) = match state.authenticate_for(&context, parts, &[Scope::UsersReport]).await {
        Ok(authenticated) => authenticated,
        Err(refusal) => return refusal,
    };
    let caller = &verified.caller;
    let make = async {
        let refused = |error| V4Error::Parameter(V4Operation::GetUser, error);
        let ignores = caller.tenant.settings.ignore_unknown_parameters;
        if let Some((name, _)) = query_pairs(parts.uri.query().unwrap_or_default())
            .next()
            .filter(|_| !ignores)
        {
            return Err(refused(ParameterError::Unknown(name.into())));
        }
        let crid = parse_path_id(path_id).map_err(refused)?;
        let report = reports.make(caller, &UserKey::Id(crid)).await;
        report.map_err(|error| V4Error::Read(V4Operation::GetUser, error))
    };
    match by_deadline(context.deadline, make).await {
        Ok(report) => {
            verified.admission.charge_rows(1);
            if wants_page(&parts.headers) {
                return page_response(&report, context);
            }
            let meta = V4Meta::for_report(report.is_complete());
            let size_hint = 4096 + records(&report) * RECORD_BYTES;
            responder.success(Code::S200_16, Some(meta), ReportView(&report), size_hint)
        }
        Err(error) => responder.error(&error),
    }
}

/// Whether the client prefers a page: it names HTML before JSON, as browsers do.
fn wants_page(headers: &HeaderMap) -> bool {
    let accepted = headers
        .get(ACCEPT)
        .and_then(|accepted| accepted.to_str().ok())
        .unwrap_or_default();
    let mut types = accepted.split(',').filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        // A quality of 0 is "not acceptable" (RFC 9110 §12.4.2).
        let is_refused = |part: &str| {
            let quality = part
                .split_once('=')
                .filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
            quality.is_some_and(|(_, value)| value.trim().parse() == Ok(0.0_f32))
        };
        (!parts.any(is_refused)).then_some(name)
    });
    let named = types.find(|one| one.eq_ignore_ascii_case("text/html") || one.eq_ignore_ascii_case("application/json"));
    named.is_some_and(|one| one.eq_ignore_ascii_case("text/html"))
}

fn page_response(report: &PersonReport, context: RequestContext) -> ApiResponse {
    let page = report_page::render(report).into_bytes();
    let mut response = json_response(Code::S200_16.entry().status, page, context.request_id);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
    response
}

fn records(report: &PersonReport) -> usize {
    let of_source = |source: &SourceReport| match &source.answer {
        SourceAnswer::Held { records, .. } => records.len(),
        SourceAnswer::Unavailable(_) => 0,
    };
    report.sources.iter().map(of_source).sum()
}

/// The report as JSON, for the data of an answer and for a file.
pub(crate) struct ReportView<'a>(pub(crate) &'a PersonReport);

impl WriteJson for ReportView<'_> {
    fn write_json(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        serde_json::to_writer(out, &ReportJson::from(self.0))
    }
}

/// The report as a page: one file that loads nothing and runs nothing.
#[must_use]
pub fn report_page(report: &PersonReport) -> String {
    report_page::render(report)
}

/// The report as a JSON object.
///
/// # Errors
/// Never for texts, numbers and times.
pub fn report_json(report: &PersonReport) -> serde_json::Result<String> {
    serde_json::to_string_pretty(&ReportJson::from(report))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReportJson<'a> {
    tenant: &'a str,
    made_at: Option<String>,
    complete: bool,
    sources: Vec<SourceJson<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SourceJson<'a> {
    source: &'static str,
    meaning: &'static str,
    as_of: Option<String>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<Vec<RecordJson<'a>>>,
}

struct RecordJson<'a>(&'a Record);

impl Serialize for RecordJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.0.iter().map(|(name, value)| (name, ValueJson(value))))
    }
}

struct ValueJson<'a>(&'a RecordValue);

impl Serialize for ValueJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            RecordValue::Text(text) => serializer.serialize_str(text),
            RecordValue::Number(number) => serializer.serialize_i64(*number),
            RecordValue::Flag(flag) => serializer.serialize_bool(*flag),
            RecordValue::Time(at) => serializer.serialize_some(&published_time(*at)),
            RecordValue::Pairs(pairs) => {
                let mut map = serializer.serialize_map(Some(pairs.len()))?;
                for (name, value) in pairs {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'a> From<&'a PersonReport> for ReportJson<'a> {
    fn from(report: &'a PersonReport) -> Self {
        Self {
            tenant: report.tenant.as_str(),
            made_at: published_time(report.made_at),
            complete: report.is_complete(),
            sources: report.sources.iter().map(SourceJson::from).collect(),
        }
    }
}

impl<'a> From<&'a SourceReport> for SourceJson<'a> {
    fn from(source: &'a SourceReport) -> Self {
        let (reason, total, records) = match &source.answer {
            SourceAnswer::Held { records, total } => {
                let records = records.iter().map(RecordJson).collect();
                (None, Some(*total), Some(records))
            }
            SourceAnswer::Unavailable(kind) => (Some(kind.name()), None, None),
        };
        Self {
            source: source.name,
            meaning: source.meaning,
            as_of: published_time(source.as_of),
            status: report_page::status(&source.answer),
            reason,
            total,
            records,
        }
    }
}

/// The receipt of an erasure as JSON.
pub(crate) struct ReceiptView<'a>(pub(crate) &'a Receipt);

impl WriteJson for ReceiptView<'_> {
    fn write_json(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        serde_json::to_writer(out, &ReceiptJson::from(self.0))
    }
}

/// The receipt of an erasure as a JSON object.
///
/// # Errors
/// Never for texts, numbers and times.
pub fn receipt_json(receipt: &Receipt) -> serde_json::Result<String> {
    serde_json::to_string_pretty(&ReceiptJson::from(receipt))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReceiptJson<'a> {
    receipt: i64,
    tenant: &'a str,
    requested_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<String>,
    request_id: &'a str,
    source_system: &'a str,
    sources: Vec<LineJson<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LineJson<'a> {
    source: &'a str,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    #[serde(skip_serializing_if = "str::is_empty")]
    note: &'a str,
    at: Option<String>,
}

impl<'a> From<&'a Receipt> for ReceiptJson<'a> {
    fn from(receipt: &'a Receipt) -> Self {
        let line = |line: &'a ReceiptLine| LineJson {
            source: &line.source,
            outcome: line.outcome.name(),
            count: line.count,
            note: &line.note,
            at: published_time(line.at),
        };
        let time = |at: OffsetDateTime| published_time(at);
        Self {
            receipt: receipt.id.0,
            tenant: receipt.tenant.as_str(),
            requested_at: time(receipt.requested_at),
            finished_at: receipt.finished_at.and_then(time),
            request_id: &receipt.request_id,
            source_system: &receipt.source_system,
            sources: receipt.lines.iter().map(line).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::header::ACCEPT;

    use super::*;

    #[test]
    fn page_is_for_clients_that_name_html_first() {
        for (accepted, expected) in [
            ("", false),
            ("*/*", false),
            ("application/json", false),
            ("application/json, text/html", false),
            ("text/html;q=0, application/json", false),
            ("text/html; Q=0.000, */*", false),
            ("application/json;q=0, text/html;q=0.5", true),
            ("text/html,application/xhtml+xml,*/*;q=0.8", true),
            ("TEXT/HTML; charset=utf-8", true),
        ] {
            let headers = [(ACCEPT, HeaderValue::from_static(accepted))].into_iter().collect();
            assert_eq!(wants_page(&headers), expected, "{accepted}");
        }
    }
}

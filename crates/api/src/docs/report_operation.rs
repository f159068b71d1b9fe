//! `GET /v4/Users/{customerRegistrationId}/Report`, and the receipt of an erasure, in the documents.

use masthead_domain::tenant::{PoolId, TenantId};
use masthead_orchestrator::PersonReport;
use masthead_ports::{
    erasure::{ErasureId, ErasureOutcome, Receipt, ReceiptLine},
    person::{Record, SourceAnswer, SourceReport, sources},
};
use time::macros::datetime;

use super::{
    examples::{EXAMPLE_REQUEST_ID, JsonResult},
    node::{DocNode, list, object, schema_ref},
    v4_operations::{CODES_OF_ALL, id_parameter, required_headers, responses},
    v4_schemas::{answer, optional_meta},
};
use crate::v4::{
    code::Code,
    envelope::{EnvelopeShape, V4Envelope, V4Meta},
    report::{ReceiptView, ReportView},
};

pub(super) const ID: &str = "getUserReport";
pub(super) const PATH: &str = "/v4/Users/{customerRegistrationId}/Report";
pub(super) const TITLE: &str = "Get everything that is held about a person";
pub(super) const MEANING: &str = "Everything that is held about one person, for the person who asks for it: each source with its time and \
    what it holds. A source that does not answer has the status `no answer`, and `meta.complete` is false: what it holds is not known. \
    Of a password the family of its hash is named; codes and links are described. 404 only when every source confirmed that it holds \
    nothing. At most 1,000 records of a source are in the answer; `total` counts all. With `Accept: text/html` the answer is a page that \
    loads nothing and runs nothing. Each report is an event of the audit log. Scope: `users:report`.";
pub(super) const CURL: &str = "curl -H \"Authorization: bearer $TOKEN\" -H 'X-SourceSystem: CRM' \\\n     -H 'X-ClientGroupCode: north' -H \
    'X-ClientCode: daily' -H 'X-PaperCode: herald' \\\n     \"$URL/v4/Users/2937/Report\"";

/// The codes of its responses, the successes first.
pub(super) fn codes() -> impl Iterator<Item = Code> {
    let own = [Code::S200_16, Code::E404, Code::E500_01];
    let all = Code::ALL.iter().copied();
    all.filter(move |code| own.contains(code) || CODES_OF_ALL.contains(code))
}

/// The operation, with its path and its method in lower case.
pub(super) fn operation() -> (&'static str, String, DocNode) {
    let mut parameters = required_headers();
    parameters.push(id_parameter("2937"));
    let operation = object! {
        "tags": list!["Users"],
        "operationId": ID,
        "summary": TITLE,
        "description": MEANING,
        "parameters": parameters,
    };
    let responses = responses(codes(), "ReportAnswer", &[("report", report_answer)]);
    (PATH, "get".to_owned(), operation.with("responses", responses))
}

/// The schemas, by name.
pub(super) fn schemas() -> [(&'static str, DocNode); 5] {
    let text = |description: &'static str| object! {"type": "string", "description": description};
    let time = || object! {"type": "string", "format": "date-time"};
    let source = object! {
        "type": "object",
        "required": list!["source", "meaning", "asOf", "status"],
        "properties": object! {
            "source": text("its name"),
            "meaning": text("what it keeps, and for how long"),
            "asOf": time(),
            "status": object! {"type": "string", "enum": list!["held", "nothing held", "no answer"]},
            "reason": text("why there is no answer"),
            "total": object! {"type": "integer", "description": "how many records there are"},
            "records": object! {
                "type": "array",
                "description": "the records, each an object of its fields by name",
                "items": object! {"type": "object"},
            },
        },
    };
    let report = object! {
        "type": "object",
        "required": list!["tenant", "madeAt", "complete", "sources"],
        "properties": object! {
            "tenant": text("group, client and paper"),
            "madeAt": time(),
            "complete": object! {"type": "boolean", "description": "every source has answered"},
            "sources": object! {"type": "array", "items": schema_ref("ReportSource")},
        },
    };
    let line = object! {
        "type": "object",
        "required": list!["source", "outcome", "at"],
        "properties": object! {
            "source": text("the source"),
            "outcome": object! {
                "type": "string",
                "enum": list!["erased", "nothing held", "waiting", "not possible", "left out", "kept"],
            },
            "count": object! {"type": "integer", "description": "how many rows, accounts or events"},
            "note": text("more about it"),
            "at": time(),
        },
    };
    let receipt = object! {
        "type": list!["object", "array", "null"],
        "description": "what each source answered to an erasure, without personal data; null where the user is deleted and kept for a time",
        "properties": object! {
            "receipt": object! {"type": "integer", "description": "its number: `masthead person receipt`"},
            "tenant": text("group, client and paper"),
            "requestedAt": time(),
            "finishedAt": time(),
            "requestId": text("the request's `X-RequestId`"),
            "sourceSystem": text("the calling application"),
            "sources": object! {"type": "array", "items": line},
        },
    };
    [
        ("ReportSource", source),
        ("PersonReport", report),
        ("ErasureReceipt", receipt),
        (
            "ReportAnswer",
            answer("What each source holds.", optional_meta(), schema_ref("PersonReport")),
        ),
        (
            "DeletedAnswer",
            answer("The user is deleted.", optional_meta(), schema_ref("ErasureReceipt")),
        ),
    ]
}

/// The answer.
pub(super) fn report_answer() -> JsonResult {
    let as_of = datetime!(2026-03-01 12:00 UTC);
    let source = |name, meaning, records| SourceReport {
        name,
        meaning,
        as_of,
        answer: SourceAnswer::all(records),
    };
    let registration = Record::default()
        .with("customerRegistrationId", Some("2937"))
        .with("email", Some("ann@example.com"))
        .with("password", Some("a password hash of family argon2"));
    let Ok(tenant) = TenantId::parse("north/daily/herald") else {
        return Ok(Vec::new());
    };
    let report = PersonReport {
        tenant,
        made_at: as_of,
        sources: vec![
            source(
                sources::REGISTRATIONS,
                "the registration in the newspaper's own store; a deleted one is kept for the days of Retention.DeletedDays",
                vec![registration],
            ),
            source(sources::SIGN_IN_DAYS, "the last day of a sign-in", Vec::new()),
        ],
    };
    let meta = V4Meta::for_report(true);
    V4Envelope::for_success(Code::S200_16, EnvelopeShape::default(), Some(meta), ReportView(&report)).to_json(1024)
}

/// The answer of an erasure.
pub(super) fn erased_answer() -> JsonResult {
    let at = datetime!(2026-03-01 12:00 UTC);
    let Ok(tenant) = TenantId::parse("north/daily/herald") else {
        return Ok(Vec::new());
    };
    let receipt = Receipt {
        id: ErasureId(12),
        pool: PoolId(1),
        tenant,
        requested_at: at,
        finished_at: Some(at),
        request_id: EXAMPLE_REQUEST_ID.into(),
        source_system: "CRM".into(),
        hashes: Vec::new(),
        lines: vec![
            ReceiptLine::of_count(sources::PROVIDER, 1, at),
            ReceiptLine::of_count(sources::REGISTRATIONS, 1, at),
            ReceiptLine::new(
                sources::TOMBSTONES,
                ErasureOutcome::Kept,
                "keyed hashes of ids and addresses stay, so that syncs and imports do not bring the person back",
                at,
            ),
        ],
    };
    V4Envelope::for_success(Code::S200_14, EnvelopeShape::default(), None, ReceiptView(&receipt)).to_json(1024)
}

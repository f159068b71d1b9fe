//! `GET /v4/Audit` in the documents.

use masthead_domain::event::EventKind;
use masthead_ports::audit::{AuditEntry, AuditPlace};
use time::macros::datetime;

use super::{
    examples::{EXAMPLE_REQUEST_ID, EXAMPLE_SEALED, JsonResult},
    node::{DocNode, list, object, schema_ref},
    v4_operations::{CODES_OF_ALL, required_headers, responses},
    v4_schemas::answer,
};
use crate::v4::{
    AUDIT,
    audit::{AuditView, PARAMETERS},
    code::Code,
    envelope::{EnvelopeShape, V4Envelope, V4Meta},
};

pub(super) const ID: &str = "getAudit";
pub(super) const TITLE: &str = "Get events of the audit log";
pub(super) const MEANING: &str = "Who read or changed a user, what a caller did, which calls were refused, and what operators changed: \
    the events of this tenant, the latest first. Exactly one of `user`, `caller` and `kind` is given. Events name users by numbers \
    and keyed hashes alone, so the answer has none of them. Each request is an event of the log itself. Scope: `audit:read`.";
pub(super) const CURL: &str = "curl -H \"Authorization: bearer $TOKEN\" -H 'X-SourceSystem: CRM' \\\n     -H 'X-ClientGroupCode: north' -H \
    'X-ClientCode: daily' -H 'X-PaperCode: herald' \\\n     \"$URL/v4/Audit?user=2937&since=2026-01-01T00:00:00Z\"";

/// The codes of its responses, the successes first.
pub(super) fn codes() -> impl Iterator<Item = Code> {
    let own = [Code::S200_15, Code::E400_02, Code::E400_90];
    let all = Code::ALL.iter().copied();
    all.filter(move |code| own.contains(code) || CODES_OF_ALL.contains(code))
}

/// The operation, with its path and its method in lower case.
pub(super) fn operation() -> (&'static str, String, DocNode) {
    let parameters = PARAMETERS.iter().map(|parameter| {
        let schema = match parameter.name {
            "limit" => object! {"type": "integer", "minimum": 1_u32, "maximum": 1000_u32},
            "kind" => object! {"type": "string", "enum": list!["refused", "operator", "audit"]},
            "since" | "until" => object! {"type": "string", "format": "date-time"},
            _ => object! {"type": "string"},
        };
        let described = object! {
            "name": parameter.name,
            "in": "query",
            "description": parameter.meaning,
            "schema": schema,
            "example": parameter.example,
        };
        if parameter.name == "since" {
            described.with("required", true)
        } else {
            described
        }
    });
    let operation = object! {
        "tags": list!["Audit"],
        "operationId": ID,
        "summary": TITLE,
        "description": MEANING,
        "parameters": required_headers().into_iter().chain(parameters).collect::<Vec<_>>(),
    };
    let responses = responses(codes(), "AuditAnswer", &[("reads", audit_answer)]);
    (AUDIT, "get".to_owned(), operation.with("responses", responses))
}

/// Its schemas, by name.
pub(super) fn schemas() -> [(&'static str, DocNode); 2] {
    let text = |description: &'static str| object! {"type": "string", "description": description};
    let event = object! {
        "type": "object",
        "required": list!["number", "outcome", "users", "requestId", "sourceSystem"],
        "properties": object! {
            "at": object! {"type": "string", "format": "date-time"},
            "number": object! {"type": "integer", "description": "the published number of the event"},
            "event": text("its published name"),
            "outcome": object! {"type": "string", "enum": list!["found", "absent", "unknown", "refused"]},
            "users": object! {"type": "integer", "description": "how many users the answer had"},
            "requestId": text("the request's `X-RequestId`"),
            "sourceSystem": text("the calling application"),
            "caller": object! {
                "type": "object",
                "description": "to whom the token was issued; for an operator the user and the host",
                "properties": object! {
                    "issuer": text("`iss`"),
                    "subject": text("`sub`"),
                    "clientId": text("`client_id` or `azp`"),
                    "tokenId": text("`jti`"),
                },
            },
            "network": text("the network of the caller, or its address, as the server's settings say"),
            "filter": object! {
                "type": "object",
                "required": list!["kind", "hash"],
                "properties": object! {
                    "kind": text("the names of the conditions"),
                    "hash": text("a keyed hash of their values: the same for the same conditions"),
                },
            },
            "detail": object! {"type": "object", "description": "why a call was refused, or what an operator changed"},
        },
    };
    let events = object! {"type": "array", "items": schema_ref("AuditEvent")};
    [
        ("AuditEvent", event),
        (
            "AuditAnswer",
            answer("A page of events, the latest first.", schema_ref("Meta"), events),
        ),
    ]
}

/// The answer.
pub(super) fn audit_answer() -> JsonResult {
    let entry = AuditEntry {
        place: AuditPlace {
            at: datetime!(2026-03-01 12:00 UTC),
            id: 1,
        },
        kind: Some(EventKind::SubscribeUserGetById),
        number: EventKind::SubscribeUserGetById.id(),
        tenant: "north/daily/herald".to_owned(),
        request_id: EXAMPLE_REQUEST_ID.to_owned(),
        source_system: "CRM".to_owned(),
        outcome: "found".to_owned(),
        issuer: Some("https://login.example.com/".to_owned()),
        subject: Some("service-crm".to_owned()),
        client_id: Some("crm".to_owned()),
        token_id: Some("5f7c7b0e".to_owned()),
        network: Some("203.0.113.0/24".to_owned()),
        filter_kind: Some("id".to_owned()),
        filter_hash: Some(0x1d2c_3b4a_5968_7706),
        registration_id: Some(7),
        users: 1,
        detail: None,
    };
    let meta = V4Meta::for_list(None, None, Some(EXAMPLE_SEALED.to_owned()));
    let entries = [entry];
    let data = AuditView(&entries);
    V4Envelope::for_success(Code::S200_15, EnvelopeShape::default(), Some(meta), data).to_json(1024)
}

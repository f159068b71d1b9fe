//! `GET /v4/Users/Export` in the documents.

use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, metadata::Metadata,
};
use masthead_exports::write_masthead_line;
use masthead_ports::exports::ExportedRegistration;
use time::macros::datetime;

use super::{
    node::{DocNode, list, object, reference},
    schema::{description, query_parameter},
    v4_operations::{CODES_OF_ALL, metadata_parameter, required_headers, responses},
};
use crate::v4::{
    code::Code,
    export::NDJSON,
    parameters::table::{TABLE, V4ParameterRow},
};

pub(super) const PATH: &str = "/v4/Users/Export";
pub(super) const ID: &str = "getUsersExport";
pub(super) const TITLE: &str = "Export all users";
pub(super) const MEANING: &str = "All registrations of the tenant, or those that match every filter, as lines of JSON in the order of \
    their ids: one consistent snapshot, as fast as the client reads, in the form that `masthead import` reads, without password hashes. Of \
    a tenant with a provider it is the Subscribe registrations alone. The message ends properly only if the export is whole: one that is \
    cut short ends with an error of the connection. A user whose id is `Export` is read by `?customerRegistrationId=Export`. Scope: \
    `users:export`.";
pub(super) const CURL: &str = "curl --fail -H \"Authorization: bearer $TOKEN\" -H 'X-SourceSystem: CRM' \\\n     -H 'X-ClientGroupCode: north' -H \
    'X-ClientCode: daily' -H 'X-PaperCode: herald' \\\n     -o herald.ndjson \"$URL/v4/Users/Export?metadata.city=Oslo&lastName=le\"";

/// The codes of its errors.
pub(super) fn codes() -> impl Iterator<Item = Code> {
    let own = [Code::E400_02, Code::E400_90, Code::E429];
    let all = Code::ALL.iter().copied();
    all.filter(move |code| own.contains(code) || CODES_OF_ALL.contains(code))
}

/// The conditions that it takes.
pub(super) fn parameters() -> impl Iterator<Item = &'static V4ParameterRow> {
    TABLE.iter().filter(|row| row.is_condition())
}

/// The operation, with its path and its method in lower case.
pub(super) fn operation() -> (&'static str, String, DocNode) {
    let conditions = parameters().map(|row| query_parameter(&row.spec, None, description(&row.spec)));
    let operation = object! {
        "tags": list!["Users"],
        "operationId": ID,
        "summary": TITLE,
        "description": MEANING,
        "parameters": required_headers().into_iter().chain(conditions).chain([metadata_parameter()]).collect::<Vec<_>>(),
    };
    let content = object! {
        "schema": object! {"type": "string", "description": "one JSON object a line"},
        "examples": object! {"lines": object! {"value": example_lines()}},
    };
    let own = object! {
        "description": "the registrations, one a line",
        "headers": object! {"X-RequestId": reference("headers", "X-RequestId")},
        "content": DocNode::object([(NDJSON, content)]),
    };
    let errors = responses(codes(), "ErrorAnswer", &[]);
    let all = match errors {
        DocNode::Object(mut errors) => {
            errors.insert(0, ("200".into(), own));
            DocNode::Object(errors)
        }
        other => other,
    };
    (PATH, "get".to_owned(), operation.with("responses", all))
}

/// Two lines of an export.
pub(super) fn example_lines() -> String {
    let account = |id: &str| CustomerRegistrationId::parse(id).ok().map(Account::new);
    let ann = account("2937").map(|account| Account {
        email: Email::parse("Ann@Example.com").ok(),
        first_name: "Ann".into(),
        last_name: "Lee".into(),
        verified: Some(true),
        metadata: Metadata::from_valid([("city", "Oslo"), ("title", "Dr")]),
        registered_at: Some(datetime!(2020-01-02 03:04:05.000_006 UTC)),
        changed_at: Some(datetime!(2021-02-03 04:05:06 UTC)),
        ..account
    });
    let leo = account("auth0|6470a").map(|account| Account {
        email: Email::parse("leo@example.com").ok(),
        last_name: "Lehmann".into(),
        metadata: Metadata::from_valid([("city", "Oslo")]),
        ..account
    });
    let mut lines = Vec::new();
    for account in [ann, leo].into_iter().flatten() {
        let registration = ExportedRegistration {
            account,
            password_hash: None,
        };
        // The times of the examples can be expressed.
        let _ = write_masthead_line(&registration, &mut lines);
    }
    String::from_utf8(lines).unwrap_or_default()
}

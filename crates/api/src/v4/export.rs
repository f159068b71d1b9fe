//! `GET /v4/Users/Export`: all registrations of a tenant, or those of a filter, as a stream of lines (ADR 0138).

use std::time::Duration;

use http::{
    HeaderValue,
    header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
    request::Parts,
};
use masthead_domain::access::Scope;
use masthead_exports::write_masthead_line;
use masthead_orchestrator::{ExportError, RegistrationStream};
use tokio::time::timeout;
use tracing::Instrument as _;

use super::{error::V4Error, operation::V4Operation, parameters::export_filter::filter_from_query, state::V4State};
use crate::http::{
    api_body::{ApiBody, BodyPart, BodyParts},
    deadline::by_deadline,
    request::{REQUEST_ID, RequestContext},
    response::ApiResponse,
};

pub(crate) const NDJSON: &str = "application/x-ndjson";

/// About how many bytes a part of the stream has.
const PART_BYTES: usize = 32 * 1024;
/// How many parts' worth of memory an export takes beside those that wait for the client.
const HELD_PARTS: usize = 16;

/// `GET /v4/Users/Export?…`
pub(crate) async fn export_registrations(state: &V4State, context: RequestContext, parts: &Parts) -> ApiResponse {
    let (verified, responder) = match state.authenticate_for(&context, parts, &[Scope::UsersExport]).await {
        Ok(authenticated) => authenticated,
        Err(refusal) => return refusal,
    };
    let caller = &verified.caller;
    let tenant = &*caller.tenant;
    let begin = async {
        let query = parts.uri.query().unwrap_or_default();
        let ignore_unknown = tenant.settings.ignore_unknown_parameters;
        let filter = filter_from_query(query, tenant, &*state.sealing, ignore_unknown);
        let filter = filter.map_err(|error| V4Error::Parameter(V4Operation::ExportUsers, error))?;
        verified.admission.charge_list();
        context.room.reserve(HELD_PARTS, PART_BYTES).await;
        let begun = state.use_cases.export_registrations.start(caller, filter).await;
        begun.map_err(|error| match error {
            ExportError::Read(error) => V4Error::Read(V4Operation::ExportUsers, error),
            refused => V4Error::Export(refused),
        })
    };
    let registrations = match by_deadline(context.deadline, begin).await {
        Ok(registrations) => registrations,
        Err(error) => return responder.error(&error),
    };
    let body = ApiBody::stream(|parts| write_lines(registrations, parts).in_current_span());
    let mut response = ApiResponse::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(NDJSON));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REQUEST_ID, responder.request_id.into_header());
    response
}

/// Writes the registrations as lines, each part when the client has taken the ones before. Where it cannot go on it returns
/// without the end, which cuts the response.
async fn write_lines(mut registrations: RegistrationStream, parts: BodyParts) {
    let stall_limit = registrations.stall_limit();
    let mut part = Vec::with_capacity(2 * PART_BYTES);
    loop {
        // A failure is logged by the use case.
        let Ok(batch) = registrations.next().await else { return };
        let Some(batch) = batch else { break };
        for registration in &batch {
            if let Err(error) = write_masthead_line(registration, &mut part) {
                tracing::error!(error = &error as &dyn std::error::Error, "an export is cut");
                return;
            }
            if part.len() >= PART_BYTES {
                let full = std::mem::replace(&mut part, Vec::with_capacity(2 * PART_BYTES));
                if !send(&parts, BodyPart::Data(full.into()), stall_limit).await {
                    return;
                }
            }
        }
    }
    if part.is_empty() || send(&parts, BodyPart::Data(part.into()), stall_limit).await {
        send(&parts, BodyPart::End, stall_limit).await;
    }
}

/// Hands a part over; `false` where the client does not take it.
async fn send(parts: &BodyParts, part: BodyPart, stall_limit: Duration) -> bool {
    match timeout(stall_limit, parts.send(part)).await {
        Ok(sent) => sent.is_ok(),
        Err(_late) => {
            tracing::warn!("an export is cut: its client takes nothing");
            false
        }
    }
}

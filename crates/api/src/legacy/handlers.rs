//! The legacy operations: request in, the same use cases as v4, response out.

use std::{sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue, StatusCode, request::Parts};
use masthead_domain::{
    answer::{Completeness, SourceStatus, User},
    flow::Sources,
    query::{OnProviderFailure, Total},
};
use masthead_orchestrator::{Caller, LookupRequest, ReadError, SearchRequest, UseCases};
use masthead_ports::{sealing::Sealing, source::SUBSCRIBE, tokens::UserTokenVerifier};

use super::{
    envelope::{envelope_json, error_response},
    error::LegacyError,
    operation::LegacyPath,
    parameters::LegacySources,
    request::{LegacyRead, parse_request},
    systems::AuthSystem,
    view::{LegacyResult, LegacyUsersView, LegacyViewContext, USER_BYTES},
};
use crate::{
    auth::{headers::GroupHeader, read_scope::ReadKind, verify::Authenticator},
    http::{
        deadline::by_deadline,
        error::RequestError,
        request::RequestContext,
        response::{ApiResponse, json_response, log_unwritable},
    },
    v4::operation::V4Operation,
};

/// The response header that names the sources which are missing or stale. v4 has `meta` for this; the legacy envelope has
/// no place for it.
pub(crate) const INCOMPLETE: HeaderName = HeaderName::from_static("x-incomplete");

/// What the legacy operations need.
pub(crate) struct LegacyState {
    pub(crate) use_cases: UseCases,
    /// Verifies tokens of users; `None` takes none.
    pub(crate) user_tokens: Option<Arc<dyn UserTokenVerifier>>,
    pub(crate) callers: Arc<Authenticator>,
    pub(crate) sealing: Arc<dyn Sealing>,
    pub(crate) retry_after: Duration,
}

/// `GET /User` and everything below it.
pub(crate) async fn read_users(
    state: &LegacyState,
    context: RequestContext,
    parts: &Parts,
    path: LegacyPath<'_>,
) -> ApiResponse {
    match answer(state, &context, parts, path).await {
        Ok(response) => response,
        Err(error) => error_response(&error, &context.request_id, state.retry_after),
    }
}

async fn answer(
    state: &LegacyState,
    context: &RequestContext,
    parts: &Parts,
    path: LegacyPath<'_>,
) -> Result<ApiResponse, LegacyError> {
    let verify = async {
        let caller = state
            .callers
            .verify_reader(&parts.headers, GroupHeader::Optional, context);
        Ok::<_, LegacyError>(caller.await?)
    };
    let verified = by_deadline(context.deadline, verify).await?;
    let caller = &verified.caller;
    let query = parts.uri.query().unwrap_or_default();
    let (sources, read) = parse_request(path, query, &caller.tenant, &*state.sealing)?;
    match &read {
        LegacyRead::Empty => {}
        LegacyRead::User(_) => verified.check_read(ReadKind::LookUp)?,
        LegacyRead::List(query) => verified.check_read(ReadKind::of_filter(&query.filter))?,
    }
    let read = async {
        if let LegacyRead::List(query) = &read {
            context.room.reserve(usize::from(query.size), USER_BYTES).await;
        }
        read_sources(state, caller, sources, read).await
    };
    let answer = by_deadline(context.deadline, read).await?;
    verified.admission.charge_rows(answer.users.len());
    show_users(state, context, caller, &answer)
}

/// The users of a read.
#[derive(Default)]
struct LegacyAnswer {
    users: Vec<User>,
    total: u64,
    completeness: Option<Completeness>,
}

async fn read_sources(
    state: &LegacyState,
    caller: &Caller,
    selected: LegacySources,
    read: LegacyRead,
) -> Result<LegacyAnswer, LegacyError> {
    let use_cases = &state.use_cases;
    let on_provider_failure = OnProviderFailure::Degrade;
    let ignore_provider = selected == LegacySources::StoreOnly;
    let sources = Sources::for_request(caller.tenant.settings.user_provider, ignore_provider);
    let answer = match read {
        LegacyRead::Empty => LegacyAnswer::default(),
        LegacyRead::User(crid) => {
            let answer = if selected == LegacySources::ProviderOnly {
                use_cases.search_provider.find(caller, &crid, on_provider_failure).await
            } else {
                let request = LookupRequest {
                    crid,
                    sources,
                    on_provider_failure,
                };
                use_cases.lookup_user.find(caller, &request).await
            };
            match answer {
                Ok(answer) => LegacyAnswer {
                    users: vec![answer.user],
                    total: 1,
                    completeness: answer.completeness,
                },
                Err(ReadError::NoSuchUser { completeness }) => LegacyAnswer {
                    completeness,
                    ..LegacyAnswer::default()
                },
                Err(error) => return Err(LegacyError::Read(V4Operation::GetUser, error)),
            }
        }
        LegacyRead::List(query) => {
            let answer = if selected == LegacySources::ProviderOnly {
                use_cases
                    .search_provider
                    .search(caller, &query, on_provider_failure)
                    .await
            } else {
                let request = SearchRequest {
                    query,
                    sources,
                    on_provider_failure,
                };
                use_cases.list_users.search(caller, &request).await
            };
            let answer = answer.map_err(|error| LegacyError::Read(V4Operation::ListUsers, error))?;
            LegacyAnswer {
                total: answer
                    .total
                    .map_or(0, |(Total::Exact(count) | Total::Estimate(count))| count),
                users: answer.users,
                completeness: answer.completeness,
            }
        }
    };
    match answer.completeness {
        Some(completeness) if is_misleading(&completeness, answer.total) => {
            let unknown = ReadError::Unavailable {
                retry_after: None,
                completeness: Some(completeness),
            };
            Err(LegacyError::Read(V4Operation::ListUsers, unknown))
        }
        completeness => Ok(LegacyAnswer { completeness, ..answer }),
    }
}

/// Whether the legacy envelope, which cannot express doubt, would present unknown data as absent: an empty list from
/// incomplete sources, or a user without the consents that only the unavailable store has.
fn is_misleading(completeness: &Completeness, total: u64) -> bool {
    let store_is_unavailable = completeness
        .sources
        .iter()
        .any(|source| source.name == SUBSCRIBE && source.status == SourceStatus::Unavailable);
    !completeness.complete && (total == 0 || store_is_unavailable)
}

fn show_users(
    state: &LegacyState,
    context: &RequestContext,
    caller: &Caller,
    answer: &LegacyAnswer,
) -> Result<ApiResponse, LegacyError> {
    let result = LegacyResult {
        users: LegacyUsersView {
            context: LegacyViewContext {
                sealing: &*state.sealing,
                tenant: &caller.tenant.id,
                system: AuthSystem::from(&caller.tenant.settings),
            },
            users: &answer.users,
        },
        total_users_found: answer.total,
    };
    let size_hint = 256 + answer.users.len() * USER_BYTES;
    let body = envelope_json(&[], Some(result), &context.request_id, size_hint).map_err(|error| {
        log_unwritable(&error);
        RequestError::Internal
    })?;
    let mut response = json_response(StatusCode::OK, body, context.request_id.clone());
    if let Some(sources) = answer.completeness.as_ref().and_then(incomplete_sources) {
        response.headers_mut().insert(INCOMPLETE, sources);
    }
    Ok(response)
}

/// The names of the missing and stale sources, comma-separated.
fn incomplete_sources(completeness: &Completeness) -> Option<HeaderValue> {
    if completeness.complete {
        return None;
    }
    let is_whole = |status| matches!(status, SourceStatus::Ok | SourceStatus::Skipped);
    let names: Vec<&str> = completeness
        .sources
        .iter()
        .filter(|source| !is_whole(source.status) || source.reason.is_some())
        .map(|source| source.name)
        .collect();
    HeaderValue::from_str(&names.join(", ")).ok()
}

//! The v4 operations: request in, use case, response out.

use http::request::Parts;
use masthead_domain::answer::UserAnswer;
use masthead_orchestrator::Caller;

use super::{
    code::Code,
    cursor::{self, CursorScope},
    envelope::{Shaped, V4Meta, V4Responder},
    error::V4Error,
    operation::V4Operation,
    parameters::{error::ParameterError, query::has_list_parameter, table::V4Parameters},
    state::V4State,
    view::{USER_BYTES, UserView, UsersView, ViewOptions},
};
use crate::{
    auth::{read_scope::ReadKind, verify::Verified},
    http::{
        body::{RequestBody, read_json_body},
        deadline::by_deadline,
        request::RequestContext,
        response::ApiResponse,
        room::AnswerRoom,
    },
};

/// `GET /v4/Users?…`
pub(crate) async fn list_users(state: &V4State, context: RequestContext, parts: &Parts) -> ApiResponse {
    let (verified, responder) = match state.authenticate(&context, parts).await {
        Ok(authenticated) => authenticated,
        Err(refusal) => return refusal,
    };
    let ignore_unknown = verified.caller.tenant.settings.ignore_unknown_parameters;
    let query = parts.uri.query().unwrap_or_default();
    let parameters = V4Parameters::from_query(query, V4Operation::ListUsers, ignore_unknown);
    search(state, responder, &verified, &context.room, None, parameters).await
}

/// `POST /v4/Users/Search`
pub(crate) async fn search_users<B: RequestBody>(
    state: &V4State,
    context: RequestContext,
    parts: &Parts,
    body: B,
) -> ApiResponse {
    let (verified, responder) = match state.authenticate(&context, parts).await {
        Ok(authenticated) => authenticated,
        Err(refusal) => return refusal,
    };
    let body = match read_json_body(state.body_bytes, context.deadline, &parts.headers, body).await {
        Ok(body) => body,
        Err(error) => return responder.error(&error.into()),
    };
    let ignore_unknown = verified.caller.tenant.settings.ignore_unknown_parameters;
    let parameters = match parts.uri.query() {
        // Addresses in the URL are what the body is meant to avoid.
        Some(query) if !query.is_empty() && !ignore_unknown => Err(ParameterError::QueryBesideBody),
        _ => V4Parameters::from_json(&body, ignore_unknown),
    };
    search(state, responder, &verified, &context.room, None, parameters).await
}

/// `GET /v4/Users/{crid}`; with a parameter that only lists have, the list of the users that match every filter and have this
/// id.
pub(crate) async fn get_user(state: &V4State, context: RequestContext, parts: &Parts, path_id: &str) -> ApiResponse {
    let (verified, responder) = match state.authenticate(&context, parts).await {
        Ok(authenticated) => authenticated,
        Err(refusal) => return refusal,
    };
    let query = parts.uri.query().unwrap_or_default();
    let ignore_unknown = verified.caller.tenant.settings.ignore_unknown_parameters;
    if has_list_parameter(query) {
        let parameters = V4Parameters::from_query(query, V4Operation::ListUsers, ignore_unknown);
        let search = search(state, responder, &verified, &context.room, Some(path_id), parameters);
        // Boxed: rarely used, and larger than a look-up.
        return Box::pin(search).await;
    }
    let caller = &verified.caller;
    let lookup = async {
        verified.check_read(ReadKind::LookUp)?;
        let (request, options) = V4Parameters::from_query(query, V4Operation::GetUser, ignore_unknown)
            .and_then(|parameters| parameters.into_lookup(path_id, &caller.tenant))
            .map_err(|error| V4Error::Parameter(V4Operation::GetUser, error))?;
        let answer = state.use_cases.lookup_user.find(caller, &request).await;
        let answer = answer.map_err(|error| V4Error::Read(V4Operation::GetUser, error))?;
        Ok((answer, options))
    };
    match by_deadline(context.deadline, lookup).await {
        Ok((answer, options)) => {
            verified.admission.charge_rows(1);
            show_user(state, responder, caller, parts, &answer, &options)
        }
        Err(error) => responder.error(&error),
    }
}

/// Answers a page of a list; `path_id` is the id in the path of a list of one user.
async fn search(
    state: &V4State,
    responder: V4Responder,
    verified: &Verified,
    room: &AnswerRoom,
    path_id: Option<&str>,
    parameters: Result<V4Parameters<'_>, ParameterError>,
) -> ApiResponse {
    let caller = &verified.caller;
    let tenant = &*caller.tenant;
    let search = async {
        let refused = |error| V4Error::Parameter(V4Operation::ListUsers, error);
        let mut parameters = parameters.map_err(refused)?;
        if let Some(token) = parameters.take_token() {
            parameters.restrict_to(Box::pin(state.user_of_token(tenant, &token)).await?);
        }
        let search = parameters.into_search(path_id, tenant, &*state.sealing);
        let (request, options) = search.map_err(refused)?;
        verified.check_read(ReadKind::of_filter(&request.query.filter))?;
        room.reserve(usize::from(request.query.size), USER_BYTES).await;
        let answer = state.use_cases.list_users.search(caller, &request).await;
        let answer = answer.map_err(|error| V4Error::Read(V4Operation::ListUsers, error))?;
        Ok((answer, request, options))
    };
    let (answer, request, options) = match by_deadline(caller.deadline, search).await {
        Ok(answered) => answered,
        Err(error) => return responder.error(&error),
    };
    verified.admission.charge_rows(answer.users.len());
    let scope = CursorScope {
        filter: &request.query.filter,
        order: request.query.order,
        sources: request.sources,
    };
    let next = answer.next.as_ref();
    let next = next.map(|place| cursor::seal(&*state.sealing, tenant, scope, place));
    let users = UsersView {
        context: state.view(tenant, &options),
        users: &answer.users,
    };
    let meta = V4Meta::for_list(answer.total, answer.completeness.as_ref(), next);
    let size_hint = 512 + answer.users.len() * USER_BYTES;
    responder.success(Code::S200_02, Some(meta), users, size_hint)
}

fn show_user(
    state: &V4State,
    responder: V4Responder,
    caller: &Caller,
    parts: &Parts,
    answer: &UserAnswer,
    options: &ViewOptions,
) -> ApiResponse {
    let data = Shaped {
        as_array: responder.shape.data_as_array,
        value: UserView {
            context: state.view(&caller.tenant, options),
            user: &answer.user,
        },
    };
    let meta = V4Meta::for_sources(answer.completeness.as_ref());
    responder.tagged_success(Code::S200_01, meta, data, 512 + USER_BYTES, Some(&parts.headers))
}

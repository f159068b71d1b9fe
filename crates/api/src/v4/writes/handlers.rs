//! The calls that write: request in, use case, response out, once for each `Idempotency-Key`.

use std::time::Duration;

use http::request::Parts;
use masthead_domain::{
    access::{Grant, Scope},
    caller_address::CallerAddress,
};
use masthead_orchestrator::{
    Caller,
    writes::{ClaimedKey, EarlierAnswer, KeyClaim, WriteCall},
};
use masthead_ports::source::SUBSCRIBE;

use super::{
    answer::{IdsView, LinkView, ResetView, SignedInView, WriteResult, WrittenAnswer},
    body::MAX_BODY_BYTES,
    idempotency,
    operation::WriteOperation,
    request::{WriteInput, WriteRequest},
    run::WriteRunner,
};
use crate::{
    auth::{error::AuthError, refusal_lines::REFUSALS},
    http::{
        body::{RequestBody, read_json_body},
        json::WriteJson,
        request::RequestContext,
        response::{ApiResponse, json_response},
    },
    v4::{
        code::Code,
        envelope::{Shaped, V4Meta, V4Responder},
        error::V4Error,
        report::ReceiptView,
        state::V4State,
        view::{USER_BYTES, UserView, ViewOptions},
        write_error::WriteRefusal,
    },
};

/// How long after its deadline a write is answered at the latest: a side that must follow the other may take five seconds.
const GRACE: Duration = Duration::from_secs(7);

/// A call that writes, and the id in its path, still encoded; `""` where it has none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WriteTarget<'p> {
    pub(crate) operation: WriteOperation,
    pub(crate) path_id: &'p str,
}

/// Answers a call that writes.
pub(crate) async fn write_user<B: RequestBody>(
    state: &V4State,
    context: RequestContext,
    parts: &Parts,
    target: WriteTarget<'_>,
    body: B,
) -> ApiResponse {
    let scopes = target.operation.scopes();
    let (verified, responder) = match state.authenticate_for(&context, parts, scopes).await {
        Ok(authenticated) => authenticated,
        Err(refusal) => return refusal,
    };
    let (caller, grant) = (&verified.caller, &verified.token.grant);
    let body = if target.operation.has_body() {
        match read_json_body(MAX_BODY_BYTES, context.deadline, &parts.headers, body).await {
            Ok(body) => body,
            Err(error) => return responder.error(&error.into()),
        }
    } else {
        bytes::Bytes::new()
    };
    let runner = WriteRunner {
        state,
        writes: &state.writes,
        operation: target.operation,
        caller,
        grant,
        headers: &parts.headers,
        device: context.caller.and_then(CallerAddress::sign_in_key),
    };
    let input = WriteInput {
        operation: target.operation,
        path_id: target.path_id,
        query: parts.uri.query().unwrap_or_default(),
        body: &body,
    };
    let request = match accept(&input, caller, grant, state) {
        Ok(request) => request,
        Err(error) => {
            if let V4Error::Auth(refused) = &error {
                REFUSALS.record_caller(refused, &parts.headers, &context);
            }
            return responder.error(&error);
        }
    };
    let key = match idempotency::key(&parts.headers) {
        Ok(key) => key.filter(|_| target.operation.keeps_answer()),
        Err(refusal) => return responder.error(&refusal.into()),
    };
    let answer = async {
        if let Some(key) = key {
            let hashed = idempotency::content(parts, &body, grant, &caller.tenant.id);
            Box::pin(once(runner, responder.clone(), &key, &hashed, request)).await
        } else {
            let call = write_call(caller, None);
            render(runner, responder.clone(), Box::pin(runner.run(call, request)).await)
        }
    };
    let answered = tokio::time::timeout_at((context.deadline + GRACE).into(), answer).await;
    answered.unwrap_or_else(|_| {
        tracing::warn!("a write ran past the deadline; its result is not known yet");
        let refusal = WriteRefusal {
            pending: Some(SUBSCRIBE),
            ..WriteRefusal::new(Code::E503, "")
        };
        responder.error(&refusal.into())
    })
}

fn accept(input: &WriteInput<'_>, caller: &Caller, grant: &Grant, state: &V4State) -> Result<WriteRequest, V4Error> {
    let tenant = &*caller.tenant;
    let request = input.parse(tenant, &*state.sealing)?;
    match &request {
        WriteRequest::Erase(_) if !grant.allows(Scope::UsersErase, &tenant.id) => {
            let refused = AuthError::missing_scope(&[Scope::UsersErase]);
            state.callers.record_forbidden(caller, &refused);
            Err(refused.into())
        }
        _ => Ok(request),
    }
}

fn write_call(caller: &Caller, idempotency: Option<ClaimedKey>) -> WriteCall {
    WriteCall {
        caller: caller.clone(),
        idempotency,
    }
}

/// Answers a request with a key: with what was answered before, or by running it.
async fn once(
    runner: WriteRunner<'_>,
    responder: V4Responder,
    key: &str,
    content: &str,
    request: WriteRequest,
) -> ApiResponse {
    let (caller, keys) = (runner.caller, &runner.writes.idempotent);
    let (ticket, result) = match keys.claim(caller, key, content).await {
        Ok(KeyClaim::Go { claimed, written: None }) => {
            let ticket = claimed.ticket;
            let call = write_call(caller, Some(claimed));
            (ticket, Box::pin(runner.run(call, request)).await)
        }
        Ok(KeyClaim::Go {
            claimed,
            written: Some(crid),
        }) => (claimed.ticket, Box::pin(runner.answer_again(request, crid)).await),
        Ok(KeyClaim::Answered(EarlierAnswer { status, body })) => {
            let status = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
            return json_response(status, body.into_bytes(), responder.request_id);
        }
        Ok(KeyClaim::Running { retry_after }) => {
            let refusal = WriteRefusal {
                retry_after: Some(retry_after),
                ..WriteRefusal::new(
                    Code::E409,
                    "the earlier request with this Idempotency-Key is still running",
                )
            };
            return responder.error(&refusal.into());
        }
        Ok(KeyClaim::OtherContent) => {
            return responder.error(&WriteRefusal::new(Code::E422, idempotency::OTHER_CONTENT).into());
        }
        Err(error) => return responder.error(&WriteRefusal::of(&error, Code::E400_00).into()),
    };
    let end = KeyEnd::of(&result);
    let response = render(runner, responder, result);
    match end {
        KeyEnd::Answer => {
            let (head, body) = response.into_parts();
            let answer = EarlierAnswer {
                status: head.status.as_u16(),
                body: String::from_utf8_lossy(&body.whole()).into_owned(),
            };
            keys.answer(caller, ticket, &answer).await;
            ApiResponse::from_parts(head, body)
        }
        KeyEnd::Release => {
            keys.release(caller, ticket).await;
            response
        }
        KeyEnd::LeaveOpen => response,
    }
}

/// What becomes of a key.
enum KeyEnd {
    /// The answer is kept.
    Answer,
    /// Nothing is written, and the same request may succeed later.
    Release,
    /// It is not known what is written: settling that ends the key.
    LeaveOpen,
}

impl KeyEnd {
    const fn of(result: &Result<WrittenAnswer, V4Error>) -> Self {
        match result {
            Ok(_) => Self::Answer,
            Err(V4Error::Write(refusal)) => match refusal.code {
                _ if refusal.pending.is_some() => Self::LeaveOpen,
                // The client reads the user again, and repeats its request with another `If-Match`.
                Code::E412 => Self::Release,
                _ if refusal.may_be_repeated => Self::Release,
                _ => Self::Answer,
            },
            Err(_) => Self::Release,
        }
    }
}

fn render(runner: WriteRunner<'_>, responder: V4Responder, result: Result<WrittenAnswer, V4Error>) -> ApiResponse {
    let WrittenAnswer { result, pending } = match result {
        Ok(answer) => answer,
        Err(error) => return responder.error(&error),
    };
    let options = ViewOptions::default();
    let (sealing, tenant) = (&*runner.state.sealing, &*runner.caller.tenant);
    let ids = |crid, ticket| IdsView {
        sealing,
        tenant: &tenant.id,
        crid,
        ticket,
    };
    let as_array = responder.shape.data_as_array;
    let meta = V4Meta::for_write(None, pending);
    match &result {
        WriteResult::Created(crid, ticket) => {
            let data = shaped(as_array, ids(crid, ticket.as_deref()));
            responder.success(Code::S200_03, meta, data, 1024)
        }
        WriteResult::Verified(crid) => responder.success(Code::S200_07, meta, shaped(as_array, ids(crid, None)), 512),
        WriteResult::Updated(Some(answer)) => {
            let data = UserView {
                context: runner.state.view(tenant, &options),
                user: &answer.user,
            };
            let meta = V4Meta::for_write(answer.completeness.as_ref(), pending);
            let size_hint = 512 + USER_BYTES;
            responder.tagged_success(Code::S200_05, meta, shaped(as_array, data), size_hint, None)
        }
        WriteResult::Updated(None) => {
            let meta = V4Meta::for_unread(pending);
            responder.success(Code::S200_05, Some(meta), (), 256)
        }
        WriteResult::SignedIn(answer) => {
            let data = SignedInView {
                context: runner.state.view(tenant, &options),
                user: &answer.user,
            };
            let meta = V4Meta::for_write(answer.completeness.as_ref(), pending);
            responder.success(Code::S200_06, meta, shaped(as_array, data), 512 + USER_BYTES)
        }
        WriteResult::ResetStarted(value) => {
            responder.success(Code::S200_08, meta, shaped(as_array, ResetView(value)), 256)
        }
        WriteResult::LinkValid(link) => responder.success(Code::S200_09, meta, shaped(as_array, LinkView(link)), 256),
        WriteResult::Erased(receipt) => {
            let data = shaped(as_array, ReceiptView(receipt));
            responder.success(Code::S200_14, meta, data, 2048)
        }
        WriteResult::Done(code) => responder.success(*code, meta, (), 256),
    }
}

const fn shaped<T: WriteJson>(as_array: bool, value: T) -> Shaped<T> {
    Shaped { as_array, value }
}

//! The legacy calls that write: request in, the use cases of v4, response out.

use std::{net::IpAddr, time::Duration};

use http::{HeaderName, StatusCode, request::Parts};
use masthead_domain::{
    access::{Grant, Scope},
    answer::UserAnswer,
    caller_address::CallerAddress,
    customer_registration_id::CustomerRegistrationId,
    flow::Sources,
    query::OnProviderFailure,
};
use masthead_orchestrator::{
    Caller, LookupRequest, ReadError,
    writes::{
        CreateRequest, Created, SignInError, SignInRequest, UpdateRequest, UserWrites, WriteCall, WriteUserError,
        Written,
    },
};
use masthead_ports::{sealing::Purpose, source::SUBSCRIBE};

use super::{
    fields::TABLE,
    operation::LegacyWrite,
    request::{LegacyUpdate, LegacyWriteRequest, parse},
    result::{
        AuthenticatedResult, CodeSentResult, CreatedResult, LegacyWriteResult, LinkSentResult, UpdatedResult,
        VerifiedResult,
    },
};
use crate::{
    auth::headers::GroupHeader,
    http::{
        body::{RequestBody, read_json_body},
        deadline::by_deadline,
        error::RequestError,
        request::RequestContext,
        response::{ApiResponse, json_response, log_unwritable},
    },
    legacy::{
        envelope::{envelope_json, error_response},
        error::LegacyError,
        handlers::{INCOMPLETE, LegacyState},
    },
    v4::{
        code::Code, operation::V4Operation, state::user_of_token, write_error::WriteRefusal,
        writes::body::MAX_BODY_BYTES,
    },
};

/// How long after its deadline a write is answered at the latest.
const GRACE: Duration = Duration::from_secs(7);

/// The header that v4 honours.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A legacy call that writes, and the id in its path, still encoded; `""` where it has none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LegacyWriteTarget<'p> {
    pub(crate) call: LegacyWrite,
    pub(crate) path_id: &'p str,
}

/// Answers a legacy call that writes.
pub(crate) async fn write_legacy_user<B: RequestBody>(
    state: &LegacyState,
    writes: &UserWrites,
    context: RequestContext,
    parts: &Parts,
    target: LegacyWriteTarget<'_>,
    body: B,
) -> ApiResponse {
    match answer(state, writes, &context, parts, target, body).await {
        Ok(response) => response,
        Err(error) => error_response(&error, &context.request_id, state.retry_after),
    }
}

async fn answer<B: RequestBody>(
    state: &LegacyState,
    writes: &UserWrites,
    context: &RequestContext,
    parts: &Parts,
    target: LegacyWriteTarget<'_>,
    body: B,
) -> Result<ApiResponse, LegacyError> {
    let verify = async {
        let callers = &state.callers;
        let scopes = target.call.scopes();
        let caller = callers.verify(&parts.headers, GroupHeader::Optional, context, scopes);
        Ok::<_, LegacyError>(caller.await?)
    };
    let verified = by_deadline(context.deadline, verify).await?;
    let caller = &verified.caller;
    if parts.headers.contains_key(IDEMPOTENCY_KEY) {
        let text = "Idempotency-Key is taken by the calls of v4 alone.";
        return Err(WriteRefusal::new(Code::E400_00, text).into());
    }
    let body = read_json_body(MAX_BODY_BYTES, context.deadline, &parts.headers, body).await?;
    let request = parse(target.call, target.path_id, &body, &caller.tenant)?;
    let runner = LegacyRunner {
        state,
        writes,
        caller,
        grant: &verified.token.grant,
        device: context.caller.and_then(CallerAddress::sign_in_key),
    };
    let written = tokio::time::timeout_at((context.deadline + GRACE).into(), Box::pin(runner.run(request))).await;
    let written = written.unwrap_or_else(|_| {
        tracing::warn!("a write ran past the deadline; its result is not known yet");
        Err(RequestError::Unavailable.into())
    })?;
    let body = envelope_json(&[], Some(&written.value), &context.request_id, 512).map_err(|error| {
        log_unwritable(&error);
        RequestError::Internal
    })?;
    let mut response = json_response(StatusCode::OK, body, context.request_id.clone());
    if written.pending == Some(SUBSCRIBE) {
        let side = http::HeaderValue::from_static(SUBSCRIBE);
        response.headers_mut().insert(INCOMPLETE, side);
    }
    Ok(response)
}

#[derive(Clone, Copy)]
struct LegacyRunner<'a> {
    state: &'a LegacyState,
    writes: &'a UserWrites,
    caller: &'a Caller,
    grant: &'a Grant,
    device: Option<IpAddr>,
}

impl LegacyRunner<'_> {
    async fn run(self, request: LegacyWriteRequest) -> Result<Written<LegacyWriteResult>, LegacyError> {
        let writes = self.writes;
        match request {
            LegacyWriteRequest::Create(request) => self.create(*request).await,
            LegacyWriteRequest::Update(update) => self.update(*update).await,
            LegacyWriteRequest::Authenticate(login, password) => {
                let attempt = SignInRequest {
                    login,
                    password,
                    address: self.device,
                };
                let signed_in = writes.sign_in.sign_in(self.call(), attempt).await;
                Ok(self.authenticated(&signed_in.map_err(WriteRefusal::from)?.crid))
            }
            LegacyWriteRequest::AuthenticateByToken(token) => {
                let verifier = self.state.user_tokens.as_deref();
                let crid = user_of_token(verifier, &self.caller.tenant, &token).await?;
                let user = self.find(&crid, self.sources()).await;
                let answer = match user {
                    Ok(answer) => answer,
                    Err(ReadError::NoSuchUser { .. }) => return Err(WriteRefusal::from(SignInError::Incorrect).into()),
                    Err(error) => return Err(LegacyError::Read(V4Operation::GetUser, error)),
                };
                let admitted = writes.sign_in.admit(&self.call(), &answer.user.account).await;
                admitted.map_err(WriteRefusal::from)?;
                Ok(self.authenticated(&crid))
            }
            LegacyWriteRequest::ForgotPassword(login, return_url) => {
                let started = writes.reset.start(self.call(), login.into(), return_url, false).await;
                refused(started)?;
                Ok(done(LegacyWriteResult::LinkSent(LinkSentResult {
                    password_reset_link_sent: true,
                })))
            }
            LegacyWriteRequest::VerifyEmail(email, code) => {
                let verified = refused(writes.verify.verify(self.call(), email, code.into()).await)?;
                Ok(Written {
                    value: LegacyWriteResult::Verified(VerifiedResult {
                        encrypted_customer_registration_id: self.sealed(&verified.value),
                        customer_registration_id: verified.value.as_str().to_owned(),
                    }),
                    pending: verified.pending,
                })
            }
            LegacyWriteRequest::ResendCode(email, return_url) => {
                refused(writes.verify.send_code(self.call(), email, return_url).await)?;
                Ok(done(LegacyWriteResult::CodeSent(CodeSentResult { done: "true" })))
            }
        }
    }

    async fn create(self, request: CreateRequest) -> Result<Written<LegacyWriteResult>, LegacyError> {
        let created = refused(self.writes.create.create(self.call(), request).await)?;
        let result = match created.value {
            Created::Pending => CreatedResult::default(),
            Created::User { crid, password_link } => {
                let shows_link = self.grant.allows(Scope::UsersTickets, &self.caller.tenant.id);
                CreatedResult {
                    registration_id: self.registration_number(&crid).await,
                    encrypted_customer_registration_id: Some(self.sealed(&crid)),
                    customer_registration_id: Some(crid.as_str().to_owned()),
                    url_password_change_ticket: password_link.filter(|_| shows_link),
                    ..CreatedResult::default()
                }
            }
        };
        Ok(Written {
            value: LegacyWriteResult::Created(result),
            pending: created.pending,
        })
    }

    /// Address, password and profile, in this order; the first that is refused ends the call.
    async fn update(self, update: LegacyUpdate) -> Result<Written<LegacyWriteResult>, LegacyError> {
        let (crid, mut pending) = (update.crid, None);
        if let Some(email) = update.email {
            let written = refused(self.writes.email.change(self.call(), crid.clone(), email).await)?;
            pending = pending.or(written.pending);
        }
        if let Some(password) = update.password {
            let written = refused(self.writes.password.set(self.call(), crid.clone(), password).await)?;
            pending = pending.or(written.pending);
        }
        if !update.change.is_empty() {
            let request = UpdateRequest {
                crid: crid.clone(),
                change: update.change,
                ignore_provider: update.ignore_provider,
                read: None,
            };
            let written = self.writes.update.update(self.call(), request).await;
            let written = written.map_err(|error| WriteRefusal::of(&error, Code::E400_22))?;
            pending = pending.or(written.pending);
        }
        Ok(Written {
            value: LegacyWriteResult::Updated(UpdatedResult {
                customer_registration_id: crid.as_str().to_owned(),
                updated: true,
            }),
            pending,
        })
    }

    /// The number of a registration; `None` where it cannot be read.
    async fn registration_number(self, crid: &CustomerRegistrationId) -> Option<i64> {
        let found = self.find(crid, Sources::Store).await;
        found.ok()?.user.account.registration_id
    }

    async fn find(self, crid: &CustomerRegistrationId, sources: Sources) -> Result<UserAnswer, ReadError> {
        let request = LookupRequest {
            crid: crid.clone(),
            sources,
            on_provider_failure: OnProviderFailure::Degrade,
        };
        self.state.use_cases.lookup_user.find(self.caller, &request).await
    }

    fn sources(self) -> Sources {
        Sources::for_request(self.caller.tenant.settings.user_provider, false)
    }

    fn authenticated(self, crid: &CustomerRegistrationId) -> Written<LegacyWriteResult> {
        done(LegacyWriteResult::Authenticated(AuthenticatedResult {
            authenticated: true,
            cookie_content: [],
            encrypted_customer_registration_id: self.sealed(crid),
            customer_registration_id: crid.as_str().to_owned(),
        }))
    }

    fn sealed(self, crid: &CustomerRegistrationId) -> String {
        let purpose = Purpose::CustomerRegistrationId;
        self.state.sealing.seal(&self.caller.tenant.id, purpose, crid.as_str())
    }

    fn call(self) -> WriteCall {
        WriteCall {
            caller: self.caller.clone(),
            idempotency: None,
        }
    }
}

const fn done(value: LegacyWriteResult) -> Written<LegacyWriteResult> {
    Written { value, pending: None }
}

fn refused<T>(written: Result<T, WriteUserError>) -> Result<T, LegacyError> {
    written.map_err(|error| with_own_names(WriteRefusal::of(&error, Code::E400_00)).into())
}

/// The use cases name v4's fields; those of legacy bodies begin with a capital.
fn with_own_names(refusal: WriteRefusal) -> WriteRefusal {
    let field = |name: &str| TABLE.iter().find(|row| row.spec.name.eq_ignore_ascii_case(name));
    let named = refusal.detail.split_once(": ");
    match named.and_then(|(name, problem)| Some((field(name)?, problem))) {
        Some((row, problem)) => WriteRefusal {
            detail: format!("{}: {problem}", row.spec.name).into(),
            ..refusal
        },
        None => refusal,
    }
}

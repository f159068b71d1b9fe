//! Runs a request by its use case.

use std::net::IpAddr;

use http::HeaderMap;
use masthead_domain::{
    access::{Grant, Scope},
    account::Account,
    answer::UserAnswer,
    customer_registration_id::CustomerRegistrationId,
    flow::Sources,
    query::OnProviderFailure,
};
use masthead_orchestrator::{
    Caller, LookupRequest, ReadError,
    writes::{
        Created, SignInError, SignInRequest, SignedInUser, UpdateRequest, UserWrites, WriteCall, WriteUserError,
        Written,
    },
};

use super::{
    answer::{WriteResult, WrittenAnswer},
    operation::WriteOperation,
    request::{UpdateOfUser, WriteRequest},
};
use crate::{
    http::json::WriteJson,
    v4::{
        code::Code,
        envelope::Shaped,
        error::V4Error,
        etag::{self, EntityTag},
        operation::V4Operation,
        state::V4State,
        view::{UserView, ViewOptions},
        write_error::WriteRefusal,
    },
};

/// What running a request needs.
#[derive(Clone, Copy)]
pub(super) struct WriteRunner<'a> {
    pub(super) state: &'a V4State,
    pub(super) writes: &'a UserWrites,
    pub(super) operation: WriteOperation,
    pub(super) caller: &'a Caller,
    pub(super) grant: &'a Grant,
    /// The headers, for their conditions.
    pub(super) headers: &'a HeaderMap,
    /// The address of the user's device, where a trusted proxy reports it.
    pub(super) device: Option<IpAddr>,
}

impl WriteRunner<'_> {
    /// Does what is requested.
    pub(super) async fn run(self, call: WriteCall, request: WriteRequest) -> Result<WrittenAnswer, V4Error> {
        let writes = self.writes;
        let done = |code| move |written: Written<()>| answered(written, |()| WriteResult::Done(code));
        match request {
            WriteRequest::Create(request) => {
                let created = writes.create.create(call, *request).await;
                Ok(answered(self.refused(created)?, |created| match created {
                    Created::User { crid, password_link } => {
                        WriteResult::Created(crid, password_link.filter(|_| self.may_see_links()))
                    }
                    Created::Pending => WriteResult::Done(Code::S200_04),
                }))
            }
            WriteRequest::Update(update) => self.update(call, *update).await,
            WriteRequest::SetPassword(crid, password) => {
                let written = writes.password.set(call, crid, password).await;
                self.refused(written).map(done(Code::S200_11))
            }
            WriteRequest::SetEmail(crid, email) => {
                let written = writes.email.change(call, crid, email).await;
                self.refused(written).map(done(Code::S200_12))
            }
            WriteRequest::Authenticate(login, password) => {
                let attempt = SignInRequest {
                    login,
                    password,
                    address: self.device,
                };
                let signed_in = writes.sign_in.sign_in(call, attempt).await;
                self.signed_in(signed_in.map_err(WriteRefusal::from)?).await
            }
            WriteRequest::AuthenticateByToken(token) => {
                let crid = self.state.user_of_token(&self.caller.tenant, &token).await?;
                // A token without a user is like a wrong password.
                let answer = match self.find(&crid, false).await {
                    Ok(answer) => answer,
                    Err(ReadError::NoSuchUser { .. }) => return Err(WriteRefusal::from(SignInError::Incorrect).into()),
                    Err(error) => return Err(V4Error::Read(V4Operation::GetUser, error)),
                };
                let admitted = writes.sign_in.admit(&call, &answer.user.account).await;
                admitted.map_err(WriteRefusal::from)?;
                Ok(WriteResult::SignedIn(Box::new(answer)).into())
            }
            WriteRequest::StartReset(login, return_url) => {
                let login = String::from(login);
                let shows_link = self.may_see_links();
                let started = writes.reset.start(call, login, return_url, shows_link).await;
                Ok(WriteResult::ResetStarted(self.refused(started)?).into())
            }
            WriteRequest::ValidateReset(value) => {
                let link = writes.reset.validate(&call, &value).await;
                Ok(WriteResult::LinkValid(self.refused(link)?).into())
            }
            WriteRequest::FinishReset(value, password) => {
                let written = writes.reset.finish(call, String::from(value), password).await;
                self.refused(written).map(done(Code::S200_10))
            }
            WriteRequest::Verify(email, code) => {
                let verified = writes.verify.verify(call, email, String::from(code)).await;
                Ok(answered(self.refused(verified)?, WriteResult::Verified))
            }
            WriteRequest::SendCode(email, return_url) => {
                let sent = writes.verify.send_code(call, email, return_url).await;
                self.refused(sent)?;
                Ok(WriteResult::Done(Code::S200_13).into())
            }
            WriteRequest::Delete(request) => {
                let written = writes.delete.delete(call, request).await;
                self.refused(written).map(done(Code::S200_14))
            }
            WriteRequest::Erase(request) => {
                let erased = writes.erase.erase(call, request).await;
                let answer = |receipt| WriteResult::Erased(Box::new(receipt));
                Ok(answered(self.refused(erased)?, answer))
            }
        }
    }

    /// The answer to a request that was done before, and whose answer was lost: nothing is written. `crid` is the user that
    /// was written.
    pub(super) async fn answer_again(
        self,
        request: WriteRequest,
        crid: Option<CustomerRegistrationId>,
    ) -> Result<WrittenAnswer, V4Error> {
        let corrupt = || WriteRefusal::new(Code::E500, "");
        Ok(match (request, crid) {
            // The link was made once, and only its hash is kept.
            (WriteRequest::Create(_), Some(crid)) => WriteResult::Created(crid, None),
            (WriteRequest::Create(_), None) => WriteResult::Done(Code::S200_04),
            (WriteRequest::Update(update), _) => self.show(&update, None).await.result,
            (WriteRequest::SetPassword(..), _) => WriteResult::Done(Code::S200_11),
            (WriteRequest::SetEmail(..), _) => WriteResult::Done(Code::S200_12),
            (WriteRequest::StartReset(..), _) => WriteResult::ResetStarted(self.writes.reset.unusable_value()),
            (WriteRequest::FinishReset(..), _) => WriteResult::Done(Code::S200_10),
            (WriteRequest::Verify(..), Some(crid)) => WriteResult::Verified(crid),
            (WriteRequest::SendCode(..), _) => WriteResult::Done(Code::S200_13),
            (WriteRequest::Delete(_), _) => WriteResult::Done(Code::S200_14),
            // Repeated, an erasure is answered with its receipt.
            (WriteRequest::Erase(request), _) => {
                let call = WriteCall {
                    caller: self.caller.clone(),
                    idempotency: None,
                };
                return Box::pin(self.run(call, WriteRequest::Erase(request))).await;
            }
            // These calls keep no answers.
            (
                WriteRequest::Verify(..)
                | WriteRequest::Authenticate(..)
                | WriteRequest::AuthenticateByToken(_)
                | WriteRequest::ValidateReset(_),
                _,
            ) => {
                return Err(corrupt().into());
            }
        }
        .into())
    }

    async fn update(self, call: WriteCall, update: UpdateOfUser) -> Result<WrittenAnswer, V4Error> {
        let read = if etag::has_condition(self.headers) {
            self.unchanged(&update).await?
        } else {
            None
        };
        let request = UpdateRequest {
            crid: update.crid.clone(),
            change: update.change.clone(),
            ignore_provider: update.ignore_provider,
            read,
        };
        let written = self.refused(self.writes.update.update(call, request).await)?;
        Ok(self.show(&update, Some(written)).await)
    }

    /// Checks `If-Match` against the user as it is shown now. Returns the registration that the store must still have; `None`
    /// where the user is merged of two sides.
    async fn unchanged(self, update: &UpdateOfUser) -> Result<Option<Box<Account>>, V4Error> {
        let answer = self.find(&update.crid, update.ignore_provider).await;
        let answer = answer.map_err(|error| V4Error::Read(V4Operation::GetUser, error))?;
        let options = ViewOptions::default();
        let view = Shaped {
            as_array: self.caller.tenant.settings.data_as_array,
            value: UserView {
                context: self.state.view(&self.caller.tenant, &options),
                user: &answer.user,
            },
        };
        let mut data = Vec::new();
        // Texts are always writable.
        let _ = view.write_json(&mut data);
        if !EntityTag::of(&data).may_change(self.headers) {
            return Err(self.refusal(&WriteUserError::Changed).into());
        }
        let is_stored = self.sources(update.ignore_provider) == Sources::Store;
        Ok(is_stored.then(|| Box::new(answer.user.account)))
    }

    /// The user after a change.
    async fn show(self, update: &UpdateOfUser, written: Option<Written<()>>) -> WrittenAnswer {
        let answer = self.find(&update.crid, update.ignore_provider).await;
        WrittenAnswer {
            result: WriteResult::Updated(answer.ok().map(Box::new)),
            pending: written.and_then(|written| written.pending),
        }
    }

    /// The user that is signed in; one that cannot be read is no wrong password.
    async fn signed_in(self, user: SignedInUser) -> Result<WrittenAnswer, V4Error> {
        if let Some(registration) = user.registration {
            let answer = self.state.use_cases.lookup_user.answer(self.caller, *registration);
            return Ok(WriteResult::SignedIn(Box::new(answer)).into());
        }
        match self.find(&user.crid, false).await {
            Ok(answer) => Ok(WriteResult::SignedIn(Box::new(answer)).into()),
            Err(ReadError::NoSuchUser { .. }) => Err(WriteRefusal::new(Code::E503, "").into()),
            Err(error) => Err(V4Error::Read(V4Operation::GetUser, error)),
        }
    }

    async fn find(self, crid: &CustomerRegistrationId, ignore_provider: bool) -> Result<UserAnswer, ReadError> {
        let request = LookupRequest {
            crid: crid.clone(),
            sources: self.sources(ignore_provider),
            on_provider_failure: OnProviderFailure::Degrade,
        };
        self.state.use_cases.lookup_user.find(self.caller, &request).await
    }

    fn sources(self, ignore_provider: bool) -> Sources {
        Sources::for_request(self.caller.tenant.settings.user_provider, ignore_provider)
    }

    fn may_see_links(self) -> bool {
        self.grant.allows(Scope::UsersTickets, &self.caller.tenant.id)
    }

    fn refusal(self, error: &WriteUserError) -> WriteRefusal {
        WriteRefusal::of(error, self.operation.refused_code())
    }

    fn refused<T>(self, written: Result<T, WriteUserError>) -> Result<T, V4Error> {
        written.map_err(|error| self.refusal(&error).into())
    }
}

fn answered<T>(written: Written<T>, result: impl FnOnce(T) -> WriteResult) -> WrittenAnswer {
    WrittenAnswer {
        result: result(written.value),
        pending: written.pending,
    }
}

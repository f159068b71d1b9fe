//! What the v4 operations need, and the verification of their callers.

use std::{sync::Arc, time::Duration};

use http::request::Parts;
use masthead_domain::{access::Scope, customer_registration_id::CustomerRegistrationId, tenant::Tenant};
use masthead_orchestrator::{ReadError, UseCases, writes::UserWrites};
use masthead_ports::{
    sealing::Sealing,
    tokens::{TokenError, UserTokenError, UserTokenVerifier},
};

use super::{
    envelope::{EnvelopeShape, V4Responder},
    error::V4Error,
    operation::V4Operation,
    parameters::error::ParameterError,
    view::{V4ViewContext, ViewOptions},
};
use crate::{
    auth::{
        headers::GroupHeader,
        read_scope::READ_SCOPES,
        verify::{Authenticator, Verified},
    },
    http::{deadline::by_deadline, request::RequestContext, response::ApiResponse},
};

/// What the v4 operations need.
pub(crate) struct V4State {
    pub(crate) use_cases: UseCases,
    pub(crate) writes: UserWrites,
    /// Verifies tokens of users; `None` takes none.
    pub(crate) user_tokens: Option<Arc<dyn UserTokenVerifier>>,
    pub(crate) callers: Arc<Authenticator>,
    pub(crate) sealing: Arc<dyn Sealing>,
    pub(crate) body_bytes: usize,
    pub(crate) retry_after: Duration,
}

impl V4State {
    /// Verifies a caller that reads users, or makes the refusal; [`Verified::check_read`] must follow.
    pub(crate) async fn authenticate(
        &self,
        context: &RequestContext,
        parts: &Parts,
    ) -> Result<(Verified, V4Responder), ApiResponse> {
        self.authenticate_for(context, parts, READ_SCOPES).await
    }

    /// Verifies a caller whose token has one of these scopes, or makes the refusal.
    pub(crate) async fn authenticate_for(
        &self,
        context: &RequestContext,
        parts: &Parts,
        scopes: &[Scope],
    ) -> Result<(Verified, V4Responder), ApiResponse> {
        let verify = async {
            let caller = self
                .callers
                .verify(&parts.headers, GroupHeader::Required, context, scopes);
            Ok::<_, V4Error>(caller.await?)
        };
        let responder = V4Responder {
            request_id: context.request_id.clone(),
            shape: EnvelopeShape::default(),
            retry_after: self.retry_after,
        };
        match by_deadline(context.deadline, verify).await {
            Ok(verified) => {
                let shape = EnvelopeShape::from(&verified.caller.tenant.settings);
                Ok((verified, V4Responder { shape, ..responder }))
            }
            Err(error) => Err(responder.error(&error)),
        }
    }

    /// The id of the user whose token it is.
    pub(crate) async fn user_of_token(&self, tenant: &Tenant, token: &str) -> Result<CustomerRegistrationId, V4Error> {
        user_of_token(self.user_tokens.as_deref(), tenant, token).await
    }

    /// What rendering the users of a tenant needs.
    pub(crate) fn view<'a>(&'a self, tenant: &'a Tenant, options: &'a ViewOptions) -> V4ViewContext<'a> {
        V4ViewContext {
            sealing: &*self.sealing,
            tenant: &tenant.id,
            options,
        }
    }
}

/// The id of the user whose token it is. A token that is refused is a refused parameter; keys that cannot be fetched are an
/// unavailable source.
pub(crate) async fn user_of_token(
    verifier: Option<&dyn UserTokenVerifier>,
    tenant: &Tenant,
    token: &str,
) -> Result<CustomerRegistrationId, V4Error> {
    let subject = match verifier {
        Some(verifier) => verifier.verify_user(tenant, token).await,
        None => Err(UserTokenError::MissingSetting("Token.Issuer")),
    };
    subject.map_err(|error| match error {
        UserTokenError::Token(TokenError::KeysUnavailable) => {
            let unavailable = ReadError::Unavailable {
                retry_after: None,
                completeness: None,
            };
            V4Error::Read(V4Operation::ListUsers, unavailable)
        }
        error => V4Error::Parameter(V4Operation::ListUsers, ParameterError::UserToken(error)),
    })
}

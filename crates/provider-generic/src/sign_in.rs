//! A described provider as a check of passwords. What its answer has beside the user, such as a session, is not read.

use async_trait::async_trait;
use masthead_domain::email::Email;
use masthead_ports::{
    accounts::{Ability, SignIn, SignInAnswer, SignInAttempt},
    source::{CallContext, SourceError, SourceErrorKind},
};
use masthead_provider_kit::{HttpReply, ProviderCall, writes::not_answered};
use serde_json::Value;

use crate::{
    adapter::GenericAdapter, answer_error::GenericAnswerError, api::GenericApi, envelope::OpenedEnvelope,
    template::TemplateValues,
};

const SIGN_IN: &str = "sign_in";

#[async_trait]
impl SignIn for GenericAdapter {
    async fn sign_in(&self, cx: &CallContext, attempt: &SignInAttempt<'_>) -> Result<SignInAnswer, SourceError> {
        let api = self.api_of(&cx.tenant, SIGN_IN)?;
        let call = api.write_call(Ability::SignIn, SIGN_IN)?;
        let values = TemplateValues {
            login: Some(attempt.login),
            password: Some(attempt.password.expose()),
            ..TemplateValues::default()
        };
        let request = api.request(SIGN_IN, &call.operation, &values, Vec::new(), None)?;
        let once = ProviderCall::write(SIGN_IN, cx);
        let answer = api.call(once, &request, |reply| api.read_sign_in(reply)).await;
        let body = match answer.map_err(not_answered)? {
            Ok(body) => body,
            Err(verdict) => return Ok(verdict),
        };
        // An answer about a sign-in may show less of the user than a look-up does.
        let account = match (api.id_in(&body), Email::parse(attempt.login)) {
            (Some(id), _) => api.account(cx, &id).await?,
            (None, Ok(email)) => {
                let mut found = api.accounts_with(cx, email.key()).await?;
                found.pop().filter(|_| found.is_empty())
            }
            (None, Err(_)) => None,
        };
        let account = account.ok_or_else(|| api.answer_error(SIGN_IN, GenericAnswerError::OtherUser))?;
        Ok(SignInAnswer::Accepted(Box::new(account)))
    }
}

impl GenericApi {
    /// The answer of an accepted attempt, or the meaning of another.
    fn read_sign_in(&self, reply: &HttpReply) -> Result<Result<Value, SignInAnswer>, GenericAnswerError> {
        let writes = &self.settings.writes;
        let codes = self.settings.envelope.codes(reply);
        let meanings = [
            (&writes.wrong, SignInAnswer::WrongCredentials),
            (&writes.blocked, SignInAnswer::Blocked),
            (&writes.unverified, SignInAnswer::Unverified(None)),
            (&writes.locked_out, SignInAnswer::LockedOut),
            (&writes.second_factor, SignInAnswer::SecondFactorNeeded),
            (&writes.password_change, SignInAnswer::PasswordChangeNeeded),
        ];
        let is_among = |listed: &[Box<str>]| codes.iter().any(|code| listed.iter().any(|known| **known == **code));
        if let Some((_, meaning)) = meanings.into_iter().find(|(listed, _)| is_among(listed)) {
            return Ok(Err(meaning));
        }
        match self.settings.envelope.open_write(reply, self.clock.now())? {
            OpenedEnvelope::Answer(body) => Ok(Ok(body)),
            // Only the described codes are about the credentials.
            OpenedEnvelope::Absent => Err(GenericAnswerError::Failed {
                kind: SourceErrorKind::Misconfigured,
                code: None,
            }),
        }
    }
}

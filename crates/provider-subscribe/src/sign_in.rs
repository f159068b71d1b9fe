//! A remote v4 API as a check of passwords: `POST /v4/Users/Authentication` (contract `writes.md` §3).

use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use masthead_ports::{
    accounts::{SignIn, SignInAnswer, SignInAttempt},
    source::{CallContext, SourceError, SourceErrorKind},
};
use masthead_provider_kit::{HttpReply, ProviderCall, writes::not_answered};
use serde_json::{Value, json};

use crate::{
    adapter::RemoteSubscribe,
    error::RemoteAnswerError,
    page::FieldReader,
    settings::RemoteApiKind,
    v4,
    written::{self, V4Refusal},
};

const SIGN_IN: &str = "sign_in";
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

#[async_trait]
impl SignIn for RemoteSubscribe {
    async fn sign_in(&self, cx: &CallContext, attempt: &SignInAttempt<'_>) -> Result<SignInAnswer, SourceError> {
        let api = self.remote_api(&cx.tenant, SIGN_IN)?;
        if api.settings.api == RemoteApiKind::Legacy {
            return Err(SourceError::new(SIGN_IN, SourceErrorKind::Misconfigured));
        }
        let body = json!({"loginName": attempt.login, "password": attempt.password.expose()});
        // A remote API that trusts us as its proxy counts failures of this address, not of this server's.
        let device = attempt.address.map(|address| address.to_canonical().to_string());
        let device = device.and_then(|address| HeaderValue::try_from(address).ok());
        let request = |headers: &HeaderMap| {
            let mut headers = headers.clone();
            headers.extend(device.clone().map(|address| (FORWARDED_FOR, address)));
            api.v4_request(&Method::POST, "/Authentication", Some(&body), &headers)
        };
        let call = ProviderCall::write(SIGN_IN, cx);
        api.send(call, request, read).await.map_err(not_answered)
    }
}

fn read(reply: &HttpReply) -> Result<SignInAnswer, RemoteAnswerError> {
    match written::read(reply)? {
        Ok(data) => {
            let user = data["user"].to_string();
            let account = v4::account(user.as_bytes(), &mut FieldReader::default())?;
            Ok(SignInAnswer::Accepted(Box::new(account)))
        }
        Err(refusal) => verdict(&refusal),
    }
}

/// What a refusal means. Only the published codes are about the user: a bare 401 or 403 is about our own token.
fn verdict(refusal: &V4Refusal) -> Result<SignInAnswer, RemoteAnswerError> {
    Ok(match (refusal.status, &*refusal.code) {
        (401, "E401_01") => SignInAnswer::WrongCredentials,
        (403, "E403_01") => SignInAnswer::Unverified(None),
        (403, "E403_02") => SignInAnswer::NoPassword,
        (403, "E403_03") => from_reason(refusal),
        (403, "E403_04") => SignInAnswer::Blocked,
        (400, _) => return Err(RemoteAnswerError::Refused),
        (404 | 405, _) => return Err(RemoteAnswerError::NoSuchPath(refusal.status)),
        (status, _) => return Err(RemoteAnswerError::Status(status)),
    })
}

/// The reason class of the provider behind the remote API; a class that is not known is a denial.
fn from_reason(refusal: &V4Refusal) -> SignInAnswer {
    let reason = refusal.meta.get("reason").and_then(Value::as_str);
    let named = |answer: &SignInAnswer| {
        let class = answer.reason();
        class.is_some() && (class == reason || class.is_some_and(|class| refusal.text.contains(class)))
    };
    let known = [
        SignInAnswer::LockedOut,
        SignInAnswer::SecondFactorNeeded,
        SignInAnswer::PasswordChangeNeeded,
        SignInAnswer::ChallengeNeeded,
        SignInAnswer::RegistrationIncomplete(None),
    ];
    known.into_iter().find(named).unwrap_or(SignInAnswer::Denied)
}

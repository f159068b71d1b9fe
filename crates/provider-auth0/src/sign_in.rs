//! Auth0 as a check of passwords: the password-realm grant of the Authentication API, with the tenant's connection.
//!
//! The user is then read from the Management API. The tokens that Auth0 issues are dropped.

use std::net::IpAddr;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, header};
use masthead_ports::{
    accounts::{SignIn, SignInAnswer, SignInAttempt},
    source::{CallContext, SourceError, SourceErrorKind},
};
use masthead_provider_kit::{
    AnswerError, HttpError, HttpReply, ProviderCall, ReplyError, TransportError, redacted,
    wire::{id_token_claims, text},
    writes::not_answered,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::{
    adapter::Auth0Adapter,
    management::{ManagementApi, written},
    name::AUTH0,
};

const SIGN_IN: &str = "sign_in";

/// The grant that names the connection; the plain password grant would use the Auth0 tenant's default directory.
const PASSWORD_REALM: &str = "http://auth0.com/oauth/grant-type/password-realm";

#[async_trait]
impl SignIn for Auth0Adapter {
    async fn sign_in(&self, cx: &CallContext, attempt: &SignInAttempt<'_>) -> Result<SignInAnswer, SourceError> {
        let api = self.api(&cx.tenant, SIGN_IN)?;
        let Some(connection) = &api.settings.connection else {
            return Err(SourceError::new(SIGN_IN, SourceErrorKind::Misconfigured));
        };
        let request = written(SIGN_IN, api.password_grant(connection, attempt))?;
        let call = ProviderCall::write(SIGN_IN, cx).without_token();
        let id = match api.upstream.call(call, &request, read).await.map_err(not_answered)? {
            Ok(id) => id,
            Err(verdict) => return Ok(verdict),
        };
        let user = api.user(cx, SIGN_IN, &id).await?;
        let account = user
            .map(|user| api.tenant_account(&user, SIGN_IN))
            .transpose()?
            .flatten();
        // Who signed in with the tenant's connection is one of its users.
        let account = account.ok_or_else(|| AnswerError::OtherUser.refuse(AUTH0, SIGN_IN))?;
        Ok(SignInAnswer::Accepted(Box::new(account)))
    }
}

impl ManagementApi {
    fn password_grant(&self, connection: &str, attempt: &SignInAttempt<'_>) -> Result<Request<Bytes>, http::Error> {
        let mut form = Zeroizing::new(String::new());
        for (name, value) in [
            ("grant_type", PASSWORD_REALM),
            ("client_id", &self.settings.client_id),
            ("client_secret", self.client_secret.expose_text().unwrap_or_default()),
            ("username", attempt.login),
            ("password", attempt.password.expose()),
            ("realm", connection),
            ("scope", "openid"),
        ] {
            let before = if form.is_empty() { "" } else { "&" };
            form.extend([before, name, "="]);
            form.extend(utf8_percent_encode(value, NON_ALPHANUMERIC));
        }
        let mut request = Request::builder()
            .method("POST")
            .uri(format!("{}/oauth/token", self.settings.origin))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(address) = attempt.address {
            request = request.header("auth0-forwarded-for", canonical(address).to_string());
        }
        request.body(Bytes::from(form.as_bytes().to_vec()))
    }
}

/// An IPv4 address in its own form, also where a socket shows it as an IPv6 one.
const fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

#[derive(Deserialize)]
struct GrantedTokens {
    id_token: Zeroizing<String>,
}

#[derive(Deserialize)]
struct IdTokenClaims {
    sub: String,
}

/// An error of the Authentication API (RFC 6749 §5.2).
#[derive(Deserialize)]
struct OAuthError {
    error: String,
    #[serde(default, deserialize_with = "text")]
    error_description: Option<String>,
}

redacted!(GrantedTokens, IdTokenClaims, OAuthError);

/// The id of the user who signed in, or the refusal.
fn read(reply: &HttpReply) -> Result<Result<String, SignInAnswer>, ReplyError> {
    if reply.status.is_success() {
        let tokens: GrantedTokens = reply.json()?;
        let unreadable = || ReplyError::Unreadable(HttpError::sent(TransportError::BadJson));
        let claims: IdTokenClaims = id_token_claims(&tokens.id_token).ok_or_else(unreadable)?;
        return Ok(Ok(claims.sub));
    }
    let Ok(refused) = reply.json::<OAuthError>() else {
        return Err(ReplyError::ByStatus);
    };
    verdict(reply.status.as_u16(), &refused).map(Err)
}

/// What a refusal means: an answer about the user, or an error of our request.
fn verdict(status: u16, refused: &OAuthError) -> Result<SignInAnswer, ReplyError> {
    let description = refused
        .error_description
        .as_deref()
        .unwrap_or_default()
        .to_ascii_lowercase();
    Ok(match &*refused.error {
        "invalid_grant" => SignInAnswer::WrongCredentials,
        "unauthorized" if description.contains("blocked") => SignInAnswer::Blocked,
        "too_many_attempts" => SignInAnswer::LockedOut,
        "mfa_required" => SignInAnswer::SecondFactorNeeded,
        "password_leaked" | "password_expired" => SignInAnswer::PasswordChangeNeeded,
        "requires_verification" => SignInAnswer::ChallengeNeeded,
        // By an action or a rule of the publisher. A 401 of the same name is about our own credentials.
        "unauthorized" => SignInAnswer::Denied,
        "access_denied" if status == 403 => SignInAnswer::Denied,
        _ => return Err(request_error(status, refused)),
    })
}

/// A refusal of our own request. The user's input must not raise an alarm, so `invalid_request` is none.
fn request_error(status: u16, refused: &OAuthError) -> ReplyError {
    const CODES: [&str; 5] = [
        "access_denied",
        "unauthorized_client",
        "invalid_client",
        "unsupported_grant_type",
        "invalid_request",
    ];
    let Some(code) = CODES.into_iter().find(|code| refused.error == *code) else {
        return ReplyError::ByStatus;
    };
    tracing::error!(
        source.name = AUTH0,
        operation = SIGN_IN,
        status,
        code,
        "auth0 will not take our request"
    );
    ReplyError::For(if code == "invalid_request" {
        SourceErrorKind::Refused
    } else {
        SourceErrorKind::Misconfigured
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(status: u16, error: &str, description: &str) -> Result<SignInAnswer, ReplyError> {
        let body = json!({"error": error, "error_description": description});
        verdict(status, &serde_json::from_value(body).unwrap())
    }

    #[test]
    fn documented_refusals_have_their_answer() {
        for (status, error, description, wanted) in [
            (
                403,
                "invalid_grant",
                "Wrong email or password.",
                SignInAnswer::WrongCredentials,
            ),
            (401, "unauthorized", "user is blocked", SignInAnswer::Blocked),
            (401, "unauthorized", "Please come back tomorrow", SignInAnswer::Denied),
            (403, "access_denied", "Not from this country", SignInAnswer::Denied),
            (
                403,
                "mfa_required",
                "Multifactor authentication required",
                SignInAnswer::SecondFactorNeeded,
            ),
            (
                429,
                "too_many_attempts",
                "Your account has been blocked",
                SignInAnswer::LockedOut,
            ),
            (
                403,
                "password_leaked",
                "This login has been blocked",
                SignInAnswer::PasswordChangeNeeded,
            ),
            (
                401,
                "requires_verification",
                "Suspicious request",
                SignInAnswer::ChallengeNeeded,
            ),
        ] {
            assert_eq!(refused(status, error, description), Ok(wanted), "{error} {description}");
        }
    }

    #[test]
    fn request_errors_are_never_about_the_password() {
        for (status, error, wanted) in [
            (401, "access_denied", ReplyError::For(SourceErrorKind::Misconfigured)),
            (
                403,
                "unauthorized_client",
                ReplyError::For(SourceErrorKind::Misconfigured),
            ),
            (
                403,
                "unsupported_grant_type",
                ReplyError::For(SourceErrorKind::Misconfigured),
            ),
            (400, "invalid_request", ReplyError::For(SourceErrorKind::Refused)),
            (429, "too_many_requests", ReplyError::ByStatus),
            (500, "server_error", ReplyError::ByStatus),
        ] {
            assert_eq!(refused(status, error, "x"), Err(wanted), "{error}");
        }
    }
}

//! What Cognito answers: tokens, a challenge, or an exception.
//!
//! Different refusals share `NotAuthorizedException`, and only their texts differ: those are known from public reports,
//! not from a document. A text that is not known is a denial, never a wrong password.

use masthead_domain::account::Account;
use masthead_ports::{accounts::SignInAnswer, source::SourceErrorKind};
use masthead_provider_kit::{
    HttpError, HttpReply, ReplyError, TransportError, redacted,
    wire::{self, flag, text},
};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::adapter::COGNITO;

pub(crate) const SIGN_IN: &str = "sign_in";

/// How the API labels its JSON, both ways.
pub(crate) const JSON: &str = "application/x-amz-json-1.1";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InitiateAuthAnswer {
    #[serde(default)]
    authentication_result: Option<IssuedTokens>,
    #[serde(default, deserialize_with = "text")]
    challenge_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct IssuedTokens {
    id_token: Zeroizing<String>,
}

#[derive(Deserialize)]
struct IdTokenClaims {
    sub: String,
    #[serde(default, deserialize_with = "text")]
    email: Option<String>,
    #[serde(default, deserialize_with = "flag")]
    email_verified: Option<bool>,
}

#[derive(Deserialize)]
struct CognitoException {
    /// The name, perhaps with the service's before a `#` and more after a `:`.
    #[serde(rename = "__type")]
    name: String,
    #[serde(default, deserialize_with = "text")]
    message: Option<String>,
}

redacted!(InitiateAuthAnswer, IssuedTokens, IdTokenClaims, CognitoException);

/// What a reply means.
pub(crate) fn read(reply: &HttpReply) -> Result<SignInAnswer, ReplyError> {
    let labels = &[JSON];
    if reply.status.is_success() {
        let unreadable = || ReplyError::Unreadable(HttpError::sent(TransportError::BadJson));
        let answer: InitiateAuthAnswer = reply.json_labelled(labels)?;
        return match (answer.authentication_result, answer.challenge_name) {
            (Some(tokens), _) => {
                let account = account(&tokens.id_token).ok_or_else(unreadable)?;
                Ok(SignInAnswer::Accepted(Box::new(account)))
            }
            (None, Some(challenge)) => Ok(of_challenge(&challenge)),
            (None, None) => Err(unreadable()),
        };
    }
    match reply.json_labelled::<CognitoException>(labels) {
        Ok(exception) => exception.answer(),
        // A proxy's page, or that of a gateway.
        Err(_) => Err(ReplyError::ByStatus),
    }
}

/// The account of an id token, which comes from the issuer itself over TLS. Its id is `sub`, under which users are imported. A
/// user name that differs is that of a pool whose addresses are aliases, and those sign in only when they are verified.
fn account(id_token: &str) -> Option<Account> {
    let claims: IdTokenClaims = wire::id_token_claims(id_token)?;
    Some(Account {
        email: claims.email.as_deref().and_then(wire::address),
        verified: claims.email_verified,
        ..Account::new(wire::id(&claims.sub)?)
    })
}

/// A challenge follows a right password, and demands more.
fn of_challenge(name: &str) -> SignInAnswer {
    match name {
        "SMS_MFA" | "EMAIL_OTP" | "SMS_OTP" | "SOFTWARE_TOKEN_MFA" | "SELECT_MFA_TYPE" | "MFA_SETUP" => {
            SignInAnswer::SecondFactorNeeded
        }
        "NEW_PASSWORD_REQUIRED" => SignInAnswer::PasswordChangeNeeded,
        _ => SignInAnswer::ChallengeNeeded,
    }
}

impl CognitoException {
    fn answer(&self) -> Result<SignInAnswer, ReplyError> {
        let name = self.name.rsplit('#').next().unwrap_or_default();
        let name = name.split(':').next().unwrap_or_default();
        Ok(match name {
            "NotAuthorizedException" => return self.of_not_authorized(),
            "UserNotFoundException" => SignInAnswer::WrongCredentials,
            "UserNotConfirmedException" => SignInAnswer::Unverified(None),
            "PasswordResetRequiredException" => SignInAnswer::PasswordChangeNeeded,
            "LimitExceededException" => SignInAnswer::LockedOut,
            // By a trigger of the publisher.
            "UserLambdaValidationException" => SignInAnswer::Denied,
            "TooManyRequestsException" | "ThrottlingException" => {
                return Err(ReplyError::For(SourceErrorKind::RateLimited { retry_after: None }));
            }
            "UnexpectedLambdaException" | "InvalidLambdaResponseException" => {
                return Err(ReplyError::For(SourceErrorKind::Unavailable));
            }
            "InvalidParameterException" if self.has("not enabled") => return Err(misconfigured(name)),
            // The user's input may cause it, so it raises no alarm.
            "InvalidParameterException" => return Err(ReplyError::For(SourceErrorKind::Refused)),
            "ForbiddenException"
            | "ResourceNotFoundException"
            | "InvalidUserPoolConfigurationException"
            | "UnsupportedOperationException"
            | "InvalidSmsRoleAccessPolicyException"
            | "InvalidSmsRoleTrustRelationshipException"
            | "InvalidEmailRoleAccessPolicyException" => return Err(misconfigured(name)),
            _ => return Err(ReplyError::ByStatus),
        })
    }

    fn of_not_authorized(&self) -> Result<SignInAnswer, ReplyError> {
        // First, as it names the app client: "Unable to verify secret hash for client …", "… is configured for secret but …".
        if self.has("secret") {
            return Err(misconfigured("NotAuthorizedException"));
        }
        Ok(if self.has("incorrect username or password") {
            SignInAnswer::WrongCredentials
        } else if self.has("user is disabled") {
            SignInAnswer::Blocked
        } else if self.has("attempts exceeded") {
            SignInAnswer::LockedOut
        } else if self.has("expired") {
            SignInAnswer::PasswordChangeNeeded
        } else {
            SignInAnswer::Denied
        })
    }

    fn has(&self, part: &str) -> bool {
        let message = self.message.as_deref().unwrap_or_default();
        message.to_ascii_lowercase().contains(part)
    }
}

/// An error of our settings, or of the pool's.
fn misconfigured(code: &str) -> ReplyError {
    tracing::error!(
        source.name = COGNITO,
        operation = SIGN_IN,
        code,
        "cognito rejects our settings"
    );
    ReplyError::For(SourceErrorKind::Misconfigured)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn exception(name: &str, message: &str) -> Result<SignInAnswer, ReplyError> {
        let body = json!({"__type": name, "message": message});
        serde_json::from_value::<CognitoException>(body).unwrap().answer()
    }

    #[test]
    fn exceptions_have_their_answer() {
        for (name, message, wanted) in [
            (
                "NotAuthorizedException",
                "Incorrect username or password.",
                SignInAnswer::WrongCredentials,
            ),
            (
                "com.amazonaws.cognito#UserNotFoundException:http://x",
                "User does not exist.",
                SignInAnswer::WrongCredentials,
            ),
            ("NotAuthorizedException", "User is disabled.", SignInAnswer::Blocked),
            (
                "NotAuthorizedException",
                "Password attempts exceeded",
                SignInAnswer::LockedOut,
            ),
            (
                "NotAuthorizedException",
                "Temporary password has expired and must be reset by an administrator.",
                SignInAnswer::PasswordChangeNeeded,
            ),
            ("NotAuthorizedException", "Not today.", SignInAnswer::Denied),
            (
                "UserNotConfirmedException",
                "User is not confirmed.",
                SignInAnswer::Unverified(None),
            ),
            (
                "PasswordResetRequiredException",
                "Password reset required for the user",
                SignInAnswer::PasswordChangeNeeded,
            ),
            (
                "UserLambdaValidationException",
                "PreAuthentication failed",
                SignInAnswer::Denied,
            ),
        ] {
            assert_eq!(exception(name, message), Ok(wanted), "{name} {message}");
        }
    }

    #[test]
    fn errors_of_settings_are_never_about_the_password() {
        let limited = SourceErrorKind::RateLimited { retry_after: None };
        for (name, message, wanted) in [
            (
                "NotAuthorizedException",
                "Unable to verify secret hash for client x",
                ReplyError::For(SourceErrorKind::Misconfigured),
            ),
            (
                "NotAuthorizedException",
                "Client x is configured for secret but secret was not received",
                ReplyError::For(SourceErrorKind::Misconfigured),
            ),
            (
                "InvalidParameterException",
                "USER_PASSWORD_AUTH flow not enabled for this client",
                ReplyError::For(SourceErrorKind::Misconfigured),
            ),
            (
                "InvalidParameterException",
                "Missing required parameter USERNAME",
                ReplyError::For(SourceErrorKind::Refused),
            ),
            (
                "ResourceNotFoundException",
                "User pool client x does not exist.",
                ReplyError::For(SourceErrorKind::Misconfigured),
            ),
            ("TooManyRequestsException", "Rate exceeded", ReplyError::For(limited)),
            (
                "UnexpectedLambdaException",
                "x",
                ReplyError::For(SourceErrorKind::Unavailable),
            ),
            ("InternalErrorException", "x", ReplyError::ByStatus),
        ] {
            assert_eq!(exception(name, message), Err(wanted), "{name} {message}");
        }
    }

    #[test]
    fn challenges_are_refusals() {
        for (name, wanted) in [
            ("SOFTWARE_TOKEN_MFA", SignInAnswer::SecondFactorNeeded),
            ("MFA_SETUP", SignInAnswer::SecondFactorNeeded),
            ("NEW_PASSWORD_REQUIRED", SignInAnswer::PasswordChangeNeeded),
            ("CUSTOM_CHALLENGE", SignInAnswer::ChallengeNeeded),
        ] {
            assert_eq!(of_challenge(name), wanted, "{name}");
        }
    }
}

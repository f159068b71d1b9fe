//! Gigya as a check of passwords: `accounts.login`. The session that Gigya makes is never read.

use async_trait::async_trait;
use masthead_ports::{
    accounts::{SignIn, SignInAnswer, SignInAttempt},
    source::{CallContext, SourceError},
};
use masthead_provider_kit::{ProviderCall, writes::not_answered};

use crate::{
    adapter::GigyaAdapter,
    calls::{self, GigyaParams},
    envelope::{PENDING_REGISTRATION, PENDING_VERIFICATION},
    mapping::account,
    name::GIGYA,
    wire::{GigyaErrorBody, RegisteredAccount},
};

const SIGN_IN: &str = "sign_in";

/// The answer that a refused call is (`providers.md` §2.9); `None` when Masthead's own request is at fault.
fn verdict(refused: &GigyaErrorBody) -> Option<SignInAnswer> {
    match refused.error_code {
        // Gigya does not distinguish an unknown identifier from a wrong password.
        403_042 | 403_047 => Some(SignInAnswer::WrongCredentials),
        403_041 => Some(SignInAnswer::Blocked),
        403_120 => Some(SignInAnswer::LockedOut),
        401_020 => Some(SignInAnswer::ChallengeNeeded),
        403_100 => Some(SignInAnswer::PasswordChangeNeeded),
        403_101 | 403_102 => Some(SignInAnswer::SecondFactorNeeded),
        _ => None,
    }
}

#[async_trait]
impl SignIn for GigyaAdapter {
    async fn sign_in(&self, cx: &CallContext, attempt: &SignInAttempt<'_>) -> Result<SignInAnswer, SourceError> {
        let site = self.site(&cx.tenant, SIGN_IN)?;
        let params = GigyaParams::new()
            .with("loginID", attempt.login)
            .with("password", attempt.password.expose());
        let done = |entered: RegisteredAccount| Ok(Ok(entered));
        let refused = |refused: &GigyaErrorBody| verdict(refused).map(Err);
        let content = site
            .call(ProviderCall::write(SIGN_IN, cx), calls::LOGIN, &params, done, refused)
            .await
            .map_err(not_answered)?;
        let entered = match content {
            Ok(entered) => entered,
            Err(verdict) => return Ok(verdict),
        };
        let local = account(&entered.account, &site.settings.metadata).map(Box::new);
        match entered.error_code {
            PENDING_VERIFICATION => Ok(SignInAnswer::Unverified(local.ok())),
            PENDING_REGISTRATION => Ok(SignInAnswer::RegistrationIncomplete(local.ok())),
            _ => local
                .map(SignInAnswer::Accepted)
                .map_err(|flaw| flaw.refuse(GIGYA, SIGN_IN)),
        }
    }
}

//! Signing in with a password: whose account it is, and nothing else. The session that Gigya makes is never read.

use masthead_domain::account::Account;
use masthead_ports::{
    accounts::PlainPassword,
    source::{CallContext, SourceError, SourceErrorKind},
};
use masthead_provider_kit::ProviderCall;

use crate::{
    adapter::GigyaAdapter,
    calls::{self, GigyaParams},
    envelope::{PENDING_REGISTRATION, PENDING_VERIFICATION},
    mapping::account,
    name::GIGYA,
    wire::{GigyaErrorBody, RegisteredAccount},
};

const LOGIN: &str = "login";

/// How a sign-in ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// The password is the account's.
    Accepted(Box<Account>),
    /// The sign-in failed. Gigya does not distinguish an unknown identifier from a wrong password.
    WrongCredentials,
    /// The password may be right, and the account cannot be used yet: its registration is not finished, or its address is
    /// not verified.
    Pending,
    /// The account is disabled, or locked for a while.
    Locked,
    /// Gigya requires more than a password, such as a captcha or a second factor.
    VerificationRequired,
}

/// The sign-in result of a rejected call; `None` when Masthead's own request is at fault.
fn verdict(refused: &GigyaErrorBody) -> Option<Login> {
    match refused.error_code {
        403_042 | 403_047 => Some(Login::WrongCredentials),
        403_041 | 403_120 => Some(Login::Locked),
        401_020 | 403_100..=403_102 => Some(Login::VerificationRequired),
        _ => None,
    }
}

impl GigyaAdapter {
    /// Signs in with a user name or an address, and its password. It is tried once: wrong passwords are counted.
    ///
    /// # Errors
    /// No usable answer; nothing is known of the password then.
    pub async fn login(
        &self,
        cx: &CallContext,
        login_id: &str,
        password: &PlainPassword,
    ) -> Result<Login, SourceError> {
        let site = self.site(&cx.tenant, LOGIN)?;
        let params = GigyaParams::new()
            .with("loginID", login_id)
            .with("password", password.expose());
        let done = |entered: RegisteredAccount| Ok(Ok(entered));
        let refused = |refused: &GigyaErrorBody| verdict(refused).map(Err);
        let content = site
            .call(ProviderCall::write(LOGIN, cx), calls::LOGIN, &params, done, refused)
            .await
            .map_err(|error| match error.kind {
                // Nothing was to be changed: it is unavailable like any other.
                SourceErrorKind::OutcomeUnknown => SourceError::with_cause(LOGIN, SourceErrorKind::Unavailable, error),
                _ => error,
            })?;
        match content {
            Err(verdict) => Ok(verdict),
            Ok(entered) if matches!(entered.error_code, PENDING_REGISTRATION | PENDING_VERIFICATION) => {
                Ok(Login::Pending)
            }
            Ok(entered) => {
                let local = account(&entered.account, &site.settings.metadata);
                local
                    .map(|account| Login::Accepted(Box::new(account)))
                    .map_err(|flaw| flaw.refuse(GIGYA, LOGIN))
            }
        }
    }
}

//! The request of a sign-in, and its answers.

use std::{net::IpAddr, time::Duration};

use masthead_domain::{account::Account, customer_registration_id::CustomerRegistrationId, user_change::is_blocked};
use masthead_ports::{
    accounts::{SignInAnswer, SignInAttempt},
    passwords::PlainPassword,
};
use thiserror::Error;

use super::error::WriteUserError;

/// One attempt to sign in.
#[derive(Clone)]
pub struct SignInRequest {
    /// What the user typed: an address.
    pub login: Box<str>,
    /// The password as typed.
    pub password: PlainPassword,
    /// The address of the user's device, where a trusted proxy reports it.
    pub address: Option<IpAddr>,
}

/// A user who has signed in.
#[derive(Clone)]
pub struct SignedInUser {
    /// The user's id.
    pub crid: CustomerRegistrationId,
    /// The user's registration, where our store has decided: the user as it is shown.
    pub registration: Option<Box<Account>>,
}

/// Why a sign-in is refused.
#[derive(Debug, Error)]
pub enum SignInError {
    /// The login name or the password is wrong; which of them is not reported.
    #[error("the login name or the password is wrong")]
    Incorrect,
    /// The password is right, and the address must be verified first.
    #[error("the address is not verified")]
    Unverified,
    /// The user has no password yet.
    #[error("the user has no password")]
    Lite,
    /// The provider requires more than a password, or refuses for a while.
    #[error("the provider refuses the sign-in: {reason}")]
    Refused {
        /// The class of the reason, such as `second_factor_needed`.
        reason: &'static str,
    },
    /// The user is blocked.
    #[error("the user is blocked")]
    Blocked,
    /// Too many attempts failed, or have not ended yet.
    #[error("too many attempts")]
    TooManyAttempts {
        /// When the next attempt is looked at.
        retry_after: Duration,
    },
    /// A side did not answer, or the tenant's settings do not allow it; never that the password is wrong.
    #[error(transparent)]
    Failed(#[from] WriteUserError),
}

impl SignInRequest {
    /// The attempt at a provider, where the user has this login name.
    pub(crate) const fn attempt<'a>(&'a self, login: &'a str) -> SignInAttempt<'a> {
        SignInAttempt {
            login,
            password: &self.password,
            address: self.address,
        }
    }
}

/// Whether a user of our store whose password is right may sign in.
pub(crate) fn admit(account: Account) -> Result<Account, SignInError> {
    if is_blocked(&account) {
        Err(SignInError::Blocked)
    } else if account.verified != Some(true) {
        Err(SignInError::Unverified)
    } else {
        Ok(account)
    }
}

/// The account that a provider has accepted, or the refusal.
pub(crate) fn accepted(answer: SignInAnswer) -> Result<Account, SignInError> {
    if let Some(reason) = answer.reason() {
        return Err(SignInError::Refused { reason });
    }
    match answer {
        SignInAnswer::Accepted(account) => Ok(*account),
        SignInAnswer::Blocked => Err(SignInError::Blocked),
        SignInAnswer::Unverified(_) => Err(SignInError::Unverified),
        SignInAnswer::NoPassword => Err(SignInError::Lite),
        SignInAnswer::WrongCredentials
        | SignInAnswer::LockedOut
        | SignInAnswer::SecondFactorNeeded
        | SignInAnswer::PasswordChangeNeeded
        | SignInAnswer::ChallengeNeeded
        | SignInAnswer::RegistrationIncomplete(_)
        | SignInAnswer::Denied => Err(SignInError::Incorrect),
    }
}

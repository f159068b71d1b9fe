//! The check at first login: a password is checked once at the provider that the user was imported from, and its hash is kept
//! (ADR 0140).

use masthead_domain::{
    account::Account,
    event::EventKind,
    first_login::{FormerProvider, is_same_user},
};
use masthead_ports::{
    accounts::SignInAnswer,
    provider::AccountSide,
    source::CallContext,
    users::{UserWriteError, WriteCommit},
};

use super::{
    error::{WriteUserError, provider_read_error, store_error},
    services::{Services, WriteCall},
    sign_in_answer::{SignInError, SignInRequest, accepted},
};

impl Services {
    /// The user with the password kept, if the former provider confirms it; `None` for a user who has a password by now, which
    /// then decides. Concurrent callers for one user wait for each other, so that the first success is the last call.
    ///
    /// # Errors
    /// [`SignInError::Lite`] for a user whose password is nowhere else; otherwise as for a provider.
    pub(super) async fn check_first_login(
        &self,
        call: &WriteCall,
        cx: &CallContext,
        user: &Account,
        request: &SignInRequest,
    ) -> Result<Option<Account>, SignInError> {
        let former = cx.tenant.settings.first_login.provider_of(user);
        let former = former.ok_or(SignInError::Lite)?;
        let email = user.email.as_ref().ok_or(SignInError::Incorrect)?;
        let _turn = self.first_logins.wait_for(cx, &user.crid).await?;
        // Who had the turn before may have set the password.
        let now = self.ports.users.credentials(cx, email).await;
        match now.map_err(|error| store_error(&error))? {
            Some(now) if now.password.is_none() => {}
            Some(_) => return Ok(None),
            None => return Err(SignInError::Incorrect),
        }
        let kept = match self.check_at_former_provider(cx, former, user, request).await {
            Ok(()) => self.keep_password(call, cx, user, request).await,
            Err(refused) => Err(refused),
        };
        let outcome = match &kept {
            Ok(Some(_)) => "kept",
            Ok(None) => "set_meanwhile",
            Err(SignInError::Incorrect) => "wrong_password",
            Err(SignInError::Failed(_)) => "no_answer",
            Err(_) => "refused",
        };
        metrics::counter!("masthead_first_logins_total", "provider" => former.name(), "outcome" => outcome)
            .increment(1);
        kept
    }

    /// Succeeds if the password is that of the user's account at the former provider.
    async fn check_at_former_provider(
        &self,
        cx: &CallContext,
        former: FormerProvider,
        user: &Account,
        request: &SignInRequest,
    ) -> Result<(), SignInError> {
        let side = AccountSide::FormerProvider;
        let provider = self
            .ports
            .writers
            .sign_in(&cx.tenant, side)
            .map_err(WriteUserError::from)?;
        // As it was imported: the provider may compare its spelling.
        let login = user.email.as_ref().map_or(&*request.login, |email| email.as_str());
        let answer = provider.sign_in(&cx.new_read(), &request.attempt(login)).await;
        let account = match answer.map_err(|error| provider_read_error(&error, former.name()))? {
            // The password is right. Whether the address is verified is for our store to know, and which fields an account needs.
            SignInAnswer::Unverified(Some(account)) | SignInAnswer::RegistrationIncomplete(Some(account)) => *account,
            answer => accepted(answer)?,
        };
        if !is_same_user(user, &account) {
            tracing::warn!(
                source.name = former.name(),
                "a first login is refused: the account with this password has neither the user's id nor its address, verified"
            );
            return Err(SignInError::Incorrect);
        }
        Ok(())
    }

    /// Keeps the hash of a confirmed password, with its event.
    async fn keep_password(
        &self,
        call: &WriteCall,
        cx: &CallContext,
        user: &Account,
        request: &SignInRequest,
    ) -> Result<Option<Account>, SignInError> {
        // The call may have taken most of the time.
        let following = Self::following(cx);
        let hash = self.ports.passwords.hash(&request.password, following.deadline).await;
        let hash = hash.map_err(WriteUserError::from)?;
        let commit = WriteCommit {
            // The key is that of the sign-in, whose events follow.
            idempotency: None,
            ..self.commit(call, &[EventKind::SubscribeUserFirstLogin])
        };
        let users = &self.ports.users;
        match users.set_first_password(&following, &user.crid, &hash, &commit).await {
            Ok(account) => Ok(Some(account)),
            Err(UserWriteError::Changed) => Ok(None),
            Err(UserWriteError::NoSuchUser) => Err(SignInError::Incorrect),
            Err(error) => Err(WriteUserError::from(error).into()),
        }
    }
}

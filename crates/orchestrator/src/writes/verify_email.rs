//! Verifies addresses by the code that was mailed (contract `writes.md` §3, verification).

use std::sync::Arc;

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId, email::Email, event::EventKind, user_change::UserChange,
};
use masthead_ports::{
    accounts::{Ability, NewAccount},
    keyed_hash::HashPurpose,
    source::CallContext,
    trace::SPANS,
    users::{CodeCheck, PendingRegistration, UserWriteError, WriteCommit},
};

use super::{
    create_user::{Created, IntendedAccount},
    error::{WriteUserError, store_error},
    services::{Services, WriteCall, Written, code_text},
    sides::Sides,
    update_user::UpdateRequest,
};

/// Verifies addresses.
#[derive(Clone)]
pub struct VerifyEmail {
    pub(crate) services: Arc<Services>,
}

impl VerifyEmail {
    /// Creates the pending registration of an address on its sides, or marks the address of a user as verified, if the code is
    /// right. It does not end with the caller.
    ///
    /// # Errors
    /// [`WriteUserError::WrongCode`], [`WriteUserError::UnknownEmail`], [`WriteUserError::AlreadyVerified`]; otherwise as for
    /// a create or an update.
    #[tracing::instrument(target = SPANS, level = "trace", name = "verify address", skip_all)]
    pub async fn verify(
        &self,
        call: WriteCall,
        email: Email,
        code: String,
    ) -> Result<Written<CustomerRegistrationId>, WriteUserError> {
        let services = Arc::clone(&self.services);
        self.services
            .run(async move { services.verify(&call, &email, &code).await })
            .await
    }

    /// Mails a new code, and ends the old one, if the address awaits its verification and no code was sent in the last
    /// minute, nor ten in a day. Answers are alike and take equally long for every address.
    ///
    /// # Errors
    /// The store did not answer, mail is not configured, or the return address is not allowed.
    #[tracing::instrument(target = SPANS, level = "trace", name = "send code", skip_all)]
    pub async fn send_code(
        &self,
        call: WriteCall,
        email: Email,
        return_url: Option<Box<str>>,
    ) -> Result<(), WriteUserError> {
        let services = Arc::clone(&self.services);
        let answered_at = Services::even_time();
        let answer = self
            .services
            .run(async move { services.send_code(&call, &email, return_url.as_deref()).await })
            .await;
        tokio::time::sleep_until(answered_at).await;
        answer
    }
}

impl Services {
    async fn verify(
        &self,
        call: &WriteCall,
        email: &Email,
        code: &str,
    ) -> Result<Written<CustomerRegistrationId>, WriteUserError> {
        let cx = Self::context(call);
        let text = code_text(email, code);
        let hashes = self
            .ports
            .hasher
            .hashes(cx.tenant.pool, HashPurpose::VerificationCode, &text);
        let checked = self.users(&cx.tenant).check_code(&cx, email, &hashes, self.now()).await;
        match checked.map_err(|error| store_error(&error))? {
            CodeCheck::Pending(pending) => self.create_pended(call, &cx, *pending).await,
            CodeCheck::Unverified(account) => {
                let verified = UserChange {
                    verified: Some(true),
                    ..UserChange::default()
                };
                let request = UpdateRequest {
                    crid: account.crid.clone(),
                    change: verified,
                    ignore_provider: false,
                    read: None,
                };
                Ok(self.update(call, &request).await?.map(|()| account.crid))
            }
            CodeCheck::Wrong => Err(WriteUserError::WrongCode),
            CodeCheck::Unknown => Err(WriteUserError::UnknownEmail),
            CodeCheck::Verified => Err(WriteUserError::AlreadyVerified),
        }
    }

    async fn create_pended(
        &self,
        call: &WriteCall,
        cx: &CallContext,
        pending: PendingRegistration,
    ) -> Result<Written<CustomerRegistrationId>, WriteUserError> {
        let created = match self.sides(&cx.tenant, pending.ignore_provider, Ability::Create)? {
            Sides::Store => {
                let commit = self.commit(call, &[EventKind::SubscribeUserCreate]);
                let created = self.ports.users.create(cx, &pending.registration, true, &commit).await;
                let created = created.map_err(|error| match error {
                    // Another code of the same address has won.
                    UserWriteError::NoSuchUser => WriteUserError::AlreadyVerified,
                    error => error.into(),
                })?;
                return Ok(Written::done(created.crid));
            }
            Sides::Both(both) => {
                let account = NewAccount {
                    id: pending.registration.crid.filter(|_| both.is_remote_alone),
                    email: pending.email,
                    password: self.unknown_password(&both),
                    first_name: pending.registration.first_name,
                    last_name: pending.registration.last_name,
                    verified: true,
                    metadata: pending.registration.metadata,
                };
                // The password was not kept: the user sets it by a link, where the tenant has an address for one.
                let url = cx.tenant.settings.return_urls.first();
                let new = IntendedAccount {
                    password_url: url.filter(|_| pending.had_password && self.ports.sends_mail),
                    from_pending: true,
                    was_absent: both.is_remote_alone && self.holders(cx, &account.email).await?.is_empty(),
                    account,
                };
                self.create_at_both(call, cx, &both, &new).await?
            }
        };
        match created.value {
            Created::User { crid, .. } => Ok(Written {
                value: crid,
                pending: created.pending,
            }),
            Created::Pending => Err(WriteUserError::Corrupt),
        }
    }

    async fn send_code(&self, call: &WriteCall, email: &Email, return_url: Option<&str>) -> Result<(), WriteUserError> {
        let cx = Self::context(call);
        let url = match return_url {
            Some(text) => Some(Self::return_url(&cx.tenant, Some(text))?),
            None => None,
        };
        self.require_mail()?;
        // A code is worth nothing where its address cannot be marked as verified.
        self.sides(&cx.tenant, false, Ability::Update)?;
        let (code, mail) = self.code(&cx.tenant, email, "", url.as_ref());
        let commit = WriteCommit {
            mails: vec![mail],
            ..self.commit(call, &[EventKind::SubscribeUserCreatePending])
        };
        let sent = self.users(&cx.tenant).replace_code(&cx, email, &code, &commit).await;
        // The answer does not show whether the address is known.
        let _refusal = sent.map_err(|error| store_error(&error))?;
        Ok(())
    }
}

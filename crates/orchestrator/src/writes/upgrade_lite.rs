//! A user without a password who registers again (contract `writes.md` §3, `Users.UpgradeLite`).

use masthead_domain::{event::EventKind, user_change::UserChange};
use masthead_ports::{
    source::CallContext,
    users::{NewRegistration, WriteCommit},
};

use super::{
    create_user::{CreateRequest, Created},
    error::{WriteUserError, store_error},
    services::{Services, WriteCall, Written},
};

impl Services {
    /// Gives a `Lite` user a password, which counts only once its address is verified by the code that is sent.
    pub(crate) async fn upgrade_lite(
        &self,
        call: &WriteCall,
        cx: &CallContext,
        request: &CreateRequest,
        new: &NewRegistration,
    ) -> Result<Written<Created>, WriteUserError> {
        self.require_mail()?;
        let found = self.ports.users.credentials(cx, &request.email).await;
        let found = found.map_err(|error| store_error(&error))?;
        let Some(found) = found.filter(|found| found.password.is_none()) else {
            return Err(WriteUserError::EmailTaken);
        };
        let id = &found.account.crid;
        // First the verification is taken back, so that the password opens nothing if this ends in between.
        let unverified = UserChange {
            verified: Some(false),
            ..UserChange::default()
        };
        let plain = |events: &[EventKind]| WriteCommit {
            idempotency: None,
            ..self.commit(call, events)
        };
        let events = plain(&[EventKind::SubscribeUserUpdate]);
        self.ports.users.update(cx, id, &unverified, None, &events).await?;
        let events = plain(&[EventKind::SubscribeUserChangePassword]);
        self.ports
            .users
            .set_password(cx, id, new.password.as_ref(), &events)
            .await?;
        let return_url = Self::given_return_url(&cx.tenant, request.return_url.as_deref())?;
        let (code, mail) = self.code(&cx.tenant, &request.email, &request.first_name, return_url.as_ref());
        let mut commit = self.commit(call, &[EventKind::SubscribeUserCreatePending]);
        commit.mails.push(mail);
        let sent = self.ports.users.replace_code(cx, &request.email, &code, &commit).await;
        // A refusal means that a code was sent moments ago.
        let _refusal = sent.map_err(|error| store_error(&error))?;
        Ok(Written::done(Created::Pending))
    }
}

//! Whether an address is taken, where no unique index of our store decides it.

use masthead_domain::{account::Account, email::Email, user_key::UserKey};
use masthead_ports::{accounts::AccountWriter, source::CallContext, users::UserWriteError};

use super::{
    error::{WriteUserError, provider_read_error, store_error},
    services::Services,
    sides::TwoSides,
};

impl Services {
    /// The registrations with an address.
    pub(crate) async fn holders(&self, cx: &CallContext, email: &Email) -> Result<Vec<Account>, WriteUserError> {
        let found = self.ports.store.find(cx, &UserKey::Email(email.key().clone())).await;
        found.map_err(|error| store_error(&error))
    }

    /// Refuses an address that a registration has. Where a provider has the accounts, our store allows several registrations
    /// of one address, and the provider knows only of its own. Returns whether no registration has it.
    ///
    /// A remote Users API that is written alone may have created the user by an earlier try of the same request: where the request
    /// has a key that is passed on, the API decides.
    pub(crate) async fn refuse_stored(
        &self,
        cx: &CallContext,
        email: &Email,
        both: &TwoSides,
        passes_key_on: bool,
    ) -> Result<bool, WriteUserError> {
        let found = self.holders(cx, email).await?;
        match found.first() {
            Some(_) if both.is_remote_alone && passes_key_on => Ok(false),
            Some(holder) if both.is_remote_alone => {
                let state = Some(holder.state(false));
                Err(UserWriteError::EmailTaken { state }.into())
            }
            // A user of a provider is `Standard`, verified or not (contract §2.3).
            Some(_) => Err(WriteUserError::EmailTaken),
            None => {
                if both.is_remote_alone {
                    self.refuse_pending(cx, email).await?;
                }
                Ok(true)
            }
        }
    }

    /// Refuses an address of a pending registration, for a user of a remote Users API: that does not know of it.
    pub(crate) async fn refuse_pending(&self, cx: &CallContext, email: &Email) -> Result<(), WriteUserError> {
        let is_pending = self.ports.remote_records.has_pending(cx, email, self.now()).await;
        if is_pending.map_err(|error| store_error(&error))? {
            return Err(WriteUserError::AwaitsVerification);
        }
        Ok(())
    }
}

/// Refuses an address that an account of the provider has.
pub(crate) async fn refuse_account(
    cx: &CallContext,
    writer: &dyn AccountWriter,
    email: &Email,
) -> Result<(), WriteUserError> {
    let found = writer.find_written(cx, &UserKey::Email(email.key().clone())).await;
    let found = found.map_err(|error| provider_read_error(&error, writer.name()))?;
    if found.is_empty() {
        Ok(())
    } else {
        Err(WriteUserError::EmailTaken)
    }
}

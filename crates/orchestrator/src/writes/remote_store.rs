//! Registrations at a remote Users API in place of our store's (ADR 0142): the second step of a write whose first one was at a
//! provider, and what our store keeps of users that it does not have.

use std::{borrow::Cow, sync::Arc};

use async_trait::async_trait;
use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    email::Email,
    user_change::{UserChange, is_blocked_key},
    user_key::UserKey,
};
use masthead_ports::{
    accounts::{AccountChange, AccountWriter, NewAccount, WriteError},
    keyed_hash::{KeyedHash, KeyedHasher},
    passwords::PasswordHash,
    remote_store::{EndedByWrite, RemoteStoreRecords},
    source::{CallContext, SourceError, UserSource},
    users::{
        CodeCheck, CodeRefusal, NewCode, NewRegistration, NewResetLink, PendingRegistration, ResetLink,
        StoredCredentials, UserWriteError, UserWriter, WriteCommit,
    },
};
use time::OffsetDateTime;

use super::{
    error::{refused_by_remote_store, remote_store_error},
    write_key::key_of_intent,
};

/// The registrations of a tenant at a remote Users API, as the store of its writes. Accounts that its methods return show
/// no more than what was written.
pub(crate) struct RemoteStore {
    /// Writes them; `None` where the API was written as the first side.
    pub(crate) writer: Option<Arc<dyn AccountWriter>>,
    /// Reads them.
    pub(crate) source: Arc<dyn UserSource>,
    /// Our store: pending registrations, events, mails.
    pub(crate) local: Arc<dyn UserWriter>,
    /// Our store: codes and links of users that it does not have.
    pub(crate) records: Arc<dyn RemoteStoreRecords>,
    pub(crate) hasher: Arc<dyn KeyedHasher>,
}

impl RemoteStore {
    /// The commit without the events of a provider where none was written.
    fn commit<'a>(&self, commit: &'a WriteCommit) -> Cow<'a, WriteCommit> {
        if self.writer.is_some() {
            return Cow::Borrowed(commit);
        }
        let mut own = commit.clone();
        own.events.retain(|(kind, _)| !kind.is_of_provider());
        Cow::Owned(own)
    }

    /// The context of a write that belongs to this commit.
    fn keyed(&self, cx: &CallContext, commit: &WriteCommit) -> CallContext {
        let of_intent = |intent| key_of_intent(&*self.hasher, cx.tenant.pool, intent);
        CallContext {
            write_key: cx.write_key.clone().or_else(|| commit.intent.map(of_intent)),
            ..cx.clone()
        }
    }

    async fn record_write(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        ended: EndedByWrite<'_>,
        commit: &WriteCommit,
    ) -> Result<(), SourceError> {
        self.records.record_write(cx, id, ended, &self.commit(commit)).await
    }

    /// Creates the registration of an account, or overwrites the one that has its id meanwhile.
    async fn create_there(
        &self,
        cx: &CallContext,
        writer: &dyn AccountWriter,
        new: &NewRegistration,
    ) -> Result<Account, UserWriteError> {
        // A Users API has no users without an address.
        let (Some(id), Some(email)) = (&new.crid, &new.email) else {
            return Err(refused_by_remote_store().into());
        };
        let account = NewAccount {
            id: Some(id.clone()),
            email: email.clone(),
            password: None,
            first_name: new.first_name.clone(),
            last_name: new.last_name.clone(),
            verified: new.verified,
            metadata: new.metadata.clone(),
        };
        match writer.create(cx, &account).await {
            Ok(account) => Ok(account),
            Err(taken @ (WriteError::AlreadyExists | WriteError::AwaitsVerification | WriteError::IdTaken)) => {
                let found = writer.find_written(cx, &UserKey::Id(id.clone())).await?;
                let stored = found.into_iter().next().ok_or_else(|| remote_store_error(taken))?;
                overwrite(cx, writer, &stored, &account)
                    .await
                    .map_err(remote_store_error)
            }
            Err(error) => Err(remote_store_error(error)),
        }
    }

    /// The user at the remote API whose address awaits its verification; where there is none, why.
    async fn unverified(&self, cx: &CallContext, email: &Email) -> Result<Result<Account, CodeRefusal>, SourceError> {
        let found = self.source.find(cx, &UserKey::Email(email.key().clone())).await?;
        let is_unknown = found.is_empty();
        let unverified = found.into_iter().find(|user| user.verified != Some(true));
        Ok(unverified.ok_or(if is_unknown {
            CodeRefusal::Unknown
        } else {
            CodeRefusal::Verified
        }))
    }
}

/// Gives a registration what the account of its id has; its other metadata stays.
async fn overwrite(
    cx: &CallContext,
    writer: &dyn AccountWriter,
    stored: &Account,
    account: &NewAccount,
) -> Result<Account, WriteError> {
    let pairs = account.metadata.iter().filter(|(key, _)| !is_blocked_key(key));
    let change = AccountChange {
        first_name: Some(account.first_name.clone()),
        last_name: Some(account.last_name.clone()),
        verified: Some(account.verified),
        metadata: pairs.map(|(key, value)| (key.into(), Some(value.into()))).collect(),
        ..AccountChange::default()
    };
    let changed = writer.update(cx, &stored.crid, &change).await?;
    if changed.email.as_ref().map(Email::key) == Some(account.email.key()) {
        return Ok(changed);
    }
    writer
        .set_email(cx, &stored.crid, &account.email, account.verified)
        .await
}

#[async_trait]
impl UserWriter for RemoteStore {
    async fn create(
        &self,
        cx: &CallContext,
        new: &NewRegistration,
        _from_pending: bool,
        commit: &WriteCommit,
    ) -> Result<Account, UserWriteError> {
        let account = match (&self.writer, &new.crid) {
            (Some(writer), _) => self.create_there(&self.keyed(cx, commit), &**writer, new).await?,
            (None, Some(id)) => Account::new(id.clone()),
            (None, None) => return Err(refused_by_remote_store().into()),
        };
        let ended = EndedByWrite {
            pending: new.email.as_ref(),
            links: false,
        };
        self.record_write(cx, &account.crid, ended, commit).await?;
        Ok(account)
    }

    async fn create_pending(
        &self,
        cx: &CallContext,
        pending: &PendingRegistration,
        code: &NewCode,
        commit: &WriteCommit,
    ) -> Result<(), UserWriteError> {
        self.local.create_pending(cx, pending, code, commit).await
    }

    async fn replace_code(
        &self,
        cx: &CallContext,
        email: &Email,
        code: &NewCode,
        commit: &WriteCommit,
    ) -> Result<Result<(), CodeRefusal>, SourceError> {
        if self.records.has_pending(cx, email, commit.origin.at).await? {
            return self.local.replace_code(cx, email, code, commit).await;
        }
        match self.unverified(cx, email).await? {
            Ok(user) => self.records.replace_code_of(cx, &user, email, code, commit).await,
            Err(refusal) => {
                let nothing_but_the_key = WriteCommit {
                    events: Vec::new(),
                    mails: Vec::new(),
                    ..commit.clone()
                };
                self.local.record(cx, None, &nothing_but_the_key).await?;
                Ok(Err(refusal))
            }
        }
    }

    async fn check_code(
        &self,
        cx: &CallContext,
        email: &Email,
        hashes: &[KeyedHash],
        at: OffsetDateTime,
    ) -> Result<CodeCheck, SourceError> {
        // Registrations of our store that the remote API replaces are not seen.
        if self.records.has_pending(cx, email, at).await? {
            return self.local.check_code(cx, email, hashes, at).await;
        }
        Ok(match self.unverified(cx, email).await? {
            Err(CodeRefusal::Verified) => CodeCheck::Verified,
            Err(CodeRefusal::Unknown | CodeRefusal::TooMany) => CodeCheck::Unknown,
            Ok(user) if self.records.is_right_code(cx, email, hashes, at).await? => {
                CodeCheck::Unverified(Box::new(user))
            }
            Ok(_) => CodeCheck::Wrong,
        })
    }

    async fn update(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        change: &UserChange,
        read: Option<&Account>,
        commit: &WriteCommit,
    ) -> Result<Account, UserWriteError> {
        let account = match &self.writer {
            Some(writer) => {
                let change = AccountChange::whole(change, read);
                let updated = writer.update(&self.keyed(cx, commit), id, &change).await;
                updated.map_err(remote_store_error)?
            }
            None => Account::new(id.clone()),
        };
        self.record_write(cx, id, EndedByWrite::default(), commit).await?;
        Ok(account)
    }

    /// The remote API has no part in it: the first side keeps the password.
    async fn set_password(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        password: Option<&PasswordHash>,
        commit: &WriteCommit,
    ) -> Result<Account, UserWriteError> {
        if password.is_some() {
            return Err(refused_by_remote_store().into());
        }
        let ended = EndedByWrite {
            pending: None,
            links: true,
        };
        self.record_write(cx, id, ended, commit).await?;
        Ok(Account::new(id.clone()))
    }

    /// The API that has the passwords checks first passwords too.
    async fn set_first_password(
        &self,
        _cx: &CallContext,
        _id: &CustomerRegistrationId,
        _password: &PasswordHash,
        _commit: &WriteCommit,
    ) -> Result<Account, UserWriteError> {
        Err(refused_by_remote_store().into())
    }

    async fn rehash(
        &self,
        _cx: &CallContext,
        _id: &CustomerRegistrationId,
        _old: &PasswordHash,
        _new: &PasswordHash,
    ) -> Result<(), SourceError> {
        Err(refused_by_remote_store())
    }

    async fn set_email(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        email: &Email,
        verified: Option<bool>,
        commit: &WriteCommit,
    ) -> Result<(Account, Account), UserWriteError> {
        let account = match &self.writer {
            Some(writer) => {
                let cx = self.keyed(cx, commit);
                let changed = writer.set_email(&cx, id, email, verified.unwrap_or_default()).await;
                changed.map_err(remote_store_error)?
            }
            None => Account::new(id.clone()),
        };
        // A link that was mailed to the former address must not set the password.
        let ended = EndedByWrite {
            pending: None,
            links: true,
        };
        self.record_write(cx, id, ended, commit).await?;
        Ok((Account::new(id.clone()), account))
    }

    async fn delete(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        commit: &WriteCommit,
    ) -> Result<Account, UserWriteError> {
        if let Some(writer) = &self.writer {
            let deleted = writer.delete(&self.keyed(cx, commit), id).await;
            deleted.map_err(remote_store_error)?;
        }
        let ended = EndedByWrite {
            pending: None,
            links: true,
        };
        self.record_write(cx, id, ended, commit).await?;
        Ok(Account::new(id.clone()))
    }

    /// The API that has the passwords checks them.
    async fn credentials(&self, _cx: &CallContext, _email: &Email) -> Result<Option<StoredCredentials>, SourceError> {
        Err(refused_by_remote_store())
    }

    async fn delete_unstored(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        email: Option<&Email>,
        commit: &WriteCommit,
    ) -> Result<(), UserWriteError> {
        self.local.delete_unstored(cx, id, email, &self.commit(commit)).await
    }

    async fn record(
        &self,
        cx: &CallContext,
        id: Option<&CustomerRegistrationId>,
        commit: &WriteCommit,
    ) -> Result<(), SourceError> {
        self.local.record(cx, id, &self.commit(commit)).await
    }

    async fn create_reset_link(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        link: &NewResetLink,
        commit: &WriteCommit,
    ) -> Result<(), UserWriteError> {
        let commit = WriteCommit {
            reset_link: Some(link.clone()),
            ..commit.clone()
        };
        self.record_write(cx, id, EndedByWrite::default(), &commit).await?;
        Ok(())
    }

    async fn find_reset_link(
        &self,
        cx: &CallContext,
        hashes: &[KeyedHash],
        at: OffsetDateTime,
    ) -> Result<Option<ResetLink>, SourceError> {
        self.records.find_link(cx, hashes, at).await
    }

    async fn use_reset_link(
        &self,
        cx: &CallContext,
        hashes: &[KeyedHash],
        password: Option<&PasswordHash>,
        commit: &WriteCommit,
    ) -> Result<Account, UserWriteError> {
        if password.is_some() {
            return Err(refused_by_remote_store().into());
        }
        let user = self.records.use_link(cx, hashes, &self.commit(commit)).await?;
        Ok(Account::new(user))
    }
}

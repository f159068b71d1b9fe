//! The users themselves.

use async_trait::async_trait;
use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, user_change::UserChange,
};
use masthead_ports::{
    keyed_hash::KeyedHash,
    passwords::PasswordHash,
    source::{CallContext, SourceError},
    users::{
        CodeCheck, CodeRefusal, NewCode, NewRegistration, NewResetLink, PendingRegistration, ResetLink,
        StoredCredentials, UserWriteError, UserWriter, WriteCommit,
    },
};
use time::OffsetDateTime;

use super::{
    InMemoryUsers,
    state::{LinkOwner, UsersState, email_of_pool, find, holders},
};

impl InMemoryUsers {
    fn create_now(
        &self,
        state: &mut UsersState,
        cx: &CallContext,
        new: &NewRegistration,
        from_pending: bool,
        commit: &WriteCommit,
    ) -> Result<Account, UserWriteError> {
        let pool = cx.tenant.pool;
        match &new.email {
            Some(email) => {
                let key = email_of_pool(cx, email);
                let pending = state.pending.remove(&key);
                match pending {
                    None if from_pending && !new.of_provider => return Err(UserWriteError::NoSuchUser),
                    Some(pending) if !from_pending && !new.of_provider && pending.expires_at > commit.origin.at => {
                        return Err(UserWriteError::EmailTaken { state: None });
                    }
                    Some(_) => {
                        state.codes.remove(&key);
                    }
                    None => {}
                }
            }
            None if from_pending && !new.of_provider => return Err(UserWriteError::NoSuchUser),
            None => {}
        }
        let known = new.crid.as_ref().and_then(|crid| find(&self.store, cx, crid));
        if known.is_some() && !new.of_provider {
            return Err(UserWriteError::IdTaken);
        }
        if let Some(email) = &new.email {
            let known = known.as_ref().map(|known| &known.crid);
            self.refuse_holders(cx, email, known)?;
        }
        let number = match known.as_ref().and_then(|known| known.registration_id) {
            Some(number) => number,
            None => self.free_number(state, cx, new.crid.is_none()),
        };
        let crid = match &new.crid {
            Some(crid) => crid.clone(),
            None => id_of_number(number),
        };
        let account = Account {
            registration_id: Some(number),
            email: new.email.clone(),
            first_name: new.first_name.clone(),
            last_name: new.last_name.clone(),
            verified: Some(new.verified),
            has_password: new.password.is_some(),
            metadata: new.metadata.clone(),
            registered_at: known.map_or(Some(commit.origin.at), |known| known.registered_at),
            changed_at: Some(commit.origin.at),
            ..Account::new(crid)
        };
        state.set_password(pool, number, new.password.clone());
        state.write(pool, Some(account.crid.clone()), Some(account.clone()));
        state.commit("create", &cx.tenant, Some(&account), commit)?;
        Ok(account)
    }

    /// A number whose text is no id, where it becomes one.
    fn free_number(&self, state: &mut UsersState, cx: &CallContext, becomes_id: bool) -> i64 {
        loop {
            let number = state.next_number(&self.store, cx.tenant.pool);
            if !becomes_id || find(&self.store, cx, &id_of_number(number)).is_none() {
                return number;
            }
        }
    }

    /// Refuses an address of another user, except where a provider decides about addresses.
    fn refuse_holders(
        &self,
        cx: &CallContext,
        email: &Email,
        own: Option<&CustomerRegistrationId>,
    ) -> Result<(), UserWriteError> {
        if cx.tenant.settings.is_federated() {
            return Ok(());
        }
        let holders = holders(&self.store, cx, email);
        match holders.iter().find(|holder| Some(&holder.crid) != own) {
            Some(holder) => Err(UserWriteError::EmailTaken {
                state: Some(holder.state(false)),
            }),
            None => Ok(()),
        }
    }

    fn existing(&self, cx: &CallContext, id: &CustomerRegistrationId) -> Result<Account, UserWriteError> {
        find(&self.store, cx, id).ok_or(UserWriteError::NoSuchUser)
    }
}

fn id_of_number(number: i64) -> CustomerRegistrationId {
    CustomerRegistrationId::parse(&number.to_string()).expect("a number is an id")
}

#[async_trait]
impl UserWriter for InMemoryUsers {
    async fn create(
        &self,
        cx: &CallContext,
        new: &NewRegistration,
        from_pending: bool,
        commit: &WriteCommit,
    ) -> Result<Account, UserWriteError> {
        self.run("create", |state| self.create_now(state, cx, new, from_pending, commit))
    }

    async fn create_pending(
        &self,
        cx: &CallContext,
        pending: &PendingRegistration,
        code: &NewCode,
        commit: &WriteCommit,
    ) -> Result<(), UserWriteError> {
        self.run("create_pending", |state| {
            self.create_pending_now(state, cx, pending, code, commit)
        })
    }

    async fn replace_code(
        &self,
        cx: &CallContext,
        email: &Email,
        code: &NewCode,
        commit: &WriteCommit,
    ) -> Result<Result<(), CodeRefusal>, SourceError> {
        self.run("replace_code", |state| {
            self.replace_code_now(state, cx, email, code, commit)
        })
    }

    async fn check_code(
        &self,
        cx: &CallContext,
        email: &Email,
        hashes: &[KeyedHash],
        at: OffsetDateTime,
    ) -> Result<CodeCheck, SourceError> {
        self.run("check_code", |state| {
            Ok(self.check_code_now(state, cx, email, hashes, at))
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
        self.run("update", |state| {
            let stored = self.existing(cx, id)?;
            if read.is_some_and(|read| *read != stored) {
                return Err(UserWriteError::Changed);
            }
            let changed = Account {
                changed_at: Some(commit.origin.at),
                ..change.applied_to(&stored)
            };
            state.write(cx.tenant.pool, Some(stored.crid), Some(changed.clone()));
            state.commit("update", &cx.tenant, Some(&changed), commit)?;
            Ok(changed)
        })
    }

    async fn set_password(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        password: Option<&PasswordHash>,
        commit: &WriteCommit,
    ) -> Result<Account, UserWriteError> {
        self.run("set_password", |state| {
            let stored = self.existing(cx, id)?;
            set_password_now(state, cx, stored, password, ("set_password", commit))
        })
    }

    async fn set_first_password(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        password: &PasswordHash,
        commit: &WriteCommit,
    ) -> Result<Account, UserWriteError> {
        self.run("set_first_password", |state| {
            let stored = self.existing(cx, id)?;
            if stored.has_password {
                return Err(UserWriteError::Changed);
            }
            set_password_now(state, cx, stored, Some(password), ("set_first_password", commit))
        })
    }

    async fn rehash(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<(), SourceError> {
        self.run("rehash", |state| {
            let number = find(&self.store, cx, id).and_then(|account| account.registration_id);
            let stored = number.and_then(|number| state.passwords.get_mut(&(cx.tenant.pool, number)));
            if let Some(stored) = stored
                && stored == old
            {
                *stored = new.clone();
            }
            Ok(())
        })
    }

    async fn set_email(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        email: &Email,
        verified: Option<bool>,
        commit: &WriteCommit,
    ) -> Result<(Account, Account), UserWriteError> {
        self.run("set_email", |state| {
            let before = self.existing(cx, id)?;
            let pending = state.pending.get(&email_of_pool(cx, email));
            if pending.is_some_and(|pending| pending.expires_at > commit.origin.at) {
                return Err(UserWriteError::EmailTaken { state: None });
            }
            self.refuse_holders(cx, email, Some(id))?;
            let after = Account {
                email: Some(email.clone()),
                verified: verified.or(before.verified),
                changed_at: Some(commit.origin.at),
                ..before.clone()
            };
            state.end_links(cx.tenant.pool, &LinkOwner::of(&after));
            state.write(cx.tenant.pool, Some(before.crid.clone()), Some(after.clone()));
            state.commit("set_email", &cx.tenant, Some(&after), commit)?;
            Ok((before, after))
        })
    }

    async fn delete(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        commit: &WriteCommit,
    ) -> Result<Account, UserWriteError> {
        self.run("delete", |state| {
            let stored = self.existing(cx, id)?;
            let number = stored.registration_id.unwrap_or_default();
            state.set_password(cx.tenant.pool, number, None);
            state.end_links(cx.tenant.pool, &LinkOwner::of(&stored));
            state.end_answers(cx.tenant.pool, &stored.crid);
            state.write(cx.tenant.pool, Some(stored.crid.clone()), None);
            state.commit("delete", &cx.tenant, Some(&stored), commit)?;
            Ok(stored)
        })
    }

    async fn credentials(&self, cx: &CallContext, email: &Email) -> Result<Option<StoredCredentials>, SourceError> {
        self.run("credentials", |state| {
            let password_of = |account: &Account| {
                let number = account.registration_id?;
                state.passwords.get(&(cx.tenant.pool, number)).cloned()
            };
            let all = holders(&self.store, cx, email).into_iter();
            let all = all.map(|account| StoredCredentials {
                password: password_of(&account),
                account,
            });
            Ok(all.min_by_key(|credentials| credentials.password.is_none()))
        })
    }

    async fn delete_unstored(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        _email: Option<&Email>,
        commit: &WriteCommit,
    ) -> Result<(), UserWriteError> {
        self.run("delete_unstored", |state| {
            state.end_answers(cx.tenant.pool, id);
            Ok(state.commit("delete_unstored", &cx.tenant, None, commit)?)
        })
    }

    async fn record(
        &self,
        cx: &CallContext,
        id: Option<&CustomerRegistrationId>,
        commit: &WriteCommit,
    ) -> Result<(), SourceError> {
        self.run("record", |state| {
            let user = id.and_then(|id| find(&self.store, cx, id));
            state.commit("record", &cx.tenant, user.as_ref(), commit)
        })
    }

    async fn create_reset_link(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        link: &NewResetLink,
        commit: &WriteCommit,
    ) -> Result<(), UserWriteError> {
        self.run("create_reset_link", |state| {
            let user = self.existing(cx, id)?;
            state.keep_link(cx.tenant.pool, &user, link);
            state.commit("create_reset_link", &cx.tenant, Some(&user), commit)?;
            Ok(())
        })
    }

    async fn find_reset_link(
        &self,
        cx: &CallContext,
        hashes: &[KeyedHash],
        at: OffsetDateTime,
    ) -> Result<Option<ResetLink>, SourceError> {
        self.run("find_reset_link", |state| Ok(self.link(state, cx, hashes, at)))
    }

    async fn use_reset_link(
        &self,
        cx: &CallContext,
        hashes: &[KeyedHash],
        password: Option<&PasswordHash>,
        commit: &WriteCommit,
    ) -> Result<Account, UserWriteError> {
        self.run("use_reset_link", |state| {
            let link = self.link(state, cx, hashes, commit.origin.at);
            let link = link.ok_or(UserWriteError::NoSuchUser)?;
            let mut of_link = state.links.iter().filter(|stored| stored.id == link.event_id);
            let is_proof = password.is_some() && of_link.any(|stored| stored.proves_address);
            let account = Account {
                verified: if is_proof { Some(true) } else { link.account.verified },
                ..link.account
            };
            set_password_now(state, cx, account, password, ("use_reset_link", commit))
        })
    }
}

fn set_password_now(
    state: &mut UsersState,
    cx: &CallContext,
    stored: Account,
    password: Option<&PasswordHash>,
    (operation, commit): (&'static str, &WriteCommit),
) -> Result<Account, UserWriteError> {
    let number = stored.registration_id.unwrap_or_default();
    let changed = Account {
        has_password: password.is_some(),
        changed_at: Some(commit.origin.at),
        ..stored
    };
    state.set_password(cx.tenant.pool, number, password.cloned());
    state.end_links(cx.tenant.pool, &LinkOwner::of(&changed));
    state.write(cx.tenant.pool, Some(changed.crid.clone()), Some(changed.clone()));
    state.commit(operation, &cx.tenant, Some(&changed), commit)?;
    Ok(changed)
}

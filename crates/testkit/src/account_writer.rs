//! A provider whose accounts can be written, in memory, and which fails on demand.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, tenant::Tenant,
    user_change::UserChange, user_key::UserKey,
};
use masthead_ports::{
    accounts::{
        Ability, AccountChange, AccountWriter, MissingSetting, NewAccount, SignIn, SignInAnswer, SignInAttempt,
        UserFacingMessage, WriteError,
    },
    clock::Clock,
    passwords::PlainPassword,
    provider::{AccountSide, ProviderWriters},
    source::{CallContext, SourceError, SourceErrorKind, SourceName, UserSource as _},
};

use crate::store::FakeStore;

/// The name of the provider.
pub const NAME: SourceName = "Auth0";

/// How the next write fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountFault {
    /// Nothing was sent.
    NotReached,
    /// It was sent and not done, and the answer is lost.
    LostBefore,
    /// It was done, and the answer is lost.
    LostAfter,
    /// It is refused, with these words for the user.
    Refused(&'static str),
}

#[derive(Default)]
struct WriterState {
    passwords: HashMap<CustomerRegistrationId, PlainPassword>,
    fault: Option<AccountFault>,
    fails_look_ups: bool,
    last_number: u32,
    writes: u32,
    next_answer: Option<SignInAnswer>,
    sign_ins: u32,
}

/// Accounts of one provider, for every pool alike.
pub struct FakeAccountWriter {
    accounts: FakeStore,
    clock: Arc<dyn Clock>,
    state: Mutex<WriterState>,
}

impl FakeAccountWriter {
    /// A provider without accounts.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            accounts: FakeStore::named(NAME),
            clock,
            state: Mutex::default(),
        }
    }

    /// Makes the next write fail.
    pub fn fail_next(&self, fault: AccountFault) {
        self.lock().fault = Some(fault);
    }

    /// Makes look-ups fail, or succeed again.
    pub fn fail_look_ups(&self, fails: bool) {
        self.lock().fails_look_ups = fails;
    }

    /// Makes the next sign-in be answered so, with any password.
    pub fn answer_next(&self, answer: SignInAnswer) {
        self.lock().next_answer = Some(answer);
    }

    /// How many sign-ins were tried.
    #[must_use]
    pub fn sign_ins(&self) -> u32 {
        self.lock().sign_ins
    }

    /// All accounts of a tenant.
    #[must_use]
    pub fn kept(&self, tenant: &Tenant) -> Vec<Account> {
        self.accounts.kept(tenant.pool)
    }

    /// Adds an account with this password.
    pub fn put(&self, tenant: &Tenant, account: Account, password: &str) {
        let password = PlainPassword::new(password);
        self.lock().passwords.insert(account.crid.clone(), password);
        self.accounts.put(tenant.pool, [account]);
    }

    /// The password of an account.
    #[must_use]
    pub fn password(&self, id: &CustomerRegistrationId) -> Option<String> {
        let state = self.lock();
        state.passwords.get(id).map(|password| password.expose().to_owned())
    }

    /// How many writes were done.
    #[must_use]
    pub fn writes(&self) -> u32 {
        self.lock().writes
    }

    fn lock(&self) -> MutexGuard<'_, WriterState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does a write, unless it fails.
    fn write<T>(&self, write: impl FnOnce(&mut WriterState) -> Result<T, WriteError>) -> Result<T, WriteError> {
        let mut state = self.lock();
        let fault = state.fault.take();
        let error = |kind| Err(SourceError::new("write", kind).into());
        match fault {
            Some(AccountFault::NotReached) => return error(SourceErrorKind::Unavailable),
            Some(AccountFault::LostBefore) => return error(SourceErrorKind::OutcomeUnknown),
            Some(AccountFault::Refused(text)) => {
                return Err(WriteError::Refused {
                    message: UserFacingMessage::new(text),
                });
            }
            Some(AccountFault::LostAfter) | None => {}
        }
        let done = write(&mut state)?;
        state.writes += 1;
        match fault {
            Some(_) => error(SourceErrorKind::OutcomeUnknown),
            None => Ok(done),
        }
    }

    fn existing(&self, cx: &CallContext, id: &CustomerRegistrationId) -> Result<Account, WriteError> {
        let kept = self.accounts.kept(cx.tenant.pool);
        kept.into_iter()
            .find(|account| account.crid == *id)
            .ok_or(WriteError::NoSuchUser)
    }

    fn refuse_taken(
        &self,
        cx: &CallContext,
        email: &Email,
        own: Option<&CustomerRegistrationId>,
    ) -> Result<(), WriteError> {
        let kept = self.accounts.kept(cx.tenant.pool);
        let is_taken = kept
            .iter()
            .any(|account| account.email.as_ref().map(Email::key) == Some(email.key()) && Some(&account.crid) != own);
        if is_taken {
            Err(WriteError::AlreadyExists)
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl AccountWriter for FakeAccountWriter {
    fn name(&self) -> SourceName {
        NAME
    }

    async fn find_written(&self, cx: &CallContext, key: &UserKey) -> Result<Vec<Account>, SourceError> {
        if self.lock().fails_look_ups {
            return Err(SourceError::new("find_written", SourceErrorKind::Unavailable));
        }
        self.accounts.find(cx, key).await
    }

    async fn create(&self, cx: &CallContext, new: &NewAccount) -> Result<Account, WriteError> {
        self.write(|state| {
            self.refuse_taken(cx, &new.email, None)?;
            state.last_number += 1;
            let id = format!("auth0|{}", state.last_number);
            let account = Account {
                email: Some(new.email.clone()),
                first_name: new.first_name.clone(),
                last_name: new.last_name.clone(),
                verified: Some(new.verified),
                registered_at: Some(self.clock.now()),
                ..Account::new(CustomerRegistrationId::parse(&id).expect("a counted id"))
            };
            if let Some(password) = &new.password {
                state.passwords.insert(account.crid.clone(), password.clone());
            }
            self.accounts.put(cx.tenant.pool, [account.clone()]);
            Ok(account)
        })
    }

    async fn update(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        change: &AccountChange,
    ) -> Result<Account, WriteError> {
        self.write(|_| {
            let change = UserChange {
                first_name: change.first_name.clone(),
                last_name: change.last_name.clone(),
                verified: change.verified,
                ..UserChange::default()
            };
            let account = change.applied_to(&self.existing(cx, id)?);
            self.accounts.put(cx.tenant.pool, [account.clone()]);
            Ok(account)
        })
    }

    async fn set_password(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        password: &PlainPassword,
    ) -> Result<(), WriteError> {
        self.write(|state| {
            self.existing(cx, id)?;
            state.passwords.insert(id.clone(), password.clone());
            Ok(())
        })
    }

    async fn set_email(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        email: &Email,
        verified: bool,
    ) -> Result<Account, WriteError> {
        self.write(|_| {
            self.refuse_taken(cx, email, Some(id))?;
            let account = Account {
                email: Some(email.clone()),
                verified: Some(verified),
                ..self.existing(cx, id)?
            };
            self.accounts.put(cx.tenant.pool, [account.clone()]);
            Ok(account)
        })
    }

    async fn delete(&self, cx: &CallContext, id: &CustomerRegistrationId) -> Result<(), WriteError> {
        self.write(|_| {
            self.accounts.remove(cx.tenant.pool, id);
            Ok(())
        })
    }
}

#[async_trait]
impl SignIn for FakeAccountWriter {
    async fn sign_in(&self, cx: &CallContext, attempt: &SignInAttempt<'_>) -> Result<SignInAnswer, SourceError> {
        let (is_silent, scripted) = {
            let mut state = self.lock();
            state.sign_ins += 1;
            (state.fails_look_ups, state.next_answer.take())
        };
        // Other callers come meanwhile.
        tokio::task::yield_now().await;
        if is_silent {
            return Err(SourceError::new("sign_in", SourceErrorKind::Unavailable));
        }
        if let Some(answer) = scripted {
            return Ok(answer);
        }
        let kept = self.accounts.kept(cx.tenant.pool);
        let login = Email::parse(attempt.login).ok();
        let account = login.and_then(|login| {
            let has_address = |account: &Account| account.email.as_ref().map(Email::key) == Some(login.key());
            kept.into_iter().find(has_address)
        });
        Ok(match account {
            Some(account) if self.password(&account.crid).as_deref() == Some(attempt.password.expose()) => {
                SignInAnswer::Accepted(Box::new(account))
            }
            _ => SignInAnswer::WrongCredentials,
        })
    }
}

/// One provider for every tenant.
pub struct FakeProviderWriters(pub Arc<FakeAccountWriter>);

impl ProviderWriters for FakeProviderWriters {
    fn writer(
        &self,
        _tenant: &Tenant,
        _side: AccountSide,
        _ability: Ability,
    ) -> Result<Arc<dyn AccountWriter>, MissingSetting> {
        Ok(Arc::clone(&self.0) as _)
    }

    fn sign_in(&self, _tenant: &Tenant, _side: AccountSide) -> Result<Arc<dyn SignIn>, MissingSetting> {
        Ok(Arc::clone(&self.0) as _)
    }
}

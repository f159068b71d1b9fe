//! A provider whose accounts can be written, in memory, and which fails on demand.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, metadata::Metadata,
    query::UserQuery, tenant::Tenant, user_change::UserChange, user_key::UserKey,
};
use masthead_ports::{
    accounts::{
        Ability, AccountChange, AccountWriter, MissingSetting, NewAccount, SignIn, SignInAnswer, SignInAttempt,
        UserFacingMessage, WriteError,
    },
    clock::Clock,
    passwords::PlainPassword,
    provider::{AccountSide, ProviderWriters},
    source::{AccountPage, CallContext, SUBSCRIBE, SourceError, SourceErrorKind, SourceName, UserSource},
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
    write_keys: Vec<Option<Arc<str>>>,
}

/// Accounts of one provider, or of a remote Users API, for every pool alike.
pub struct FakeAccountWriter {
    name: SourceName,
    accounts: FakeStore,
    clock: Arc<dyn Clock>,
    state: Mutex<WriterState>,
}

impl FakeAccountWriter {
    /// A provider without accounts.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::named(NAME, clock)
    }

    /// The same under another name. With the name of the store it is a remote Users API, which keeps accounts without a password.
    #[must_use]
    pub fn named(name: SourceName, clock: Arc<dyn Clock>) -> Self {
        Self {
            name,
            accounts: FakeStore::named(name),
            clock,
            state: Mutex::default(),
        }
    }

    /// The idempotency keys of the writes so far, also of those that failed.
    #[must_use]
    pub fn write_keys(&self) -> Vec<Option<Arc<str>>> {
        self.lock().write_keys.clone()
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
    fn write<T>(
        &self,
        cx: &CallContext,
        write: impl FnOnce(&mut WriterState) -> Result<T, WriteError>,
    ) -> Result<T, WriteError> {
        let mut state = self.lock();
        state.write_keys.push(cx.write_key.clone());
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
        self.name
    }

    async fn find_written(&self, cx: &CallContext, key: &UserKey) -> Result<Vec<Account>, SourceError> {
        if self.lock().fails_look_ups {
            return Err(SourceError::new("find_written", SourceErrorKind::Unavailable));
        }
        self.accounts.find(cx, key).await
    }

    async fn create(&self, cx: &CallContext, new: &NewAccount) -> Result<Account, WriteError> {
        let is_store = self.name == SUBSCRIBE;
        self.write(cx, |state| {
            self.refuse_taken(cx, &new.email, None)?;
            state.last_number += 1;
            let counted = if is_store {
                state.last_number.to_string()
            } else {
                format!("auth0|{}", state.last_number)
            };
            let id = match &new.id {
                Some(id) if self.existing(cx, id).is_ok() => return Err(WriteError::IdTaken),
                Some(id) => id.clone(),
                None => CustomerRegistrationId::parse(&counted).expect("a counted id"),
            };
            let account = Account {
                email: Some(new.email.clone()),
                first_name: new.first_name.clone(),
                last_name: new.last_name.clone(),
                verified: Some(new.verified),
                has_password: new.password.is_some(),
                // v4 shows no times.
                registered_at: (!is_store).then(|| self.clock.now()),
                metadata: if is_store {
                    new.metadata.clone()
                } else {
                    Metadata::default()
                },
                ..Account::new(id)
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
        let is_store = self.name == SUBSCRIBE;
        self.write(cx, |_| {
            let existing = self.existing(cx, id)?;
            if change.read.as_deref().is_some_and(|read| *read != existing) {
                return Err(WriteError::Changed);
            }
            let names = UserChange {
                first_name: change.first_name.clone(),
                last_name: change.last_name.clone(),
                verified: change.verified,
                ..UserChange::default()
            };
            let whole = UserChange {
                metadata: change.metadata.clone(),
                last_logout_at: change.last_logout_at,
                blocked: change.blocked,
                ..names.clone()
            };
            let account = if is_store { whole } else { names }.applied_to(&existing);
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
        self.write(cx, |state| {
            let account = Account {
                has_password: true,
                ..self.existing(cx, id)?
            };
            state.passwords.insert(id.clone(), password.clone());
            self.accounts.put(cx.tenant.pool, [account]);
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
        self.write(cx, |_| {
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
        self.write(cx, |_| {
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
            Some(account) if !account.has_password && self.name == SUBSCRIBE => SignInAnswer::NoPassword,
            _ => SignInAnswer::WrongCredentials,
        })
    }
}

/// As a remote Users API is read.
#[async_trait]
impl UserSource for FakeAccountWriter {
    fn name(&self) -> SourceName {
        self.name
    }

    async fn find(&self, cx: &CallContext, key: &UserKey) -> Result<Vec<Account>, SourceError> {
        self.find_written(cx, key).await
    }

    async fn search(&self, cx: &CallContext, query: &UserQuery) -> Result<AccountPage, SourceError> {
        self.accounts.search(cx, query).await
    }
}

/// One provider for every tenant, and one remote Users API.
pub struct FakeProviderWriters {
    /// The provider, also the one of before.
    pub provider: Arc<FakeAccountWriter>,
    /// The remote Users API.
    pub remote: Arc<FakeAccountWriter>,
}

impl FakeProviderWriters {
    fn side(&self, side: AccountSide) -> Arc<FakeAccountWriter> {
        Arc::clone(match side {
            AccountSide::Provider | AccountSide::FormerProvider => &self.provider,
            AccountSide::RemoteStore => &self.remote,
        })
    }
}

impl ProviderWriters for FakeProviderWriters {
    fn writer(
        &self,
        _tenant: &Tenant,
        side: AccountSide,
        _ability: Ability,
    ) -> Result<Arc<dyn AccountWriter>, MissingSetting> {
        Ok(self.side(side))
    }

    fn sign_in(&self, _tenant: &Tenant, side: AccountSide) -> Result<Arc<dyn SignIn>, MissingSetting> {
        Ok(self.side(side))
    }
}

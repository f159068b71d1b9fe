//! Signs users in by address and password (contract `writes.md` §3, authentication).

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_domain::{
    account::Account, email::Email, event::EventKind, event::EventOutcome, flow::Sources, user_change::is_blocked,
};
use masthead_ports::{
    attempts::{AttemptCounter, AttemptEnd, AttemptLimit, FullCounter},
    keyed_hash::{HashPurpose, KeyedHash},
    passwords::PlainPassword,
    passwords::{PasswordCheck, PasswordMatch},
    provider::AccountSide,
    registrations::WriteOrigin,
    source::CallContext,
    trace::SPANS,
    users::StoredCredentials,
};

use super::{
    erase_person::account_text,
    error::{WriteUserError, provider_read_error, store_error},
    services::{Services, WriteCall},
    sign_in_answer::{SignInError, SignInRequest, SignedInUser, accepted, admit},
};

/// The failures that an account allows, at addresses from which it has not signed in before.
const OF_ACCOUNT: AttemptLimit = AttemptLimit {
    failures: 10,
    window: Duration::from_mins(15),
};
/// The failures that a client's address allows.
const OF_ADDRESS: AttemptLimit = AttemptLimit {
    failures: 100,
    window: Duration::from_mins(15),
};

/// How long an attempt waits for the ends of others, where their number alone fills a counter.
const PAUSES_MS: [u64; 4] = [100, 200, 400, 800];
/// When to come again after that.
const A_MOMENT: Duration = Duration::from_secs(1);

/// The events of a sign-in: of the provider, where the tenant has one, and of our store.
const SIGNED_IN: [EventKind; 2] = [EventKind::AuthSystemUserLogin, EventKind::SubscribeUserLogin];
const NOT_SIGNED_IN: [EventKind; 2] = [EventKind::AuthSystemUserLogin, EventKind::SubscribeUserLoginFailed];

/// Signs users in.
#[derive(Clone)]
pub struct AuthenticateUser {
    pub(crate) services: Arc<Services>,
}

impl AuthenticateUser {
    /// The user whose password it is. Where the tenant has a provider, that decides; otherwise our hash does. A wrong
    /// password and an unknown user take equally long.
    ///
    /// # Errors
    /// See [`SignInError`].
    #[tracing::instrument(target = SPANS, level = "trace", name = "sign in", skip_all)]
    pub async fn sign_in(&self, call: WriteCall, request: SignInRequest) -> Result<SignedInUser, SignInError> {
        let services = Arc::clone(&self.services);
        let answer = self
            .services
            .run(async move { Ok(services.sign_in(&call, &request).await) })
            .await;
        answer?
    }
}

impl AuthenticateUser {
    /// Signs a user in whose token is verified: the event is committed, and a blocked user is refused.
    ///
    /// # Errors
    /// [`SignInError::Blocked`], or the store did not answer.
    #[tracing::instrument(target = SPANS, level = "trace", name = "admit signed-in user", skip_all)]
    pub async fn admit(&self, call: &WriteCall, account: &Account) -> Result<(), SignInError> {
        let services = &self.services;
        let cx = Services::context(call);
        let is_blocked = is_blocked(account);
        let event = if is_blocked {
            (EventKind::SubscribeUserLoginFailed, EventOutcome::Refused)
        } else {
            (EventKind::SubscribeUserLogin, EventOutcome::Found)
        };
        let commit = services.commit(call, &[]);
        let end = AttemptEnd {
            user: Some(&account.crid),
            events: &[event],
            ..AttemptEnd::new(&commit.origin)
        };
        let ended = services.ports.attempts.end(&cx, &end).await;
        ended.map_err(|error| store_error(&error))?;
        if is_blocked { Err(SignInError::Blocked) } else { Ok(()) }
    }
}

/// The counters of one attempt.
struct AttemptCounters {
    counted: Vec<AttemptCounter>,
    account: KeyedHash,
    known: Option<KeyedHash>,
}

impl Services {
    async fn sign_in(&self, call: &WriteCall, request: &SignInRequest) -> Result<SignedInUser, SignInError> {
        let cx = Self::context(call);
        let side = match Sources::for_request(cx.tenant.settings.user_provider, false) {
            Sources::Store => cx
                .tenant
                .settings
                .has_remote_store()
                .then_some(AccountSide::RemoteStore),
            Sources::ProviderAndStore(_) => Some(AccountSide::Provider),
        };
        let elsewhere = side.map(|side| self.ports.writers.sign_in(&cx.tenant, side));
        let elsewhere = elsewhere.transpose().map_err(WriteUserError::from)?;
        let counters = self.counters(&cx, request).await?;
        self.begin_attempt(&cx, &counters).await?;
        let answer = match elsewhere {
            None => self.check_in_store(call, &cx, request).await,
            Some(elsewhere) => match elsewhere.sign_in(&cx, &request.attempt(&request.login)).await {
                Ok(answer) => match accepted(answer) {
                    // A remote Users API has refused those that it blocks.
                    Ok(account) if side == Some(AccountSide::Provider) => self.refuse_blocked(&cx, account).await,
                    answer => answer,
                },
                Err(error) => Err(provider_read_error(&error, "Provider").into()),
            },
        };
        self.record_sign_in(call, &cx, &counters, &answer).await?;
        answer.map(|account| SignedInUser {
            crid: account.crid.clone(),
            registration: side.is_none().then(|| Box::new(account)),
        })
    }

    /// Counts an attempt. Many right sign-ins of one account at the same moment are no failures: those that are too many for its
    /// counter wait for the ends of the others.
    async fn begin_attempt(&self, cx: &CallContext, counters: &AttemptCounters) -> Result<(), SignInError> {
        let mut pauses = PAUSES_MS.map(Duration::from_millis).into_iter();
        loop {
            let begun = self.ports.attempts.begin(cx, &counters.counted, self.now()).await;
            let retry_after = match begun.map_err(|error| store_error(&error))? {
                Ok(()) => return Ok(()),
                Err(FullCounter::Failures(left)) => left,
                Err(FullCounter::Unfinished) => match pauses.next() {
                    Some(pause) if Instant::now() + pause < cx.deadline => {
                        tokio::time::sleep(pause).await;
                        continue;
                    }
                    _ => A_MOMENT,
                },
            };
            return Err(SignInError::TooManyAttempts { retry_after });
        }
    }

    /// The counters: the account's own at an address from which it has signed in before, so that strangers who guess its
    /// password cannot lock it out there.
    async fn counters(&self, cx: &CallContext, request: &SignInRequest) -> Result<AttemptCounters, WriteUserError> {
        let hash = |text: &str| self.ports.hasher.hash(cx.tenant.pool, HashPurpose::Attempts, text);
        let login = match Email::parse(&request.login) {
            Ok(email) => email.key().as_str().to_owned(),
            Err(_) => request.login.trim().to_lowercase(),
        };
        let account = hash(&account_text(&login));
        let of_account = |key| AttemptCounter { key, limit: OF_ACCOUNT };
        let Some(address) = request.address else {
            return Ok(AttemptCounters {
                counted: vec![of_account(account)],
                account,
                known: None,
            });
        };
        let at_address = hash(&format!("account\n{login}\n{address}"));
        let is_known = self.ports.attempts.is_known(cx, at_address, self.now()).await;
        let key = if is_known.map_err(|error| store_error(&error))? {
            at_address
        } else {
            account
        };
        let of_address = AttemptCounter {
            key: hash(&format!("address\n{address}")),
            limit: OF_ADDRESS,
        };
        Ok(AttemptCounters {
            counted: vec![of_account(key), of_address],
            account: key,
            known: Some(at_address),
        })
    }

    async fn check_in_store(
        &self,
        call: &WriteCall,
        cx: &CallContext,
        request: &SignInRequest,
    ) -> Result<Account, SignInError> {
        let (found, is_right) = self.check_password(cx, request).await?;
        let user = found.ok_or(SignInError::Incorrect)?;
        if is_right {
            return admit(user.account);
        }
        if user.password.is_some() {
            return Err(SignInError::Incorrect);
        }
        if let Some(account) = self.check_first_login(call, cx, &user.account, request).await? {
            return admit(account);
        }
        // A reset or another request has set a password meanwhile.
        let (found, is_right) = self.check_password(cx, request).await?;
        let user = found.filter(|_| is_right).ok_or(SignInError::Incorrect)?;
        admit(user.account)
    }

    /// The user whose address was typed, and whether it is the user's password. It takes as long for no user, or for one
    /// without a password.
    async fn check_password(
        &self,
        cx: &CallContext,
        request: &SignInRequest,
    ) -> Result<(Option<StoredCredentials>, bool), WriteUserError> {
        let since = Instant::now();
        let found = match Email::parse(&request.login) {
            Ok(email) => self.ports.users.credentials(cx, &email).await,
            Err(_) => Ok(None),
        };
        let found = found.map_err(|error| store_error(&error))?;
        let check = PasswordCheck {
            tenant: &cx.tenant,
            password: &request.password,
            stored: found.as_ref().and_then(|found| found.password.as_ref()),
            since,
        };
        let is_right = match (self.ports.passwords.verify(check, cx.deadline).await?, &found) {
            (PasswordMatch::Yes { rehash }, Some(found)) => {
                if rehash {
                    self.rehash(cx, found, &request.password).await;
                }
                true
            }
            (PasswordMatch::No | PasswordMatch::Yes { .. }, _) => false,
        };
        Ok((found, is_right))
    }

    /// Refuses a user that the provider accepts and our store blocks, or has deleted.
    async fn refuse_blocked(&self, cx: &CallContext, account: Account) -> Result<Account, SignInError> {
        let stored = self.stored(cx, &account.crid).await?;
        if stored.is_none() {
            let deleted = self.ports.store.were_deleted(cx, std::slice::from_ref(&account)).await;
            if deleted.map_err(|error| store_error(&error))?.contains(&true) {
                return Err(SignInError::Incorrect);
            }
        }
        if is_blocked(&account) || stored.as_ref().is_some_and(is_blocked) {
            return Err(SignInError::Blocked);
        }
        Ok(account)
    }

    /// Replaces an imported or cheaper hash. A failure is no reason to refuse the sign-in: the next one tries again.
    async fn rehash(&self, cx: &CallContext, found: &StoredCredentials, password: &PlainPassword) {
        let Some(old) = &found.password else { return };
        let Ok(new) = self.ports.passwords.hash(password, cx.deadline).await else {
            return;
        };
        if let Err(error) = self.ports.users.rehash(cx, &found.account.crid, old, &new).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "a hash is not replaced yet");
        }
    }

    async fn record_sign_in(
        &self,
        call: &WriteCall,
        cx: &CallContext,
        counters: &AttemptCounters,
        answer: &Result<Account, SignInError>,
    ) -> Result<(), WriteUserError> {
        let origin = self.commit(call, &[]).origin;
        let (outcome, kinds) = match answer {
            Ok(_) => (EventOutcome::Found, SIGNED_IN),
            Err(SignInError::Failed(_)) => {
                self.take_back(cx, counters, &origin).await;
                return Ok(());
            }
            Err(_) => (EventOutcome::Refused, NOT_SIGNED_IN),
        };
        let events = kinds.map(|kind| (kind, outcome));
        let mut end = AttemptEnd {
            events: if cx.tenant.settings.is_federated() {
                &events
            } else {
                &events[1..]
            },
            failed: &counters.counted,
            ..AttemptEnd::new(&origin)
        };
        let clear = [counters.account];
        if let Ok(account) = answer {
            end = AttemptEnd {
                failed: &[],
                uncounted: &counters.counted,
                cleared: &clear,
                known: counters.known,
                user: Some(&account.crid),
                ..end
            };
        }
        let ended = self.ports.attempts.end(cx, &end).await;
        ended.map_err(|error| store_error(&error))
    }

    /// Does not count an attempt without an answer: it shows nothing about the password.
    async fn take_back(&self, cx: &CallContext, counters: &AttemptCounters, origin: &WriteOrigin) {
        let following = Self::following(cx);
        let taken_back = AttemptEnd {
            uncounted: &counters.counted,
            ..AttemptEnd::new(origin)
        };
        if let Err(error) = self.ports.attempts.end(&following, &taken_back).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "an attempt without an answer stays counted"
            );
        }
    }
}

//! Creates users: at once, or pending until their address is verified (contract `writes.md` §3, create).

use std::sync::Arc;

use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, event::EventKind,
    metadata::Metadata, return_url::ReturnUrl, state::UserState, user_key::UserKey,
};
use masthead_ports::{
    accounts::{Ability, AccountChange, AccountWriter, NewAccount},
    intents::IntentKind,
    mail::MailKind,
    passwords::PasswordHash,
    passwords::PlainPassword,
    source::{CallContext, SourceError},
    trace::SPANS,
    users::{NewRegistration, PendingRegistration, UserWriteError},
};
use time::OffsetDateTime;

use super::{
    error::{WriteUserError, provider_read_error},
    intent_content::{IntentContent, RequestedAccount, registration_of},
    services::{Recipient, Services, WriteCall, Written},
    settle,
    sides::{Sides, TwoSides},
    taken_addresses::refuse_account,
    two_sided::{Intended, Settled},
};

/// A user to create.
#[derive(Clone)]
pub struct CreateRequest {
    /// The address.
    pub email: Email,
    /// The password; `None` for a user without one.
    pub password: Option<PlainPassword>,
    /// The first name, `""` for none.
    pub first_name: Box<str>,
    /// The last name, `""` for none.
    pub last_name: Box<str>,
    /// The metadata.
    pub metadata: Metadata,
    /// The id. In our store it must be free; for a tenant with a provider it names an account there, which is linked.
    pub crid: Option<CustomerRegistrationId>,
    /// The provider is not called.
    pub ignore_provider: bool,
    /// Where the link of the mail leads.
    pub return_url: Option<Box<str>>,
    /// Nothing is created until the address is verified.
    pub verify_email: bool,
}

/// What a create has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// The user exists.
    User {
        /// The id.
        crid: CustomerRegistrationId,
        /// The address at which the password can be set, of a user that was created without one and with a `returnUrl`.
        password_link: Option<String>,
    },
    /// The address must be verified first.
    Pending,
}

/// An account to create at the first side.
pub(crate) struct IntendedAccount {
    pub(crate) account: NewAccount,
    /// Where its user sets a password.
    pub(crate) password_url: Option<ReturnUrl>,
    /// A pending registration ends with it.
    pub(crate) from_pending: bool,
    /// No account of the first side had the address just before.
    pub(crate) was_absent: bool,
}

/// Creates users.
#[derive(Clone)]
pub struct CreateUser {
    pub(crate) services: Arc<Services>,
}

impl CreateUser {
    /// Creates a user, on the sides of contract §2; it does not end with the caller.
    ///
    /// The address of a user that is created at once by our store counts as verified: the caller vouches for it.
    ///
    /// # Errors
    /// See [`WriteUserError`].
    #[tracing::instrument(target = SPANS, level = "trace", name = "create user", skip_all)]
    pub async fn create(&self, call: WriteCall, request: CreateRequest) -> Result<Written<Created>, WriteUserError> {
        let services = Arc::clone(&self.services);
        self.services
            .run(async move { services.create(&call, &request).await })
            .await
    }
}

impl Services {
    async fn create(&self, call: &WriteCall, request: &CreateRequest) -> Result<Written<Created>, WriteUserError> {
        let tenant = &call.caller.tenant;
        let sides = self.sides(tenant, request.ignore_provider, Ability::Create)?;
        let mails_link = request.password.is_none() && request.return_url.is_some();
        let return_url = Self::given_return_url(tenant, request.return_url.as_deref())?;
        if request.verify_email || mails_link {
            self.require_mail()?;
        }
        let cx = Self::context(call);
        if request.verify_email {
            return self
                .create_pending(call, &cx, &sides, request, return_url.as_ref())
                .await;
        }
        let password_url = return_url.filter(|_| mails_link);
        match sides {
            Sides::Store => self.create_in_store(call, &cx, request, password_url.as_ref()).await,
            Sides::Both(both) => match &request.crid {
                Some(id) if !both.is_remote_alone => self.link(call, &cx, &both, id).await,
                Some(_) | None => {
                    let was_absent = self
                        .refuse_stored(&cx, &request.email, &both, call.idempotency.is_some())
                        .await?;
                    let password = request.password.clone();
                    let password = password.or_else(|| self.unknown_password(&both));
                    // Where a provider has the accounts, the registration only waits for its profile.
                    let verified = both.is_remote_alone && !tenant.settings.is_federated();
                    let account = new_account(request, password, verified);
                    let new = IntendedAccount {
                        account,
                        password_url,
                        from_pending: false,
                        was_absent: both.is_remote_alone && was_absent,
                    };
                    self.create_at_both(call, &cx, &both, &new).await
                }
            },
        }
    }

    async fn create_in_store(
        &self,
        call: &WriteCall,
        cx: &CallContext,
        request: &CreateRequest,
        password_url: Option<&ReturnUrl>,
    ) -> Result<Written<Created>, WriteUserError> {
        let password = self.hash(cx, request.password.as_ref()).await?;
        // Where a provider has the accounts, the registration only waits for its profile.
        let verified = !cx.tenant.settings.is_federated();
        let new = registration(request, password, verified);
        let mut commit = self.commit(call, &[EventKind::SubscribeUserCreate]);
        let recipient = Recipient {
            email: &request.email,
            first_name: &request.first_name,
        };
        let link =
            password_url.map(|url| self.link_to_password(cx, MailKind::SetPassword, &recipient, url, &mut commit));
        match self.ports.users.create(cx, &new, false, &commit).await {
            Ok(account) => Ok(Written::done(Created::User {
                crid: account.crid,
                password_link: link,
            })),
            Err(UserWriteError::EmailTaken {
                state: Some(UserState::Lite),
            }) if cx.tenant.settings.users.upgrade_lite && new.password.is_some() => {
                self.upgrade_lite(call, cx, request, &new).await
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn create_pending(
        &self,
        call: &WriteCall,
        cx: &CallContext,
        sides: &Sides,
        request: &CreateRequest,
        return_url: Option<&ReturnUrl>,
    ) -> Result<Written<Created>, WriteUserError> {
        let password = match sides {
            Sides::Store => self.hash(cx, request.password.as_ref()).await?,
            // The first side takes no hash, and the password itself is not kept: the user sets it by a link.
            Sides::Both(both) => {
                self.refuse_stored(cx, &request.email, both, false).await?;
                if !both.is_remote_alone {
                    refuse_account(cx, &*both.writer, &request.email).await?;
                } else if let Some(id) = &request.crid
                    && find_by_id(cx, &*both.writer, id).await?.is_some()
                {
                    return Err(WriteUserError::IdTaken);
                }
                None
            }
        };
        let (code, mail) = self.code(&cx.tenant, &request.email, &request.first_name, return_url);
        let pending = PendingRegistration {
            registration: registration(request, password, true),
            email: request.email.clone(),
            had_password: request.password.is_some(),
            ignore_provider: request.ignore_provider,
            expires_at: code.expires_at,
        };
        let mut commit = self.commit(call, &[EventKind::SubscribeUserCreatePending]);
        commit.mails.push(mail);
        self.ports.users.create_pending(cx, &pending, &code, &commit).await?;
        Ok(Written::done(Created::Pending))
    }

    /// A random password for an account that gets none: a provider has no accounts without one.
    pub(crate) fn unknown_password(&self, both: &TwoSides) -> Option<PlainPassword> {
        (!both.is_remote_alone).then(|| self.ports.secrets.password())
    }

    /// Creates an account at the first side, and its registration in the store.
    pub(crate) async fn create_at_both(
        &self,
        call: &WriteCall,
        cx: &CallContext,
        both: &TwoSides,
        intended: &IntendedAccount,
    ) -> Result<Written<Created>, WriteUserError> {
        let begun = self.now();
        let (new, password_url) = (&intended.account, intended.password_url.as_ref());
        let requested = RequestedAccount::from(new);
        let content = IntentContent::create(new, password_url, intended.was_absent);
        let was_absent = intended.was_absent;
        let intent = Intended {
            kind: IntentKind::Create,
            crid: None,
            content: &content,
        };
        let (intent, account) = self
            .write_at_provider(
                call,
                cx,
                both,
                intent,
                async |cx: &CallContext| both.writer.create(cx, new).await,
                async |cx: &CallContext| look_up_created(cx, both, &requested, (begun, was_absent)).await,
            )
            .await?;
        let mut commit = self.commit(call, &[EventKind::AuthSystemUserCreate, EventKind::SubscribeUserCreate]);
        commit.intent = Some(intent);
        let recipient = Recipient {
            email: &new.email,
            first_name: &new.first_name,
        };
        let link =
            password_url.map(|url| self.link_to_password(cx, MailKind::SetPassword, &recipient, url, &mut commit));
        let following = Self::following(cx);
        let registration = requested.registration(&account.crid);
        let stored = both
            .store
            .create(&following, &registration, intended.from_pending, &commit)
            .await;
        let written = self.after_store(cx, (intent, &account.crid), stored).await;
        let is_stored = written.value.is_some();
        Ok(written.map(|_| Created::User {
            crid: account.crid,
            password_link: link.filter(|_| is_stored),
        }))
    }

    /// Creates the registration of an account that the provider has.
    async fn link(
        &self,
        call: &WriteCall,
        cx: &CallContext,
        both: &TwoSides,
        id: &CustomerRegistrationId,
    ) -> Result<Written<Created>, WriteUserError> {
        let account = find_by_id(cx, &*both.writer, id)
            .await?
            .ok_or(WriteUserError::UnknownProviderAccount)?;
        let commit = self.commit(call, &[EventKind::SubscribeUserCreate]);
        let stored = both
            .store
            .create(cx, &registration_of(&account), false, &commit)
            .await?;
        Ok(Written::done(Created::User {
            crid: stored.crid,
            password_link: None,
        }))
    }

    /// Adds a link to set a password to a commit, and returns its address.
    pub(crate) fn link_to_password(
        &self,
        cx: &CallContext,
        kind: MailKind,
        recipient: &Recipient<'_>,
        url: &ReturnUrl,
        commit: &mut masthead_ports::users::WriteCommit,
    ) -> String {
        let link = self.link_of(&cx.tenant, kind, recipient, url);
        commit.reset_link = Some(link.new);
        commit.mails.push(link.mail);
        link.address
    }

    /// Hashes a password.
    pub(crate) async fn hash(
        &self,
        cx: &CallContext,
        password: Option<&PlainPassword>,
    ) -> Result<Option<PasswordHash>, WriteUserError> {
        match password {
            None => Ok(None),
            Some(password) => Ok(Some(self.ports.passwords.hash(password, cx.deadline).await?)),
        }
    }
}

/// The account with this id at the provider, past every cache.
pub(crate) async fn find_by_id(
    cx: &CallContext,
    writer: &dyn AccountWriter,
    id: &CustomerRegistrationId,
) -> Result<Option<Account>, WriteUserError> {
    let found = writer.find_written(cx, &UserKey::Id(id.clone())).await;
    let found = found.map_err(|error| provider_read_error(&error, writer.name()))?;
    Ok(found.into_iter().next())
}

/// Whether a create whose answer was lost was done. A remote Users API may have ended between its two calls.
pub(crate) async fn look_up_created(
    cx: &CallContext,
    both: &TwoSides,
    requested: &RequestedAccount,
    (begun, was_absent): (OffsetDateTime, bool),
) -> Result<Settled<Account>, SourceError> {
    let key = UserKey::Email(requested.email.key().clone());
    let found = both.writer.find_written(cx, &key).await?;
    let settled = settle::created(found, requested, begun, was_absent);
    let Settled::Done(account) = settled else {
        return Ok(settled);
    };
    if !both.is_remote_alone || account.verified == Some(requested.verified) {
        return Ok(Settled::Done(account));
    }
    let change = AccountChange {
        verified: Some(requested.verified),
        ..AccountChange::default()
    };
    let changed = both.writer.update(cx, &account.crid, &change).await;
    Ok(changed.map_or(Settled::Unknown, Settled::Done))
}

/// The account to create at the first side. A provider has its own ways to verify an address; a remote Users API gets what our store
/// would keep.
fn new_account(request: &CreateRequest, password: Option<PlainPassword>, verified: bool) -> NewAccount {
    NewAccount {
        id: request.crid.clone(),
        email: request.email.clone(),
        password,
        first_name: request.first_name.clone(),
        last_name: request.last_name.clone(),
        verified,
        metadata: request.metadata.clone(),
    }
}

fn registration(request: &CreateRequest, password: Option<PasswordHash>, verified: bool) -> NewRegistration {
    NewRegistration {
        crid: request.crid.clone(),
        email: Some(request.email.clone()),
        first_name: request.first_name.clone(),
        last_name: request.last_name.clone(),
        verified,
        metadata: request.metadata.clone(),
        password,
        of_provider: false,
    }
}

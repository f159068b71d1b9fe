//! Creates users: at once, or pending until their address is verified (contract `writes.md` §3, create).

use std::sync::Arc;

use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, event::EventKind,
    metadata::Metadata, return_url::ReturnUrl, state::UserState, user_change::UserChange, user_key::UserKey,
};
use masthead_ports::{
    accounts::{Ability, AccountWriter, NewAccount},
    intents::IntentKind,
    mail::MailKind,
    passwords::PasswordHash,
    passwords::PlainPassword,
    source::CallContext,
    trace::SPANS,
    users::{NewRegistration, PendingRegistration, UserWriteError},
};

use super::{
    error::{WriteUserError, provider_read_error, store_error},
    intent_content::{IntentContent, RequestedAccount, registration_of},
    services::{Recipient, Services, Sides, WriteCall, Written},
    settle,
    two_sided::Intended,
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
        let return_url = match &request.return_url {
            Some(url) => Some(Self::return_url(tenant, Some(url))?),
            None => None,
        };
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
            Sides::Both(writer) => match &request.crid {
                None => {
                    self.refuse_stored(&cx, &request.email).await?;
                    let new = new_account(request, self.ports.secrets.password());
                    self.create_at_both(call, &cx, &*writer, &new, password_url.as_ref(), false)
                        .await
                }
                Some(id) => self.link(call, &cx, &*writer, id).await,
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

    /// Gives a `Lite` user a password, which counts only once its address is verified by the code that is sent.
    async fn upgrade_lite(
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
        let plain = |events: &[EventKind]| masthead_ports::users::WriteCommit {
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
        let (code, mail) = self.code(&cx.tenant, &request.email, &request.first_name, None);
        let mut commit = self.commit(call, &[EventKind::SubscribeUserCreatePending]);
        commit.mails.push(mail);
        let sent = self.ports.users.replace_code(cx, &request.email, &code, &commit).await;
        // A refusal means that a code was sent moments ago.
        let _refusal = sent.map_err(|error| store_error(&error))?;
        Ok(Written::done(Created::Pending))
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
            // No provider takes a hash, and the password itself is not kept: the user sets it by a link.
            Sides::Both(writer) => {
                self.refuse_stored(cx, &request.email).await?;
                let key = UserKey::Email(request.email.key().clone());
                let found = writer.find_written(cx, &key).await;
                if !found
                    .map_err(|error| provider_read_error(&error, writer.name()))?
                    .is_empty()
                {
                    return Err(WriteUserError::EmailTaken);
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

    /// Refuses an address that a registration has. Where a provider has the accounts, our store allows several registrations
    /// of one address, and the provider knows only of its own.
    async fn refuse_stored(&self, cx: &CallContext, email: &Email) -> Result<(), WriteUserError> {
        let found = self.ports.store.find(cx, &UserKey::Email(email.key().clone())).await;
        let found = found.map_err(|error| store_error(&error))?;
        // A user of a provider is `Standard`, verified or not (contract §2.3).
        if found.is_empty() {
            Ok(())
        } else {
            Err(WriteUserError::EmailTaken)
        }
    }

    /// Creates an account at the provider, and its registration in our store.
    pub(crate) async fn create_at_both(
        &self,
        call: &WriteCall,
        cx: &CallContext,
        writer: &dyn AccountWriter,
        new: &NewAccount,
        password_url: Option<&ReturnUrl>,
        from_pending: bool,
    ) -> Result<Written<Created>, WriteUserError> {
        let begun = self.now();
        let requested = RequestedAccount::from(new);
        let content = IntentContent::create(new, password_url);
        let intended = Intended {
            kind: IntentKind::Create,
            crid: None,
            content: &content,
        };
        let key = UserKey::Email(new.email.key().clone());
        let (intent, account) = self
            .write_at_provider(
                call,
                cx,
                writer,
                intended,
                writer.create(cx, new),
                async |cx: &CallContext| {
                    let found = writer.find_written(cx, &key).await?;
                    Ok(settle::created(found, &requested, begun))
                },
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
        let stored = self
            .ports
            .users
            .create(&following, &registration, from_pending, &commit)
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
        writer: &dyn AccountWriter,
        id: &CustomerRegistrationId,
    ) -> Result<Written<Created>, WriteUserError> {
        let account = find_by_id(cx, writer, id)
            .await?
            .ok_or(WriteUserError::UnknownProviderAccount)?;
        let commit = self.commit(call, &[EventKind::SubscribeUserCreate]);
        let stored = self
            .ports
            .users
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

/// The account to create at a provider. Its address is not verified by this: the provider has its own ways.
fn new_account(request: &CreateRequest, unknown_password: PlainPassword) -> NewAccount {
    NewAccount {
        id: None,
        email: request.email.clone(),
        password: Some(request.password.clone().unwrap_or(unknown_password)),
        first_name: request.first_name.clone(),
        last_name: request.last_name.clone(),
        verified: false,
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

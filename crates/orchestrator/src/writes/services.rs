//! What all writes share: the ports, deadlines, events, mails and links.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_domain::{
    account::Account, caller_address::AuditAddress, customer_registration_id::CustomerRegistrationId, email::Email,
    event::EventKind, return_url::ReturnUrl, tenant::Tenant, user_key::UserKey,
};
use masthead_ports::{
    attempts::SignInAttempts,
    clock::Clock,
    erasure::Erasures,
    idempotency::{IdempotencyKeys, IdempotencyTicket},
    intents::WriteIntents,
    keyed_hash::{HashPurpose, KeyedHasher},
    mail::{Mail, MailKind, MailValues},
    passwords::PasswordHasher,
    provider::ProviderWriters,
    remote_store::RemoteStoreRecords,
    sealing::Sealing,
    secret_generator::SecretGenerator,
    source::{CallContext, Priority, SourceName, UserSource},
    users::{NewCode, NewResetLink, QueuedMail, UserWriter, WriteCommit},
};
use time::OffsetDateTime;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use super::{
    error::{WriteUserError, store_error},
    stored_texts::OpenedTexts,
    user_turns::UserTurns,
};
use crate::{Caller, mail_sealing::seal_mail, random_part::random_part};

/// How long a step that must follow a done one may take after the caller's deadline.
const GRACE: Duration = Duration::from_secs(5);

/// How long calls that must not show whether a user exists take at least.
const EVEN_TIME: Duration = Duration::from_millis(200);
/// How much longer they take at random: a thread that slept longer wakes up later by some microseconds.
const UNEVEN_TIME: Duration = Duration::from_millis(20);

/// Longer first names are left out of mails.
const MAX_NAME_CHARS: usize = 40;

/// The value of a link in the query of a return address.
const LINK_PARAMETER: &str = "encryptedEventId";
const CODE_PARAMETER: &str = "verificationCode";

/// The ports that writes need.
#[derive(Clone)]
pub struct WriteDependencies {
    /// The registrations, to read: those of our store, or of a remote Users API.
    pub store: Arc<dyn UserSource>,
    /// Our registrations, to write.
    pub users: Arc<dyn UserWriter>,
    /// What our store keeps of users of a remote Users API.
    pub remote_records: Arc<dyn RemoteStoreRecords>,
    /// The providers, to write.
    pub writers: Arc<dyn ProviderWriters>,
    /// What two-sided writes are about to do.
    pub intents: Arc<dyn WriteIntents>,
    /// The answers of earlier requests.
    pub idempotency: Arc<dyn IdempotencyKeys>,
    /// Erases persons from our store.
    pub erasures: Arc<dyn Erasures>,
    /// Failed sign-ins.
    pub attempts: Arc<dyn SignInAttempts>,
    /// Hashes passwords.
    pub passwords: Arc<dyn PasswordHasher>,
    /// Seals mails, intents and stored answers.
    pub sealing: Arc<dyn Sealing>,
    /// Hashes codes, links, keys and counters.
    pub hasher: Arc<dyn KeyedHasher>,
    /// Makes codes, links and passwords.
    pub secrets: Arc<dyn SecretGenerator>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// What the audit log keeps of the addresses of callers.
    pub audit_address: AuditAddress,
    /// The server can send mail.
    pub sends_mail: bool,
}

/// The caller of a write.
#[derive(Debug, Clone)]
pub struct WriteCall {
    /// The verified caller.
    pub caller: Caller,
    /// Its idempotency key, if it gave one.
    pub idempotency: Option<ClaimedKey>,
}

/// An idempotency key that a call has claimed.
#[derive(Debug, Clone)]
pub struct ClaimedKey {
    /// The claim.
    pub ticket: IdempotencyTicket,
    /// The key with which the write is passed on to a remote Users API: each request with the same key of the same caller has
    /// the same.
    pub passed_on: Arc<str>,
}

impl WriteCall {
    /// The claim on its idempotency key.
    pub(crate) fn ticket(&self) -> Option<IdempotencyTicket> {
        self.idempotency.as_ref().map(|key| key.ticket)
    }
}

/// What a write has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written<T> {
    /// Its result.
    pub value: T,
    /// The side that follows later (`meta.pending`).
    pub pending: Option<SourceName>,
}

impl<T> Written<T> {
    /// A write of which every side is done.
    pub(crate) const fn done(value: T) -> Self {
        Self { value, pending: None }
    }

    /// The same about another value.
    pub fn map<U>(self, map: impl FnOnce(T) -> U) -> Written<U> {
        Written {
            value: map(self.value),
            pending: self.pending,
        }
    }
}

/// The ports, the tasks of the writes, and the turns of first logins.
pub(crate) struct Services {
    pub(crate) ports: WriteDependencies,
    pub(crate) tasks: TaskTracker,
    /// Who calls the former provider about a user.
    pub(crate) first_logins: UserTurns,
}

impl Services {
    /// Runs a write on a tracked task: it does not end with its caller.
    ///
    /// # Errors
    /// Those of the write; [`WriteUserError::NOT_DONE`] if the server is shutting down.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        write: impl Future<Output = Result<T, WriteUserError>> + Send + 'static,
    ) -> Result<T, WriteUserError> {
        if self.tasks.is_closed() {
            return Err(WriteUserError::NOT_DONE);
        }
        // A panic is reported by the hook; what the write has done is settled from its intent.
        let write = write.in_current_span();
        self.tasks.spawn(write).await.unwrap_or(Err(WriteUserError::Corrupt))
    }

    /// The context of the calls of a write.
    pub(crate) fn context(call: &WriteCall) -> CallContext {
        CallContext {
            write_key: call.idempotency.as_ref().map(|key| Arc::clone(&key.passed_on)),
            ..call.caller.context(Priority::Interactive)
        }
    }

    /// The context of a step that must follow a done one.
    pub(crate) fn following(cx: &CallContext) -> CallContext {
        CallContext {
            deadline: cx.deadline.max(Instant::now()) + GRACE,
            ..cx.new_read()
        }
    }

    /// The commit of a write with these events.
    pub(crate) fn commit(&self, call: &WriteCall, events: &[EventKind]) -> WriteCommit {
        let origin = call.caller.origin(self.ports.clock.now(), self.ports.audit_address);
        WriteCommit {
            idempotency: call.ticket(),
            ..WriteCommit::new(origin, events)
        }
    }

    /// Opens what our store keeps sealed.
    pub(crate) fn opened_texts(&self) -> OpenedTexts {
        OpenedTexts {
            sealing: Arc::clone(&self.ports.sealing),
            passwords: Arc::clone(&self.ports.passwords),
        }
    }

    /// The registration with this id.
    pub(crate) async fn stored(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
    ) -> Result<Option<Account>, WriteUserError> {
        let found = self.ports.store.find(cx, &UserKey::Id(id.clone())).await;
        let found = found.map_err(|error| store_error(&error))?;
        Ok(found.into_iter().next())
    }

    /// Fails where the server cannot send mail.
    pub(crate) const fn require_mail(&self) -> Result<(), WriteUserError> {
        if self.ports.sends_mail {
            Ok(())
        } else {
            Err(WriteUserError::MailNotConfigured)
        }
    }

    /// Checks a return address; without one, the first of the tenant's is taken.
    pub(crate) fn return_url(tenant: &Tenant, text: Option<&str>) -> Result<ReturnUrl, WriteUserError> {
        let policy = &tenant.settings.return_urls;
        match text {
            Some(text) => policy.check(text).map_err(WriteUserError::ReturnUrl),
            None => policy.first().ok_or(WriteUserError::MissingReturnUrl),
        }
    }

    /// Checks a return address, where one is given.
    pub(crate) fn given_return_url(tenant: &Tenant, text: Option<&str>) -> Result<Option<ReturnUrl>, WriteUserError> {
        text.map(|text| Self::return_url(tenant, Some(text))).transpose()
    }

    /// A mail to queue.
    pub(crate) fn mail(&self, tenant: &Tenant, kind: MailKind, to: &Email, values: MailValues) -> QueuedMail {
        let values = MailValues {
            first_name: greeting_name(&values.first_name).into(),
            ..values
        };
        let mail = Mail::for_tenant(kind, tenant, to.clone(), None, values);
        // Address, name, code and link are bounded, so that a mail always fits; one that did not would be a dead letter.
        let sealed = seal_mail(&mail, &*self.ports.sealing).map_or_else(|_| "".into(), |sealed| sealed.0);
        QueuedMail {
            kind: kind.name(),
            sealed,
        }
    }

    /// A new code for an address, and the mail that carries it.
    pub(crate) fn code(
        &self,
        tenant: &Tenant,
        email: &Email,
        first_name: &str,
        return_url: Option<&ReturnUrl>,
    ) -> (NewCode, QueuedMail) {
        let code = self.ports.secrets.code();
        let expires_at = self.ports.clock.now() + tenant.settings.users.pending_life;
        let text = code_text(email, &code);
        let new = NewCode {
            hash: self
                .ports
                .hasher
                .hash(tenant.pool, HashPurpose::VerificationCode, &text),
            expires_at,
        };
        let values = MailValues {
            first_name: first_name.into(),
            link: return_url.map(|url| url.link(CODE_PARAMETER, &code).into()),
            code: Some(code.into()),
            expires_at: Some(expires_at),
        };
        (new, self.mail(tenant, MailKind::Verification, email, values))
    }

    /// A new link to set a password, its address, and the mail that carries it.
    pub(crate) fn link_of(
        &self,
        tenant: &Tenant,
        kind: MailKind,
        account: &Recipient<'_>,
        url: &ReturnUrl,
    ) -> PasswordLink {
        let value = self.ports.secrets.link();
        let expires_at = self.ports.clock.now() + tenant.settings.users.reset_life;
        let address = url.link(LINK_PARAMETER, &value);
        let values = MailValues {
            first_name: account.first_name.into(),
            link: Some(address.as_str().into()),
            code: None,
            expires_at: Some(expires_at),
        };
        PasswordLink {
            new: NewResetLink {
                hash: self.ports.hasher.hash(tenant.pool, HashPurpose::ResetLink, &value),
                expires_at,
                proves_address: false,
            },
            mail: self.mail(tenant, kind, account.email, values),
            value,
            address,
        }
    }

    /// The moment at which a call ends that must not show whether a user exists.
    pub(crate) fn even_time() -> tokio::time::Instant {
        tokio::time::Instant::now() + EVEN_TIME + UNEVEN_TIME.mul_f64(random_part())
    }

    /// The time of the clock.
    pub(crate) fn now(&self) -> OffsetDateTime {
        self.ports.clock.now()
    }
}

/// The name in a mail; `""` for one that is no name. A stranger may have given it with the address of another person, and must not
/// write to that person in the name of the newspaper.
fn greeting_name(first_name: &str) -> &str {
    let is_mark = |char| matches!(char, '\u{300}'..='\u{36f}');
    let is_allowed = |char: char| char.is_alphabetic() || is_mark(char) || " '’-.".contains(char);
    // Mail programs make a link of `evil.example`, and none of `J. R.`.
    let is_label = |label: &str| label.chars().take_while(|char| char.is_alphabetic()).count() > 1;
    let has_link = first_name.split('.').skip(1).any(is_label);
    let is_name = first_name.chars().count() <= MAX_NAME_CHARS && first_name.chars().all(is_allowed) && !has_link;
    if is_name { first_name } else { "" }
}

/// The recipient of a link.
pub(crate) struct Recipient<'a> {
    pub(crate) email: &'a Email,
    pub(crate) first_name: &'a str,
}

/// A link to set a password.
pub(crate) struct PasswordLink {
    pub(crate) new: NewResetLink,
    pub(crate) mail: QueuedMail,
    /// Its value, which is hashed in our store.
    pub(crate) value: String,
    /// Its whole address.
    pub(crate) address: String,
}

/// What the hash of a code is made of: a code is worth nothing for another address.
pub(crate) fn code_text(email: &Email, code: &str) -> String {
    format!("{}\n{}", email.key().as_str(), code.trim().to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::greeting_name;

    #[test]
    fn only_names_greet() {
        for name in [
            "Ann",
            "Jos\u{e9}",
            "Jose\u{301}",
            "J. R.",
            "Mary-Jane",
            "D'Arcy",
            "Łucja Ö",
            "文子",
            "",
        ] {
            assert_eq!(greeting_name(name), name);
        }
        let long = "a".repeat(41);
        for other in [
            "you won, claim it at https://evil.example/x",
            "evil.example",
            "Ann\u{202e}",
            "Ann\n",
            "Ann 1",
            "+4712345678",
            "<b>",
            &long,
        ] {
            assert_eq!(greeting_name(other), "", "{other:?}");
        }
    }
}

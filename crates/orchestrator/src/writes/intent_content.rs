//! What an intent keeps of a write: everything that its steps need, sealed, and never a password.

use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, metadata::Metadata,
    return_url::ReturnUrl, tenant::TenantId, user_change::UserChange,
};
use masthead_ports::{
    accounts::NewAccount,
    sealing::{Purpose, Sealing},
    users::NewRegistration,
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// The content of an intent.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum IntentContent {
    /// An account to create.
    Create {
        email: String,
        first_name: String,
        last_name: String,
        verified: bool,
        metadata: Vec<(String, String)>,
        /// Where the user sets a password, of an account that is mailed a link for it.
        #[serde(default)]
        password_url: Option<String>,
        /// No account of the first side had the address just before.
        #[serde(default)]
        was_absent: bool,
    },
    /// A change.
    Update {
        first_name: Option<String>,
        last_name: Option<String>,
        metadata: Vec<(String, Option<String>)>,
        verified: Option<bool>,
        last_logout_at: Option<OffsetDateTime>,
        removes_last_logout: bool,
        blocked: Option<bool>,
    },
    /// A new password, which is not kept.
    SetPassword,
    /// A new address.
    SetEmail {
        email: String,
        verified: bool,
        /// The old address and the first name for the notice to it.
        #[serde(default)]
        old: Option<(String, String)>,
    },
    /// A deletion.
    Delete { purge: bool },
}

/// A content with the first side of its write.
#[derive(Serialize, Deserialize)]
pub(crate) struct SealedContent<C> {
    #[serde(flatten)]
    pub(crate) content: C,
    /// The first side is a remote Users API.
    #[serde(default)]
    pub(crate) is_remote_alone: bool,
    /// The caller's idempotency key as it is passed on.
    #[serde(default)]
    pub(crate) write_key: Option<String>,
}

/// The content of an intent that cannot be read: the sealing key is gone, or the row was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the content of an intent cannot be opened")]
pub(crate) struct IntentContentError;

impl IntentContent {
    /// The content of a create.
    pub(crate) fn create(new: &NewAccount, password_url: Option<&ReturnUrl>, was_absent: bool) -> Self {
        Self::Create {
            email: new.email.as_str().to_owned(),
            first_name: new.first_name.to_string(),
            last_name: new.last_name.to_string(),
            verified: new.verified,
            metadata: new
                .metadata
                .iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
            password_url: password_url.map(|url| url.as_str().to_owned()),
            was_absent,
        }
    }

    /// The content of a change.
    pub(crate) fn update(change: &UserChange) -> Self {
        let text = |text: &str| text.to_owned();
        Self::Update {
            first_name: change.first_name.as_deref().map(text),
            last_name: change.last_name.as_deref().map(text),
            metadata: change
                .metadata
                .iter()
                .map(|(key, value)| (text(key), value.as_deref().map(text)))
                .collect(),
            verified: change.verified,
            last_logout_at: change.last_logout_at.flatten(),
            removes_last_logout: change.last_logout_at == Some(None),
            blocked: change.blocked,
        }
    }

    /// The account that a create requests; `None` for another content, or one that cannot be read.
    pub(crate) fn requested_account(&self) -> Option<RequestedAccount> {
        let Self::Create {
            email,
            first_name,
            last_name,
            verified,
            metadata,
            password_url: _,
            was_absent: _,
        } = self
        else {
            return None;
        };
        Some(RequestedAccount {
            email: Email::parse(email).ok()?,
            first_name: first_name.as_str().into(),
            last_name: last_name.as_str().into(),
            verified: *verified,
            metadata: Metadata::from_valid(metadata.iter().cloned()),
        })
    }

    /// The change of an update; empty for another content.
    pub(crate) fn change(&self) -> UserChange {
        let Self::Update {
            first_name,
            last_name,
            metadata,
            verified,
            last_logout_at,
            removes_last_logout,
            blocked,
        } = self
        else {
            return UserChange::default();
        };
        let text = |text: &String| Box::from(text.as_str());
        UserChange {
            first_name: first_name.as_ref().map(text),
            last_name: last_name.as_ref().map(text),
            metadata: metadata
                .iter()
                .map(|(key, value)| (text(key), value.as_ref().map(text)))
                .collect(),
            verified: *verified,
            last_logout_at: last_logout_at.map(Some).or_else(|| removes_last_logout.then_some(None)),
            blocked: *blocked,
        }
    }

    /// Seals the content for its tenant. `is_remote_alone`: the first side is a remote Users API, not the provider.
    /// `write_key` is the caller's key as it is passed on.
    pub(crate) fn seal(
        &self,
        sealing: &dyn Sealing,
        tenant: &TenantId,
        is_remote_alone: bool,
        write_key: Option<&str>,
    ) -> Box<str> {
        let content = SealedContent {
            content: self,
            is_remote_alone,
            write_key: write_key.map(str::to_owned),
        };
        // Strings, booleans and times always have a JSON form.
        let json = serde_json::to_string(&content).unwrap_or_default();
        sealing.seal(tenant, Purpose::WriteIntent, &json).into()
    }

    /// Opens a content of this tenant.
    pub(crate) fn open(
        sealing: &dyn Sealing,
        tenant: &TenantId,
        sealed: &str,
    ) -> Result<SealedContent<Self>, IntentContentError> {
        let json = sealing.open(tenant, Purpose::WriteIntent, sealed);
        let json = json.map_err(|_| IntentContentError)?;
        serde_json::from_str(&json).map_err(|_| IntentContentError)
    }
}

/// The registration of an account that the provider has.
pub(crate) fn registration_of(account: &Account) -> NewRegistration {
    NewRegistration {
        crid: Some(account.crid.clone()),
        email: account.email.clone(),
        first_name: account.first_name.clone(),
        last_name: account.last_name.clone(),
        verified: account.verified == Some(true),
        metadata: account.metadata.clone(),
        password: None,
        of_provider: true,
    }
}

/// The account that a create requests, in the form of the registration to make once the provider has given its id.
pub(crate) struct RequestedAccount {
    pub(crate) email: Email,
    pub(crate) first_name: Box<str>,
    pub(crate) last_name: Box<str>,
    pub(crate) verified: bool,
    pub(crate) metadata: Metadata,
}

impl RequestedAccount {
    /// The registration of the account with this id: what was requested, and what the provider has added.
    pub(crate) fn registration(&self, id: &CustomerRegistrationId) -> NewRegistration {
        NewRegistration {
            crid: Some(id.clone()),
            email: Some(self.email.clone()),
            first_name: self.first_name.clone(),
            last_name: self.last_name.clone(),
            verified: self.verified,
            metadata: self.metadata.clone(),
            password: None,
            of_provider: true,
        }
    }
}

impl From<&NewAccount> for RequestedAccount {
    fn from(new: &NewAccount) -> Self {
        Self {
            email: new.email.clone(),
            first_name: new.first_name.clone(),
            last_name: new.last_name.clone(),
            verified: new.verified,
            metadata: new.metadata.clone(),
        }
    }
}

//! Writes through an adapter, and the rules that hold for all of them.

use std::fmt::Debug;

use masthead_domain::{account::Account, email::Email, metadata::Metadata};
use masthead_ports::{
    accounts::{AccountChange, AccountWriter, NewAccount, SignIn, SignInAnswer, SignInAttempt, WriteError},
    passwords::PlainPassword,
    source::{SourceError, SourceErrorKind},
};
use masthead_provider_kit::ProviderAdapter;
use masthead_testkit::source_client::{SourceClient, crid};

use crate::AdapterFixture;

/// A new account of `nova@example.com` with these metadata.
#[must_use]
pub fn new_account(metadata: &[(&str, &str)]) -> NewAccount {
    let pairs = metadata
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    NewAccount {
        id: None,
        email: Email::parse("Nova@Example.com").unwrap(),
        password: Some(PlainPassword::new("Sandbox-password-1")),
        first_name: "Nova".into(),
        last_name: "M\u{fc}ller".into(),
        verified: false,
        metadata: Metadata::from_valid(pairs),
    }
}

/// A new account whose texts all contain `sentinel`.
#[must_use]
pub fn sentinel_account() -> NewAccount {
    NewAccount {
        id: None,
        email: Email::parse("sentinel-3@example.com").unwrap(),
        password: Some(PlainPassword::new("sentinel-password")),
        first_name: "Sentinel".into(),
        last_name: "".into(),
        verified: false,
        metadata: Metadata::default(),
    }
}

/// A change of the first name.
#[must_use]
pub fn first_name(name: &str) -> AccountChange {
    AccountChange {
        first_name: Some(name.into()),
        ..AccountChange::default()
    }
}

/// The kind of a failed write without an answer.
#[must_use]
pub fn failure_kind<T: Debug>(answer: Result<T, WriteError>) -> SourceErrorKind {
    match answer {
        Err(WriteError::Source(error)) => error.kind,
        other => panic!("{other:?}"),
    }
}

#[expect(clippy::missing_errors_doc, reason = "the errors of the check")]
impl<A: ProviderAdapter + SignIn> AdapterFixture<A> {
    /// Tries a password.
    pub async fn sign_in(&self, login: &str, password: &str) -> Result<SignInAnswer, SourceError> {
        let password = PlainPassword::new(password);
        let attempt = SignInAttempt {
            login,
            password: &password,
            address: None,
        };
        self.adapter.sign_in(&self.cx(), &attempt).await
    }
}

#[expect(clippy::missing_errors_doc, reason = "the errors of the writer")]
impl<A: ProviderAdapter + AccountWriter> AdapterFixture<A> {
    /// Creates an account.
    pub async fn create(&self, new: &NewAccount) -> Result<Account, WriteError> {
        self.adapter.create(&self.cx(), new).await
    }

    /// Changes an account.
    pub async fn update(&self, id: &str, change: &AccountChange) -> Result<Account, WriteError> {
        self.adapter.update(&self.cx(), &crid(id), change).await
    }

    /// Sets an address.
    pub async fn set_email(&self, id: &str, email: &str, verified: bool) -> Result<Account, WriteError> {
        let email = Email::parse(email).unwrap();
        self.adapter.set_email(&self.cx(), &crid(id), &email, verified).await
    }

    /// Sets a password.
    pub async fn set_password(&self, id: &str, password: &str) -> Result<(), WriteError> {
        let password = PlainPassword::new(password);
        self.adapter.set_password(&self.cx(), &crid(id), &password).await
    }

    /// Deletes an account.
    pub async fn delete(&self, id: &str) -> Result<(), WriteError> {
        self.adapter.delete(&self.cx(), &crid(id)).await
    }

    /// A change of nothing that the provider stores succeeds.
    pub async fn assert_unmapped_change_succeeds(&self, id: &str) {
        let change = AccountChange {
            metadata: vec![("unknownKey".into(), None)],
            ..AccountChange::default()
        };
        assert!(self.update(id, &change).await.is_ok());
    }
}

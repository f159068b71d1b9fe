//! The write side of a store: one that only records, and one that writes to a store in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, metadata::Metadata,
    write_back::WriteBack,
};
use masthead_ports::{
    registrations::{RegistrationWriter, WriteBackOutcome, WriteOrigin},
    source::{CallContext, SourceError, UserSource},
};

use crate::store::FakeStore;

/// Keeps every account that it was told to synchronise, in order.
#[derive(Debug, Default)]
pub struct RecordingRegistrationWriter(Mutex<Vec<Account>>);

impl RecordingRegistrationWriter {
    /// The accounts since the last call.
    pub fn take(&self) -> Vec<Account> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl RegistrationWriter for RecordingRegistrationWriter {
    async fn write_back(
        &self,
        _cx: &CallContext,
        write_back: &WriteBack,
        _written_for: &WriteOrigin,
    ) -> Result<WriteBackOutcome, SourceError> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(write_back.account.clone());
        Ok(WriteBackOutcome::Updated)
    }
}

/// Writes to a store in memory, by the promise of the port.
#[derive(Debug)]
pub struct InMemoryRegistrationWriter(pub Arc<FakeStore>);

#[async_trait]
impl RegistrationWriter for InMemoryRegistrationWriter {
    async fn write_back(
        &self,
        cx: &CallContext,
        write_back: &WriteBack,
        _written_for: &WriteOrigin,
    ) -> Result<WriteBackOutcome, SourceError> {
        let pool = cx.tenant.pool;
        let kept = self.0.kept(pool);
        let WriteBack {
            account,
            read,
            same_address,
        } = write_back;
        let by_id = |id: &CustomerRegistrationId| kept.iter().find(|known| known.crid == *id);
        if let Some(read) = read
            && by_id(&read.crid) != Some(&**read)
        {
            return Ok(WriteBackOutcome::Unchanged);
        }
        if read.as_ref().is_none_or(|read| read.crid != account.crid) {
            let address = read.as_deref().unwrap_or(account).email.as_ref();
            let mut holders: Vec<_> = kept
                .iter()
                .filter(|known| address.is_some() && known.email.as_ref().map(Email::key) == address.map(Email::key))
                .map(|known| known.crid.clone())
                .collect();
            holders.sort();
            if by_id(&account.crid).is_some() || holders != *same_address {
                return Ok(WriteBackOutcome::Unchanged);
            }
        }
        let Some(read) = read else {
            let next = kept.iter().filter_map(|known| known.registration_id).max().unwrap_or(0) + 1;
            let made = Account {
                registration_id: Some(next),
                ..account.clone()
            };
            self.0.put(pool, [made]);
            return Ok(WriteBackOutcome::Created);
        };
        let metadata = read.metadata.iter().chain(account.metadata.iter());
        let metadata: BTreeMap<_, _> = metadata
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        let changed = Account {
            registration_id: read.registration_id,
            email: account.email.clone().or_else(|| read.email.clone()),
            metadata: Metadata::from_valid(metadata),
            has_password: read.has_password,
            ..account.clone()
        };
        self.0.remove(pool, &read.crid);
        self.0.put(pool, [changed]);
        Ok(WriteBackOutcome::Updated)
    }
}

/// The write of an account over what a store has now: its registration, and those of its address.
///
/// # Errors
/// Those of the store.
pub async fn write_back(store: &dyn UserSource, cx: &CallContext, account: &Account) -> Result<WriteBack, SourceError> {
    let read = store.by_id(cx, &account.crid).await?;
    let same_address = match &account.email {
        Some(email) => store.by_email(cx, email.key()).await?,
        None => Vec::new(),
    };
    Ok(WriteBack {
        account: account.clone(),
        read: read.map(Box::new),
        same_address: same_address.into_iter().map(|beside| beside.crid).collect(),
    })
}

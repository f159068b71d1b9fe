//! One page of users, independent of the API it came from.

use std::collections::HashSet;

use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, metadata::Metadata, query::Total,
};
use masthead_provider_kit::{
    SkippedRows, json,
    wire::{self, scalar},
};
use serde_json::{Value, value::RawValue};

use crate::error::RemoteAnswerError;

#[derive(Debug)]
pub(crate) struct RemotePage {
    pub(crate) users: Vec<RemoteRow>,
    /// The total before paging; `None` where it was not requested or is unknown.
    pub(crate) total: Option<Total>,
    /// The remote API's cursor of the next page.
    pub(crate) cursor: Option<Box<str>>,
}

/// One user of a page.
#[derive(Debug)]
pub struct RemoteRow {
    /// The id; `None` where it cannot be read.
    pub id: Option<CustomerRegistrationId>,
    /// The account, or why none can be made.
    pub account: Result<Account, RemoteAnswerError>,
    /// The fields of the account that cannot be read, and are left empty.
    pub lost: Vec<&'static str>,
}

impl RemoteRow {
    /// Reads a row with `account`, which notes its unreadable fields; `id` is the member with the id.
    pub(crate) fn read(
        row: &RawValue,
        id: &str,
        account: impl FnOnce(&[u8], &mut FieldReader) -> Result<Account, RemoteAnswerError>,
    ) -> Self {
        let text = row.get().as_bytes();
        let mut fields = FieldReader::default();
        let account = account(text, &mut fields);
        let id = match &account {
            Ok(account) => Some(account.crid.clone()),
            Err(_) => json::read::<Value>(text)
                .ok()
                .and_then(|row| wire::id(row.get(id)?.as_str()?)),
        };
        Self {
            id,
            account,
            lost: fields.lost,
        }
    }
}

impl RemotePage {
    /// The accounts, if all are distinct and satisfy `fits`, and the unreadable rows.
    pub(crate) fn accounts(
        self,
        fits: impl Fn(&Account) -> bool,
    ) -> Result<(Vec<Account>, SkippedRows), RemoteAnswerError> {
        let (mut accounts, mut left_out) = (Vec::with_capacity(self.users.len()), SkippedRows::default());
        for row in self.users {
            match row.account {
                Ok(account) => accounts.push(account),
                Err(flaw) => left_out.add(row.id, flaw),
            }
        }
        let mut known = HashSet::with_capacity(accounts.len());
        if !accounts.iter().all(|account| known.insert(&account.crid)) {
            return Err(RemoteAnswerError::Twice);
        }
        if !accounts.iter().all(fits) {
            return Err(RemoteAnswerError::OtherUser);
        }
        Ok((accounts, left_out))
    }

    /// The accounts, as [`Self::accounts`], where every row must be known.
    pub(crate) fn every_account(self, fits: impl Fn(&Account) -> bool) -> Result<Vec<Account>, RemoteAnswerError> {
        match self.accounts(fits)? {
            (_, left_out) if left_out.any() => Err(RemoteAnswerError::UnreadableRow),
            (accounts, _) => Ok(accounts),
        }
    }
}

/// Reads fields one by one, each by itself, and notes those that it cannot read.
#[derive(Default)]
pub(crate) struct FieldReader {
    lost: Vec<&'static str>,
}

impl FieldReader {
    /// What a field holds, or nothing where it cannot be read.
    pub(crate) fn lose<T: Default>(&mut self, field: &'static str, read: Option<T>) -> T {
        read.unwrap_or_else(|| {
            if !self.lost.contains(&field) {
                self.lost.push(field);
            }
            T::default()
        })
    }

    /// A text; empty if missing.
    pub(crate) fn text(&mut self, field: &'static str, value: Value) -> Box<str> {
        self.lose(
            field,
            match value {
                Value::Null => Some(Box::default()),
                // No store keeps a NUL.
                Value::String(text) => Some(text.replace('\0', "").into()),
                _ => None,
            },
        )
    }

    /// A flag that may be unset.
    pub(crate) fn flag(&mut self, field: &'static str, value: &Value) -> Option<bool> {
        self.lose(
            field,
            match value {
                Value::Null => Some(None),
                Value::Bool(flag) => Some(Some(*flag)),
                _ => None,
            },
        )
    }

    /// The pairs of an object that are set; `null` is unset.
    pub(crate) fn pairs(&mut self, field: &'static str, value: Value) -> Vec<(String, String)> {
        let Value::Object(members) = value else {
            return self.lose(field, value.is_null().then(Vec::new));
        };
        let mut pairs = Vec::with_capacity(members.len());
        for (key, value) in members.into_iter().filter(|(_, value)| !value.is_null()) {
            match scalar(&value) {
                Some(text) => pairs.push((key, text)),
                None => self.lose(field, None::<()>),
            }
        }
        pairs
    }

    /// The metadata of these pairs; those that cannot be stored are noted as lost.
    pub(crate) fn metadata(&mut self, field: &'static str, pairs: Vec<(String, String)>) -> Metadata {
        let all = pairs.len();
        let metadata = Metadata::from_source(pairs);
        self.lose(field, (metadata.len() == all).then_some(()));
        metadata
    }
}

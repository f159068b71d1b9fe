//! The users that a dry run would have written, for the rows after them.

use std::collections::{BTreeMap, HashMap, HashSet};

use masthead_domain::{customer_registration_id::CustomerRegistrationId, email::Email, metadata::Metadata};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{
    decide::Decisions,
    error::ImportStopError,
    holders::{Holders, StoredRow},
    row::{ImportRow, PoolKey},
    scratch::{self, ScratchKind},
};
use crate::{database::Transaction, record::NewRegistration, row::RowError};

/// A user as it is put aside.
#[derive(Serialize, Deserialize)]
struct PreviewedUser {
    crid: String,
    email: Option<String>,
    first_name: String,
    last_name: String,
    verified: bool,
    password_hash: Option<String>,
    metadata: BTreeMap<String, String>,
    registered_at: Option<i128>,
    changed_at: Option<i128>,
    last_logout_at: Option<i128>,
}

/// Replaces what the store has by what the dry run would have written.
pub(super) async fn overlay(
    transaction: &mut Transaction,
    run: &str,
    rows: &[Option<ImportRow>],
    mastered: &HashSet<i64>,
    holders: &mut Holders,
) -> Result<(), ImportStopError> {
    let keys: Vec<(PoolKey, Option<PoolKey>)> = rows.iter().flatten().map(|row| row.keys(mastered)).collect();
    let emails: HashMap<String, &PoolKey> = keys
        .iter()
        .filter_map(|(_, email)| email.as_ref())
        .map(|email| (to_text(email), email))
        .collect();
    let texts: Vec<String> = emails.keys().cloned().collect();
    let addresses = scratch::find(transaction, run, ScratchKind::Address, &texts).await?;
    // The users of the rows' ids, those that the store has for their addresses, and those of addresses that were put aside.
    let mut wanted: HashMap<String, PoolKey> = keys.iter().map(|(id, _)| (to_text(id), id.clone())).collect();
    for (email, crid) in &holders.emails {
        let id = (email.0, crid.clone());
        wanted.insert(to_text(&id), id);
    }
    for (text, crid) in &addresses {
        if let Some(email) = emails.get(text) {
            let id = (email.0, crid.as_str().into());
            wanted.insert(to_text(&id), id);
        }
    }
    let ids: Vec<String> = wanted.keys().cloned().collect();
    let users = scratch::find(transaction, run, ScratchKind::User, &ids).await?;
    for (text, json) in users {
        let Some(id) = wanted.get(&text) else { continue };
        let new = parse(&json)?;
        // It may have another address than in the store.
        let address = new.email.as_ref().map(|email| email.key().as_str());
        holders
            .emails
            .retain(|email, crid| (email.0, &**crid) != (id.0, &*id.1) || Some(&*email.1) == address);
        holders.ids.insert(id.clone());
        holders.users.insert(id.clone(), StoredRow { number: None, new });
    }
    for (text, crid) in addresses {
        if let Some(email) = emails.get(&text) {
            let id = (email.0, crid.as_str().into());
            let user = holders.users.get(&id);
            let address = user.and_then(|user| user.new.email.as_ref());
            if address.is_some_and(|address| *address.key().as_str() == *email.1) {
                holders.emails.insert((*email).clone(), id.1);
            }
        }
    }
    Ok(())
}

/// Puts aside what the batch would have written.
pub(super) async fn put(
    transaction: &mut Transaction,
    run: &str,
    rows: &[Option<ImportRow>],
    decisions: &Decisions,
) -> Result<(), ImportStopError> {
    let (mut users, mut addresses) = (HashMap::new(), HashMap::new());
    for user in &decisions.users {
        let Some(written) = user.written(rows) else { continue };
        let pool = user.tenant.pool.0;
        let crid = written.new.crid.as_str();
        if !written.email_key().is_empty() {
            addresses.insert(to_text(&(pool, written.email_key().into())), crid.to_owned());
        }
        users.insert(to_text(&(pool, crid.into())), to_json(&written.new)?);
    }
    scratch::put(transaction, run, ScratchKind::User, &users).await?;
    scratch::put(transaction, run, ScratchKind::Address, &addresses).await
}

fn to_text((pool, text): &PoolKey) -> String {
    format!("{pool}/{text}")
}

fn to_json(new: &NewRegistration) -> Result<String, ImportStopError> {
    let nanos = |at: Option<OffsetDateTime>| at.map(OffsetDateTime::unix_timestamp_nanos);
    let user = PreviewedUser {
        crid: new.crid.as_str().to_owned(),
        email: new.email.as_ref().map(|email| email.as_str().to_owned()),
        first_name: new.first_name.to_string(),
        last_name: new.last_name.to_string(),
        verified: new.verified,
        password_hash: new.password_hash.as_deref().map(str::to_owned),
        metadata: new
            .metadata
            .iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
        registered_at: nanos(new.registered_at),
        changed_at: nanos(new.changed_at),
        last_logout_at: nanos(new.last_logout_at),
    };
    serde_json::to_string(&user).map_err(|error| ImportStopError::Database(Box::new(error)))
}

fn parse(json: &str) -> Result<NewRegistration, ImportStopError> {
    let corrupt = |column| ImportStopError::from(RowError::Column { column });
    let user: PreviewedUser = serde_json::from_str(json).map_err(|_| corrupt("value"))?;
    let moment = |nanos: Option<i128>| nanos.and_then(|nanos| OffsetDateTime::from_unix_timestamp_nanos(nanos).ok());
    Ok(NewRegistration {
        crid: CustomerRegistrationId::parse(&user.crid).map_err(|_| corrupt("crid"))?,
        email: user.email.and_then(|email| Email::from_source(&email).ok()),
        first_name: user.first_name.into(),
        last_name: user.last_name.into(),
        verified: user.verified,
        password_hash: user.password_hash.map(Into::into),
        metadata: Metadata::from_valid(user.metadata),
        registered_at: moment(user.registered_at),
        changed_at: moment(user.changed_at),
        last_logout_at: moment(user.last_logout_at),
    })
}

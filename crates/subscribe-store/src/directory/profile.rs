//! A provider's account as the text that the directory keeps of it.

use std::{borrow::Cow, collections::BTreeMap};

use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, metadata::Metadata,
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{
    record::{InvalidField, Keys, metadata_json},
    row::BadRow,
};

/// All of an account but its id, which is the entry's. Times are microseconds since 1970, as they are sorted by.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    email: Option<Cow<'a, str>>,
    #[serde(borrow)]
    first_name: Cow<'a, str>,
    #[serde(borrow)]
    last_name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified: Option<bool>,
    metadata: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registered_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_logout_at: Option<i64>,
}

/// The text of an account; equal accounts have equal texts.
///
/// # Errors
/// A value that no row can hold: the bounds are those of a registration.
pub(super) fn text_of(account: &Account) -> Result<String, InvalidField> {
    Keys::of(account.email.as_ref(), &account.first_name, &account.last_name)?;
    metadata_json(&account.metadata)?;
    let pairs = account.metadata.iter();
    let kept = Kept {
        email: account.email.as_ref().map(|email| email.as_str().into()),
        first_name: (&*account.first_name).into(),
        last_name: (&*account.last_name).into(),
        verified: account.verified,
        metadata: pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        registered_at: account.registered_at.and_then(micros),
        changed_at: account.changed_at.and_then(micros),
        last_logout_at: account.last_logout_at.and_then(micros),
    };
    serde_json::to_string(&kept).map_err(|_| InvalidField {
        field: "profile",
        problem: "cannot be written as JSON",
    })
}

/// The account of this id that a text was made of.
pub(super) fn account_of(crid: &str, text: &str) -> Result<Account, BadRow> {
    let kept: Kept<'_> = serde_json::from_str(text).map_err(|_| BadRow::Profile)?;
    let email = kept.email.map(|text| Email::from_source(&text)).transpose();
    Ok(Account {
        email: email.map_err(|_| BadRow::Profile)?,
        first_name: kept.first_name.into(),
        last_name: kept.last_name.into(),
        verified: kept.verified,
        metadata: Metadata::from_valid(kept.metadata),
        registered_at: kept.registered_at.and_then(moment),
        changed_at: kept.changed_at.and_then(moment),
        last_logout_at: kept.last_logout_at.and_then(moment),
        ..Account::new(CustomerRegistrationId::parse(crid).map_err(|_| BadRow::Profile)?)
    })
}

fn micros(at: OffsetDateTime) -> Option<i64> {
    i64::try_from(at.unix_timestamp_nanos().div_euclid(1000)).ok()
}

fn moment(micros: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000).ok()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn an_account_is_read_as_it_was_kept() {
        let pairs = [("city", "Oslo"), ("q\"", "\u{1F600}\\")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        let account = Account {
            email: Email::from_source("Jos\u{e9}@Example.com").ok(),
            first_name: "\u{c1}nn".into(),
            verified: Some(false),
            metadata: Metadata::new(pairs).unwrap(),
            registered_at: Some(datetime!(1969-12-31 23:59:59.999_999 UTC)),
            ..Account::new(CustomerRegistrationId::parse("auth0|7").unwrap())
        };
        let text = text_of(&account).unwrap();
        assert_eq!(account_of("auth0|7", &text).unwrap(), account);
        let bare = Account::new(account.crid);
        assert_eq!(account_of("auth0|7", &text_of(&bare).unwrap()).unwrap(), bare);
    }

    #[test]
    fn what_no_row_can_hold_is_refused_without_being_told() {
        let long = Account {
            first_name: "x".repeat(256).into(),
            ..Account::new(CustomerRegistrationId::parse("7").unwrap())
        };
        let nul = Account {
            last_name: "a\0b".into(),
            ..Account::new(CustomerRegistrationId::parse("7").unwrap())
        };
        for account in [long, nul] {
            let told = text_of(&account).unwrap_err().to_string();
            assert!(!told.contains('x') && !told.contains('\0'), "{told}");
        }
        assert!(account_of("7", "[]").is_err());
    }
}

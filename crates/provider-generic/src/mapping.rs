//! Maps a provider's user to a Masthead account.

use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    email::{Email, EmailKey},
    metadata::Metadata,
};
use masthead_provider_kit::wire::{self, scalar};
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{answer_error::GenericAnswerError, pointer::Pointer};

/// Where a field may be; the first place that has something counts.
pub(crate) type Pointers = Vec<Pointer>;

/// The place of each Masthead field in a user. Members without a configured place are never read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UserMapping {
    pub(crate) id: Pointer,
    pub(crate) email: Pointers,
    pub(crate) first_name: Pointers,
    pub(crate) last_name: Pointers,
    pub(crate) verified: Pointers,
    pub(crate) registered_at: Pointers,
    pub(crate) changed_at: Pointers,
    /// A Masthead key, and the place of its value. No two keys differ only in case.
    pub(crate) metadata: Vec<(Box<str>, Pointers)>,
}

impl UserMapping {
    pub(crate) fn id(&self, user: &Value) -> Result<CustomerRegistrationId, GenericAnswerError> {
        let text = match self.id.find(user) {
            Some(Value::String(text)) => text.clone(),
            // A number with a fraction may have lost digits.
            Some(Value::Number(number)) if !number.is_f64() => number.to_string(),
            _ => return Err(GenericAnswerError::UnusableId),
        };
        wire::id(&text).ok_or(GenericAnswerError::UnusableId)
    }

    pub(crate) fn account(&self, user: &Value) -> Result<Account, GenericAnswerError> {
        let crid = self.id(user)?;
        let email = self.email(user);
        let text = |places: &Pointers| first(places, user).map_or_else(Box::default, |text| text.trim().into());
        let moment = |places: &Pointers| OffsetDateTime::parse(&first(places, user)?, &Rfc3339).ok();
        let verified = first(&self.verified, user).as_deref().and_then(flag);
        let metadata = self
            .metadata
            .iter()
            .filter_map(|(key, places)| Some((key.to_string(), first(places, user)?)));
        Ok(Account {
            first_name: text(&self.first_name),
            last_name: text(&self.last_name),
            verified: verified.filter(|_| email.is_some()),
            email,
            metadata: Metadata::from_valid(metadata),
            registered_at: moment(&self.registered_at),
            changed_at: moment(&self.changed_at),
            ..Account::new(crid)
        })
    }

    /// The address: unchanged from the first place, lower-cased from a later one (`providers.md` §3.4: Tribune's own
    /// script lower-cases a linked identifier).
    fn email(&self, user: &Value) -> Option<Email> {
        let mut places = self.email.iter().enumerate();
        places.find_map(|(place, pointer)| {
            let text = scalar(pointer.find(user)?)?;
            let text = if place == 0 { text } else { text.to_lowercase() };
            wire::address(&text)
        })
    }

    /// Whether the user has this address anywhere that addresses are, linked ones included.
    pub(crate) fn has_address(&self, user: &Value, wanted: &EmailKey) -> bool {
        let everywhere = self.email.iter().flat_map(|pointer| pointer.find_each(user));
        everywhere
            .filter_map(|value| wire::address(value.as_str()?))
            .any(|email| email.key() == wanted)
    }
}

fn first(places: &Pointers, user: &Value) -> Option<String> {
    let mut found = places.iter().filter_map(|pointer| without_nul(pointer.find(user)?));
    found.find(|text| !text.is_empty())
}

/// No store keeps a NUL.
fn without_nul(value: &Value) -> Option<String> {
    scalar(value).map(|text| text.replace('\0', ""))
}

fn flag(text: &str) -> Option<bool> {
    match text {
        "true" | "1" | "Y" | "y" => Some(true),
        "false" | "0" | "N" | "n" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    fn places(texts: &[&str]) -> Pointers {
        texts.iter().map(|text| Pointer::parse(text).unwrap()).collect()
    }

    fn map() -> UserMapping {
        UserMapping {
            id: Pointer::parse("/id").unwrap(),
            email: places(&["/email", "/linked/0/address"]),
            first_name: places(&["/name/first"]),
            last_name: places(&["/name/last"]),
            verified: places(&["/ok"]),
            registered_at: places(&["/since"]),
            changed_at: places(&[]),
            metadata: vec![("city".into(), places(&["/city"])), ("age".into(), places(&["/age"]))],
        }
    }

    #[test]
    fn only_mapped_fields_are_read() {
        let user = json!({"id": "7", "email": "Ann@Example.com", "name": {"first": " Ann ", "last": "L\u{0}ee"}, "ok": true,
            "since": "2024-01-02T03:04:05Z", "city": "Oslo", "age": 41, "masterId": "session-grade", "other": "x"});
        let account = map().account(&user).unwrap();
        assert_eq!(account.crid.as_str(), "7");
        assert_eq!(account.email.as_ref().unwrap().as_str(), "Ann@Example.com");
        assert_eq!((&*account.first_name, &*account.last_name), ("Ann", "Lee"));
        assert_eq!(account.verified, Some(true));
        assert_eq!(account.registered_at, Some(datetime!(2024-01-02 03:04:05 UTC)));
        let pairs: Vec<_> = account.metadata.iter().collect();
        assert_eq!(pairs, [("age", "41"), ("city", "Oslo")]);
    }

    #[test]
    fn linked_address_is_lower_cased() {
        let user =
            json!({"id": 7, "email": "", "linked": [{"address": "Ann@Example.com"}, {"address": "B@example.com"}]});
        let account = map().account(&user).unwrap();
        assert_eq!(account.email.unwrap().as_str(), "ann@example.com");
        assert_eq!(account.crid.as_str(), "7");
        assert!(map().has_address(&user, &EmailKey::from_text("b@example.com")));
        assert!(!map().has_address(&user, &EmailKey::from_text("c@example.com")));
    }

    #[test]
    fn unusable_id_is_refused() {
        for bad in [
            json!({}),
            json!({"id": ""}),
            json!({"id": null}),
            json!({"id": 1.5}),
            json!({"id": ["7"]}),
        ] {
            assert_eq!(map().account(&bad), Err(GenericAnswerError::UnusableId), "{bad}");
        }
    }

    #[test]
    fn missing_fields_stay_missing() {
        let account = map()
            .account(&json!({"id": "7", "ok": true, "since": "soon", "city": {}}))
            .unwrap();
        assert_eq!(account, Account::new(CustomerRegistrationId::parse("7").unwrap()));
    }
}

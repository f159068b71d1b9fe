//! From a user of a directory to an account of ours.

use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    email::{Email, EmailKey},
    metadata::Metadata,
};
use masthead_provider_http::wire::{self, scalar};
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{pointer::Pointer, unfit::Unfit};

/// Where a field may be; the first place that has something counts.
pub(crate) type Places = Vec<Pointer>;

/// Where in a user each field of ours is. What no place is named for is never read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UserMap {
    pub(crate) id: Pointer,
    pub(crate) email: Places,
    pub(crate) first_name: Places,
    pub(crate) last_name: Places,
    pub(crate) verified: Places,
    pub(crate) registered_at: Places,
    pub(crate) changed_at: Places,
    /// Key of ours, and where its value is. No two keys differ only in case.
    pub(crate) metadata: Vec<(Box<str>, Places)>,
}

impl UserMap {
    /// The user's id, to the letter.
    pub(crate) fn id(&self, user: &Value) -> Result<CustomerRegistrationId, Unfit> {
        let text = match self.id.find(user) {
            Some(Value::String(text)) => text.clone(),
            // A number with a fraction has lost digits of what it was.
            Some(Value::Number(number)) if !number.is_f64() => number.to_string(),
            _ => return Err(Unfit::UnusableId),
        };
        wire::id(&text).ok_or(Unfit::UnusableId)
    }

    /// The account of a user.
    pub(crate) fn account(&self, user: &Value) -> Result<Account, Unfit> {
        let crid = self.id(user)?;
        let email = self.email(user);
        let text = |places: &Places| first(places, user).map_or_else(Box::default, |text| text.trim().into());
        let moment = |places: &Places| OffsetDateTime::parse(&first(places, user)?, &Rfc3339).ok();
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

    /// The address: as it stands in the first place; lower-cased where it is only in a later one (`providers.md` §3.4: as
    /// Tribune's own script takes a linked identifier).
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

fn first(places: &Places, user: &Value) -> Option<String> {
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

    fn places(texts: &[&str]) -> Places {
        texts.iter().map(|text| Pointer::parse(text).unwrap()).collect()
    }

    fn map() -> UserMap {
        UserMap {
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
    fn only_what_is_mapped_is_read() {
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
    fn an_address_that_is_only_linked_is_lower_cased_and_every_linked_one_is_known() {
        let user =
            json!({"id": 7, "email": "", "linked": [{"address": "Ann@Example.com"}, {"address": "B@example.com"}]});
        let account = map().account(&user).unwrap();
        assert_eq!(account.email.unwrap().as_str(), "ann@example.com");
        assert_eq!(account.crid.as_str(), "7");
        assert!(map().has_address(&user, &EmailKey::from_text("b@example.com")));
        assert!(!map().has_address(&user, &EmailKey::from_text("c@example.com")));
    }

    #[test]
    fn an_id_that_we_could_not_keep_is_refused() {
        for bad in [
            json!({}),
            json!({"id": ""}),
            json!({"id": null}),
            json!({"id": 1.5}),
            json!({"id": ["7"]}),
        ] {
            assert_eq!(map().account(&bad), Err(Unfit::UnusableId), "{bad}");
        }
    }

    #[test]
    fn what_is_missing_stays_missing() {
        let account = map()
            .account(&json!({"id": "7", "ok": true, "since": "soon", "city": {}}))
            .unwrap();
        assert_eq!(account, Account::new(CustomerRegistrationId::parse("7").unwrap()));
    }
}

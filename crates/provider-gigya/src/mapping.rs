//! Maps a Gigya account to a Masthead account.

use masthead_domain::{account::Account, metadata::Metadata};
use masthead_provider_kit::{
    AnswerError,
    wire::{self as sent, scalar},
};
use serde_json::Value;
use time::OffsetDateTime;

use crate::{
    address::address,
    metadata_map::{GigyaMetadataMap, GigyaMetadataPlace, PHOTO, PhoneKind, THUMBNAIL},
    wire,
};

pub(crate) fn account(remote: &wire::GigyaAccount, map: &GigyaMetadataMap) -> Result<Account, AnswerError> {
    let crid = sent::id(&remote.uid).ok_or(AnswerError::UnusableId)?;
    let email = address(remote);
    let name = |field: &str| sent::name(remote.profile.get(field).and_then(Value::as_str));
    Ok(Account {
        verified: remote.is_verified.filter(|_| email.is_some()),
        email,
        first_name: name("firstName"),
        last_name: name("lastName"),
        metadata: metadata(remote, map),
        registered_at: moment(&remote.registered).or_else(|| moment(&remote.created)),
        changed_at: moment(&remote.last_updated),
        ..Account::new(crid)
    })
}

fn metadata(remote: &wire::GigyaAccount, map: &GigyaMetadataMap) -> Metadata {
    let named = map
        .places()
        .filter_map(|(place, local)| Some((local.to_owned(), kept_at(remote, place)?)));
    let others = remote.data.iter().filter(|(name, _)| map.takes(name));
    let others = others.filter_map(|(name, value)| Some((name.clone(), scalar(value)?)));
    Metadata::from_source(named.chain(others))
}

/// The text at this place. What is empty in a profile counts as missing, as Gigya leaves it out itself.
fn kept_at(remote: &wire::GigyaAccount, place: &GigyaMetadataPlace) -> Option<String> {
    let field = |name: &str| {
        let text = remote.profile.get(name).and_then(scalar);
        text.filter(|text| !text.is_empty())
    };
    match place {
        GigyaMetadataPlace::Data(path) => {
            let mut members = &remote.data;
            let (parents, last) = path.rsplit_once('.').unwrap_or(("", path));
            for name in parents.split('.').filter(|name| !name.is_empty()) {
                members = members.get(name)?.as_object()?;
            }
            members.get(last).and_then(scalar)
        }
        GigyaMetadataPlace::Profile(PHOTO) => field(PHOTO).or_else(|| field(THUMBNAIL)),
        GigyaMetadataPlace::Profile(name) => field(name),
        GigyaMetadataPlace::Phone(kind) => {
            let phones = remote.profile.get("phones").map(phones).unwrap_or_default();
            let mut numbers = phones
                .into_iter()
                .filter(|phone| kind_of(phone) == *kind)
                .filter_map(|phone| phone.get("number").and_then(scalar));
            numbers.find(|number| !number.is_empty())
        }
    }
}

/// The phones of a profile: a list, or one by itself.
pub(crate) fn phones(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(list) => list.iter().filter(|phone| phone.is_object()).collect(),
        Value::Object(_) => vec![value],
        _ => Vec::new(),
    }
}

/// Which phone it is; the schema leaves the words to the site.
pub(crate) fn kind_of(phone: &Value) -> PhoneKind {
    let kind = phone["type"].as_str().unwrap_or_default().to_ascii_lowercase();
    match &*kind {
        "mobile" | "cell" | "cellphone" => PhoneKind::Mobile,
        "work" | "business" | "office" => PhoneKind::Work,
        _ => PhoneKind::Home,
    }
}

/// A time as a text (RFC 3339); Gigya writes the first year for "never".
pub(crate) fn moment(value: &Value) -> Option<OffsetDateTime> {
    sent::time(value).filter(|time| time.year() > 1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    fn mapped_by(value: Value, map: &GigyaMetadataMap) -> Account {
        account(&serde_json::from_value(value).unwrap(), map).unwrap()
    }

    fn mapped(value: Value) -> Account {
        mapped_by(value, &GigyaMetadataMap::default())
    }

    fn pairs(account: &Account) -> Vec<(&str, &str)> {
        account.metadata.iter().collect()
    }

    #[test]
    fn whole_account_is_mapped() {
        let account = mapped(json!({
            "UID": "7f", "isVerified": true, "isRegistered": true, "created": "2024-01-01T00:00:00Z",
            "registered": "2024-01-02T03:04:05.678Z", "lastUpdated": "2024-02-03T00:00:00Z",
            "profile": {"email": "Ann@Example.com", "firstName": " Ann ", "lastName": "Lee", "nickname": "annie",
                "gender": "f", "birthYear": 1985, "age": "41", "city": "Oslo", "zip": "0150", "thumbnailURL": "https://p.example/7.png",
                "phones": [{"type": "mobile", "number": "+12025550100"}, {"number": "+12025550101"}], "locale": "nb"},
            "data": {"timeZone": "Europe/Oslo", "internal": "x", "city": "nowhere", "promo_flag": true},
            "loginIDs": {"emails": ["ann@example.com"]}, "lastLogin": "0001-01-01T00:00:00Z",
        }));
        assert_eq!(account.crid.as_str(), "7f");
        assert_eq!(account.email.as_ref().unwrap().as_str(), "Ann@Example.com");
        assert_eq!((&*account.first_name, &*account.last_name), ("Ann", "Lee"));
        assert_eq!(account.verified, Some(true));
        assert_eq!(account.registered_at, Some(datetime!(2024-01-02 03:04:05.678 UTC)));
        assert_eq!(account.changed_at, Some(datetime!(2024-02-03 00:00 UTC)));
        let mut found = pairs(&account);
        found.sort_unstable();
        assert_eq!(
            found,
            [
                ("age", "41"),
                ("cellPhone", "+12025550100"),
                ("city", "Oslo"),
                ("displayName", "annie"),
                ("dobYYYY", "1985"),
                ("gender", "f"),
                ("phoneNumber", "+12025550101"),
                ("photo", "https://p.example/7.png"),
                ("postalCode", "0150"),
                ("promo_flag", "true"),
                ("timeZone", "Europe/Oslo"),
            ]
        );
    }

    #[test]
    fn missing_fields_and_null_dates_are_none() {
        let account = mapped(
            json!({"UID": "u", "isVerified": true, "profile": {"nickname": "", "firstName": 5},
            "registered": "0001-01-01T00:00:00Z", "created": "2024-01-01T00:00:00Z", "lastUpdated": 5}),
        );
        assert!(account.email.is_none() && account.verified.is_none() && account.metadata.is_empty());
        assert_eq!((&*account.first_name, &*account.last_name), ("", ""));
        assert_eq!(account.registered_at, Some(datetime!(2024-01-01 00:00 UTC)));
        assert_eq!(account.changed_at, None);
    }

    #[test]
    fn data_paths_are_followed() {
        let map = GigyaMetadataMap::parse("*, news.daily=promo_flag").unwrap();
        let account = mapped_by(
            json!({"UID": "u", "profile": {"firstName": "A\u{0}nn"}, "data": {
                "news": {"daily": "Y"}, "Team": "a", "team": "b", "bad": "x\u{0}", "": "y", "deep": {"x": 1}, "list": [1], "nil": null}}),
            &map,
        );
        assert_eq!(pairs(&account), [("promo_flag", "Y"), ("Team", "a")]);
        assert_eq!(&*account.first_name, "Ann");
    }

    #[test]
    fn unusable_id_is_refused() {
        for bad in [String::new(), "u\n".to_owned(), "x".repeat(256)] {
            let remote = serde_json::from_value(json!({"UID": bad})).unwrap();
            assert_eq!(
                account(&remote, &GigyaMetadataMap::default()),
                Err(AnswerError::UnusableId)
            );
        }
    }
}

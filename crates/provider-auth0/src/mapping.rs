//! Maps an Auth0 user to an account, the form that all sources share.

use masthead_domain::{account::Account, metadata::Metadata};
use masthead_provider_kit::{
    AnswerError,
    wire::{address, id, name, scalar, time},
};
use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::{
    metadata_map::{Auth0MetadataMap, Auth0MetadataPlace},
    wire::Auth0User,
};

/// Converts a user to an account. First and last name are `given_name` and `family_name` only: `name` is never split.
///
/// `user_metadata` takes precedence over the root attributes, which Auth0 fills in by itself.
pub(crate) fn account(user: &Auth0User, map: &Auth0MetadataMap) -> Result<Account, AnswerError> {
    let crid = id(&user.user_id).ok_or(AnswerError::UnusableId)?;
    let email = user.email.as_deref().and_then(address);
    Ok(Account {
        first_name: name(user.given_name.as_deref()),
        last_name: name(user.family_name.as_deref()),
        verified: user.email_verified.filter(|_| email.is_some()),
        email,
        metadata: metadata(user, map),
        registered_at: moment(&user.created_at),
        changed_at: moment(&user.updated_at),
        ..Account::new(crid)
    })
}

fn metadata(user: &Auth0User, map: &Auth0MetadataMap) -> Metadata {
    let mut pairs = Vec::new();
    let mut put = |key: &str, value: String| pairs.push((key.to_owned(), value));
    let mut take = |tree: &Map<String, Value>, place: fn(Box<str>) -> Auth0MetadataPlace| {
        for (key, value) in tree {
            let place = place(key.as_str().into());
            if let (Some(metadata_key), Some(text)) = (map.key_for(&place), scalar(value)) {
                put(metadata_key, text);
            }
        }
    };
    take(&user.user_metadata, Auth0MetadataPlace::User);
    take(&user.app_metadata, Auth0MetadataPlace::App);
    // Auth0 uses the address as the name of a user who has no other; that is not a display name.
    let is_address = |name: &&String| {
        user.email
            .as_ref()
            .is_some_and(|email| email.eq_ignore_ascii_case(name))
    };
    let display_name = [&user.nickname, &user.name]
        .into_iter()
        .flatten()
        .find(|name| !name.trim().is_empty() && !is_address(name));
    for (key, value) in [
        ("photo", user.picture.as_ref()),
        ("displayName", display_name),
        ("phoneNumber", user.phone_number.as_ref()),
    ] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            put(key, value.clone());
        }
    }
    Metadata::from_source(pairs)
}

/// Parses a time: RFC 3339 text, or `{"$date": …}` with such a text or Unix milliseconds; `None` for anything else.
pub(crate) fn moment(value: &Value) -> Option<OffsetDateTime> {
    match value.get("$date") {
        Some(Value::Number(milliseconds)) => {
            let nanoseconds = i128::from(milliseconds.as_i64()?) * 1_000_000;
            OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).ok()
        }
        Some(text) => time(text),
        None => time(value),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    fn mapped_by(value: Value, map: &Auth0MetadataMap) -> Account {
        account(&serde_json::from_value(value).unwrap(), map).unwrap()
    }

    fn mapped(value: Value) -> Account {
        mapped_by(value, &Auth0MetadataMap::default())
    }

    fn pairs(account: &Account) -> Vec<(&str, &str)> {
        account.metadata.iter().collect()
    }

    #[test]
    fn whole_profile_is_mapped() {
        let account = mapped(json!({
            "user_id": "auth0|7", "email": "Ann@Example.com", "email_verified": true, "given_name": " Ann ",
            "family_name": "Lee", "name": "Ann Lee", "nickname": "annie", "picture": "https://p.example/7.png",
            "phone_number": "+12025550100", "user_metadata": {"city": "Oslo", "internal": "x", "age": 41},
            "app_metadata": {"plan": "gold"}, "blocked": true, "logins_count": 3, "last_ip": "192.0.2.1",
            "created_at": "2024-01-02T03:04:05.678Z", "updated_at": {"$date": "2024-02-03T00:00:00Z"},
        }));
        assert_eq!(account.crid.as_str(), "auth0|7");
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
                ("city", "Oslo"),
                ("displayName", "annie"),
                ("phoneNumber", "+12025550100"),
                ("photo", "https://p.example/7.png"),
            ]
        );
    }

    #[test]
    fn missing_fields_stay_missing() {
        let account = mapped(json!({"user_id": "google-oauth2|1", "name": "Ann Maria Lee", "email_verified": false}));
        assert!(account.email.is_none() && account.verified.is_none() && account.registered_at.is_none());
        assert_eq!((&*account.first_name, &*account.last_name), ("", ""));
        assert_eq!(pairs(&account), [("displayName", "Ann Maria Lee")]);
    }

    #[test]
    fn address_as_name_is_ignored() {
        let account = mapped(json!({"user_id": "auth0|1", "email": "ann@example.com", "name": "Ann@example.com"}));
        assert!(account.metadata.is_empty());
    }

    #[test]
    fn user_metadata_precedes_root_attributes() {
        let account = mapped(json!({
            "user_id": "auth0|1", "nickname": "a", "picture": "p", "phone_number": "1",
            "user_metadata": {"displayName": "", "photo": "own", "phoneNumber": "2"},
        }));
        assert_eq!(
            pairs(&account),
            [("phoneNumber", "2"), ("photo", "own"), ("displayName", "")]
        );
    }

    #[test]
    fn duplicate_case_keys_and_nuls_are_dropped() {
        let map = Auth0MetadataMap::parse("*").unwrap();
        let account = mapped_by(
            json!({
                "user_id": "auth0|1", "given_name": "A\u{0}nn",
                "user_metadata": {"Team": "a", "team": "b", "bad": "x\u{0}", "": "y", "deep": {"x": 1}, "list": [1], "nil": null},
            }),
            &map,
        );
        assert_eq!(pairs(&account), [("Team", "a")]);
        assert_eq!(&*account.first_name, "Ann");
    }

    #[test]
    fn large_profile_is_mapped() {
        let map = Auth0MetadataMap::parse("*").unwrap();
        let many: Map<String, Value> = (0..100)
            .map(|n| (format!("key{n:03}"), "v".repeat(100).into()))
            .collect();
        let account = mapped_by(json!({"user_id": "auth0|1", "user_metadata": many}), &map);
        assert_eq!(account.metadata.len(), 100);
    }

    #[test]
    fn unusable_id_is_refused() {
        for bad in [String::new(), "auth0|\n".to_owned(), "x".repeat(256)] {
            let user = serde_json::from_value(json!({"user_id": bad})).unwrap();
            assert_eq!(
                account(&user, &Auth0MetadataMap::default()),
                Err(AnswerError::UnusableId)
            );
        }
    }

    #[test]
    fn invalid_date_is_none() {
        for invalid in [
            json!("yesterday"),
            json!(5),
            json!({}),
            json!({"$date": []}),
            json!({"$date": i64::MAX}),
        ] {
            assert_eq!(moment(&invalid), None, "{invalid}");
        }
        assert_eq!(
            moment(&json!({"$date": 1_700_000_000_000_i64})),
            Some(datetime!(2023-11-14 22:13:20 UTC))
        );
    }
}

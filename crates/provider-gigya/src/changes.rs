//! Parameters of writes, and the meaning of rejected writes.

use masthead_domain::email::{Email, EmailKey};
use masthead_ports::{
    accounts::{AccountChange, NewAccount, UserFacingMessage, WriteError},
    passwords::PlainPassword,
};
use serde_json::{Map, Value, json};

use crate::{
    calls::GigyaParams,
    mapping::{kind_of, phones},
    metadata_map::{GigyaMetadataMap, GigyaMetadataPlace, PhoneKind},
    wire::{GigyaAccount, GigyaErrorBody, InvalidField},
};

/// The parameters that make an account out of a registration.
pub(crate) fn registration(new: &NewAccount, token: String, password: &str, map: &GigyaMetadataMap) -> GigyaParams {
    let mut kept = AccountTrees::default();
    for (field, name) in [("firstName", &new.first_name), ("lastName", &new.last_name)] {
        if !name.is_empty() {
            kept.profile.insert(field.into(), (&**name).into());
        }
    }
    let pairs = new.metadata.iter().filter(|(_, value)| !value.is_empty());
    for (key, value) in pairs {
        kept.put(key, Some(value), map, None);
    }
    let params = GigyaParams::new()
        .with("regToken", token)
        .with("email", new.email.as_str())
        .with("password", password);
    kept.written(params).with("finalizeRegistration", "true")
}

/// The parameters that change an account; see [`GigyaParams::changes_nothing`]. `null` removes, and objects are joined member
/// by member.
///
/// `now` is the account as it is, where its phones change: Gigya takes their list as a whole.
pub(crate) fn update(
    change: &AccountChange,
    uid: &str,
    map: &GigyaMetadataMap,
    now: Option<&GigyaAccount>,
) -> GigyaParams {
    let mut kept = AccountTrees::default();
    for (field, name) in [("firstName", &change.first_name), ("lastName", &change.last_name)] {
        if let Some(name) = name {
            kept.profile.insert(field.into(), text_or_null(name));
        }
    }
    for (key, value) in &change.metadata {
        let value = value.as_deref().filter(|value| !value.is_empty());
        kept.put(key, value, map, now);
    }
    let mut params = kept.written(GigyaParams::new().with("UID", uid));
    if let Some(verified) = change.verified {
        params = params.with("isVerified", verified.to_string());
    }
    params
}

/// Whether a change reaches the list of phones.
pub(crate) fn reaches_phones(change: &AccountChange, map: &GigyaMetadataMap) -> bool {
    let mut keys = change.metadata.iter().map(|(key, _)| key);
    keys.any(|key| matches!(map.place(key), Some(GigyaMetadataPlace::Phone(_))))
}

/// The parameters that set a password without the old one.
pub(crate) fn password(uid: &str, password: &PlainPassword) -> GigyaParams {
    GigyaParams::new()
        .with("UID", uid)
        .with("newPassword", password.expose())
        .with("securityOverride", "true")
}

/// The parameters that set an address. Where the account signs in with addresses, the new one takes the old one's place;
/// an account that others sign in gets no way in of its own.
pub(crate) fn email(account: &GigyaAccount, old: Option<&EmailKey>, email: &Email, verified: bool) -> GigyaParams {
    let profile = json!({"email": email.as_str()});
    let mut params = GigyaParams::new()
        .with("UID", account.uid.as_str())
        .with_object("profile", &profile)
        .with("isVerified", verified.to_string());
    let signs_in = account.login_addresses().next().is_some();
    if signs_in && !account.login_addresses().any(|one| one == email.as_str()) {
        params = params.with("addLoginEmails", email.as_str());
    }
    let replaced = old.filter(|old| *old != email.key()).and_then(|old| {
        let is_old = |text: &&str| Email::from_source(text).is_ok_and(|one| one.key() == old);
        account.login_addresses().find(is_old)
    });
    if let Some(replaced) = replaced {
        params = params.with("removeLoginEmails", replaced);
    }
    params
}

/// What goes into an account's two trees.
#[derive(Default)]
struct AccountTrees {
    profile: Map<String, Value>,
    data: Map<String, Value>,
}

impl AccountTrees {
    /// Puts a metadata value at its place, or removes it; a value that Gigya cannot store is left out.
    fn put(&mut self, key: &str, value: Option<&str>, map: &GigyaMetadataMap, now: Option<&GigyaAccount>) {
        match map.place(key) {
            None => {}
            Some(GigyaMetadataPlace::Data(path)) => {
                put_at(&mut self.data, &path, value.map_or(Value::Null, Value::from));
            }
            Some(GigyaMetadataPlace::Profile(field)) => {
                if let Some(value) = value.map_or(Some(Value::Null), |value| in_profile(field, value)) {
                    self.profile.insert(field.into(), value);
                }
            }
            Some(GigyaMetadataPlace::Phone(kind)) => {
                let kept = self.profile.get("phones").or_else(|| now?.profile.get("phones"));
                let list = with_phone(kept, kind, value);
                self.profile.insert("phones".into(), list);
            }
        }
    }

    fn written(self, params: GigyaParams) -> GigyaParams {
        params
            .with_object("profile", &Value::Object(self.profile))
            .with_object("data", &Value::Object(self.data))
    }
}

fn put_at(members: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            members.insert(path.into(), value);
        }
        Some((first, rest)) => {
            let deeper = members.entry(first).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(deeper) = deeper {
                put_at(deeper, rest, value);
            }
        }
    }
}

/// A value in the form that the profile's field takes; `None` when it has none. The age follows from the date of birth.
fn in_profile(field: &str, value: &str) -> Option<Value> {
    match field {
        "age" => None,
        "birthDay" | "birthMonth" | "birthYear" => value.trim().parse::<u16>().ok().map(Value::from),
        "gender" => ["m", "f", "u"].contains(&value).then(|| value.into()),
        _ => Some(value.into()),
    }
}

/// The list of phones with the number of this kind set or removed, the others as they are.
fn with_phone(kept: Option<&Value>, kind: PhoneKind, number: Option<&str>) -> Value {
    let kept = kept.map(phones).unwrap_or_default();
    let place = kept.iter().position(|phone| kind_of(phone) == kind);
    let mut list: Vec<Value> = kept.into_iter().cloned().collect();
    let name = match kind {
        PhoneKind::Home => "home",
        PhoneKind::Mobile => "mobile",
        PhoneKind::Work => "work",
    };
    match (place, number) {
        (Some(place), Some(number)) => list[place]["number"] = number.into(),
        (None, Some(number)) => list.push(json!({"type": name, "number": number})),
        (Some(_), None) => list.retain(|phone| kind_of(phone) != kind),
        (None, None) => {}
    }
    Value::Array(list)
}

fn text_or_null(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { text.into() }
}

/// The error that a refusal of a write means; `None` when it does not concern the user.
pub(crate) fn write_error(body: &GigyaErrorBody) -> Option<WriteError> {
    const UNIQUE_ID_EXISTS: u64 = 400_003;
    const VALIDATION: u64 = 400_009;
    const LOGIN_ID_EXISTS: u64 = 403_043;
    if body.is_unknown_account() {
        return Some(WriteError::NoSuchUser);
    }
    match body.error_code {
        UNIQUE_ID_EXISTS | LOGIN_ID_EXISTS => Some(WriteError::AlreadyExists),
        VALIDATION => {
            let fields = body.invalid_fields();
            if fields.iter().any(|field| field.error_code == UNIQUE_ID_EXISTS) {
                return Some(WriteError::AlreadyExists);
            }
            let is_password = |field: &&InvalidField| matches!(&*field.field_name, "password" | "newPassword");
            let message = UserFacingMessage::new(&fields.iter().find(is_password)?.message);
            Some(WriteError::Refused { message })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use masthead_domain::metadata::Metadata;

    use super::*;

    fn get(params: &GigyaParams, name: &str) -> Option<Value> {
        let found = params.iter().find(|(known, _)| *known == name)?;
        Some(serde_json::from_str(found.1).unwrap_or_else(|_| found.1.into()))
    }

    fn account(value: Value) -> GigyaAccount {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn update_writes_each_key_in_place() {
        let map = GigyaMetadataMap::parse("news.daily=promo_flag").unwrap();
        let change = AccountChange {
            first_name: Some("".into()),
            verified: Some(true),
            metadata: vec![
                ("displayName".into(), None),
                ("promo_flag".into(), Some("Y".into())),
                ("dobYYYY".into(), Some("1985".into())),
                ("gender".into(), Some("female".into())),
                ("age".into(), Some("41".into())),
                ("timeZone".into(), Some("".into())),
                ("zodiac".into(), None),
            ],
            ..AccountChange::default()
        };
        let params = update(&change, "u", &map, None);
        assert_eq!(get(&params, "UID"), Some("u".into()));
        assert_eq!(
            get(&params, "profile"),
            Some(json!({"firstName": null, "nickname": null, "birthYear": 1985}))
        );
        assert_eq!(
            get(&params, "data"),
            Some(json!({"news": {"daily": "Y"}, "timeZone": null}))
        );
        assert_eq!(get(&params, "isVerified"), Some(true.into()));
        let nothing = AccountChange {
            metadata: vec![("zodiac".into(), Some("leo".into()))],
            ..AccountChange::default()
        };
        assert!(update(&nothing, "u", &map, None).changes_nothing());
        assert!(!params.changes_nothing());
    }

    #[test]
    fn phone_update_keeps_other_phones() {
        let map = GigyaMetadataMap::default();
        let now = account(json!({"UID": "u", "profile": {"phones": [
            {"type": "mobile", "number": "1", "default": true}, {"type": "fax", "number": "2"}]}}));
        let change = AccountChange {
            metadata: vec![
                ("cellPhone".into(), Some("9".into())),
                ("workPhone".into(), Some("3".into())),
                ("phoneNumber".into(), None),
            ],
            ..AccountChange::default()
        };
        assert!(reaches_phones(&change, &map));
        let params = update(&change, "u", &map, Some(&now));
        assert_eq!(
            get(&params, "profile"),
            Some(
                json!({"phones": [{"type": "mobile", "number": "9", "default": true}, {"type": "work", "number": "3"}]})
            )
        );
    }

    #[test]
    fn new_address_replaces_the_old_login() {
        let site = account(json!({"UID": "u", "profile": {"email": "A@x.example"},
            "loginIDs": {"emails": ["a@x.example", "other@x.example"]}}));
        let new = Email::parse("New@x.example").unwrap();
        let params = email(&site, Some(&EmailKey::from_text("a@x.example")), &new, false);
        assert_eq!(get(&params, "addLoginEmails"), Some("New@x.example".into()));
        assert_eq!(get(&params, "removeLoginEmails"), Some("a@x.example".into()));
        assert_eq!(get(&params, "isVerified"), Some(false.into()));
        let same = Email::parse("A@X.example").unwrap();
        let params = email(&site, Some(same.key()), &same, true);
        assert_eq!(get(&params, "removeLoginEmails"), None);
        let social = account(json!({"UID": "u", "profile": {"email": "a@x.example"}}));
        let params = email(&social, Some(&EmailKey::from_text("a@x.example")), &new, true);
        assert_eq!(
            (get(&params, "addLoginEmails"), get(&params, "removeLoginEmails")),
            (None, None)
        );
    }

    #[test]
    fn registration_omits_empty_fields() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let new = NewAccount {
            id: None,
            email: Email::parse("Ann@Example.com").unwrap(),
            password: None,
            first_name: "Ann".into(),
            last_name: "".into(),
            verified: false,
            metadata: Metadata::from_valid([pair("cellPhone", "1"), pair("timeZone", "Z"), pair("title", "")]),
        };
        let params = registration(&new, "token".into(), "secret", &GigyaMetadataMap::default());
        assert_eq!(
            get(&params, "profile"),
            Some(json!({"firstName": "Ann", "phones": [{"type": "mobile", "number": "1"}]}))
        );
        assert_eq!(get(&params, "data"), Some(json!({"timeZone": "Z"})));
        assert_eq!(get(&params, "finalizeRegistration"), Some(true.into()));
    }

    #[test]
    fn only_password_rules_reach_the_user() {
        let error = |code: u64, fields: Value| {
            let body = json!({"errorCode": code, "validationErrors": fields, "errorDetails": "x"});
            write_error(&serde_json::from_value(body).unwrap())
        };
        let field = |code: u64, name: &str| json!({"errorCode": code, "fieldName": name, "message": "too weak"});
        let Some(WriteError::Refused { message: reported }) = error(400_009, json!([field(400_006, "password")]))
        else {
            panic!("the password is refused")
        };
        assert_eq!(reported, UserFacingMessage::new("too weak"));
        let taken = json!([field(400_006, "password"), field(400_003, "email")]);
        for (code, fields) in [(400_009, taken), (400_003, json!(null))] {
            assert!(matches!(error(code, fields), Some(WriteError::AlreadyExists)), "{code}");
        }
        assert!(matches!(error(403_047, json!(null)), Some(WriteError::NoSuchUser)));
        for (code, fields) in [
            (400_009, json!([field(400_006, "profile.zip")])),
            (400_006, json!("?")),
            (403_005, json!(null)),
        ] {
            assert!(error(code, fields).is_none(), "{code}");
        }
    }
}

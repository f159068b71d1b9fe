//! Renders users as the legacy API publishes them: the table of fields, written straight from the domain's values.

use masthead_domain::{account::Account, answer::User, email::Email, tenant::TenantId};
use masthead_ports::sealing::{Purpose, Sealing};
use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};

use super::{
    fields::{FIELDS, FieldContent},
    systems::{AuthSystem, state_number},
};
use crate::http::response::published_time;

/// The approximate size of a user in a response, in bytes.
pub(crate) const USER_BYTES: usize = 3072;

/// What rendering the users of one tenant needs.
#[derive(Clone, Copy)]
pub(crate) struct LegacyViewContext<'a> {
    pub(crate) sealing: &'a dyn Sealing,
    pub(crate) tenant: &'a TenantId,
    pub(crate) system: AuthSystem,
}

/// `Result`: the users of the page, and how many match.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct LegacyResult<'a> {
    pub(crate) users: LegacyUsersView<'a>,
    pub(crate) total_users_found: u64,
}

/// Users, as an array.
pub(crate) struct LegacyUsersView<'a> {
    pub(crate) context: LegacyViewContext<'a>,
    pub(crate) users: &'a [User],
}

struct LegacyUserView<'a>(LegacyViewContext<'a>, &'a User);

impl Serialize for LegacyUsersView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut array = serializer.serialize_seq(Some(self.users.len()))?;
        for user in self.users {
            array.serialize_element(&LegacyUserView(self.context, user))?;
        }
        array.end()
    }
}

impl Serialize for LegacyUserView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(FIELDS.len()))?;
        for field in &FIELDS {
            object.serialize_entry(field.name, &FieldValue(self, field.content))?;
        }
        object.end()
    }
}

struct FieldValue<'a>(&'a LegacyUserView<'a>, FieldContent);

impl Serialize for FieldValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(LegacyUserView(view, user), content) = *self;
        let account = &user.account;
        let non_empty = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let metadata = |key: &str| account.metadata.get(key).filter(|value| !value.is_empty());
        match content {
            FieldContent::Nothing => serializer.serialize_none(),
            FieldContent::RegistrationId => account.registration_id.serialize(serializer),
            FieldContent::CustomerRegistrationId => account.crid.as_str().serialize(serializer),
            FieldContent::EncryptedCustomerRegistrationId => view
                .sealing
                .seal(view.tenant, Purpose::CustomerRegistrationId, account.crid.as_str())
                .serialize(serializer),
            FieldContent::Email => account.email.as_ref().map(Email::as_str).serialize(serializer),
            FieldContent::FirstName => non_empty(&account.first_name).serialize(serializer),
            FieldContent::LastName => non_empty(&account.last_name).serialize(serializer),
            FieldContent::Text(key) => metadata(key).serialize(serializer),
            FieldContent::Flag(key) => metadata(key).is_some_and(is_set).serialize(serializer),
            FieldContent::Consent(key) => metadata(key).and_then(consent_number).serialize(serializer),
            FieldContent::DateRegistered => account.registered_at.and_then(published_time).serialize(serializer),
            FieldContent::ChangeDate => account.changed_at.and_then(published_time).serialize(serializer),
            FieldContent::LastLogoutDate => account.last_logout_at.and_then(published_time).serialize(serializer),
            FieldContent::Photos => Vec::from_iter(metadata("photo").map(PhotoView::new)).serialize(serializer),
            FieldContent::Verified => account.verified.serialize(serializer),
            FieldContent::AuthSystem => SystemView {
                id: view.system.id,
                code: view.system.code,
                name: view.system.code,
            }
            .serialize(serializer),
            FieldContent::UserState => StateView {
                id: state_number(user.state),
                code: user.state.name(),
            }
            .serialize(serializer),
            FieldContent::Metadata => MetadataView(account).serialize(serializer),
        }
    }
}

/// Whether a flag is set.
fn is_set(text: &str) -> bool {
    matches!(text, "Y" | "y" | "true" | "1")
}

/// A consent as a number: itself, or the code of a letter.
fn consent_number(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [letter] if letter.is_ascii_alphabetic() => Some(*letter),
        digits if digits.iter().all(u8::is_ascii_digit) => text.parse().ok(),
        _ => None,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PhotoView<'a> {
    id: (),
    value: &'a str,
    #[serde(rename = "Type")]
    kind: (),
}

impl<'a> PhotoView<'a> {
    const fn new(value: &'a str) -> Self {
        Self {
            id: (),
            value,
            kind: (),
        }
    }
}

#[derive(Serialize)]
struct SystemView {
    #[serde(rename = "AuthSystemId")]
    id: u32,
    #[serde(rename = "AuthSystemCode")]
    code: &'static str,
    #[serde(rename = "AuthSystemName")]
    name: &'static str,
}

#[derive(Serialize)]
struct StateView {
    #[serde(rename = "UserStateId")]
    id: u8,
    #[serde(rename = "UserStateCode")]
    code: &'static str,
}

struct MetadataView<'a>(&'a Account);

impl Serialize for MetadataView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.metadata.published())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_texts_set_a_flag() {
        for yes in ["Y", "y", "true", "1"] {
            assert!(is_set(yes), "{yes}");
        }
        for no in ["", "N", "n", "false", "0", "yes", "TRUE", " Y", "89"] {
            assert!(!is_set(no), "{no}");
        }
    }

    #[test]
    fn consent_is_a_number_or_a_letter_code() {
        for (text, number) in [
            ("78", 78),
            ("89", 89),
            ("0", 0),
            ("255", 255),
            ("N", 78),
            ("Y", 89),
            ("y", 121),
        ] {
            assert_eq!(consent_number(text), Some(number), "{text}");
        }
        for neither in ["256", "-1", "+1", "yes", "1.5", "\u{e9}", " ", "9999999999999999999"] {
            assert_eq!(consent_number(neither), None, "{neither}");
        }
    }
}

//! A user as the legacy API answers it: the table of fields, written straight from the domain's values.

use masthead_domain::{account::Account, answer::User, email::Email, tenant::TenantId};
use masthead_ports::sealing::{Purpose, Sealing};
use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};

use crate::envelope::published_time;

use super::{
    fields::{FIELDS, Holds},
    systems::{AuthSystem, state_number},
};

/// About as many bytes as a user takes in an answer, for reserving room.
pub(super) const USER_BYTES: usize = 3072;

/// Shows users of one tenant.
#[derive(Clone, Copy)]
pub(super) struct Viewer<'a> {
    pub(super) sealing: &'a dyn Sealing,
    pub(super) tenant: &'a TenantId,
    pub(super) system: AuthSystem,
}

/// `Result`: the users of the page, and how many match.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Found<'a> {
    pub(super) users: Users<'a>,
    pub(super) total_users_found: u64,
}

/// Users, as an array.
pub(super) struct Users<'a> {
    pub(super) viewer: Viewer<'a>,
    pub(super) users: &'a [User],
}

struct OneUser<'a>(Viewer<'a>, &'a User);

impl Serialize for Users<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut array = serializer.serialize_seq(Some(self.users.len()))?;
        for user in self.users {
            array.serialize_element(&OneUser(self.viewer, user))?;
        }
        array.end()
    }
}

impl Serialize for OneUser<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(FIELDS.len()))?;
        for field in &FIELDS {
            object.serialize_entry(field.name, &Value(self, field.holds))?;
        }
        object.end()
    }
}

struct Value<'a>(&'a OneUser<'a>, Holds);

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(OneUser(viewer, user), holds) = *self;
        let account = &user.account;
        let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let metadata = |key: &str| account.metadata.get(key).filter(|value| !value.is_empty());
        match holds {
            Holds::Nothing => serializer.serialize_none(),
            Holds::RegistrationId => account.registration_id.serialize(serializer),
            Holds::CustomerRegistrationId => account.crid.as_str().serialize(serializer),
            Holds::EncryptedCustomerRegistrationId => viewer
                .sealing
                .seal(viewer.tenant, Purpose::CustomerRegistrationId, account.crid.as_str())
                .serialize(serializer),
            Holds::Email => account.email.as_ref().map(Email::as_str).serialize(serializer),
            Holds::FirstName => filled(&account.first_name).serialize(serializer),
            Holds::LastName => filled(&account.last_name).serialize(serializer),
            Holds::Text(key) => metadata(key).serialize(serializer),
            Holds::Flag(key) => metadata(key).is_some_and(flag).serialize(serializer),
            Holds::Consent(key) => metadata(key).and_then(consent).serialize(serializer),
            Holds::DateRegistered => account.registered_at.and_then(published_time).serialize(serializer),
            Holds::ChangeDate => account.changed_at.and_then(published_time).serialize(serializer),
            Holds::LastLogoutDate => account.last_logout_at.and_then(published_time).serialize(serializer),
            Holds::Photos => Vec::from_iter(metadata("photo").map(Photo::of)).serialize(serializer),
            Holds::Verified => account.verified.serialize(serializer),
            Holds::AuthSystem => SystemView {
                id: viewer.system.id,
                code: viewer.system.code,
                name: viewer.system.code,
            }
            .serialize(serializer),
            Holds::UserState => StateView {
                id: state_number(user.state),
                code: user.state.name(),
            }
            .serialize(serializer),
            Holds::Metadata => MetadataView(account).serialize(serializer),
        }
    }
}

/// Whether a flag is set.
fn flag(text: &str) -> bool {
    matches!(text, "Y" | "y" | "true" | "1")
}

/// A consent as a number: itself, or the code of a letter.
fn consent(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [letter] if letter.is_ascii_alphabetic() => Some(*letter),
        digits if digits.iter().all(u8::is_ascii_digit) => text.parse().ok(),
        _ => None,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Photo<'a> {
    id: (),
    value: &'a str,
    #[serde(rename = "Type")]
    kind: (),
}

impl<'a> Photo<'a> {
    const fn of(value: &'a str) -> Self {
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
    fn a_flag_is_set_by_four_texts_only() {
        for yes in ["Y", "y", "true", "1"] {
            assert!(flag(yes), "{yes}");
        }
        for no in ["", "N", "n", "false", "0", "yes", "TRUE", " Y", "89"] {
            assert!(!flag(no), "{no}");
        }
    }

    #[test]
    fn a_consent_is_a_number_or_a_letters_code() {
        for (text, number) in [
            ("78", 78),
            ("89", 89),
            ("0", 0),
            ("255", 255),
            ("N", 78),
            ("Y", 89),
            ("y", 121),
        ] {
            assert_eq!(consent(text), Some(number), "{text}");
        }
        for neither in ["256", "-1", "+1", "yes", "1.5", "\u{e9}", " ", "9999999999999999999"] {
            assert_eq!(consent(neither), None, "{neither}");
        }
    }
}

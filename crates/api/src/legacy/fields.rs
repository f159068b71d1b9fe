//! The fields of a legacy user in published order: one table for responses, the OpenAPI document and `docs/migration.md`
//! (contract §2.4, §3.3).

use std::borrow::Cow;

use masthead_domain::legacy::{LEGACY_FIELDS, LegacyField, LegacyForm};

/// The content of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldContent {
    /// Always null.
    Nothing,
    RegistrationId,
    CustomerRegistrationId,
    EncryptedCustomerRegistrationId,
    Email,
    FirstName,
    LastName,
    /// A metadata key, verbatim; null when unset.
    Text(&'static str),
    /// A metadata key, true where its value is `Y`, `y`, `true` or `1`.
    Flag(&'static str),
    /// A metadata key as a number from 0 to 255, a letter by its ASCII code; null when it is neither.
    Consent(&'static str),
    DateRegistered,
    ChangeDate,
    LastLogoutDate,
    /// The photo, as a list of at most one.
    Photos,
    Verified,
    AuthSystem,
    UserState,
    /// The metadata, as in v4.
    Metadata,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LegacyUserField {
    /// The published key.
    pub(crate) name: &'static str,
    pub(crate) content: FieldContent,
}

const fn field(name: &'static str, content: FieldContent) -> LegacyUserField {
    LegacyUserField { name, content }
}

/// A field that shows a metadata key. The rules are in the domain, since a client of this API needs them too.
const fn metadata_field(name: &'static str) -> LegacyUserField {
    let mut at = 0;
    while at < LEGACY_FIELDS.len() {
        let LegacyField { name: known, form, key } = LEGACY_FIELDS[at];
        if is_equal(name, known) {
            return match form {
                LegacyForm::Text => field(name, FieldContent::Text(key)),
                LegacyForm::Flag => field(name, FieldContent::Flag(key)),
                LegacyForm::Consent => field(name, FieldContent::Consent(key)),
            };
        }
        at += 1;
    }
    field(name, FieldContent::Nothing)
}

/// Equality of texts in constants.
const fn is_equal(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

/// Every key of a user, in published order.
pub(crate) static FIELDS: [LegacyUserField; 50] = [
    field("RegistrationId", FieldContent::RegistrationId),
    field("LoginName", FieldContent::Email),
    field("LoginPassword", FieldContent::Nothing),
    field("CustomerRegistrationId", FieldContent::CustomerRegistrationId),
    field(
        "EncryptedCustomerRegistrationId",
        FieldContent::EncryptedCustomerRegistrationId,
    ),
    field("FirstName", FieldContent::FirstName),
    field("LastName", FieldContent::LastName),
    field("Email", FieldContent::Email),
    metadata_field("Gender"),
    metadata_field("Phone"),
    metadata_field("MobilePhone"),
    metadata_field("OptInEVantageSubscriberRewards"),
    metadata_field("OptInSpecialOffers"),
    metadata_field("OptInContestAndPromotions"),
    metadata_field("OptInPaperlessBilling"),
    metadata_field("OptInEEdition"),
    metadata_field("OptInEEditionEmailNotification"),
    metadata_field("OptInSubscriberDiscounts"),
    metadata_field("OptInAdvertiserEmails"),
    metadata_field("MemberEvent"),
    metadata_field("ContentEngagement"),
    metadata_field("SUBCOM"),
    metadata_field("Survey"),
    metadata_field("AccountUpdates"),
    metadata_field("DateOfBirth"),
    metadata_field("BirthYear"),
    metadata_field("AcceptsEmailOffers"),
    metadata_field("AcceptsEmailAds"),
    metadata_field("AcceptsEmailPromotions"),
    metadata_field("IsOkToEmail"),
    metadata_field("IsOkToPhone"),
    metadata_field("IsOkToMail"),
    metadata_field("AcceptsEENotification"),
    field("ChangeDate", FieldContent::ChangeDate),
    field("DateRegistered", FieldContent::DateRegistered),
    field("AddDate", FieldContent::DateRegistered),
    field("Photos", FieldContent::Photos),
    metadata_field("IsSocial"),
    metadata_field("DisplayName"),
    metadata_field("AgreeToTerms"),
    metadata_field("OptOutMarketing"),
    metadata_field("Photo"),
    field("VerificationCode", FieldContent::Nothing),
    field("Verified", FieldContent::Verified),
    field("AuthSystem", FieldContent::AuthSystem),
    field("UserState", FieldContent::UserState),
    metadata_field("BounceType"),
    field("LastLogoutDate", FieldContent::LastLogoutDate),
    field("UrlPasswordChangeTicket", FieldContent::Nothing),
    field("Metadata", FieldContent::Metadata),
];

impl FieldContent {
    /// The field of v4 with the value; `""` where it has none.
    pub(crate) fn in_v4(self) -> Cow<'static, str> {
        match self {
            Self::Nothing
            | Self::AuthSystem
            | Self::RegistrationId
            | Self::DateRegistered
            | Self::ChangeDate
            | Self::LastLogoutDate => "".into(),
            Self::CustomerRegistrationId => "customerRegistrationId".into(),
            Self::EncryptedCustomerRegistrationId => "encryptedCustomerRegistrationId".into(),
            Self::Email => "email".into(),
            Self::FirstName => "firstName".into(),
            Self::LastName => "lastName".into(),
            Self::Text(key) | Self::Flag(key) | Self::Consent(key) => format!("metadata.{key}").into(),
            Self::Photos => "metadata.photo".into(),
            Self::Verified => "verified".into(),
            Self::UserState => "state".into(),
            Self::Metadata => "metadata".into(),
        }
    }

    /// The type of the value and its difference from v4.
    pub(crate) const fn remark(self) -> &'static str {
        match self {
            Self::Nothing => "always null; v4 has no such field",
            Self::RegistrationId => {
                "a number, null for a user that only the provider has; v4 names users by `customerRegistrationId` alone"
            }
            Self::CustomerRegistrationId | Self::EncryptedCustomerRegistrationId => "a text",
            Self::Email => "a text, null when no source has one",
            Self::FirstName | Self::LastName | Self::Text(_) => "a text, null when unset; in v4 empty when unset",
            Self::Flag(_) => "true where the text in v4 is `Y`, `y`, `true` or `1`, else false",
            Self::Consent(_) => {
                "a number from 0 to 255, a letter by its ASCII code (78 `N`, 89 `Y`), null when unset or neither; in v4 the stored text"
            }
            Self::DateRegistered => "`yyyy-MM-ddTHH:mm:ss.fffZ`, null when unset; in v4 an order only: `orderBy=7`",
            Self::ChangeDate => "`yyyy-MM-ddTHH:mm:ss.fffZ`, null when unset; in v4 an order only: `orderBy=8`",
            Self::LastLogoutDate => "`yyyy-MM-ddTHH:mm:ss.fffZ`, null when unset; not among the fields of v4's reads",
            Self::Photos => "a list: empty, or one object of `Id` (null), `Value` (the photo) and `Type` (null)",
            Self::Verified => "true or false, null when no source has it",
            Self::AuthSystem => {
                "the system of the account: an object of number, code and name; in v4 it follows from the tenant's settings"
            }
            Self::UserState => "an object of number and name: 1 `Lite`, 2 `Unverified`, 3 `Standard`; in v4 the name",
            Self::Metadata => "the same object as in v4: every standard key, then the custom ones",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use masthead_domain::metadata::STANDARD_KEYS;

    #[test]
    fn fields_follow_the_domain_table() {
        for known in &LEGACY_FIELDS {
            let field = FIELDS.iter().find(|field| field.name == known.name).unwrap();
            let shown = match field.content {
                FieldContent::Text(key) => (LegacyForm::Text, key),
                FieldContent::Flag(key) => (LegacyForm::Flag, key),
                FieldContent::Consent(key) => (LegacyForm::Consent, key),
                other => panic!("{}: {other:?}", known.name),
            };
            assert_eq!(shown, (known.form, known.key), "{}", known.name);
        }
    }

    #[test]
    fn mapped_metadata_keys_are_standard() {
        for row in &FIELDS {
            if let FieldContent::Text(key) | FieldContent::Flag(key) | FieldContent::Consent(key) = row.content {
                assert!(STANDARD_KEYS.contains(&key) || key == "isSocial", "{}", row.name);
            }
        }
    }

    #[test]
    fn field_names_are_unique() {
        let mut names: Vec<_> = FIELDS.iter().map(|row| row.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FIELDS.len());
    }
}

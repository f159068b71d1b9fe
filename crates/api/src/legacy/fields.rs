//! The fields of a legacy user in published order: one table for the answers, OpenAPI and `docs/migration.md` (contract
//! §2.4, §3.3).

use std::borrow::Cow;

use masthead_domain::legacy::{LEGACY_FIELDS, LegacyField, LegacyForm};

/// Where the value of a field comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// Nowhere: always null.
    Nothing,
    RegistrationId,
    CustomerRegistrationId,
    EncryptedCustomerRegistrationId,
    Email,
    FirstName,
    LastName,
    /// A metadata key, verbatim; null when unset.
    Text(&'static str),
    /// A metadata key, true where it says `Y`, `y`, `true` or `1`.
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
    /// The metadata, as v4 answers it.
    Metadata,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    /// The published key.
    pub(super) name: &'static str,
    pub(super) holds: Holds,
}

const fn field(name: &'static str, holds: Holds) -> Field {
    Field { name, holds }
}

/// The field that shows a metadata key; its rule is the domain's, since what reads this API needs it too.
const fn kept(name: &'static str) -> Field {
    let mut at = 0;
    while at < LEGACY_FIELDS.len() {
        let LegacyField { name: known, form, key } = LEGACY_FIELDS[at];
        if is_same(name, known) {
            return match form {
                LegacyForm::Text => field(name, Holds::Text(key)),
                LegacyForm::Flag => field(name, Holds::Flag(key)),
                LegacyForm::Consent => field(name, Holds::Consent(key)),
            };
        }
        at += 1;
    }
    field(name, Holds::Nothing)
}

/// Equality of texts, while the program is compiled.
const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

/// Every key of a user, in published order.
pub(super) static FIELDS: [Field; 50] = [
    field("RegistrationId", Holds::RegistrationId),
    field("LoginName", Holds::Email),
    field("LoginPassword", Holds::Nothing),
    field("CustomerRegistrationId", Holds::CustomerRegistrationId),
    field(
        "EncryptedCustomerRegistrationId",
        Holds::EncryptedCustomerRegistrationId,
    ),
    field("FirstName", Holds::FirstName),
    field("LastName", Holds::LastName),
    field("Email", Holds::Email),
    kept("Gender"),
    kept("Phone"),
    kept("MobilePhone"),
    kept("OptInEVantageSubscriberRewards"),
    kept("OptInSpecialOffers"),
    kept("OptInContestAndPromotions"),
    kept("OptInPaperlessBilling"),
    kept("OptInEEdition"),
    kept("OptInEEditionEmailNotification"),
    kept("OptInSubscriberDiscounts"),
    kept("OptInAdvertiserEmails"),
    kept("MemberEvent"),
    kept("ContentEngagement"),
    kept("SUBCOM"),
    kept("Survey"),
    kept("AccountUpdates"),
    kept("DateOfBirth"),
    kept("BirthYear"),
    kept("AcceptsEmailOffers"),
    kept("AcceptsEmailAds"),
    kept("AcceptsEmailPromotions"),
    kept("IsOkToEmail"),
    kept("IsOkToPhone"),
    kept("IsOkToMail"),
    kept("AcceptsEENotification"),
    field("ChangeDate", Holds::ChangeDate),
    field("DateRegistered", Holds::DateRegistered),
    field("AddDate", Holds::DateRegistered),
    field("Photos", Holds::Photos),
    kept("IsSocial"),
    kept("DisplayName"),
    kept("AgreeToTerms"),
    kept("OptOutMarketing"),
    kept("Photo"),
    field("VerificationCode", Holds::Nothing),
    field("Verified", Holds::Verified),
    field("AuthSystem", Holds::AuthSystem),
    field("UserState", Holds::UserState),
    kept("BounceType"),
    field("LastLogoutDate", Holds::LastLogoutDate),
    field("UrlPasswordChangeTicket", Holds::Nothing),
    field("Metadata", Holds::Metadata),
];

impl Holds {
    /// Where v4 has the value; `""` where it has none.
    pub(super) fn in_v4(self) -> Cow<'static, str> {
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

    /// What the value is, and how it comes about.
    pub(super) const fn remark(self) -> &'static str {
        match self {
            Self::Nothing => "always null; v4 has no such field",
            Self::RegistrationId => {
                "a number, null for whom only the provider knows; v4 names users by `customerRegistrationId` alone"
            }
            Self::CustomerRegistrationId | Self::EncryptedCustomerRegistrationId => "a text",
            Self::Email => "a text, null where no source has one",
            Self::FirstName | Self::LastName | Self::Text(_) => "a text, null when unset; in v4 empty when unset",
            Self::Flag(_) => "true where the text in v4 is `Y`, `y`, `true` or `1`, else false",
            Self::Consent(_) => {
                "a number from 0 to 255, a letter by its ASCII code (78 `N`, 89 `Y`), null when unset or neither; in v4 the text as it is kept"
            }
            Self::DateRegistered => "`yyyy-MM-ddTHH:mm:ss.fffZ`, null when unset; in v4 an order only: `orderBy=7`",
            Self::ChangeDate => "`yyyy-MM-ddTHH:mm:ss.fffZ`, null when unset; in v4 an order only: `orderBy=8`",
            Self::LastLogoutDate => "`yyyy-MM-ddTHH:mm:ss.fffZ`, null when unset; not among the fields of v4's reads",
            Self::Photos => "a list: empty, or one object of `Id` (null), `Value` (the photo) and `Type` (null)",
            Self::Verified => "true or false, null where no source says",
            Self::AuthSystem => {
                "who keeps the account: an object of number, code and name; in v4 the tenant's settings say it"
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
    fn every_field_of_the_domains_table_is_shown_as_it_says() {
        for known in &LEGACY_FIELDS {
            let own = FIELDS.iter().find(|field| field.name == known.name).unwrap();
            let shows = match own.holds {
                Holds::Text(key) => (LegacyForm::Text, key),
                Holds::Flag(key) => (LegacyForm::Flag, key),
                Holds::Consent(key) => (LegacyForm::Consent, key),
                other => panic!("{}: {other:?}", known.name),
            };
            assert_eq!(shows, (known.form, known.key), "{}", known.name);
        }
    }

    #[test]
    fn every_key_of_the_metadata_that_is_mapped_is_a_standard_one() {
        for row in &FIELDS {
            if let Holds::Text(key) | Holds::Flag(key) | Holds::Consent(key) = row.holds {
                assert!(STANDARD_KEYS.contains(&key) || key == "isSocial", "{}", row.name);
            }
        }
    }

    #[test]
    fn no_key_is_named_twice() {
        let mut names: Vec<_> = FIELDS.iter().map(|row| row.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FIELDS.len());
    }
}

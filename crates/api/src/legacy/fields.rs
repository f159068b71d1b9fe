//! The fields of a legacy user in published order: one table for the answers, OpenAPI and `docs/migration.md` (contract
//! §2.4, §3.3).

use std::borrow::Cow;

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

use Holds::{Consent, Flag, Text};

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
    field("Gender", Text("gender")),
    field("Phone", Text("phoneNumber")),
    field("MobilePhone", Text("cellPhone")),
    field("OptInEVantageSubscriberRewards", Flag("eadvan_flag")),
    field("OptInSpecialOffers", Flag("feat_flag")),
    field("OptInContestAndPromotions", Flag("promo_flag")),
    field("OptInPaperlessBilling", Flag("ebill_flag")),
    field("OptInEEdition", Flag("eedition_flag")),
    field("OptInEEditionEmailNotification", Flag("ee_email_flag")),
    field("OptInSubscriberDiscounts", Flag("dealdigger_flag")),
    field("OptInAdvertiserEmails", Flag("ads_flag")),
    field("MemberEvent", Flag("member_event_flag")),
    field("ContentEngagement", Flag("contentEngagement_flag")),
    field("SUBCOM", Flag("subcom_flag")),
    field("Survey", Flag("survey_flag")),
    field("AccountUpdates", Flag("accountUpdates_flag")),
    field("DateOfBirth", Text("dob")),
    field("BirthYear", Text("dobYYYY")),
    field("AcceptsEmailOffers", Consent("acceptsEmailOffers")),
    field("AcceptsEmailAds", Consent("acceptsEmailAds")),
    field("AcceptsEmailPromotions", Consent("acceptsEmailPromotions")),
    field("IsOkToEmail", Consent("isOkToEmail")),
    field("IsOkToPhone", Consent("isOkToPhone")),
    field("IsOkToMail", Consent("isOkToMail")),
    field("AcceptsEENotification", Consent("acceptsEENotification")),
    field("ChangeDate", Holds::ChangeDate),
    field("DateRegistered", Holds::DateRegistered),
    field("AddDate", Holds::DateRegistered),
    field("Photos", Holds::Photos),
    field("IsSocial", Flag("isSocial")),
    field("DisplayName", Text("displayName")),
    field("AgreeToTerms", Flag("agreeToTerms")),
    field("OptOutMarketing", Flag("optOutMarketing")),
    field("Photo", Text("photo")),
    field("VerificationCode", Holds::Nothing),
    field("Verified", Holds::Verified),
    field("AuthSystem", Holds::AuthSystem),
    field("UserState", Holds::UserState),
    field("BounceType", Text("bounceType")),
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
    fn every_key_of_the_metadata_that_is_mapped_is_a_standard_one() {
        for row in &FIELDS {
            if let Text(key) | Flag(key) | Consent(key) = row.holds {
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

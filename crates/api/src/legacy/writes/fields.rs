//! The table of the fields of legacy bodies, and the values of one body.

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId, email::Email, legacy::LEGACY_FIELDS,
    return_url::MAX_RETURN_URL_BYTES, user_change::MAX_NAME_BYTES,
};
use masthead_ports::passwords::PlainPassword;

use super::operation::LegacyWrite::{
    self, Authenticate, AuthenticateByToken, Create, CreatePasswordless, ForgotPassword, ResendCode, Update,
    VerifyEmail,
};
use crate::v4::{
    code::ContractOrigin::{Extension, Published},
    parameters::table::{MAX_METADATA_VALUE_BYTES, MAX_TOKEN_BYTES},
    writes::{
        body::FieldRow,
        fields::{MAX_LOGIN_BYTES, MAX_SECRET_BYTES},
        kind::{FieldKind, FieldSpec},
        problem::Problems,
        value::{FieldValue, MetadataPairs},
    },
};

/// The fields of one body; `None` is one that is not given, or refused.
#[derive(Default)]
pub(crate) struct LegacyWriteFields {
    pub(super) email: Option<Email>,
    pub(super) login_name: Option<Box<str>>,
    pub(super) password: Option<PlainPassword>,
    pub(super) creation_mode: Option<u8>,
    pub(super) verify_email: Option<bool>,
    pub(super) customer_registration_id: Option<CustomerRegistrationId>,
    pub(super) first_name: Option<Box<str>>,
    pub(super) last_name: Option<Box<str>>,
    /// The area code, the exchange and the rest of a number.
    pub(super) phone: [Option<Box<str>>; 3],
    pub(super) metadata: MetadataPairs,
    pub(super) return_url: Option<Box<str>>,
    pub(super) verification_code: Option<Box<str>>,
    pub(super) token: Option<Box<str>>,
}

/// A row of the table.
pub(crate) type LegacyFieldRow = FieldRow<LegacyWriteFields, LegacyWrite>;

/// The calls that take the profile of a user.
const PROFILE: &[LegacyWrite] = &[Create, CreatePasswordless, Update];
/// The longest part of a phone number, in bytes.
const MAX_PHONE_BYTES: usize = 32;

/// The fields of a body whose names differ from those of a read.
const OTHER_NAMES: [(&str, &str); 2] = [("DOB", "DateOfBirth"), ("AcceptsTermsOfService", "AgreeToTerms")];

/// The metadata key of a field.
pub(crate) fn metadata_key(name: &str) -> Option<&'static str> {
    let other = OTHER_NAMES.iter().find(|(given, _)| *given == name);
    let shown = other.map_or(name, |(_, shown)| shown);
    let field = LEGACY_FIELDS.iter().find(|field| field.name == shown);
    field.map(|field| field.key)
}

fn put_metadata(to: &mut LegacyWriteFields, value: &FieldValue<'_>, text: Option<Box<str>>) {
    if let (Some(key), Some(text)) = (metadata_key(value.name()), text) {
        to.metadata.push((key.into(), Some(text)));
    }
}

fn put_text(to: &mut LegacyWriteFields, value: FieldValue<'_>, problems: &mut Problems) {
    let mut text = None;
    value.put_text(&mut text, problems);
    put_metadata(to, &value, text);
}

/// `Y` or `N`, as the vendor's users have them.
fn put_flag(to: &mut LegacyWriteFields, value: FieldValue<'_>, problems: &mut Problems) {
    let mut flag = None;
    value.put_flag(&mut flag, problems);
    put_metadata(to, &value, flag.map(|flag| if flag { "Y" } else { "N" }.into()));
}

/// The letter whose ASCII code it is, or the number: what a read shows as this number.
fn put_consent(to: &mut LegacyWriteFields, value: FieldValue<'_>, problems: &mut Problems) {
    let mut number: Option<u8> = None;
    value.put_number(&mut number, problems);
    let text = number.map(|number| {
        if number.is_ascii_alphabetic() {
            char::from(number).to_string()
        } else {
            number.to_string()
        }
    });
    put_metadata(to, &value, text.map(Into::into));
}

const fn row(
    spec: FieldSpec,
    calls: &'static [LegacyWrite],
    required: &'static [LegacyWrite],
    set: fn(&mut LegacyWriteFields, FieldValue<'_>, &mut Problems),
) -> LegacyFieldRow {
    LegacyFieldRow {
        spec,
        calls,
        required,
        set,
    }
}

const fn spec(
    name: &'static str,
    alias: Option<&'static str>,
    kind: FieldKind,
    example: &'static str,
    meaning: &'static str,
) -> FieldSpec {
    FieldSpec {
        name,
        alias,
        kind,
        origin: Published,
        meaning,
        example,
    }
}

/// A field that is stored as a text.
const fn text(name: &'static str, example: &'static str, meaning: &'static str) -> LegacyFieldRow {
    let kind = FieldKind::Value {
        max_bytes: MAX_METADATA_VALUE_BYTES,
    };
    row(spec(name, None, kind, example, meaning), PROFILE, &[], put_text)
}

/// A field that is stored as `Y` or `N`.
const fn flag(name: &'static str, alias: Option<&'static str>) -> LegacyFieldRow {
    let spec = spec(name, alias, FieldKind::Flag, "true", "stored as `Y` or `N`");
    row(spec, PROFILE, &[], put_flag)
}

/// A consent.
const fn consent(name: &'static str, alias: Option<&'static str>) -> LegacyFieldRow {
    let meaning = "stored as the letter with this ASCII code, such as 89 `Y` and 78 `N`, or as the number";
    let spec = spec(name, alias, FieldKind::Number { min: 0, max: 255 }, "89", meaning);
    row(spec, PROFILE, &[], put_consent)
}

const fn phone(
    name: &'static str,
    alias: Option<&'static str>,
    example: &'static str,
    set: fn(&mut LegacyWriteFields, FieldValue<'_>, &mut Problems),
) -> LegacyFieldRow {
    let kind = FieldKind::Name {
        max_bytes: MAX_PHONE_BYTES,
    };
    let meaning = "a part of the phone number: area code, exchange and the rest are joined with `-`";
    row(spec(name, alias, kind, example, meaning), PROFILE, &[], set)
}

/// The table, in the order of the documents.
#[rustfmt::skip]
pub(crate) static TABLE: &[LegacyFieldRow] = &[
    row(spec("Email", None, FieldKind::Email, "\"ann@example.com\"", "the address of the user"),
        &[Create, CreatePasswordless, Update, VerifyEmail, ResendCode], &[Create, CreatePasswordless, VerifyEmail, ResendCode], |to, value, problems| value.put_email(&mut to.email, problems)),
    row(spec("LoginName", Some("Email"), FieldKind::Text { max_bytes: MAX_LOGIN_BYTES }, "\"ann@example.com\"", "the address of the user, as it was typed; also spelled `Email`"),
        &[Authenticate, ForgotPassword], &[Authenticate, ForgotPassword], |to, value, problems| value.put_text(&mut to.login_name, problems)),
    row(spec("Password", None, FieldKind::Password, "\"correct horse battery\"", "the password, taken as it is"),
        &[Create, Update, Authenticate], &[Authenticate], |to, value, problems| value.put_password(&mut to.password, problems)),
    row(spec("CreationMode", None, FieldKind::Number { min: 0, max: 2 }, "0", "the sides: 0 provider and store, 1 the same, since the store follows a provider at the next read, 2 the store only; where the tenant has no provider, always the store"),
        PROFILE, &[Create], |to, value, problems| value.put_number(&mut to.creation_mode, problems)),
    row(spec("VerifyEmail", None, FieldKind::Flag, "false", "true creates nothing until the address is verified by the code that is mailed"),
        &[Create, CreatePasswordless], &[Create], |to, value, problems| value.put_flag(&mut to.verify_email, problems)),
    row(spec("CustomerRegistrationId", None, FieldKind::Id, "\"2937\"", "the id of the user"),
        &[Create, CreatePasswordless], &[], |to, value, problems| value.put_id(&mut to.customer_registration_id, problems)),
    row(spec("FirstName", None, FieldKind::Name { max_bytes: MAX_NAME_BYTES }, "\"Ann\"", "the first name"),
        PROFILE, &[], |to, value, problems| value.put_text(&mut to.first_name, problems)),
    row(spec("LastName", None, FieldKind::Name { max_bytes: MAX_NAME_BYTES }, "\"Lee\"", "the last name"),
        PROFILE, &[], |to, value, problems| value.put_text(&mut to.last_name, problems)),
    phone("PhoneAc", Some("PhonaAc"), "\"555\"", |to, value, problems| value.put_text(&mut to.phone[0], problems)),
    phone("PhoneEx", None, "\"010\"", |to, value, problems| value.put_text(&mut to.phone[1], problems)),
    phone("PhoneExt", None, "\"9999\"", |to, value, problems| value.put_text(&mut to.phone[2], problems)),
    text("MobilePhone", "\"555-010-9999\"", "the mobile number"),
    text("DOB", "\"1970-01-31\"", "the day of birth, as it is to be shown"),
    text("BirthYear", "\"1970\"", "the year of birth"),
    text("Gender", "\"F\"", "the gender"),
    flag("OptInEVantageSubscriberRewards", None),
    flag("OptInSpecialOffers", None),
    flag("OptInContestAndPromotions", None),
    flag("OptInPaperlessBilling", None),
    flag("OptInEEdition", None),
    flag("OptInEEditionEmailNotification", Some("OptInEEditionEmailNtification")),
    flag("OptInSubscriberDiscounts", None),
    flag("OptInAdvertiserEmails", None),
    flag("MemberEvent", None),
    flag("ContentEngagement", None),
    flag("SUBCOM", None),
    flag("Survey", None),
    flag("AccountUpdates", None),
    consent("AcceptsEmailOffers", None),
    consent("AcceptsEmailAds", None),
    consent("AcceptsEmailPromotions", None),
    consent("IsOkToEmail", None),
    consent("IsOkToPhone", None),
    consent("IsOkToMail", None),
    consent("AcceptsEENotification", Some("AcceptsEENtification")),
    flag("AcceptsTermsOfService", None),
    text("Photo", "\"https://herald.example/ann.jpg\"", "the photo"),
    flag("OptOutMarketing", None),
    row(spec("VerificationCode", None, FieldKind::Text { max_bytes: MAX_SECRET_BYTES }, "\"2CF772\"", "the code that was mailed"),
        &[VerifyEmail], &[VerifyEmail], |to, value, problems| value.put_text(&mut to.verification_code, problems)),
    row(spec("Token", None, FieldKind::Text { max_bytes: MAX_TOKEN_BYTES }, "\"eyJhbGciOiJSUzI1NiJ9.e30.c2ln\"", "a token of the user from the issuer that the tenant's settings name"),
        &[AuthenticateByToken], &[AuthenticateByToken], |to, value, problems| value.put_text(&mut to.token, problems)),
    row(FieldSpec { name: "ReturnUrl", alias: None, kind: FieldKind::Text { max_bytes: MAX_RETURN_URL_BYTES }, origin: Extension, example: "\"https://herald.example/account\"",
            meaning: "where the link in the mail leads: an address that the tenant's setting `Users.ReturnUrls` allows" },
        &[Create, CreatePasswordless, ForgotPassword, ResendCode], &[], |to, value, problems| value.put_text(&mut to.return_url, problems)),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v4::writes::body::read_fields;

    #[test]
    fn every_example_is_a_valid_value() {
        for row in TABLE {
            for call in row.calls {
                let body = format!("{{\"{}\":{}}}", row.spec.name, row.spec.example);
                let mut problems = Problems::default();
                read_fields(body.as_bytes(), TABLE, call, false, &mut problems);
                let own = problems
                    .texts()
                    .find(|text| text.starts_with(&format!("{}:", row.spec.name)));
                assert_eq!(own, None, "{call:?}");
            }
        }
    }

    #[test]
    fn profile_fields_have_a_metadata_key() {
        let own = [
            "Email",
            "CreationMode",
            "FirstName",
            "LastName",
            "PhoneAc",
            "PhoneEx",
            "PhoneExt",
        ];
        for row in TABLE
            .iter()
            .filter(|row| row.calls == PROFILE && !own.contains(&row.spec.name))
        {
            assert!(metadata_key(row.spec.name).is_some(), "{}", row.spec.name);
        }
    }
}

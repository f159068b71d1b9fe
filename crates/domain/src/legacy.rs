//! The fields of the legacy User API that show metadata (contract §2.4, §3.3).

/// How a legacy field shows the text of a metadata key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegacyForm {
    /// Verbatim; null when unset.
    Text,
    /// True for `Y`, `y`, `true` or `1`.
    Flag,
    /// As a number from 0 to 255, a letter by its ASCII code; null for other values.
    Consent,
}

/// One legacy field that shows a metadata key.
#[derive(Debug, Clone, Copy)]
pub struct LegacyField {
    /// The published name.
    pub name: &'static str,
    /// How it shows the key.
    pub form: LegacyForm,
    /// The metadata key.
    pub key: &'static str,
}

const fn field(name: &'static str, form: LegacyForm, key: &'static str) -> LegacyField {
    LegacyField { name, form, key }
}

use LegacyForm::{Consent, Flag, Text};

/// Every legacy field that shows a metadata key, in published order.
pub const LEGACY_FIELDS: [LegacyField; 31] = [
    field("Gender", Text, "gender"),
    field("Phone", Text, "phoneNumber"),
    field("MobilePhone", Text, "cellPhone"),
    field("OptInEVantageSubscriberRewards", Flag, "eadvan_flag"),
    field("OptInSpecialOffers", Flag, "feat_flag"),
    field("OptInContestAndPromotions", Flag, "promo_flag"),
    field("OptInPaperlessBilling", Flag, "ebill_flag"),
    field("OptInEEdition", Flag, "eedition_flag"),
    field("OptInEEditionEmailNotification", Flag, "ee_email_flag"),
    field("OptInSubscriberDiscounts", Flag, "dealdigger_flag"),
    field("OptInAdvertiserEmails", Flag, "ads_flag"),
    field("MemberEvent", Flag, "member_event_flag"),
    field("ContentEngagement", Flag, "contentEngagement_flag"),
    field("SUBCOM", Flag, "subcom_flag"),
    field("Survey", Flag, "survey_flag"),
    field("AccountUpdates", Flag, "accountUpdates_flag"),
    field("DateOfBirth", Text, "dob"),
    field("BirthYear", Text, "dobYYYY"),
    field("AcceptsEmailOffers", Consent, "acceptsEmailOffers"),
    field("AcceptsEmailAds", Consent, "acceptsEmailAds"),
    field("AcceptsEmailPromotions", Consent, "acceptsEmailPromotions"),
    field("IsOkToEmail", Consent, "isOkToEmail"),
    field("IsOkToPhone", Consent, "isOkToPhone"),
    field("IsOkToMail", Consent, "isOkToMail"),
    field("AcceptsEENotification", Consent, "acceptsEENotification"),
    field("IsSocial", Flag, "isSocial"),
    field("DisplayName", Text, "displayName"),
    field("AgreeToTerms", Flag, "agreeToTerms"),
    field("OptOutMarketing", Flag, "optOutMarketing"),
    field("Photo", Text, "photo"),
    field("BounceType", Text, "bounceType"),
];

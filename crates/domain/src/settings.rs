//! A tenant's switches: their names, their meaning, and how mistakes in them are told.

use std::{collections::BTreeMap, time::Duration};

use thiserror::Error;

use crate::{
    flow::UserProvider,
    merge::{Precedence, SourceKind},
};

/// A tenant's switches. The default is what the contract publishes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "five independent switches, as the contract has them"
)]
pub struct TenantSettings {
    /// The outside provider, when `Flow.UserProvider` names a valid one.
    pub user_provider: Option<UserProvider>,
    /// The calling applications that may ask; empty means any.
    pub source_systems: Vec<Box<str>>,
    /// `message.type` is the number 0 or 1 in place of the word.
    pub message_type_as_number: bool,
    /// `data` is an array also where one user is answered.
    pub data_as_array: bool,
    /// A by-id miss is 400 in place of 404.
    pub miss_as_400: bool,
    /// Unknown parameters are ignored in place of refused.
    pub ignore_unknown_parameters: bool,
    /// Complete addresses match by *contains* too, as the legacy API does.
    pub email_contains: bool,
    /// Who wins which field of a merge.
    pub precedence: Precedence,
    /// How our own knowledge of the provider's users is used and kept.
    pub mirror: MirrorSettings,
    /// The settings of the providers and of a remote Users API, by their full names (`Auth0.Domain`, `Subscribe.Url`), for
    /// the adapters to parse.
    pub provider: BTreeMap<Box<str>, Box<str>>,
}

/// How a tenant's directory is used and kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MirrorSettings {
    /// How old the directory may be for a list answered from it to count as the provider's word of now.
    pub max_age: Duration,
    /// How many confirmed absences remove a profile, at least 1.
    pub removal_confirmations: u16,
    /// How far apart two of them must lie to count as two.
    pub removal_apart: Duration,
}

impl Default for MirrorSettings {
    fn default() -> Self {
        Self {
            max_age: Duration::from_hours(1),
            removal_confirmations: 3,
            removal_apart: Duration::from_hours(24),
        }
    }
}

/// One switch, for help texts and docs.
#[derive(Debug, Clone, Copy)]
pub struct TenantSettingSpec {
    /// The name under which it is set.
    pub name: &'static str,
    /// What values it takes.
    pub values: &'static str,
    /// What it does.
    pub meaning: &'static str,
    set: fn(&mut TenantSettings, &str) -> Result<(), &'static str>,
}

/// Something wrong with a tenant's settings; it never repeats a value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SettingError {
    /// No such setting.
    #[error("{0}: no such setting")]
    UnknownName(Box<str>),
    /// `Merge.{field}` names no field that a merge decides, or no side.
    #[error("{0}: must name email, firstName, lastName or metadata.KEY, and be provider or store")]
    BadPrecedence(Box<str>),
    /// The value is not of the setting's form.
    #[error("{name}: must be {expected}")]
    BadValue {
        /// The setting.
        name: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// The provider is not one of the valid names: the store alone is asked (contract §2.1). A warning, not an error.
    #[error(
        "Flow.UserProvider: not one of Auth0, Gigya, SSOR, Firefly; the Subscribe registrations alone will be asked"
    )]
    UnknownProvider,
    /// The Subscribe source is a remote Users API, which is only read (ADR 0062). A warning, not an error.
    #[error(
        "Subscribe.Url: a remote Users API answers in place of this tenant's own registrations; it is only read, and what a \
         provider says is not synchronised"
    )]
    ReadOnlySubscribe,
}

impl SettingError {
    /// Whether the settings can be used all the same.
    #[must_use]
    pub const fn is_warning(&self) -> bool {
        match self {
            Self::UnknownProvider | Self::ReadOnlySubscribe => true,
            Self::UnknownName(_) | Self::BadPrecedence(_) | Self::BadValue { .. } => false,
        }
    }
}

/// How the names of a remote Users API's settings begin.
pub const SUBSCRIBE_PREFIX: &str = "Subscribe.";

const MINUTES: &str = "a number of minutes from 1 to 525600";
const CONFIRMATIONS: &str = "a number from 1 to 100";
const HOURS: &str = "a number of hours from 0 to 8760";

fn number(text: &str, least: u64, most: u64) -> Option<u64> {
    text.parse().ok().filter(|number| (least..=most).contains(number))
}

const BOOLEAN: &str = "true or false";

fn boolean(text: &str) -> Result<bool, &'static str> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(BOOLEAN),
    }
}

/// Every switch of a tenant, except the providers' own.
pub const SETTINGS: [TenantSettingSpec; 10] = [
    TenantSettingSpec {
        name: "Flow.UserProvider",
        values: "Auth0, Gigya, SSOR or Firefly; anything else means the Subscribe registrations alone",
        meaning: "the outside identity provider that keeps this tenant's accounts",
        set: |settings, text| {
            settings.user_provider = UserProvider::from_name(text);
            Ok(())
        },
    },
    TenantSettingSpec {
        name: "Api.SourceSystems",
        values: "codes with commas between them; empty means any",
        meaning: "the calling applications (X-SourceSystem) that may ask",
        set: |settings, text| {
            settings.source_systems = text
                .split(',')
                .map(str::trim)
                .filter(|s| !s.is_empty())
                .map(Into::into)
                .collect();
            Ok(())
        },
    },
    TenantSettingSpec {
        name: "Api.MessageTypeAsNumber",
        values: BOOLEAN,
        meaning: "message.type is 0 (success) or 1 (error) in place of the word",
        set: |settings, text| boolean(text).map(|on| settings.message_type_as_number = on),
    },
    TenantSettingSpec {
        name: "Api.DataAsArray",
        values: BOOLEAN,
        meaning: "data is an array also where one user is answered",
        set: |settings, text| boolean(text).map(|on| settings.data_as_array = on),
    },
    TenantSettingSpec {
        name: "Api.MissAs400",
        values: BOOLEAN,
        meaning: "an unknown id is answered with 400 in place of 404",
        set: |settings, text| boolean(text).map(|on| settings.miss_as_400 = on),
    },
    TenantSettingSpec {
        name: "Api.IgnoreUnknownParameters",
        values: BOOLEAN,
        meaning: "unknown query parameters are ignored in place of refused",
        set: |settings, text| boolean(text).map(|on| settings.ignore_unknown_parameters = on),
    },
    TenantSettingSpec {
        name: "Api.EmailContains",
        values: BOOLEAN,
        meaning: "email matches by contains also when it is a complete address, as the legacy API does",
        set: |settings, text| boolean(text).map(|on| settings.email_contains = on),
    },
    TenantSettingSpec {
        name: "Directory.MaxAgeMinutes",
        values: MINUTES,
        meaning: "how old the directory may be for lists answered from it to count as current (60)",
        set: |settings, text| {
            let minutes = number(text, 1, 525_600).ok_or(MINUTES)?;
            settings.mirror.max_age = Duration::from_mins(minutes);
            Ok(())
        },
    },
    TenantSettingSpec {
        name: "Directory.RemovalConfirmations",
        values: CONFIRMATIONS,
        meaning: "how many times the provider must have confirmed that a user is gone before the directory forgets them (3)",
        set: |settings, text| {
            let times = number(text, 1, 100).ok_or(CONFIRMATIONS)?;
            settings.mirror.removal_confirmations = u16::try_from(times).map_err(|_| CONFIRMATIONS)?;
            Ok(())
        },
    },
    TenantSettingSpec {
        name: "Directory.RemovalApartHours",
        values: HOURS,
        meaning: "how far apart two of these confirmations must lie to count as two (24)",
        set: |settings, text| {
            settings.mirror.removal_apart = Duration::from_hours(number(text, 0, 8_760).ok_or(HOURS)?);
            Ok(())
        },
    },
];

impl TenantSettings {
    /// Reads settings by name. What is wrong is left at its default and told, every mistake at once; names that begin
    /// with a provider's name and a dot are kept for its adapter.
    #[must_use]
    pub fn parse<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> (Self, Vec<SettingError>) {
        let mut settings = Self::default();
        let mut mistakes = Vec::new();
        for (name, text) in pairs {
            if let Some(spec) = SETTINGS.iter().find(|spec| spec.name == name) {
                if let Err(expected) = (spec.set)(&mut settings, text) {
                    mistakes.push(SettingError::BadValue {
                        name: spec.name,
                        expected,
                    });
                }
            } else if let Some(field) = name.strip_prefix("Merge.") {
                mistakes.extend(override_precedence(&mut settings.precedence, name, field, text));
            } else if is_providers_own(name) {
                settings.provider.insert(name.into(), text.into());
            } else {
                mistakes.push(SettingError::UnknownName(name.into()));
            }
            if name == "Flow.UserProvider" && !text.is_empty() && settings.user_provider.is_none() {
                mistakes.push(SettingError::UnknownProvider);
            }
        }
        if settings.has_remote_store() {
            mistakes.push(SettingError::ReadOnlySubscribe);
        }
        (settings, mistakes)
    }

    /// Whether an outside provider keeps the accounts.
    #[must_use]
    pub const fn is_federated(&self) -> bool {
        self.user_provider.is_some()
    }

    /// Whether a remote Users API answers in place of our registrations: any of its settings is enough, so that one that is
    /// forgotten is told and never means our own registrations.
    #[must_use]
    pub fn has_remote_store(&self) -> bool {
        self.provider.keys().any(|name| name.starts_with(SUBSCRIBE_PREFIX))
    }

    /// Whether this calling application may ask.
    #[must_use]
    pub fn allows_source_system(&self, code: &str) -> bool {
        self.source_systems.is_empty() || self.source_systems.iter().any(|known| **known == *code)
    }
}

fn override_precedence(precedence: &mut Precedence, name: &str, field: &str, text: &str) -> Option<SettingError> {
    let side = match text {
        "provider" => SourceKind::Provider,
        "store" => SourceKind::Store,
        _ => return Some(SettingError::BadPrecedence(name.into())),
    };
    let refused = precedence.set(field, side).is_err();
    refused.then(|| SettingError::BadPrecedence(name.into()))
}

fn is_providers_own(name: &str) -> bool {
    name.split_once('.').is_some_and(|(section, rest)| {
        !rest.is_empty() && (UserProvider::from_name(section).is_some() || name.starts_with(SUBSCRIBE_PREFIX))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_setting_of_a_remote_api_makes_the_registrations_remote_and_that_is_warned_of() {
        let (settings, mistakes) =
            TenantSettings::parse([("Subscribe.Url", "https://far.example"), ("Auth0.Domain", "x")]);
        assert!(settings.has_remote_store());
        assert_eq!(mistakes, [SettingError::ReadOnlySubscribe]);
        assert!(mistakes[0].is_warning());
        let (forgotten, _) = TenantSettings::parse([("Subscribe.TokenEnv", "FAR")]);
        assert!(forgotten.has_remote_store());
        let (none, mistakes) = TenantSettings::parse([("Subscribe.", "x"), ("Subscribe", "x")]);
        assert!(!none.has_remote_store() && mistakes.len() == 2);
    }

    #[test]
    fn all_mistakes_are_told_at_once_and_a_strange_provider_is_a_warning() {
        let (settings, mistakes) = TenantSettings::parse([
            ("Api.DataAsArray", "yes"),
            ("Api.MissAs400", "true"),
            ("Flow.UserProvider", "auth0"),
            ("Auth0.Domain", "example"),
            ("Colour", "red"),
        ]);
        assert!(settings.miss_as_400 && !settings.data_as_array);
        assert_eq!(settings.user_provider, None);
        assert_eq!(settings.provider.len(), 1);
        assert_eq!(
            mistakes,
            [
                SettingError::BadValue {
                    name: "Api.DataAsArray",
                    expected: BOOLEAN
                },
                SettingError::UnknownProvider,
                SettingError::UnknownName("Colour".into()),
            ]
        );
        assert_eq!(mistakes.iter().filter(|mistake| mistake.is_warning()).count(), 1);
    }

    #[test]
    fn the_precedence_of_a_field_is_a_setting() {
        let (settings, mistakes) = TenantSettings::parse([
            ("Merge.firstName", "store"),
            ("Merge.password", "store"),
            ("Merge.email", "nobody"),
        ]);
        assert_eq!(settings.precedence.winner("firstName"), SourceKind::Store);
        assert_eq!(settings.precedence.winner("email"), SourceKind::Provider);
        assert_eq!(mistakes.len(), 2);
    }

    #[test]
    fn the_directory_is_kept_as_the_tenant_says() {
        let (settings, mistakes) = TenantSettings::parse([
            ("Directory.MaxAgeMinutes", "5"),
            ("Directory.RemovalConfirmations", "0"),
            ("Directory.RemovalApartHours", "0"),
        ]);
        assert_eq!(settings.mirror.max_age, Duration::from_mins(5));
        assert_eq!(settings.mirror.removal_confirmations, 3);
        assert_eq!(settings.mirror.removal_apart, Duration::ZERO);
        assert_eq!(mistakes.len(), 1);
    }

    #[test]
    fn source_systems_are_any_until_some_are_listed() {
        let (any, _) = TenantSettings::parse([]);
        assert!(any.allows_source_system("CRM"));
        let (listed, mistakes) = TenantSettings::parse([("Api.SourceSystems", "CRM, APP")]);
        assert!(mistakes.is_empty());
        assert!(listed.allows_source_system("APP") && !listed.allows_source_system("app"));
    }
}

//! The settings of a tenant: names, values, and errors.

use std::{collections::BTreeMap, time::Duration};

use thiserror::Error;

use crate::{
    first_login::FirstLoginSettings,
    flow::UserProvider,
    mail::{LANGUAGE, Language, MailSettings, PAPER_NAME, SENDER, Sender, parse_paper_name},
    merge::{Precedence, SourceKind},
    rate_limit::{TenantRateLimits, parse_rate},
    return_url::{RETURN_URLS, ReturnUrlPolicy},
    setting_groups::{key_address, token_text},
    setting_values::{
        CONFIRMATIONS, FLOOR, HOURS, MINUTES, boolean, event_days, inactive_action, inactive_months,
        is_provider_setting, number,
    },
    suggestion::did_you_mean,
    user_rules::UserRules,
};

pub use crate::{
    setting_groups::{EventDays, InactiveAction, InactivityRule, MirrorSettings, UserTokenSettings},
    setting_values::{HASHES_PREFIX, SUBSCRIBE_PREFIX},
};

/// The settings of a tenant; the defaults are those of the contract.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "five independent switches of the contract")]
pub struct TenantSettings {
    /// The identity provider, if `Flow.UserProvider` names a valid one.
    pub user_provider: Option<UserProvider>,
    /// The allowed calling applications; empty allows any.
    pub source_systems: Vec<Box<str>>,
    /// `message.type` is 0 or 1 instead of a word.
    pub message_type_as_number: bool,
    /// `data` is an array also for one user.
    pub data_as_array: bool,
    /// An unknown id is 400 instead of 404.
    pub miss_as_400: bool,
    /// Unknown parameters are ignored instead of rejected.
    pub ignore_unknown_parameters: bool,
    /// Complete addresses match by *contains* too, as in the legacy API.
    pub email_contains: bool,
    /// The field precedence of merges.
    pub precedence: Precedence,
    /// How the mirror is used and updated.
    pub mirror: MirrorSettings,
    /// How users are written.
    pub users: UserRules,
    /// How mails to its users look.
    pub mail: MailSettings,
    /// Whose tokens of users are trusted.
    pub user_tokens: UserTokenSettings,
    /// Where links in mails may lead.
    pub return_urls: ReturnUrlPolicy,
    /// How much may be read in a minute, in place of the server's limits.
    pub rate_limits: TenantRateLimits,
    /// How many days its events are kept.
    pub event_days: EventDays,
    /// When its users count as inactive, and what becomes of them.
    pub inactivity: InactivityRule,
    /// How long a failed sign-in takes at least; `None` for the time of one hash of the set cost.
    pub sign_in_floor: Option<Duration>,
    /// Whose first password is checked at the provider of before.
    pub first_login: FirstLoginSettings,
    /// The settings of providers, of a remote Users API and of imported password hashes, by their full names (`Auth0.Domain`,
    /// `Subscribe.Url`, `Hashes.PepperEnv`); the adapters parse them.
    pub provider: BTreeMap<Box<str>, Box<str>>,
}
/// One setting, which docs/operations.md describes.
struct TenantSetting {
    name: &'static str,
    /// A former name, which is still accepted.
    alias: Option<&'static str>,
    /// Parses the text; an error is the allowed values.
    set: fn(&mut TenantSettings, &str) -> Result<(), &'static str>,
}

/// An error in the settings of a tenant; it never contains a value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SettingError {
    /// The setting does not exist.
    #[error("{0}: no such setting{hint}", hint = did_you_mean(.0, SETTINGS.iter().map(|setting| setting.name)))]
    UnknownName(Box<str>),
    /// `Merge.{field}` has an unknown field or source.
    #[error("{0}: must name email, firstName, lastName or metadata.KEY, and be provider or store")]
    BadPrecedence(Box<str>),
    /// The value is invalid.
    #[error("{name}: must be {expected}")]
    BadValue {
        /// The setting.
        name: &'static str,
        /// The allowed values.
        expected: &'static str,
    },
    /// The provider is unknown, so only the store is read (contract §2.1). A warning.
    #[error(
        "Flow.UserProvider: not one of {}; only the Subscribe registrations will be read",
        provider_names()
    )]
    UnknownProvider,
    /// The store is a remote Users API, which is read-only (ADR 0062). A warning.
    #[error(
        "Subscribe.Url: a remote Users API replaces this tenant's registrations; it is read-only, and answers of a provider are \
         not written back"
    )]
    ReadOnlySubscribe,
    /// The tenant's passwords are checked elsewhere always. A warning.
    #[error("Import.FirstLogin: has no effect beside Flow.UserProvider or Subscribe.Url, which check every password")]
    UnusedFirstLogin,
}

impl SettingError {
    /// Whether the settings can be used nevertheless.
    #[must_use]
    pub const fn is_warning(&self) -> bool {
        match self {
            Self::UnknownProvider | Self::ReadOnlySubscribe | Self::UnusedFirstLogin => true,
            Self::UnknownName(_) | Self::BadPrecedence(_) | Self::BadValue { .. } => false,
        }
    }
}

fn provider_names() -> String {
    let names: Vec<&str> = UserProvider::ALL.iter().map(|provider| provider.name()).collect();
    names.join(", ")
}

/// All settings of a tenant, except those of the providers.
const SETTINGS: &[TenantSetting] = &[
    TenantSetting {
        name: "Flow.UserProvider",
        alias: None,
        set: |settings, text| {
            settings.user_provider = UserProvider::from_name(text);
            Ok(())
        },
    },
    TenantSetting {
        name: "Api.SourceSystems",
        alias: None,
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
    TenantSetting {
        name: "Api.MessageTypeAsNumber",
        alias: None,
        set: |settings, text| boolean(text).map(|on| settings.message_type_as_number = on),
    },
    TenantSetting {
        name: "Api.DataAsArray",
        alias: None,
        set: |settings, text| boolean(text).map(|on| settings.data_as_array = on),
    },
    TenantSetting {
        name: "Api.MissAs400",
        alias: None,
        set: |settings, text| boolean(text).map(|on| settings.miss_as_400 = on),
    },
    TenantSetting {
        name: "Api.IgnoreUnknownParameters",
        alias: None,
        set: |settings, text| boolean(text).map(|on| settings.ignore_unknown_parameters = on),
    },
    TenantSetting {
        name: "Api.EmailContains",
        alias: None,
        set: |settings, text| boolean(text).map(|on| settings.email_contains = on),
    },
    TenantSetting {
        name: "Retention.EventDays",
        alias: None,
        set: |settings, text| event_days(text).map(|days| settings.event_days = days),
    },
    TenantSetting {
        name: "Retention.InactiveMonths",
        alias: None,
        set: |settings, text| inactive_months(text).map(|months| settings.inactivity.after_months = months),
    },
    TenantSetting {
        name: "Retention.InactiveAction",
        alias: None,
        set: |settings, text| inactive_action(text).map(|action| settings.inactivity.action = action),
    },
    TenantSetting {
        name: "Mirror.MaxAgeMinutes",
        alias: Some("Directory.MaxAgeMinutes"),
        set: |settings, text| {
            let minutes = number(text, 1, 525_600).ok_or(MINUTES)?;
            settings.mirror.max_age = Duration::from_mins(minutes);
            Ok(())
        },
    },
    TenantSetting {
        name: "Mirror.RemovalConfirmations",
        alias: Some("Directory.RemovalConfirmations"),
        set: |settings, text| {
            let times = number(text, 1, 100).ok_or(CONFIRMATIONS)?;
            settings.mirror.removal_confirmations = u16::try_from(times).map_err(|_| CONFIRMATIONS)?;
            Ok(())
        },
    },
    TenantSetting {
        name: "Mirror.RemovalApartHours",
        alias: Some("Directory.RemovalApartHours"),
        set: |settings, text| {
            settings.mirror.removal_apart = Duration::from_hours(number(text, 0, 8_760).ok_or(HOURS)?);
            Ok(())
        },
    },
    TenantSetting {
        name: "Retention.PendingHours",
        alias: Some("Users.PendingHours"),
        set: |settings, text| {
            settings.users.pending_life =
                Duration::from_hours(number(text, 1, 720).ok_or("a number of hours from 1 to 720")?);
            Ok(())
        },
    },
    TenantSetting {
        name: "Users.ResetMinutes",
        alias: None,
        set: |settings, text| {
            let minutes = number(text, 5, 10_080).ok_or("a number of minutes from 5 to 10080")?;
            settings.users.reset_life = Duration::from_mins(minutes);
            Ok(())
        },
    },
    TenantSetting {
        name: "Retention.DeletedDays",
        alias: Some("Users.PurgeDays"),
        set: |settings, text| {
            let days = number(text, 0, 3_650).ok_or("a number of days from 0 to 3650")?;
            settings.users.purge_after = Duration::from_hours(24 * days);
            Ok(())
        },
    },
    TenantSetting {
        name: "Users.UpgradeLite",
        alias: None,
        set: |settings, text| boolean(text).map(|on| settings.users.upgrade_lite = on),
    },
    TenantSetting {
        name: "Users.EmailChangeUnverifies",
        alias: None,
        set: |settings, text| boolean(text).map(|on| settings.users.email_change_unverifies = on),
    },
    TenantSetting {
        name: "Limits.RequestsPerMinute",
        alias: None,
        set: |settings, text| parse_rate(text).map(|requests| settings.rate_limits.requests = Some(requests)),
    },
    TenantSetting {
        name: "Limits.RowsPerMinute",
        alias: None,
        set: |settings, text| parse_rate(text).map(|rows| settings.rate_limits.rows = Some(rows)),
    },
    TenantSetting {
        name: "Token.Issuer",
        alias: None,
        set: |settings, text| token_text(text).map(|issuer| settings.user_tokens.issuer = Some(issuer)),
    },
    TenantSetting {
        name: "Token.Audience",
        alias: None,
        set: |settings, text| token_text(text).map(|audience| settings.user_tokens.audience = Some(audience)),
    },
    TenantSetting {
        name: "Token.JwksUrl",
        alias: None,
        set: |settings, text| key_address(text).map(|address| settings.user_tokens.jwks_url = Some(address)),
    },
    TenantSetting {
        name: "Mail.From",
        alias: None,
        set: |settings, text| {
            settings.mail.from = Some(Sender::parse(text).map_err(|_| SENDER)?);
            Ok(())
        },
    },
    TenantSetting {
        name: "Mail.Language",
        alias: None,
        set: |settings, text| {
            settings.mail.language = Some(Language::parse(text).map_err(|_| LANGUAGE)?);
            Ok(())
        },
    },
    TenantSetting {
        name: "Mail.PaperName",
        alias: None,
        set: |settings, text| {
            settings.mail.paper_name = Some(parse_paper_name(text).ok_or(PAPER_NAME)?);
            Ok(())
        },
    },
    TenantSetting {
        name: "Users.ReturnUrls",
        alias: None,
        set: |settings, text| {
            settings.return_urls = ReturnUrlPolicy::parse(text).map_err(|_| RETURN_URLS)?;
            Ok(())
        },
    },
    TenantSetting {
        name: "Users.SignInFloorMillis",
        alias: None,
        set: |settings, text| {
            settings.sign_in_floor = Some(Duration::from_millis(number(text, 0, 10_000).ok_or(FLOOR)?));
            Ok(())
        },
    },
    TenantSetting {
        name: "Import.FirstLogin",
        alias: None,
        set: |settings, text| settings.first_login.set_provider(text),
    },
    TenantSetting {
        name: "Import.FirstLoginBefore",
        alias: None,
        set: |settings, text| settings.first_login.set_registered_before(text),
    },
];

impl TenantSettings {
    /// Parses settings by name. An invalid setting keeps its default, and all errors are returned. Names that start with the
    /// name of a provider and a dot are kept for its adapter. A former name is ignored if the new one is set too.
    #[must_use]
    pub fn parse<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> (Self, Vec<SettingError>) {
        let pairs: Vec<_> = pairs.into_iter().collect();
        let mut settings = Self::default();
        let mut errors = Vec::new();
        for &(name, text) in &pairs {
            if let Some(spec) = SETTINGS
                .iter()
                .find(|spec| spec.name == name || spec.alias == Some(name))
            {
                let is_replaced = name != spec.name && pairs.iter().any(|(other, _)| *other == spec.name);
                if is_replaced {
                    continue;
                }
                if let Err(expected) = (spec.set)(&mut settings, text) {
                    errors.push(SettingError::BadValue {
                        name: spec.name,
                        expected,
                    });
                }
            } else if let Some(field) = name.strip_prefix("Merge.") {
                errors.extend(override_precedence(&mut settings.precedence, name, field, text));
            } else if is_provider_setting(name) {
                settings.provider.insert(name.into(), text.into());
            } else {
                errors.push(SettingError::UnknownName(name.into()));
            }
            if name == "Flow.UserProvider" && !text.is_empty() && settings.user_provider.is_none() {
                errors.push(SettingError::UnknownProvider);
            }
        }
        if settings.has_remote_store() {
            errors.push(SettingError::ReadOnlySubscribe);
        }
        if settings.first_login.provider.is_some() && (settings.is_federated() || settings.has_remote_store()) {
            errors.push(SettingError::UnusedFirstLogin);
        }
        (settings, errors)
    }

    /// Whether the tenant has an identity provider.
    #[must_use]
    pub const fn is_federated(&self) -> bool {
        self.user_provider.is_some()
    }

    /// Whether a remote Users API replaces our registrations: any of its settings is enough, so that an incomplete
    /// configuration is an error and never means our registrations.
    #[must_use]
    pub fn has_remote_store(&self) -> bool {
        self.provider.keys().any(|name| name.starts_with(SUBSCRIBE_PREFIX))
    }

    /// Whether this calling application is allowed.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{first_login::FormerProvider, mail::MAX_SENDER_NAME_CHARS, return_url::MAX_RETURN_URLS};

    #[test]
    fn any_remote_api_setting_makes_the_store_remote() {
        let (settings, errors) =
            TenantSettings::parse([("Subscribe.Url", "https://remote.example"), ("Auth0.Domain", "x")]);
        assert!(settings.has_remote_store());
        assert_eq!(errors, [SettingError::ReadOnlySubscribe]);
        assert!(errors[0].is_warning());
        let (incomplete, _) = TenantSettings::parse([("Subscribe.TokenEnv", "REMOTE")]);
        assert!(incomplete.has_remote_store());
        let (none, errors) = TenantSettings::parse([("Subscribe.", "x"), ("Subscribe", "x")]);
        assert!(!none.has_remote_store() && errors.len() == 2);
    }

    #[test]
    fn all_errors_are_reported_and_unknown_provider_warns() {
        let (settings, errors) = TenantSettings::parse([
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
            errors,
            [
                SettingError::BadValue {
                    name: "Api.DataAsArray",
                    expected: "true or false"
                },
                SettingError::UnknownProvider,
                SettingError::UnknownName("Colour".into()),
            ]
        );
        assert_eq!(errors.iter().filter(|error| error.is_warning()).count(), 1);
    }

    #[test]
    fn merge_settings_override_precedence() {
        let (settings, errors) = TenantSettings::parse([
            ("Merge.firstName", "store"),
            ("Merge.password", "store"),
            ("Merge.email", "neither"),
        ]);
        assert_eq!(settings.precedence.winner("firstName"), SourceKind::Store);
        assert_eq!(settings.precedence.winner("email"), SourceKind::Provider);
        assert_eq!(errors.len(), 2);
    }

    #[test]
    fn mirror_settings_are_parsed_also_by_their_former_names() {
        for prefix in ["Mirror", "Directory"] {
            let names =
                ["MaxAgeMinutes", "RemovalConfirmations", "RemovalApartHours"].map(|name| format!("{prefix}.{name}"));
            let values = ["5", "0", "0"];
            let (settings, errors) = TenantSettings::parse(names.iter().map(String::as_str).zip(values));
            assert_eq!(settings.mirror.max_age, Duration::from_mins(5));
            assert_eq!(settings.mirror.removal_confirmations, 3);
            assert_eq!(settings.mirror.removal_apart, Duration::ZERO);
            assert_eq!(errors.len(), 1);
        }
        for pairs in [
            [("Mirror.MaxAgeMinutes", "5"), ("Directory.MaxAgeMinutes", "6")],
            [("Directory.MaxAgeMinutes", "6"), ("Mirror.MaxAgeMinutes", "5")],
        ] {
            let (settings, errors) = TenantSettings::parse(pairs);
            assert_eq!((settings.mirror.max_age, errors), (Duration::from_mins(5), Vec::new()));
        }
    }

    #[test]
    fn mail_settings_are_parsed_and_checked() {
        let (settings, errors) = TenantSettings::parse([
            ("Mail.From", "The Herald <no-reply@herald.example>"),
            ("Mail.Language", "pt-BR"),
            ("Mail.PaperName", " The Herald "),
            ("Users.ReturnUrls", "https://herald.example/reset"),
        ]);
        assert_eq!(errors, []);
        assert_eq!(
            settings.mail.from,
            Sender::parse("The Herald <no-reply@herald.example>").ok()
        );
        assert_eq!(settings.mail.language, Language::parse("pt-br").ok());
        assert_eq!(settings.mail.paper_name.as_deref(), Some("The Herald"));
        assert!(settings.return_urls.is_allowed("https://herald.example/reset/now"));
        for (name, expected) in [
            ("Mail.From", SENDER),
            ("Mail.Language", LANGUAGE),
            ("Mail.PaperName", PAPER_NAME),
            ("Users.ReturnUrls", RETURN_URLS),
        ] {
            let (settings, errors) = TenantSettings::parse([(name, "http://her\nald")]);
            assert_eq!(errors, [SettingError::BadValue { name, expected }]);
            assert_eq!(settings, TenantSettings::default());
        }
        assert!(
            RETURN_URLS.contains(&MAX_RETURN_URLS.to_string())
                && PAPER_NAME.contains(&MAX_SENDER_NAME_CHARS.to_string())
        );
    }

    #[test]
    fn retention_is_parsed_also_by_its_former_names() {
        for (deleted, pending) in [
            ("Retention.DeletedDays", "Retention.PendingHours"),
            ("Users.PurgeDays", "Users.PendingHours"),
        ] {
            let (settings, errors) = TenantSettings::parse([(deleted, "7"), (pending, "3")]);
            assert_eq!(errors, []);
            assert_eq!(settings.users.purge_after, Duration::from_hours(7 * 24));
            assert_eq!(settings.users.pending_life, Duration::from_hours(3));
        }
    }

    #[test]
    fn inactive_users_are_reported_unless_erase_is_set() {
        let parse = |months: &str, action: &str| {
            TenantSettings::parse([
                ("Retention.InactiveMonths", months),
                ("Retention.InactiveAction", action),
            ])
        };
        let (settings, errors) = parse("24", "erase");
        assert_eq!((settings.inactivity.after_months, errors), (Some(24), Vec::new()));
        assert_eq!(settings.inactivity.action, InactiveAction::Erase);
        assert_eq!(parse("0", "report").0.inactivity, InactivityRule::default());
        for (months, action) in [("2", "report"), ("241", "report"), ("24", "Erase")] {
            assert_eq!(parse(months, action).1.len(), 1, "{months} {action}");
        }
    }

    #[test]
    fn sign_in_floor_is_in_milliseconds() {
        let (settings, errors) = TenantSettings::parse([("Users.SignInFloorMillis", "250"), ("Hashes.PepperEnv", "X")]);
        assert_eq!(
            (settings.sign_in_floor, errors),
            (Some(Duration::from_millis(250)), Vec::new())
        );
        assert_eq!(settings.provider.len(), 1);
        let (default, errors) = TenantSettings::parse([("Users.SignInFloorMillis", "10001")]);
        assert_eq!((default.sign_in_floor, errors.len()), (None, 1));
    }

    #[test]
    fn first_login_is_unused_beside_a_provider() {
        let former = [("Import.FirstLogin", "cognito"), ("Cognito.ClientId", "x")];
        let (settings, errors) = TenantSettings::parse(former);
        assert_eq!(errors, []);
        assert_eq!(settings.first_login.provider, Some(FormerProvider::Cognito));
        assert_eq!(settings.provider.len(), 1, "the settings of the former provider");
        let (_, errors) = TenantSettings::parse([("Import.FirstLogin", "Auth0"), ("Flow.UserProvider", "Gigya")]);
        assert_eq!(errors, [SettingError::UnusedFirstLogin]);
        assert!(errors[0].is_warning());
    }

    #[test]
    fn any_source_system_is_allowed_unless_listed() {
        let (any, _) = TenantSettings::parse([]);
        assert!(any.allows_source_system("CRM"));
        let (listed, errors) = TenantSettings::parse([("Api.SourceSystems", "CRM, APP")]);
        assert!(errors.is_empty());
        assert!(listed.allows_source_system("APP") && !listed.allows_source_system("app"));
    }
}

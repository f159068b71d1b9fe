//! The lines of an explanation.

use std::fmt::Display;

use masthead_domain::{account::Account, email::Email, tenant::Tenant};
use masthead_ports::source::SourceErrorKind;
use masthead_subscribe_store::StoredTombstone;
use time::OffsetDateTime;

use crate::{command_error::CommandError, commands::environment::print_line, providers::first_login_provider};

pub(super) fn print_tenant(tenant: &Tenant) -> Result<(), CommandError> {
    let settings = &tenant.settings;
    let store = if settings.has_remote_store() {
        "a remote Users API in place of registrations"
    } else {
        "the registrations of its pool"
    };
    let sources = match settings.user_provider {
        Some(provider) => format!("reads {} and {store}, and merges them", provider.name()),
        None => format!("reads {store} alone: Flow.UserProvider names no provider"),
    };
    print_part("tenant", format_args!("{} {sources}", tenant.id))?;
    if let Some(former) = first_login_provider(settings) {
        let text = "checks the first password of users who were imported without one";
        print_part(
            "tenant",
            format_args!("{text} at {} (Import.FirstLogin)", former.name()),
        )?;
    }
    if !settings.source_systems.is_empty() {
        let systems = settings.source_systems.join(", ");
        print_part(
            "tenant",
            format_args!("admits the calling applications {systems} (Api.SourceSystems)"),
        )?;
    }
    Ok(())
}

/// Prints a line about one part.
pub(super) fn print_part(part: &str, text: impl Display) -> Result<(), CommandError> {
    print_line(format_args!("{part:<10}  {text}"))
}

pub(super) fn print_accounts(part: &str, accounts: &[Account], show: bool) -> Result<(), CommandError> {
    for account in accounts.iter().filter(|_| show) {
        let email = account.email.as_ref().map_or("no address", Email::as_str);
        let verified = if account.verified == Some(true) {
            "verified"
        } else {
            "not verified"
        };
        print_part(part, format_args!("id {}, {email}, {verified}", account.crid.as_str()))?;
    }
    Ok(())
}

pub(super) fn accounts(count: usize) -> String {
    match count {
        1 => "1 account".to_owned(),
        many => format!("{many} accounts"),
    }
}

pub(super) fn tombstone(stone: &StoredTombstone) -> String {
    let scanned = stone.scanned_at.map_or_else(String::new, |at| {
        format!("; a sync last saw such an account on {}", date(at))
    });
    format!(
        "a user with this key was deleted on {}: imports and syncs leave it out, and an account of the provider alone is not \
         shown{scanned}",
        date(stone.created_at)
    )
}

/// Why a source gave no answer, and where to look.
pub(super) fn in_words(kind: SourceErrorKind) -> String {
    let look = match kind {
        SourceErrorKind::RateLimited { .. } => "the budget of calls is used up, here or there",
        SourceErrorKind::Unavailable => "it cannot be reached, or answers with errors",
        SourceErrorKind::Misconfigured => "it refuses our credentials or settings; see masthead provider check",
        SourceErrorKind::Refused => "it refuses the call; see masthead provider check",
        SourceErrorKind::Corrupt => "its answer cannot be true; see masthead provider check",
        SourceErrorKind::TooBroad | SourceErrorKind::OutcomeUnknown => "it takes too long",
    };
    format!("{kind}: {look}")
}

pub(super) fn date(at: OffsetDateTime) -> String {
    let format = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    at.to_offset(time::UtcOffset::UTC).format(format).unwrap_or_default()
}

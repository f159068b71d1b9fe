//! `masthead caller …`, as `--help` explains it.

use std::time::Duration;

use clap::{Args, Subcommand};
use masthead_domain::{
    access::TenantGrant,
    caller_rules::{CallerKind, CallerName, CallerNameError},
};

use super::token::{Scopes, parse_lifetime, parse_scopes};

const GRANT_HELP: &str = "\
For callers whose issuer cannot put tenants or scopes into its tokens. The grant counts in place of the tenants that the tokens
claim, and, with --scope, in place of their scopes. One grant for each caller: a new one replaces it. A grant of the subject
comes before one of the client. `masthead token inspect` prints the issuer, subject and client of a token. Running servers
follow within seconds.";

const DENIAL_HELP: &str = "\
Every token of the subject or client, or the one token, is refused with 401, whatever it claims. Running servers follow within
seconds. Remove the caller at its issuer as well: a denial ends, by itself or by `masthead caller allow`.";

/// The longest time of a denial.
const MAX_DENIAL: Duration = Duration::from_hours(24 * 366);

/// A caller.
#[derive(Debug, Args)]
#[group(id = "caller", required = true, multiple = false, args = ["subject", "client_id"])]
pub(crate) struct CallerArguments {
    /// The issuer: the claim `iss` of its tokens.
    #[arg(long, value_name = "ISSUER")]
    issuer: String,
    /// The subject: the claim `sub`.
    #[arg(long, value_name = "SUBJECT")]
    subject: Option<String>,
    /// The client: the claim `client_id`, `azp`, `appid` or `cid`, by the issuer.
    #[arg(long, value_name = "CLIENT")]
    client_id: Option<String>,
}

/// A caller, or one token.
#[derive(Debug, Args)]
#[group(id = "denied", required = true, multiple = false, args = ["denied_subject", "denied_client_id", "token_id"])]
pub(crate) struct DeniedArguments {
    /// The issuer: the claim `iss` of its tokens.
    #[arg(long, value_name = "ISSUER")]
    issuer: String,
    /// The subject: the claim `sub`.
    #[arg(id = "denied_subject", long = "subject", value_name = "SUBJECT")]
    subject: Option<String>,
    /// The client: the claim `client_id`, `azp`, `appid` or `cid`, by the issuer.
    #[arg(id = "denied_client_id", long = "client-id", value_name = "CLIENT")]
    client_id: Option<String>,
    /// One token: the claim `jti` (Entra: `uti`).
    #[arg(long, value_name = "ID")]
    token_id: Option<String>,
}

impl CallerArguments {
    /// The caller.
    ///
    /// # Errors
    /// A text is empty or too long.
    pub(crate) fn name(&self) -> Result<CallerName, CallerNameError> {
        let (subject, client) = (self.subject.as_deref(), self.client_id.as_deref());
        name(&self.issuer, subject, client, None)
    }
}

impl DeniedArguments {
    /// The caller or token.
    ///
    /// # Errors
    /// A text is empty or too long.
    pub(crate) fn name(&self) -> Result<CallerName, CallerNameError> {
        let (subject, client) = (self.subject.as_deref(), self.client_id.as_deref());
        name(&self.issuer, subject, client, self.token_id.as_deref())
    }
}

fn name(
    issuer: &str,
    subject: Option<&str>,
    client: Option<&str>,
    token: Option<&str>,
) -> Result<CallerName, CallerNameError> {
    let named = [
        (CallerKind::Subject, subject),
        (CallerKind::ClientId, client),
        (CallerKind::TokenId, token),
    ];
    // The command line has exactly one.
    let given = named.into_iter().find_map(|(kind, value)| Some((kind, value?)));
    let (kind, value) = given.ok_or(CallerNameError::Value)?;
    CallerName::new(issuer, kind, value)
}

#[derive(Debug, Subcommand)]
pub(crate) enum CallerCommand {
    /// Grants tenants, and scopes, to a caller in place of what its tokens claim.
    #[command(after_help = GRANT_HELP)]
    Add {
        #[command(flatten)]
        caller: CallerArguments,
        /// The tenants; `*` matches any group, client or paper.
        #[arg(long = "tenant", value_name = "GROUP/CLIENT/PAPER", value_parser = TenantGrant::parse, required = true, num_args = 1..)]
        tenants: Vec<TenantGrant>,
        /// The scopes, separated by spaces; default: those that the token claims.
        #[arg(long, value_parser = parse_scopes)]
        scope: Option<Scopes>,
    },
    /// Lists the callers with a grant, and those that are denied.
    List {
        /// As one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Removes the grant of a caller: what its tokens claim holds again.
    Remove {
        #[command(flatten)]
        caller: CallerArguments,
    },
    /// Refuses every token of a caller, or one token.
    #[command(after_help = DENIAL_HELP)]
    Deny {
        #[command(flatten)]
        denied: DeniedArguments,
        /// For how long, up to 366 days.
        #[arg(long = "for", value_name = "DURATION", default_value = "30d", value_parser = parse_denial)]
        lifetime: Duration,
    },
    /// Ends a denial.
    Allow {
        #[command(flatten)]
        denied: DeniedArguments,
    },
}

fn parse_denial(text: &str) -> Result<Duration, &'static str> {
    let lifetime = parse_lifetime(text)?;
    (lifetime <= MAX_DENIAL)
        .then_some(lifetime)
        .ok_or("must be 366 days at most")
}

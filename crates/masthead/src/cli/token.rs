//! The arguments of `masthead token`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};
use masthead_domain::access::{Scope, TenantGrant};

use crate::settings::parse_duration;

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
Example:
  curl -H \"Authorization: bearer $(masthead token --tenant north/daily/herald)\" …"
)]
pub(crate) struct TokenArguments {
    #[command(subcommand)]
    pub(crate) command: Option<TokenCommand>,
    #[command(flatten)]
    pub(crate) mint: MintArguments,
}

#[derive(Debug, Args)]
pub(crate) struct MintArguments {
    /// The tenants that the token grants; `*` matches any group, client or paper.
    #[arg(long = "tenant", value_name = "GROUP/CLIENT/PAPER", value_parser = TenantGrant::parse, required = true, num_args = 1..)]
    pub(crate) tenants: Vec<TenantGrant>,
    /// The scopes that it grants, separated by spaces: users:read users:search users:list users:report users:write
    /// users:authenticate users:tickets users:erase users:export audit:read; admin grants nothing yet.
    #[arg(long, default_value = "users:read", value_parser = parse_scopes)]
    pub(crate) scope: Scopes,
    /// How long it is valid, at most tokens.max_minted_lifetime and tokens.max_lifetime.
    #[arg(long, value_name = "DURATION", default_value = "12h", value_parser = parse_lifetime)]
    pub(crate) expires_in: Duration,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Explains what a token grants, or why it is refused.
    #[command(after_help = INSPECT_HELP)]
    Inspect {
        /// The file with the token, with or without `Bearer` before it; `-` is standard input.
        #[arg(default_value = "-")]
        file: PathBuf,
    },
}

const INSPECT_HELP: &str = "\
Verifies the token as a server with these settings would, key sets are fetched, and prints its issuer, key, times, audience,
caller, scopes, tenants and the verdict; never the token nor a secret. Grants and denials of callers are read where the database
of the settings answers. Exit code 1 if it is refused. Do not give the token as an argument: other users of the machine can read
the command lines of processes.
Example:
  masthead token inspect < token.txt";

#[derive(Debug, Clone)]
pub(crate) struct Scopes(pub(crate) Vec<Scope>);

pub(super) fn parse_scopes(text: &str) -> Result<Scopes, String> {
    let scopes: Result<Vec<_>, _> = text
        .split_whitespace()
        .map(|name| Scope::from_name(name).ok_or_else(|| format!("{name} is not a scope")))
        .collect();
    match scopes? {
        scopes if scopes.is_empty() => Err("at least one scope is required".to_owned()),
        scopes => Ok(Scopes(scopes)),
    }
}

pub(super) fn parse_lifetime(text: &str) -> Result<Duration, &'static str> {
    parse_duration(text)
        .filter(|lifetime| !lifetime.is_zero())
        .ok_or("must be a number and a unit, for example 30m, 12h or 7d")
}

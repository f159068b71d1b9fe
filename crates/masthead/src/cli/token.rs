//! The arguments of `masthead token`.

use std::time::Duration;

use clap::Args;
use masthead_domain::access::{Scope, TenantGrant};

use crate::settings::parse_duration;

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  curl -H \"Authorization: bearer $(masthead token --tenant north/daily/herald)\" …")]
pub(crate) struct TokenArguments {
    /// The tenants that the token grants; `*` matches any group, client or paper.
    #[arg(long = "tenant", value_name = "GROUP/CLIENT/PAPER", value_parser = TenantGrant::parse, required = true, num_args = 1..)]
    pub(crate) tenants: Vec<TenantGrant>,
    /// The scopes that it grants, separated by spaces: users:read users:write users:authenticate
    /// users:tickets users:erase users:export admin.
    #[arg(long, default_value = "users:read", value_parser = parse_scopes)]
    pub(crate) scope: Scopes,
    /// How long it is valid.
    #[arg(long, value_name = "DURATION", default_value = "12h", value_parser = parse_lifetime)]
    pub(crate) expires_in: Duration,
}

#[derive(Debug, Clone)]
pub(crate) struct Scopes(pub(crate) Vec<Scope>);

fn parse_scopes(text: &str) -> Result<Scopes, String> {
    let scopes: Result<Vec<_>, _> = text
        .split_whitespace()
        .map(|name| Scope::from_name(name).ok_or_else(|| format!("{name} is not a scope")))
        .collect();
    match scopes? {
        scopes if scopes.is_empty() => Err("at least one scope is required".to_owned()),
        scopes => Ok(Scopes(scopes)),
    }
}

fn parse_lifetime(text: &str) -> Result<Duration, &'static str> {
    parse_duration(text)
        .filter(|lifetime| !lifetime.is_zero())
        .ok_or("must be a number and a unit, for example 30m, 12h or 7d")
}

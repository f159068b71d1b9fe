//! `masthead token`: prints a token for local use.

use std::time::Duration;

use masthead_tokens::{MintRequest, mint};

use super::{environment::print_line, token_inspect};
use crate::{
    cli::{MintArguments, TokenArguments, TokenCommand},
    clock::SystemClock,
    command_error::CommandError,
    settings::UncheckedSettings,
    wiring,
};

pub(super) fn run(settings_source: &UncheckedSettings, arguments: &TokenArguments) -> Result<(), CommandError> {
    match &arguments.command {
        Some(TokenCommand::Inspect { file }) => token_inspect::run(settings_source, file),
        None => print_minted(settings_source, &arguments.mint),
    }
}

fn print_minted(settings_source: &UncheckedSettings, arguments: &MintArguments) -> Result<(), CommandError> {
    let settings = settings_source.tokens()?;
    let Some((issuer, secret)) = settings.shared_secret() else {
        return Err(CommandError::new(
            "tokens are only minted with tokens.hs256_secret; with a key set, its issuer mints them",
        ));
    };
    refuse_longer(arguments.expires_in, settings.max_lifetime, "tokens.max_lifetime")?;
    refuse_longer(
        arguments.expires_in,
        settings.max_minted_lifetime,
        "tokens.max_minted_lifetime",
    )?;
    let claims = MintRequest {
        issuer: &issuer.issuer,
        audience: issuer.audiences.first().map_or("", |audience| audience),
        scopes: &arguments.scope.0,
        tenants: &arguments.tenants,
        lifetime: arguments.expires_in,
    };
    let token =
        mint(&wiring::key(secret), &claims, &SystemClock).map_err(CommandError::context("no token could be minted"))?;
    print_line(token)
}

fn refuse_longer(lifetime: Duration, longest: Duration, setting: &str) -> Result<(), CommandError> {
    if lifetime > longest {
        return Err(CommandError::new(format!(
            "no token was minted: --expires-in is longer than {setting}"
        )));
    }
    Ok(())
}

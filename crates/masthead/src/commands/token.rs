//! `masthead token`: prints a token for local use.

use masthead_tokens::{MintRequest, mint};

use super::environment::print_line;
use crate::{
    cli::TokenArguments,
    clock::SystemClock,
    command_error::CommandError,
    settings::{TokenKeySource, UncheckedSettings},
    wiring,
};

pub(super) fn run(settings_source: &UncheckedSettings, arguments: &TokenArguments) -> Result<(), CommandError> {
    let settings = settings_source.tokens()?;
    let TokenKeySource::Hs256(secret) = &settings.keys else {
        return Err(CommandError::new(
            "tokens are only minted with tokens.hs256_secret; with a key set, its issuer mints them",
        ));
    };
    if arguments.expires_in > settings.max_lifetime {
        return Err(CommandError::new(
            "the server would reject the token: --expires-in is longer than tokens.max_lifetime",
        ));
    }
    let claims = MintRequest {
        issuer: &settings.issuer,
        audience: &settings.audience,
        scopes: &arguments.scope.0,
        tenants: &arguments.tenants,
        lifetime: arguments.expires_in,
    };
    let token =
        mint(&wiring::key(secret), &claims, &SystemClock).map_err(CommandError::context("no token could be minted"))?;
    print_line(token)
}

//! `masthead token`: a token for local use.

use masthead_tokens::{MintRequest, mint};

use super::say;
use crate::{
    cli::Token,
    clock::SystemClock,
    failure::Failure,
    settings::{Gathered, KeySource},
    wiring,
};

pub(super) fn run(gathered: &Gathered, asked: &Token) -> Result<(), Failure> {
    let settings = gathered.tokens()?;
    let KeySource::Hs256(secret) = &settings.keys else {
        return Err(Failure::new(
            "tokens are only minted with tokens.hs256_secret; those of a key set come from its owner",
        ));
    };
    if asked.expires_in > settings.max_lifetime {
        return Err(Failure::new(
            "the token would be refused: --expires-in is longer than tokens.max_lifetime",
        ));
    }
    let says = MintRequest {
        issuer: &settings.issuer,
        audience: &settings.audience,
        scopes: &asked.scope.0,
        tenants: &asked.tenants,
        lifetime: asked.expires_in,
    };
    let token = mint(&wiring::key(secret), &says, &SystemClock).map_err(Failure::when("no token could be made"))?;
    say(token)
}

//! The traps of each vendor's files (docs/moving-in.md), a test for each.

mod auth0;
mod cognito;
mod drupal;
mod entra;
mod firebase;
mod fusionauth;
mod gigya;
mod keycloak;
mod ldif;
mod marketing_lists;
mod newspaper_systems;
mod okta;
mod scim;
mod wordpress;

use masthead_imports::ReadOptions;
use serde_json::Value;

use crate::support::{mapped, open};

const BCRYPT: &str = "$2b$10$3az9sEbCjOfqXF/eMuu64.iV79oAFhH7CZLFwMrHPN63LI8H5l0P.";

/// The rows of a file, as the format that is recognised.
#[track_caller]
fn auto(format: &str, bytes: impl AsRef<[u8]>) -> Vec<Value> {
    let options = ReadOptions::default();
    let file = open(&bytes, &options).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(file.mapping().name(), format);
    mapped(bytes, &options)
}

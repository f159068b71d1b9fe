//! `masthead check-config`: whether a server would start with these settings, as far as that can be told without starting.

use std::sync::Arc;

use super::say;
use crate::{clock::SystemClock, failure::Failure, settings::Gathered, wiring};

pub(super) fn run(gathered: &Gathered) -> Result<(), Failure> {
    let settings = gathered.settings()?;
    wiring::sealer(&settings.sealing)?;
    wiring::verifier(&settings.tokens, Arc::new(SystemClock))?;
    say("the settings are good")
}

//! `masthead check-config`: whether a server could start with these settings, as far as is known without starting it.

use std::sync::Arc;

use super::environment::print_line;
use crate::{clock::SystemClock, command_error::CommandError, settings::UncheckedSettings, wiring};

pub(super) fn run(settings_source: &UncheckedSettings) -> Result<(), CommandError> {
    let settings = settings_source.settings()?;
    wiring::sealer(&settings.sealing)?;
    wiring::verifier(&settings.tokens, Arc::new(SystemClock))?;
    print_line("the settings are valid")
}

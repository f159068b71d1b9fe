//! `masthead settings`: the reference, or the settings in force.

use super::environment::{print_line, print_warning};
use crate::{
    cli::SettingsArguments,
    command_error::CommandError,
    settings::{REFERENCE, UncheckedSettings},
};

pub(super) fn run(settings_source: &UncheckedSettings, arguments: &SettingsArguments) -> Result<(), CommandError> {
    if !arguments.effective {
        return print_line(REFERENCE.trim_end());
    }
    let mut section = String::new();
    for setting in settings_source.effective() {
        if setting.section() != section {
            if !section.is_empty() {
                print_line("")?;
            }
            setting.section().clone_into(&mut section);
            print_line(format_args!("[{section}]"))?;
        }
        print_line(setting)?;
    }
    settings_source.warnings().iter().for_each(print_warning);
    if let Err(errors) = settings_source.settings() {
        print_warning(format_args!("the settings are invalid:\n{errors}"));
    }
    Ok(())
}

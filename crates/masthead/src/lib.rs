//! The Masthead server: settings, wiring, the outer layer of the API, and the commands.

mod audit;
mod certificate;
mod cli;
pub mod client_address;
pub mod clock;
mod command_error;
mod commands;
mod core_dumps;
mod database_passwords;
pub mod edge;
mod forget;
mod hash_secrets;
mod http_methods;
pub mod identifiers;
mod key_uses;
mod limits;
pub mod logs;
pub mod mail;
pub mod ops;
pub mod providers;
mod purge;
mod read_only;
pub mod reload;
mod sealing_keys;
mod server_errors;
pub mod settings;
mod subscribe;
pub mod sync;
mod token_issuers;
mod wiring;
mod writes;

use std::{
    ffi::OsString,
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;

/// Runs the program with this command line, the program's name first. Exit codes: 0 success, 1 failure, 2 invalid arguments, 3 an
/// import that has rejected rows.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match cli::Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are reported as errors too, and go to standard output.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    core_dumps::forbid();
    match commands::run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_silent() => ExitCode::from(failure.code()),
        Err(failure) => {
            let _ = writeln!(io::stderr(), "masthead: {failure}");
            ExitCode::from(failure.code())
        }
    }
}

//! The program `masthead`; everything is in the library, where tests reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    masthead::run(std::env::args_os())
}

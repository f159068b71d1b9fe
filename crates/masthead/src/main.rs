//! The program `masthead`; everything is in the library, where tests reach it.

use std::process::ExitCode;

/// A request makes some forty small allocations and frees them on the same thread, which this allocator is made for (ADR
/// 0034 has what it saves).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    masthead::run(std::env::args_os())
}

//! The program `masthead`; everything is in the library, where tests can use it.

use std::process::ExitCode;

/// A request makes about forty small allocations and frees them on the same thread, which this allocator is optimised for
/// (`docs/performance.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    masthead::run(std::env::args_os())
}

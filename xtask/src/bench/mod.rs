//! `cargo xtask bench`: measures the server beside `pgbench` and a bare hyper server, on the same machine and data.
//!
//! The HTTP libraries that measuring needs are behind the feature `bench`, so that other chores compile quickly. Without
//! the feature, this chore builds `xtask` again with it and starts the result.

#[cfg(feature = "bench")]
mod measure;
mod options;

pub(crate) use options::BenchOptions;

use crate::shell::TaskResult;

/// Replaces this process with an `xtask` that has the feature `bench`, with the same arguments.
#[cfg(not(feature = "bench"))]
pub(crate) fn run(_options: &BenchOptions) -> TaskResult {
    let mut again = crate::shell::cargo(&["run", "--quiet", "--release", "--package", "xtask"]);
    again
        .args(["--features", "bench", "--"])
        .args(std::env::args_os().skip(1));
    Err(std::os::unix::process::CommandExt::exec(&mut again).into())
}

/// Runs the measurements, or the helper process that a measurement starts.
#[cfg(feature = "bench")]
pub(crate) fn run(options: &BenchOptions) -> TaskResult {
    measure::run(options)
}

//! The environment variables that this crate reads.
#![expect(
    clippy::disallowed_methods,
    reason = "a development tool has no settings file; every variable it reads is here"
)]

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the workspace: the nearest one with a `Cargo.lock` above the running package, else above the current
/// folder, else the one that this crate was built in.
#[must_use]
pub fn workspace() -> PathBuf {
    let starts = [
        env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from),
        env::current_dir().ok(),
        Some(PathBuf::from(env!("CARGO_MANIFEST_DIR"))),
    ];
    let mut folders = starts.iter().flatten().flat_map(|start| start.ancestors());
    let folder = folders.find(|folder| folder.join("Cargo.lock").is_file());
    let folder = folder.unwrap_or(Path::new("."));
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}

/// The URL of the server to use, when the developer sets one.
pub(crate) fn database_url() -> Option<String> {
    env::var("DATABASE_URL").ok().filter(|url| !url.is_empty())
}

/// The only folder to search for server programs, when the developer sets one.
pub(crate) fn binaries_folder() -> Option<PathBuf> {
    env::var_os("DEV_POSTGRES_BIN").map(PathBuf::from)
}

/// Whether this run must execute every test.
pub(crate) fn is_ci() -> bool {
    env::var_os("CI").is_some_and(|ci| !ci.is_empty())
}

/// The folders of `PATH`.
pub(crate) fn search_path() -> Vec<PathBuf> {
    env::var_os("PATH").map_or_else(Vec::new, |path| env::split_paths(&path).collect())
}

/// Removes the inherited `PG*` variables from `command`: they change what a Postgres program connects to.
pub(crate) fn without_pg_variables(command: &mut Command) -> &mut Command {
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("PG") {
            command.env_remove(name);
        }
    }
    command
}

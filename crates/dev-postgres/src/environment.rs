//! The only place of this crate that looks at the process's surroundings.
#![expect(
    clippy::disallowed_methods,
    reason = "a tool of development has no settings file; what it may read is all here"
)]

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the workspace: the nearest one above the running package, or above the current folder, whose
/// `Cargo.toml` has a `[workspace]`; else the one that this crate was built in.
#[must_use]
pub fn workspace() -> PathBuf {
    let starts = [
        env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from),
        env::current_dir().ok(),
    ];
    let found = starts
        .iter()
        .flatten()
        .flat_map(|start| start.ancestors())
        .find(|folder| is_workspace(folder))
        .map(Path::to_owned);
    let folder = found.unwrap_or_else(|| {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .nth(2)
            .unwrap_or(Path::new("."))
            .to_owned()
    });
    folder.canonicalize().unwrap_or(folder)
}

fn is_workspace(folder: &Path) -> bool {
    fs::read_to_string(folder.join("Cargo.toml"))
        .is_ok_and(|text| text.lines().any(|line| line.trim() == "[workspace]"))
}

/// The server that the developer names, when one is named.
pub(crate) fn database_url() -> Option<String> {
    env::var("DATABASE_URL").ok().filter(|url| !url.is_empty())
}

/// Whether this is a run that must check everything.
pub(crate) fn is_ci() -> bool {
    env::var_os("CI").is_some_and(|ci| !ci.is_empty())
}

/// The folders in which programs are looked for.
pub(crate) fn search_path() -> Vec<PathBuf> {
    env::var_os("PATH").map_or_else(Vec::new, |path| env::split_paths(&path).collect())
}

/// Takes every inherited `PG*` variable away from `command`: any of them would silently change a Postgres program.
pub(crate) fn without_pg_variables(command: &mut Command) -> &mut Command {
    for (name, _) in env::vars_os() {
        if is_pg_variable(&name) {
            command.env_remove(name);
        }
    }
    command
}

fn is_pg_variable(name: &OsString) -> bool {
    name.to_string_lossy().starts_with("PG")
}

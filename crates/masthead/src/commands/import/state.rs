//! The state file of an import: it names the run, whose progress is in the database, in the transactions of the batches.

use std::{
    collections::BTreeMap,
    fs::{self, File, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{input::length_of, report::ImportReport};
use crate::{cli::ImportArguments, command_error::CommandError};

/// The state of an import, without user data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ImportState {
    /// The run.
    pub(super) run: String,
    /// The arguments that the result depends on.
    import: BTreeMap<String, String>,
    /// When it was first started, in seconds since 1970: which dates are too far ahead depends on it.
    pub(super) started_at: i64,
    /// Whether the database knows the run.
    pub(super) begun: bool,
    /// The final report, once all rows are dealt with.
    pub(super) report: Option<ImportReport>,
}

/// A state and its file.
pub(super) struct StateFile {
    path: PathBuf,
    pub(super) state: ImportState,
    /// Locked: of two processes with one state, the later one stops before it opens anything else.
    _lock: File,
}

impl StateFile {
    /// The state in this file, or a new one with this run.
    pub(super) fn read_or_new(
        path: &Path,
        (run, now): (&str, OffsetDateTime),
        import: BTreeMap<String, String>,
    ) -> Result<Self, CommandError> {
        let path = path.to_path_buf();
        let lock = lock(&path)?;
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let state = ImportState {
                    run: run.to_owned(),
                    import,
                    started_at: now.unix_timestamp(),
                    begun: false,
                    report: None,
                };
                return Ok(Self {
                    path,
                    state,
                    _lock: lock,
                });
            }
            Err(error) => return Err(CommandError::context("the state cannot be read")(error)),
        };
        let state: ImportState =
            serde_json::from_str(&text).map_err(|_| CommandError::new("the state file is invalid"))?;
        let names = state.import.keys().chain(import.keys());
        let other = names
            .into_iter()
            .find(|name| state.import.get(*name) != import.get(*name));
        match other {
            None => Ok(Self {
                path,
                state,
                _lock: lock,
            }),
            Some(name) => Err(CommandError::new(format!(
                "the state belongs to another import: {name} differs; remove the file to start again"
            ))),
        }
    }

    /// When the import was first started.
    pub(super) fn started_at(&self) -> Result<OffsetDateTime, CommandError> {
        OffsetDateTime::from_unix_timestamp(self.state.started_at)
            .map_err(|_| CommandError::new("the state file is invalid"))
    }

    /// Writes a new file and renames it: a truncated state would pass for a valid one.
    pub(super) fn write(&self) -> Result<(), CommandError> {
        let unfinished = beside(&self.path, ".new");
        let written = serde_json::to_vec(&self.state)
            .map_err(io::Error::from)
            .and_then(|text| {
                let mut new = File::create(&unfinished)?;
                new.write_all(&text)?;
                new.sync_all()?;
                fs::rename(&unfinished, &self.path)
            });
        written.map_err(CommandError::context("the state cannot be written"))
    }

    /// Removes the file at the end of the import.
    pub(super) fn remove(&self) -> Result<(), CommandError> {
        // A lock file that is left does no harm.
        let _ = fs::remove_file(lock_path(&self.path));
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(CommandError::context(
                "all rows are dealt with, but the state cannot be removed",
            )(error)),
            _ => Ok(()),
        }
    }
}

/// The files of a state: itself, the next one while it is written, and the lock.
pub(super) fn state_files(state: &Path) -> [PathBuf; 3] {
    [state.to_path_buf(), beside(state, ".new"), lock_path(state)]
}

fn lock_path(state: &Path) -> PathBuf {
    beside(state, ".lock")
}

fn beside(state: &Path, ending: &str) -> PathBuf {
    let mut path = state.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

/// Locks a file beside the state, which itself is replaced at each change. The lock ends with the process.
fn lock(state: &Path) -> Result<File, CommandError> {
    let file = File::create(lock_path(state)).map_err(CommandError::context("the state cannot be locked"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(CommandError::new("another process runs the import of this state file")),
        Err(TryLockError::Error(error)) => Err(CommandError::context("the state cannot be locked")(error)),
    }
}

/// What identifies an import, so that a state is only resumed by the same one: the files and the arguments that its result
/// depends on.
pub(super) fn identity(arguments: &ImportArguments, mapping: Option<&str>) -> BTreeMap<String, String> {
    let mut identity = BTreeMap::new();
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            identity.insert(name.to_owned(), value);
        }
    };
    put("file", Some(arguments.file.display().to_string()));
    put(
        "length of the file",
        length_of(&arguments.file).map(|bytes| bytes.to_string()),
    );
    put("--from", Some(arguments.from.clone()));
    put(
        "--map",
        mapping.map(|text| BASE64_STANDARD.encode(digest(&SHA256, text.as_bytes()))),
    );
    put("--encoding", arguments.encoding.clone());
    put("--tenant", arguments.tenant.as_ref().map(ToString::to_string));
    let allowed: Vec<String> = arguments.allow_tenants.iter().map(ToString::to_string).collect();
    put(
        "--allow-tenants",
        Some(allowed.join(",")).filter(|list| !list.is_empty()),
    );
    put("--blocked", arguments.blocked.map(|blocked| format!("{blocked:?}")));
    put(
        "--on-duplicate",
        arguments.on_duplicate.map(|policy| format!("{policy:?}")),
    );
    put("--join", arguments.join.clone());
    if let Some(hashes) = &arguments.hashes {
        put("--hashes", Some(hashes.display().to_string()));
        put("length of the hashes", length_of(hashes).map(|bytes| bytes.to_string()));
        put("--hashes-from", Some(arguments.hashes_from.clone()));
    }
    put(
        "--rejects",
        arguments.rejects.as_ref().map(|path| path.display().to_string()),
    );
    identity
}

#[cfg(test)]
mod tests {
    use super::*;

    fn import(file: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("file".to_owned(), file.to_owned())])
    }

    #[test]
    fn state_is_resumed_only_by_the_same_import() {
        let path = std::env::temp_dir().join(format!("masthead-import-state-{}.json", std::process::id()));
        let _ = fs::remove_file(&path);
        let now = OffsetDateTime::UNIX_EPOCH;
        let later = now + time::Duration::days(1);
        let mut file = StateFile::read_or_new(&path, ("r-1", now), import("a")).unwrap();
        file.state.begun = true;
        file.write().unwrap();
        let open = || StateFile::read_or_new(&path, ("r-2", later), import("a"));
        let beside = open().err().unwrap().to_string();
        assert!(beside.contains("another process"), "{beside}");
        let begun = file.state.clone();
        drop(file);
        let again = open().unwrap();
        assert_eq!(again.state, begun);
        assert_eq!(again.started_at().unwrap(), now);
        drop(again);
        let refused = StateFile::read_or_new(&path, ("r-2", later), import("b"))
            .err()
            .unwrap()
            .to_string();
        assert!(refused.contains("another import: file differs"), "{refused}");
        fs::write(&path, "{").unwrap();
        assert!(open().is_err(), "a truncated state");
        fs::remove_file(&path).unwrap();
        let new = open().unwrap();
        new.remove().unwrap();
        new.remove().unwrap();
        assert!(!lock_path(&path).exists());
    }
}

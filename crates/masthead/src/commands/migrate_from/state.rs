//! The saved position of a migration: a file that is complete or absent.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::page::StoredPage;
use crate::command_error::CommandError;

/// The position and the counts up to it. It contains no user data.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct MigrationState {
    /// The migration that the state belongs to. Files of earlier versions use the same name.
    #[serde(rename = "walk")]
    migration: BTreeMap<String, String>,
    /// Where the next page starts, as the remote side returned it; `None` at the beginning.
    pub(super) mark: Option<Box<str>>,
    /// How many users come before that.
    pub(super) seen: u64,
    pub(super) imported: u64,
    skipped: u64,
    without_password: u64,
    /// How many were stored without an unreadable field.
    #[serde(default)]
    incomplete: u64,
    /// How many were rejected for each reason.
    reasons: BTreeMap<String, u64>,
}

impl MigrationState {
    /// The start of a migration.
    pub(super) fn new(migration: &BTreeMap<String, String>) -> Self {
        Self {
            migration: migration.clone(),
            ..Self::default()
        }
    }

    /// The state in this file, or the start if there is no file yet.
    pub(super) fn read_or_new(file: &Path, migration: &BTreeMap<String, String>) -> Result<Self, CommandError> {
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::new(migration)),
            Err(error) => return Err(CommandError::context("the state cannot be read")(error)),
        };
        let state: Self = serde_json::from_str(&text).map_err(|_| CommandError::new("the state file is invalid"))?;
        if state.migration != *migration {
            return Err(CommandError::new(
                "the state belongs to another migration: tenant, remote side, its API and --page-size must be the same; \
                 remove the file to start again",
            ));
        }
        Ok(state)
    }

    /// Writes a new file and renames it: a truncated state would pass for a valid one.
    pub(super) fn write(&self, file: &Path) -> Result<(), CommandError> {
        let mut unfinished = file.as_os_str().to_owned();
        unfinished.push(".new");
        let written = serde_json::to_vec(self).map_err(io::Error::from).and_then(|text| {
            let mut new = File::create(&unfinished)?;
            new.write_all(&text)?;
            new.sync_all()?;
            fs::rename(&unfinished, file)
        });
        written.map_err(CommandError::context("the state cannot be written"))
    }

    /// Removes the file at the end of the migration.
    pub(super) fn remove(file: &Path) -> Result<(), CommandError> {
        match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(CommandError::context(
                "all users are stored, but the state cannot be removed",
            )(error)),
            _ => Ok(()),
        }
    }

    /// Counts a page.
    pub(super) fn add(&mut self, stored: StoredPage) {
        self.seen += stored.imported + stored.skipped + stored.rejected.len() as u64;
        self.imported += stored.imported;
        self.skipped += stored.skipped;
        self.without_password += stored.without_password;
        self.incomplete += stored.incomplete.len() as u64;
        for noted in stored.rejected {
            *self.reasons.entry(noted.text).or_default() += 1;
        }
    }

    /// The summary that is printed at the end.
    pub(super) fn report(&self) -> Value {
        json!({
            "imported": self.imported, "skipped": self.skipped, "rejected": self.reasons.values().sum::<u64>(),
            "incomplete": self.incomplete, "withoutPassword": self.without_password, "reasons": self.reasons,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::migrate_from::page::UserNote;

    fn migration(size: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("pageSize".to_owned(), size.to_owned())])
    }

    #[test]
    fn state_is_resumed_only_by_the_same_migration() {
        let file = std::env::temp_dir().join(format!("masthead-state-{}.json", std::process::id()));
        let _ = fs::remove_file(&file);
        let mut state = MigrationState::read_or_new(&file, &migration("5")).unwrap();
        assert_eq!(state, MigrationState::new(&migration("5")));
        state.add(StoredPage {
            imported: 3,
            skipped: 1,
            without_password: 2,
            rejected: vec![UserNote {
                number: 7,
                id: None,
                text: "too odd".to_owned(),
            }],
            incomplete: Vec::new(),
        });
        state.mark = Some("c:on".into());
        state.write(&file).unwrap();
        assert_eq!(MigrationState::read_or_new(&file, &migration("5")).unwrap(), state);
        let refused = MigrationState::read_or_new(&file, &migration("6"))
            .unwrap_err()
            .to_string();
        assert!(refused.contains("another migration"), "{refused}");
        fs::write(&file, "{").unwrap();
        assert!(
            MigrationState::read_or_new(&file, &migration("5")).is_err(),
            "a truncated state is invalid"
        );
        MigrationState::remove(&file).unwrap();
        MigrationState::remove(&file).unwrap();
        assert_eq!(
            state.report(),
            json!({
                "imported": 3, "skipped": 1, "rejected": 1, "incomplete": 0, "withoutPassword": 2, "reasons": {"too odd": 1},
            })
        );
        assert_eq!(state.seen, 5);
    }
}

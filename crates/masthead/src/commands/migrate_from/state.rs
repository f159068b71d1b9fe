//! How far a migration has come: kept in a file that is whole or not there.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::page::Stored;
use crate::failure::Failure;

/// The place, and what became of everybody before it. No person is in it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct State {
    /// What it is the state of.
    walk: BTreeMap<String, String>,
    /// Where the walk goes on, in the far side's own word; `None` at the beginning.
    pub(super) mark: Option<Box<str>>,
    /// How many users are before that.
    pub(super) seen: u64,
    pub(super) imported: u64,
    skipped: u64,
    without_password: u64,
    /// How many were taken without a field that cannot be read.
    #[serde(default)]
    incomplete: u64,
    /// How many were rejected for each reason.
    reasons: BTreeMap<String, u64>,
}

impl State {
    /// The beginning of a walk.
    pub(super) fn new(walk: &BTreeMap<String, String>) -> Self {
        Self {
            walk: walk.clone(),
            ..Self::default()
        }
    }

    /// The state in this file, or the beginning where there is no file yet.
    pub(super) fn read_or_new(file: &Path, walk: &BTreeMap<String, String>) -> Result<Self, Failure> {
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::new(walk)),
            Err(error) => return Err(Failure::when("the state cannot be read")(error)),
        };
        let state: Self = serde_json::from_str(&text).map_err(|_| Failure::new("the state file holds no state"))?;
        if state.walk != *walk {
            return Err(Failure::new(
                "the state is of another migration: the tenant, the far side, its API and --page-size must be the same; \
                 remove the file to begin anew",
            ));
        }
        Ok(state)
    }

    /// Writes it beside and then in place of what was there: a state that is cut short would be believed.
    pub(super) fn write(&self, file: &Path) -> Result<(), Failure> {
        let mut unfinished = file.as_os_str().to_owned();
        unfinished.push(".new");
        let written = serde_json::to_vec(self).map_err(io::Error::from).and_then(|text| {
            let mut new = File::create(&unfinished)?;
            new.write_all(&text)?;
            new.sync_all()?;
            fs::rename(&unfinished, file)
        });
        written.map_err(Failure::when("the state cannot be written"))
    }

    /// At the end of the walk.
    pub(super) fn remove(file: &Path) -> Result<(), Failure> {
        match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Failure::when(
                "everybody is stored, but the state cannot be removed",
            )(error)),
            _ => Ok(()),
        }
    }

    /// Counts a page.
    pub(super) fn add(&mut self, stored: Stored) {
        self.seen += stored.imported + stored.skipped + stored.rejected.len() as u64;
        self.imported += stored.imported;
        self.skipped += stored.skipped;
        self.without_password += stored.without_password;
        self.incomplete += stored.incomplete.len() as u64;
        for noted in stored.rejected {
            *self.reasons.entry(noted.words).or_default() += 1;
        }
    }

    /// What is printed at the end.
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
    use crate::commands::migrate_from::page::Noted;

    fn walk(size: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("pageSize".to_owned(), size.to_owned())])
    }

    #[test]
    fn a_state_comes_back_and_only_for_its_own_walk() {
        let file = std::env::temp_dir().join(format!("masthead-state-{}.json", std::process::id()));
        let _ = fs::remove_file(&file);
        let mut state = State::read_or_new(&file, &walk("5")).unwrap();
        assert_eq!(state, State::new(&walk("5")));
        state.add(Stored {
            imported: 3,
            skipped: 1,
            without_password: 2,
            rejected: vec![Noted {
                number: 7,
                id: None,
                words: "too odd".to_owned(),
            }],
            incomplete: Vec::new(),
        });
        state.mark = Some("c:on".into());
        state.write(&file).unwrap();
        assert_eq!(State::read_or_new(&file, &walk("5")).unwrap(), state);
        let refused = State::read_or_new(&file, &walk("6")).unwrap_err().to_string();
        assert!(refused.contains("another migration"), "{refused}");
        fs::write(&file, "{").unwrap();
        assert!(State::read_or_new(&file, &walk("5")).is_err(), "half a state is none");
        State::remove(&file).unwrap();
        State::remove(&file).unwrap();
        assert_eq!(
            state.report(),
            json!({
                "imported": 3, "skipped": 1, "rejected": 1, "incomplete": 0, "withoutPassword": 2, "reasons": {"too odd": 1},
            })
        );
        assert_eq!(state.seen, 5);
    }
}

//! What an import has done, counted.

use std::collections::BTreeMap;

use masthead_imports::{RejectedRow, RowNotes, is_field_name};
use masthead_subscribe_store::{Duplicate, DuplicateKey, DuplicatePlace, RowOutcome, RowResult, SkipReason};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The most names of fields that are not mapped; the rest is counted together.
const MOST_NAMES: usize = 200;
/// In place of the names beyond that.
const OTHER_NAMES: &str = "…";

/// What an import has done. It has names of fields and no values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ImportReport {
    /// All rows: the sum of the next four.
    pub(super) rows: u64,
    pub(super) imported: u64,
    pub(super) merged: u64,
    pub(super) skipped: u64,
    pub(super) rejected: u64,
    /// Of imported rows, as a tenant without a provider sees them.
    states: BTreeMap<String, u64>,
    /// Of rows that are not rejected, as all that follow but the reasons of rejections.
    hashes: BTreeMap<String, u64>,
    unusable_hashes: BTreeMap<String, u64>,
    without_hash: u64,
    skipped_because: BTreeMap<String, u64>,
    rejected_because: BTreeMap<String, u64>,
    duplicates: Duplicates,
    dates_out_of_range: BTreeMap<String, u64>,
    dates_unreadable: BTreeMap<String, u64>,
    unmapped_fields: BTreeMap<String, u64>,
    verified_missing: u64,
    metadata_case_clashes: u64,
    /// Of the rows of the second file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hash_file: Option<HashFileReport>,
    /// How many rows got their hash from the second file.
    pub(super) joined_hashes: u64,
    /// Files of an archive that are no data by their names.
    pub(super) files_passed_over: Vec<String>,
}

/// The rows of the second file: those without a hash are in none of the last three.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct HashFileReport {
    pub(super) rows: u64,
    pub(super) usable: u64,
    pub(super) unusable: u64,
    pub(super) rejected: u64,
}

/// Rows whose key another user has, also those that were merged or skipped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Duplicates {
    id: Places,
    email: Places,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Places {
    file: u64,
    store: u64,
}

/// The hash of a row.
pub(super) enum RowHash<'a> {
    /// There is none.
    Absent,
    /// It can be verified; its family.
    Usable(&'a str),
    /// It was left out; why.
    Unusable(&'a str),
}

impl ImportReport {
    /// Counts a rejected row.
    pub(super) fn count_rejected(&mut self, rejected: &RejectedRow, duplicate: Option<Duplicate>) {
        self.rows += 1;
        self.rejected += 1;
        add(&mut self.rejected_because, rejected.code.name());
        self.count_duplicate(duplicate);
    }

    /// Counts a row that is not rejected.
    pub(super) fn count(&mut self, result: RowResult, hash: &RowHash<'_>, notes: &RowNotes) {
        self.rows += 1;
        match result.outcome {
            RowOutcome::Imported => self.imported += 1,
            RowOutcome::Merged => self.merged += 1,
            RowOutcome::Skipped(reason) => {
                self.skipped += 1;
                add(&mut self.skipped_because, skip_name(reason));
            }
            RowOutcome::Rejected(_) => self.rejected += 1,
        }
        if let Some(state) = result.state {
            add(&mut self.states, state.name());
        }
        self.count_duplicate(result.duplicate);
        match hash {
            RowHash::Absent => self.without_hash += 1,
            RowHash::Usable(scheme) => add(&mut self.hashes, scheme),
            RowHash::Unusable(reason) => add(&mut self.unusable_hashes, reason),
        }
        for field in &notes.dates_out_of_range {
            add(&mut self.dates_out_of_range, field);
        }
        for field in &notes.dates_unreadable {
            add(&mut self.dates_unreadable, field);
        }
        for field in &notes.unmapped {
            let is_known = self.unmapped_fields.contains_key(&**field);
            let is_shown = is_known || self.unmapped_fields.len() < MOST_NAMES && field.split('.').all(is_field_name);
            let name = if is_shown { field } else { OTHER_NAMES };
            add(&mut self.unmapped_fields, name);
        }
        self.verified_missing += u64::from(notes.verified_missing);
        self.metadata_case_clashes += u64::from(notes.metadata_case_clashes);
    }

    fn count_duplicate(&mut self, duplicate: Option<Duplicate>) {
        let Some(Duplicate { key, place }) = duplicate else {
            return;
        };
        let places = match key {
            DuplicateKey::Id => &mut self.duplicates.id,
            DuplicateKey::Email => &mut self.duplicates.email,
        };
        match place {
            DuplicatePlace::File => places.file += 1,
            DuplicatePlace::Store => places.store += 1,
        }
    }

    /// The lines that are printed with `--report=text`: what is 0 is left out.
    pub(super) fn to_text(&self) -> String {
        let mut lines = vec![format!(
            "{} {}: {} imported, {} merged, {} skipped, {} rejected",
            self.rows,
            if self.rows == 1 { "row" } else { "rows" },
            self.imported,
            self.merged,
            self.skipped,
            self.rejected
        )];
        let Duplicates { id, email } = &self.duplicates;
        let counts = |pairs: &[(&str, u64)]| {
            pairs
                .iter()
                .map(|(name, count)| ((*name).to_owned(), *count))
                .collect::<BTreeMap<_, _>>()
        };
        let single = counts(&[
            ("address not known to be verified", self.verified_missing),
            (
                "keys of metadata left out that differ in case only",
                self.metadata_case_clashes,
            ),
        ]);
        let duplicates = counts(&[
            ("id in the file", id.file),
            ("id in the store", id.store),
            ("address in the file", email.file),
            ("address in the store", email.store),
        ]);
        let hash_file = self.hash_file.clone().unwrap_or_default();
        let hash_file = counts(&[
            ("rows", hash_file.rows),
            ("usable hashes", hash_file.usable),
            ("unusable hashes", hash_file.unusable),
            ("rejected rows", hash_file.rejected),
            ("joined to a row", self.joined_hashes),
        ]);
        for (title, counts) in [
            ("states", &self.states),
            ("password hashes", &self.hashes),
            ("no usable hash", &self.unusable_hashes),
            ("without a hash", &counts(&[("rows", self.without_hash)])),
            ("second file", &hash_file),
            ("skipped", &self.skipped_because),
            ("rejected", &self.rejected_because),
            ("duplicates", &duplicates),
            ("dates out of range, left unset", &self.dates_out_of_range),
            ("dates in no known form, left unset", &self.dates_unreadable),
            ("fields not mapped", &self.unmapped_fields),
            ("notes", &single),
        ] {
            let parts = counts.iter().filter(|(_, count)| **count > 0);
            let parts: Vec<String> = parts.map(|(name, count)| format!("{count} {name}")).collect();
            if !parts.is_empty() {
                lines.push(format!("{title}: {}", parts.join(", ")));
            }
        }
        if !self.files_passed_over.is_empty() {
            lines.push(format!("files passed over: {}", self.files_passed_over.join(", ")));
        }
        lines.join("\n")
    }

    /// What is printed without `--report`.
    pub(super) fn summary(&self) -> Value {
        json!({
            "imported": self.imported, "merged": self.merged, "skipped": self.skipped, "rejected": self.rejected,
            "hashes": self.hashes, "unusableHashes": self.unusable_hashes,
        })
    }
}

const fn skip_name(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::Exists => "exists",
        SkipReason::Repeated => "repeated",
        SkipReason::Deleted => "deleted",
    }
}

fn add(counts: &mut BTreeMap<String, u64>, name: &str) {
    match counts.get_mut(name) {
        Some(count) => *count += 1,
        None => {
            counts.insert(name.to_owned(), 1);
        }
    }
}

//! The names of migrations: a number of four digits, counted without a gap, then words.

use std::fs;
use std::path::Path;

use crate::shell::TaskResult;

/// The faults of the folder; none when there is no folder.
pub(super) fn faults(folder: &Path) -> TaskResult<Vec<String>> {
    let mut names = Vec::new();
    if folder.is_dir() {
        for entry in fs::read_dir(folder)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(of_names(&names))
}

fn of_names(names: &[String]) -> Vec<String> {
    let mut faults = Vec::new();
    for (number, name) in (1..).zip(names) {
        let expected = format!("{number:04}_");
        let words = name.strip_prefix(&expected).and_then(|rest| rest.strip_suffix(".sql"));
        let plain = |words: &str| {
            !words.is_empty()
                && words
                    .bytes()
                    .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
        };
        if !words.is_some_and(plain) {
            faults.push(format!(
                "migrations/{name}: expected `{expected}words_in_lower_case.sql` here"
            ));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn numbers_count_without_a_gap_or_a_twin() {
        assert!(of_names(&names(&["0001_pools.sql", "0002_tenants.sql"])).is_empty());
        assert_eq!(of_names(&names(&["0001_pools.sql", "0003_tenants.sql"])).len(), 1);
        assert_eq!(of_names(&names(&["0001_a.sql", "0001_b.sql"])).len(), 1);
    }

    #[test]
    fn another_kind_of_file_does_not_belong_there() {
        assert_eq!(of_names(&names(&["0001_pools.sql", "notes.txt"])).len(), 1);
    }
}

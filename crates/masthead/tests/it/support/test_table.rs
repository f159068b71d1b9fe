//! Pages of docs/ that name, line by line, the tests of a promise.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A line of such a page.
pub(crate) struct PromisedLine {
    pub(crate) line: String,
    /// The names of its tests.
    pub(crate) tests: Vec<String>,
    /// The scripts and files of the repository that show it.
    pub(crate) files: Vec<String>,
    /// What shows it, as written.
    pub(crate) shown: String,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The lines of all tables of this page.
pub(crate) fn rows(page: &str) -> Vec<PromisedLine> {
    let text = fs::read_to_string(repository().join("docs").join(page)).unwrap();
    let rows = text
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| line "));
    rows.map(|row| {
        let (line, shown) = row.trim_matches([' ', '|']).rsplit_once(" | ").unwrap();
        let code = shown.split('`').skip(1).step_by(2).map(str::to_owned);
        let (tests, others): (Vec<_>, Vec<_>) = code.partition(|text| text.contains("::"));
        PromisedLine {
            line: line.to_owned(),
            tests,
            files: others.into_iter().filter(|text| text.contains('/')).collect(),
            shown: shown.to_owned(),
        }
    })
    .collect()
}

/// Fails unless there is a test of this name: the folder of its crate, its module, and the function. Integration tests have the name
/// of their binary in place of the crate's root.
pub(crate) fn check_test(name: &str) {
    let mut parts: Vec<&str> = name.split("::").collect();
    let (test, package) = (parts.pop().unwrap(), parts.remove(0));
    // A module that lies in its parent's file is not in the path of the file.
    let inline = parts.strip_suffix(&["tests"]).unwrap_or(&parts).join("/");
    let whole = parts.join("/");
    let root = repository()
        .join(if package == "xtask" { "" } else { "crates" })
        .join(package);
    let places = [
        root.join("tests").join(format!("{whole}.rs")),
        root.join("tests").join(&whole).join("mod.rs"),
        root.join("src").join(format!("{whole}.rs")),
        root.join("src").join(format!("{inline}.rs")),
        root.join("src").join(&inline).join("mod.rs"),
        root.join("src").join(if inline.is_empty() { "lib.rs" } else { "" }),
    ];
    let is_there = places.iter().any(|place| {
        let source = fs::read_to_string(place).unwrap_or_default();
        source
            .split_once(&format!("fn {test}("))
            .is_some_and(|(before, _)| is_test(before))
    });
    assert!(is_there, "there is no test {name}");
}

/// Whether the attributes before a function make it a test.
fn is_test(before: &str) -> bool {
    let lines = before.trim_end().lines().rev().map(str::trim);
    lines
        .take_while(|line| !line.is_empty() && *line != "}")
        .any(|line| line == "#[test]" || line.starts_with("#[tokio::test"))
}

/// Fails unless the repository has this file or folder.
pub(crate) fn check_file(path: &str) {
    let path = path.split(' ').next().unwrap();
    assert!(repository().join(path).exists(), "there is no {path}");
}

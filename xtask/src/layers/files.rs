//! What holds for every Rust file: how it opens, how long it is, what it does not say.

use std::fs;
use std::path::{Path, PathBuf};

use crate::shell::Outcome;

/// Lines of production code a file may have; tests at its end do not count.
const LONGEST: usize = 400;

/// Longer files: path, and why it must be so.
const LONGER: &[(&str, &str)] = &[];

/// The faults of every Rust file in a package's folder.
pub(super) fn faults(root: &Path, package: &Path) -> Outcome<Vec<String>> {
    let mut faults = Vec::new();
    for part in ["src", "tests", "benches", "examples"] {
        for path in rust_files(&package.join(part))? {
            let text = fs::read_to_string(&path)?;
            let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            faults.extend(of_file(&name, part == "src", &text));
        }
    }
    Ok(faults)
}

fn rust_files(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let mut found = Vec::new();
    if !folder.is_dir() {
        return Ok(found);
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn of_file(name: &str, production: bool, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if !text.starts_with("//! ") {
        faults.push(format!("{name}: does not open with a `//!` sentence"));
    }
    let lines = production_lines(text);
    let tests_only = name.ends_with("/tests.rs") || name.contains("/tests/");
    let excused = LONGER.iter().any(|(path, _)| *path == name);
    if production && !tests_only && !excused && lines >= LONGEST {
        faults.push(format!(
            "{name}: {lines} lines of production code; fewer than {LONGEST} are allowed"
        ));
    }
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim_start();
        // Taken apart, so that this file does not break its own rule.
        let attribute = line.starts_with(concat!("#[", "allow(")) || line.starts_with(concat!("#![", "allow("));
        if attribute {
            faults.push(format!(
                "{name}:{number}: `allow`; say `#[expect(lint, reason = \"…\")]`"
            ));
        }
        if line.starts_with("//") && line.contains(concat!("TO", "DO")) && !line.contains('#') {
            faults.push(format!(
                "{name}:{number}: something left to do, without the issue's number"
            ));
        }
    }
    faults
}

/// Up to the first item that is compiled for tests only.
fn production_lines(text: &str) -> usize {
    text.lines()
        .take_while(|line| line.trim_end() != "#[cfg(test)]")
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_file_with_a_sentence_has_no_fault() {
        assert!(of_file("a.rs", true, "//! What is here.\nfn a() {}\n").is_empty());
    }

    #[test]
    fn a_file_must_open_with_a_sentence() {
        assert_eq!(of_file("a.rs", false, "use std::fs;\n").len(), 1);
        assert_eq!(of_file("a.rs", false, "\n//! Too late.\n").len(), 1);
    }

    #[test]
    fn four_hundred_lines_of_production_code_are_too_many() {
        let longest = format!("//! Long.\n{}", "// x\n".repeat(LONGEST - 2));
        assert!(of_file("a.rs", true, &longest).is_empty());
        assert_eq!(of_file("a.rs", true, &format!("{longest}// x\n")).len(), 1);
    }

    #[test]
    fn tests_do_not_count() {
        let text = format!(
            "//! Short.\nfn a() {{}}\n#[cfg(test)]\nmod tests {{\n{}}}\n",
            "// x\n".repeat(LONGEST)
        );
        assert!(of_file("a.rs", true, &text).is_empty());
        let long = format!("//! Tests.\n{}", "// x\n".repeat(LONGEST));
        assert!(of_file("crates/a/src/tests.rs", true, &long).is_empty());
        assert!(of_file("crates/a/tests/b.rs", false, &long).is_empty());
    }

    #[test]
    fn a_lint_is_expected_never_allowed() {
        let text = format!("//! A.\n{}dead_code)]\nfn a() {{}}\n", concat!("#[", "allow("));
        assert_eq!(
            of_file("a.rs", true, &text),
            ["a.rs:2: `allow`; say `#[expect(lint, reason = \"…\")]`"]
        );
    }

    #[test]
    fn what_is_left_to_do_names_its_issue() {
        let text = |tail: &str| format!("//! A.\n// {}{tail}\n", concat!("TO", "DO"));
        assert_eq!(of_file("a.rs", true, &text(": later")).len(), 1);
        assert!(of_file("a.rs", true, &text(" (#12): later")).is_empty());
    }
}

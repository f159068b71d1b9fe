//! The rules for every Rust file: its first line, its length, and patterns that are not allowed.

use std::path::Path;

use crate::code::file::{SourceFile, is_test_file, production_lines, rust_files};
use crate::code::words::UnwantedWords;
use crate::shell::TaskResult;

/// Lines of production code a file may have; tests at its end do not count.
const LONGEST: usize = 400;

/// Longer files: path, and why it must be so.
const LONGER: &[(&str, &str)] = &[];

/// The faults of every Rust file in a package's folder.
pub(super) fn faults(root: &Path, package: &Path) -> TaskResult<Vec<String>> {
    let unwanted = UnwantedWords::from_repository();
    let mut faults = Vec::new();
    for path in rust_files(package)? {
        let file = SourceFile::read(root, &path)?;
        let is_production = path.starts_with(package.join("src"));
        faults.extend(file_faults(&file.name, is_production, &file.text));
        faults.extend(unwanted.faults(&file));
    }
    Ok(faults)
}

fn file_faults(name: &str, production: bool, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if !text.starts_with("//! ") {
        faults.push(format!("{name}: does not open with a `//!` sentence"));
    }
    let lines = production_lines(text);
    let excused = LONGER.iter().any(|(path, _)| *path == name);
    if production && !is_test_file(name) && !excused && lines >= LONGEST {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_file_with_a_sentence_has_no_fault() {
        assert!(file_faults("a.rs", true, "//! What is here.\nfn a() {}\n").is_empty());
    }

    #[test]
    fn a_file_must_open_with_a_sentence() {
        assert_eq!(file_faults("a.rs", false, "use std::fs;\n").len(), 1);
        assert_eq!(file_faults("a.rs", false, "\n//! Too late.\n").len(), 1);
    }

    #[test]
    fn four_hundred_lines_of_production_code_are_too_many() {
        let longest = format!("//! Long.\n{}", "// x\n".repeat(LONGEST - 2));
        assert!(file_faults("a.rs", true, &longest).is_empty());
        assert_eq!(file_faults("a.rs", true, &format!("{longest}// x\n")).len(), 1);
    }

    #[test]
    fn tests_do_not_count() {
        let text = format!(
            "//! Short.\nfn a() {{}}\n#[cfg(test)]\nmod tests {{\n{}}}\n",
            "// x\n".repeat(LONGEST)
        );
        assert!(file_faults("a.rs", true, &text).is_empty());
        let long = format!("//! Tests.\n{}", "// x\n".repeat(LONGEST));
        assert!(file_faults("crates/a/src/tests.rs", true, &long).is_empty());
        assert!(file_faults("crates/a/tests/b.rs", false, &long).is_empty());
    }

    #[test]
    fn a_lint_is_expected_never_allowed() {
        let text = format!("//! A.\n{}dead_code)]\nfn a() {{}}\n", concat!("#[", "allow("));
        assert_eq!(
            file_faults("a.rs", true, &text),
            ["a.rs:2: `allow`; say `#[expect(lint, reason = \"…\")]`"]
        );
    }

    #[test]
    fn what_is_left_to_do_names_its_issue() {
        let text = |tail: &str| format!("//! A.\n// {}{tail}\n", concat!("TO", "DO"));
        assert_eq!(file_faults("a.rs", true, &text(": later")).len(), 1);
        assert!(file_faults("a.rs", true, &text(" (#12): later")).is_empty());
    }
}

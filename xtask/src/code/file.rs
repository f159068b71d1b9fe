//! One Rust source file: its text, its syntax, and which of its lines are production code.

use std::fs;
use std::path::{Path, PathBuf};

use crate::shell::TaskResult;

/// A Rust file of a package.
pub(crate) struct SourceFile {
    /// Relative to the root of the workspace, with `/` between folders.
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) syntax: syn::File,
}

impl SourceFile {
    /// Reads and parses the file.
    ///
    /// # Errors
    /// Names the file when it cannot be read or is not Rust.
    pub(crate) fn read(root: &Path, path: &Path) -> TaskResult<Self> {
        let name = path.strip_prefix(root).unwrap_or(path).display().to_string();
        let text = fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
        let syntax = syn::parse_file(&text).map_err(|error| format!("{name}: {error}"))?;
        Ok(Self { name, text, syntax })
    }

    /// Whether the file holds only tests or what tests need.
    pub(crate) fn is_test(&self) -> bool {
        is_test_file(&self.name)
    }

    /// The number of lines before the first item that is compiled for tests only; 0 for a test file.
    pub(crate) fn production_lines(&self) -> usize {
        if self.is_test() {
            0
        } else {
            production_lines(&self.text)
        }
    }
}

/// Whether a file of this name holds only tests: `tests.rs`, or a file below a folder `tests` or `benches`.
pub(crate) fn is_test_file(name: &str) -> bool {
    name.ends_with("/tests.rs") || name.contains("/tests/") || name.contains("/benches/")
}

/// The number of lines up to the first item that is compiled for tests only.
pub(crate) fn production_lines(text: &str) -> usize {
    text.lines()
        .take_while(|line| line.trim_end() != "#[cfg(test)]")
        .count()
}

/// Every Rust file of a package, sorted by path.
///
/// # Errors
/// A folder that cannot be read.
pub(crate) fn rust_files(package: &Path) -> TaskResult<Vec<PathBuf>> {
    let mut files = Vec::new();
    for part in ["src", "tests", "benches", "examples"] {
        collect(&package.join(part), &mut files)?;
    }
    files.sort();
    Ok(files)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> TaskResult {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

//! The tracked text files: no marker of a merge conflict, no link to a missing file, and a complete list of decisions.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::shell::{TaskResult, output};

/// Where the list of decisions is.
const DECISIONS: &str = "docs/adr/README.md";

/// The faults of every tracked text file.
pub(super) fn faults(root: &Path) -> TaskResult<Vec<String>> {
    let tracked = output(Command::new("git").args(["ls-files", "-z"]).current_dir(root))?;
    let mut faults = Vec::new();
    for name in tracked.split_terminator('\0') {
        // Other files are no texts, or deleted and not committed yet.
        let Ok(text) = fs::read_to_string(root.join(name)) else {
            continue;
        };
        faults.extend(conflict_faults(name, &text));
        if Path::new(name).extension().is_some_and(|extension| extension == "md") {
            let folder = root.join(name).parent().map(Path::to_owned).unwrap_or_default();
            faults.extend(link_faults(name, &text, |target| folder.join(target).exists()));
        }
        if name == DECISIONS {
            let files = tracked
                .split_terminator('\0')
                .filter_map(|name| name.strip_prefix("docs/adr/"));
            faults.extend(decision_faults(&text, files));
        }
    }
    Ok(faults)
}

fn conflict_faults(name: &str, text: &str) -> Vec<String> {
    let is_marker = |line: &str| line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ");
    let marked = (1..).zip(text.lines()).filter(|(_, line)| is_marker(line));
    marked
        .map(|(number, _)| format!("{name}:{number}: a marker of a merge conflict"))
        .collect()
}

/// Checks the relative links of a Markdown file; links within a page are not checked.
fn link_faults(name: &str, text: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut faults = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let targets = line
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split([')', '#', ' ']).next());
        for target in targets.filter(|target| !target.is_empty() && !target.contains(':')) {
            if !exists(target) {
                faults.push(format!("{name}:{number}: the link to {target} leads to no file"));
            }
        }
    }
    faults
}

/// Checks that the list has every decision once, with its number, and no other.
fn decision_faults<'a>(list: &str, files: impl Iterator<Item = &'a str>) -> Vec<String> {
    let rows: BTreeSet<&str> = list.lines().filter_map(|line| line.split(" | ").next()).collect();
    let listed = |file: &str| rows.contains(format!("| [{}]({file})", file.split('-').next().unwrap_or(file)).as_str());
    files
        .filter(|file| *file != "README.md" && !listed(file))
        .map(|file| format!("{DECISIONS}: {file} is not listed under its number"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conflict_markers_are_found() {
        let text = format!("a\n{} HEAD\nb\n=======\n{} other\n", "<".repeat(7), ">".repeat(7));
        let expected = [2, 5].map(|line| format!("a.md:{line}: a marker of a merge conflict"));
        assert_eq!(conflict_faults("a.md", &text), expected);
        assert!(conflict_faults("a.md", "a < b\n> quoted\n").is_empty());
    }

    #[test]
    fn relative_links_lead_to_files() {
        let text = "[a](b.md#part), [c](c.md) and [d](#part)\n[e](https://example.com/) ![f](g/f.svg \"F\")\n";
        let faults = link_faults("a.md", text, |target| target == "b.md");
        assert_eq!(
            faults,
            [
                "a.md:1: the link to c.md leads to no file",
                "a.md:2: the link to g/f.svg leads to no file"
            ]
        );
    }

    #[test]
    fn decisions_are_listed_under_their_numbers() {
        let list = "| [0001](0001-a.md) | A | 2026 |\n| [0003](0002-b.md) | B | 2026 |\n";
        let faults = decision_faults(list, ["0001-a.md", "0002-b.md", "README.md"].into_iter());
        assert_eq!(faults, ["docs/adr/README.md: 0002-b.md is not listed under its number"]);
    }
}

//! The files of `deploy/` name metrics that the program has.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::code::file::rust_files;
use crate::shell::TaskResult;

/// What Prometheus adds to the name of a histogram.
const HISTOGRAM_SERIES: &[&str] = &["_bucket", "_count", "_sum"];

/// A fault for every metric of `deploy/` that no source file of these packages names.
pub(super) fn faults<'a>(root: &Path, packages: impl Iterator<Item = &'a Path>) -> TaskResult<Vec<String>> {
    let mut sources = String::new();
    for package in packages {
        for file in rust_files(package)? {
            sources.push_str(&fs::read_to_string(file)?);
        }
    }
    let mut faults = Vec::new();
    for entry in fs::read_dir(root.join("deploy"))? {
        let path = entry?.path();
        // Folders hold scripts.
        if path.is_dir() {
            continue;
        }
        let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        for metric in unknown_metrics(&fs::read_to_string(&path)?, &sources) {
            faults.push(format!("{name}: no metric `{metric}` in the sources"));
        }
    }
    Ok(faults)
}

fn unknown_metrics(text: &str, sources: &str) -> BTreeSet<String> {
    let names = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let metrics = names.filter(|name| name.starts_with("masthead_"));
    let is_known = |name: &str| sources.contains(&format!("\"{name}\""));
    let unknown = metrics.filter(|name| {
        let base = HISTOGRAM_SERIES.iter().find_map(|series| name.strip_suffix(series));
        !is_known(name) && !base.is_some_and(is_known)
    });
    unknown.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_and_series_of_histograms_are_known() {
        let sources = "counter!(\"masthead_a_total\"); const B: &str = \"masthead_b_seconds\";";
        let text = "rate(masthead_a_total[5m]) > masthead_b_seconds_bucket{le=\"1\"} + masthead_c";
        assert_eq!(unknown_metrics(text, sources), ["masthead_c".to_owned()].into());
    }
}

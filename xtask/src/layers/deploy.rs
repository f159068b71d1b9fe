//! The files of `deploy/` name metrics that the program has, and every alert has a test and a chapter of the runbooks.

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
    let read = |path: &str| fs::read_to_string(root.join(path));
    faults.extend(unattended_alerts(
        &read("deploy/prometheus-rules.yml")?,
        &read("deploy/prometheus-rules-test.yml")?,
        &read("docs/runbooks.md")?,
    ));
    Ok(faults)
}

/// A fault for every alert that no test raises, or that has no chapter.
fn unattended_alerts(rules: &str, tests: &str, runbooks: &str) -> Vec<String> {
    let alerts = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    let has_test = |alert: &str| {
        let mut lines = tests.lines().map(str::trim);
        let named = format!("alertname: {alert}");
        // A test that expects no alert has `exp_alerts: []` on one line with the name.
        lines.any(|line| line == named)
    };
    let mut faults = Vec::new();
    for alert in alerts {
        if !has_test(alert) {
            faults.push(format!("deploy/prometheus-rules-test.yml: no test raises {alert}"));
        }
        if !runbooks.lines().any(|line| line.strip_prefix("### ") == Some(alert)) {
            faults.push(format!("docs/runbooks.md: no chapter \"{alert}\""));
        }
    }
    faults
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

    #[test]
    fn alert_needs_a_test_and_a_chapter() {
        let rules = "  - alert: A\n  - alert: B\n";
        let tests = "  - eval_time: 1m\n    alertname: A\n  - {eval_time: 1m, alertname: B, exp_alerts: []}\n";
        let faults = unattended_alerts(rules, tests, "### A\ntext\n### B of another\n");
        assert_eq!(
            faults,
            [
                "deploy/prometheus-rules-test.yml: no test raises B",
                "docs/runbooks.md: no chapter \"B\""
            ]
        );
    }
}

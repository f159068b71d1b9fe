//! The result of a run: `target/bench/latest.json`, `latest.svg`, and the ratios as a table.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::shell::TaskResult;

/// The ratios that have a target, and the target; those of searches and imports are for a million registrations.
const TARGETS: [(&str, &str); 24] = [
    ("exact_email_vs_pgbench", "0.9 or more"),
    ("cpu_per_lookup_vs_hyper_static", "3 or less"),
    ("orchestration_added_ms", "1 or less"),
    ("cursor_page_10000_vs_page_1", "1.2 or less"),
    ("search_rare_small_vs_node", "3 or more"),
    ("search_rare_large_vs_node", "3 or more"),
    ("search_absent_large_vs_node", "3 or more"),
    ("search_common_large_vs_node", "5 or more"),
    ("list_small_vs_node", "3 or more"),
    ("list_large_vs_node", "20 or more"),
    ("search_rare_large_vs_openldap", "0.4 or more"),
    ("search_absent_large_vs_openldap", "0.4 or more"),
    ("list_postgres_cpu_large_vs_small", "1.2 or less"),
    ("share_5xx_at_64", "0"),
    ("lookup_p50_beside_search_storm_vs_alone", "2 or less"),
    ("lookup_p99_beside_search_storm_vs_alone", "5 or less"),
    ("import_vs_copy_into_peer_table", "0.5 or more"),
    ("disk_bytes_per_reader", "900 or less"),
    ("worst_needle_page_ms", "50 or less"),
    ("create_vs_pgbench", "0.6 or more"),
    ("update_vs_pgbench", "0.6 or more"),
    ("lookups_beside_sign_in_storm_vs_alone", "0.85 or more"),
    ("lookup_p99_beside_sign_in_storm_vs_alone", "2 or less"),
    ("sign_in_cpu_vs_argon2id", "1.05 or less"),
];

/// Width of the chart, and of the labels in it.
const WIDTH: f64 = 900.0;
const LABELS: f64 = 330.0;

/// Everything measured so far.
#[derive(Default)]
pub(super) struct BenchReport {
    sections: Map<String, Value>,
    ratios: Map<String, Value>,
    failures: Vec<String>,
    /// SVG elements of the charts so far, and their height.
    chart: String,
    height: f64,
}

/// A bar of a chart: its label, its length, and the figures beside it.
pub(super) type ChartBar = (String, f64, String);

impl BenchReport {
    /// Adds figures under this name and prints them.
    pub(super) fn print_section(&mut self, name: &str, value: Value) {
        println!("{name}: {value}");
        self.add_section(name, value);
    }

    /// Adds figures under this name.
    pub(super) fn add_section(&mut self, name: &str, value: Value) {
        self.sections.insert(name.to_owned(), value);
    }

    pub(super) fn add_ratio(&mut self, name: &str, value: impl Into<Value>) {
        self.ratios.insert(name.to_owned(), value.into());
    }

    /// Adds a failure: the run continues, and ends with an error.
    pub(super) fn add_failure(&mut self, failure: String) {
        self.failures.push(failure);
    }

    /// Draws bars that share a scale.
    pub(super) fn add_chart(&mut self, title: &str, bars: &[ChartBar]) {
        let longest = bars.iter().fold(f64::MIN_POSITIVE, |longest, bar| longest.max(bar.1));
        let scale = (WIDTH - LABELS - 190.0) / longest;
        self.height += 32.0;
        self.chart.extend([format!(
            "<text x=\"10\" y=\"{}\" font-weight=\"bold\">{}</text>\n",
            self.height,
            escape(title)
        )]);
        for (label, value, figures) in bars {
            self.height += 26.0;
            let (y, length) = (self.height, value * scale);
            self.chart.extend([format!(
                "<text x=\"{}\" y=\"{y}\" text-anchor=\"end\">{}</text>\
                 <rect x=\"{LABELS}\" y=\"{}\" width=\"{length:.1}\" height=\"18\" fill=\"#4477aa\"/>\
                 <text x=\"{:.1}\" y=\"{y}\">{}</text>\n",
                LABELS - 8.0,
                escape(&label.chars().take(52).collect::<String>()),
                y - 14.0,
                LABELS + length + 6.0,
                escape(figures),
            )]);
        }
    }

    /// Prints the ratios, writes both files, and fails if anything failed.
    pub(super) fn finish(mut self, folder: &Path) -> TaskResult {
        for (name, value) in &self.ratios {
            let target = TARGETS.iter().find(|(of, _)| of == name);
            let target = target.map_or_else(String::new, |(_, target)| format!("  (target: {target})"));
            println!("{name:<44} {value:>8}{target}");
        }
        self.sections.insert("ratios".to_owned(), self.ratios.into());
        self.sections.insert("failures".to_owned(), json!(self.failures));
        let (json, svg) = (folder.join("latest.json"), folder.join("latest.svg"));
        fs::write(&json, format!("{:#}\n", Value::Object(self.sections)))?;
        let drawing = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{}\" font-family=\"sans-serif\" \
             font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{}</svg>\n",
            self.height + 20.0,
            self.chart
        );
        fs::write(&svg, drawing)?;
        println!("written: {} and {}", json.display(), svg.display());
        if self.failures.is_empty() {
            return Ok(());
        }
        Err(format!("{} failures:\n{}", self.failures.len(), self.failures.join("\n")).into())
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chart_has_a_bar_for_each_value() {
        let mut report = BenchReport::default();
        report.add_chart("a < b", &[("email=a&page=2".to_owned(), 2.0, "2 ms".to_owned())]);
        assert_eq!(report.chart.matches("<rect").count(), 1);
        assert!(report.chart.contains("a &lt; b") && report.chart.contains("email=a&amp;page=2"));
    }
}

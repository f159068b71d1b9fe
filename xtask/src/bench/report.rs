//! What is left of a run: `target/bench/latest.json` and `latest.svg`.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

use crate::shell::Outcome;

/// Writes both files.
pub(super) fn write(folder: &Path, report: Map<String, Value>, chart: &str) -> Outcome {
    let json = folder.join("latest.json");
    fs::write(
        &json,
        format!("{}\n", serde_json::to_string_pretty(&Value::Object(report))?),
    )?;
    let svg = folder.join("latest.svg");
    fs::write(&svg, chart)?;
    println!("written: {} and {}", json.display(), svg.display());
    Ok(())
}

/// The ratios as a table for a terminal, with what is wanted of those that have a bar.
pub(super) fn ratios_in_words(ratios: &Map<String, Value>) -> String {
    let mut text = String::new();
    for (name, value) in ratios {
        let wanted = match name.as_str() {
            "exact_email_vs_pgbench" => "  (wanted: 0.9 or more)",
            "cpu_per_lookup_vs_hyper_static" => "  (wanted: 3 or less)",
            "orchestration_added_ms" => "  (wanted: 1 or less)",
            "cursor_page_10000_vs_page_1" => "  (wanted: 1.2 or less)",
            _ => "",
        };
        text.extend([format!("{name:<40} {value:>8}{wanted}\n")]);
    }
    text
}

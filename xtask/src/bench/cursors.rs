//! A page by cursor, ten thousand pages deep, beside the first one.

use serde_json::{Map, Value, json};

use super::client::{Client, encoded};
use super::figures::{median, rounded};
use super::people::LARGEST;
use super::requests::headers;
use super::whole::Bench;
use crate::shell::Outcome;

/// The page that is compared with the first.
const DEEP: u32 = 10_000;

/// How often each is asked, in turn.
const TIMES: u32 = 300;

/// Times both and adds them to the report.
pub(super) fn measure(bench: &Bench<'_>, report: &mut Map<String, Value>, ratios: &mut Map<String, Value>) -> Outcome {
    let serving = bench.program.serve(&bench.folder.join("cursors.log"), &[])?;
    let headers = headers(LARGEST, bench.tokens);
    let mut client = Client::connect(&serving.address)?;
    // Ten a page, or what the largest paper of a quick run allows.
    let size = (bench.plan.rows / 2 / (DEEP + 1)).clamp(1, 10);
    let query = format!("/v4/Users?pageSize={size}&count=none");

    // Page numbers reach that far, and the page before tells the cursor of this one.
    let before = client.get(&format!("{query}&pageNumber={}", DEEP - 1), &headers)?;
    let before = before.good("a deep page by number")?;
    let cursor = before["meta"]["nextCursor"]
        .as_str()
        .ok_or("a deep page tells no cursor")?;
    let deep = format!("{query}&cursor={}", encoded(cursor));
    let by_number = client.get(&format!("{query}&pageNumber={DEEP}"), &headers)?;
    let (by_cursor, by_number) = (
        client.get(&deep, &headers)?.good("by cursor")?,
        by_number.good("by number")?,
    );
    if by_cursor["data"] != by_number["data"] || by_cursor["data"].as_array().is_none_or(Vec::is_empty) {
        return Err(format!("page {DEEP} by cursor is not page {DEEP} by number").into());
    }

    let (mut first, mut last) = (Vec::new(), Vec::new());
    for time in 0..TIMES + 20 {
        let one = client.get(&query, &headers)?;
        let other = client.get(&deep, &headers)?;
        // The first few warm both up.
        if time >= 20 {
            first.push(one.milliseconds());
            last.push(other.milliseconds());
        }
    }
    serving.stop()?;
    let (first, last) = (median(first), median(last));
    println!("\nPages of {size} by cursor: the first {first:.3} ms, number {DEEP} {last:.3} ms (medians of {TIMES})\n");
    ratios.insert(
        "cursor_page_10000_vs_page_1".to_owned(),
        json!(rounded(last / first, 3)),
    );
    report.insert(
        "cursor".to_owned(),
        json!({"pageSize": size, "page1Ms": rounded(first, 3), "page10000Ms": rounded(last, 3)}),
    );
    Ok(())
}

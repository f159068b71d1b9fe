//! Searches and pages on the largest tenant: a deep page by cursor beside the first one, and the slowest searches.

use std::iter::once;

use serde_json::{Value, json};

use super::comparison::{Contender, DIVIDED, LATENCY, Load, LoadComparison, Ratio};
use super::context::BenchContext;
use super::http::{BlockingClient, HeaderList, percent_encode};
use super::report::BenchReport;
use super::search_cases::{self, SearchCase};
use super::statistics::{median, round_to};
use super::users::LARGEST;
use super::wrk::{WrkRequests, request_tail};
use crate::shell::TaskResult;

/// How deep page numbers reach (the server's default for `search.max_depth`).
const MAX_DEPTH: u32 = 100_000;

/// How many of the slowest are measured again, so that noise does not choose, and how many of those are reported.
const SHORT_LIST: usize = 30;
const REPORTED: usize = 10;

/// From so many milliseconds on, one run after the warm-up is enough.
const SLOW: f64 = 250.0;

/// The page that is compared with the first one.
const DEEP: u32 = 10_000;
const FIRST_PAGE: &str = "the first page";
const DEEP_PAGE: &str = "page 10,000 by cursor";

/// Sends searches and keeps those that were refused.
struct Searcher<'a> {
    client: BlockingClient,
    headers: HeaderList,
    /// Searches that are too broad for their time limit, which is an answer of the contract.
    refused: Vec<String>,
    report: &'a mut BenchReport,
}

/// Checks that the deep page is the same by number and by cursor, then measures both.
pub(super) fn measure_cursor(context: &BenchContext<'_>, report: &mut BenchReport) -> TaskResult {
    let server = context.program.serve(&context.folder.join("cursors.log"))?;
    let headers = context.tenant_headers(LARGEST);
    // Ten a page, or what the largest tenant of a quick run allows.
    let size = (context.plan.rows / 2 / (DEEP + 1)).clamp(1, 10);
    let first = format!("/v4/Users?pageSize={size}&count=none");
    let mut client = BlockingClient::connect(&server.address)?;
    let mut page = |target: &str| client.get(target, &headers)?.json(target);
    let before = page(&format!("{first}&pageNumber={}", DEEP - 1))?;
    let cursor = before["meta"]["nextCursor"]
        .as_str()
        .ok_or("a deep page has no next cursor")?;
    let deep = format!("{first}&cursor={}", percent_encode(cursor));
    let (by_cursor, by_number) = (page(&deep)?, page(&format!("{first}&pageNumber={DEEP}"))?);
    if by_cursor["data"] != by_number["data"] || by_cursor["data"].as_array().is_none_or(Vec::is_empty) {
        return Err(format!("page {DEEP} by cursor is not page {DEEP} by number").into());
    }

    let requests = |name, target: &str| {
        let tail = request_tail("", &headers);
        WrkRequests::write(
            context.folder,
            name,
            &format!("GET {target}"),
            once((0, String::new())),
            &[tail],
        )
    };
    let (first, deep) = (requests("first-page", &first)?, requests("deep-page", &deep)?);
    let mut contenders = [(FIRST_PAGE, &first), (DEEP_PAGE, &deep)]
        .map(|(name, requests)| Contender::new(name, 1, Load::Other(requests, &server.address, server.process())));
    let comparison = LoadComparison {
        section: "cursor",
        title: &format!("Pages of {size} users"),
        ratios: &[Ratio(
            "cursor_page_10000_vs_page_1",
            DEEP_PAGE,
            FIRST_PAGE,
            LATENCY,
            DIVIDED,
        )],
        base: FIRST_PAGE,
    };
    comparison.run(context, report, &mut contenders)?;
    server.stop()
}

/// Measures all searches. A wrong count or an unexpected status is a failure.
pub(super) fn measure(context: &BenchContext<'_>, report: &mut BenchReport) -> TaskResult {
    let rows = context.plan.rows;
    let server = context.program.serve(&context.folder.join("searches.log"))?;
    let cases = search_cases::all(MAX_DEPTH.min(rows / 2));
    println!("{} searches among {} users", cases.len(), rows / 2);
    let mut searcher = Searcher {
        client: BlockingClient::connect(&server.address)?,
        headers: context.tenant_headers(LARGEST),
        refused: Vec::new(),
        report,
    };
    let mut survey = Vec::new();
    for case in &cases {
        if let Some((took, _)) = searcher.time(case, "none", 3)? {
            survey.push((took, case));
        }
    }
    survey.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let spread: [f64; 3] = [50, 90, 99].map(|percent| {
        survey
            .get(survey.len() * (100 - percent) / 100)
            .map_or(0.0, |(took, _)| *took)
    });

    // A deep page by number costs what lies before it: deep pages would hide all slow filters if they were in one list.
    let (deep, first): (Vec<_>, Vec<_>) = survey.into_iter().partition(|(_, case)| case.page > 1);
    let mut lists = [Vec::new(), Vec::new()];
    for (list, survey) in lists.iter_mut().zip([first, deep]) {
        for (_, case) in survey.into_iter().take(SHORT_LIST) {
            list.extend(searcher.measure_again(case, rows)?);
        }
        list.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        list.truncate(REPORTED);
    }
    let Searcher { refused, report, .. } = searcher;
    server.stop()?;
    for (title, list) in [
        ("The slowest first pages", &lists[0]),
        ("The slowest deep pages by number", &lists[1]),
    ] {
        println!("{title}:");
        let bars = list.iter().map(|(page, search)| {
            println!("{search}");
            let needle = search["needle"].as_str().unwrap_or_default();
            (needle.to_owned(), *page, format!("{page:.1} ms"))
        });
        report.add_chart(&format!("{title}: milliseconds"), &bars.collect::<Vec<_>>());
    }
    let [slowest, deep] = lists.map(|list| list.into_iter().map(|(_, search)| search).collect::<Vec<_>>());
    if let Some(worst) = slowest.first() {
        report.add_ratio("worst_needle_page_ms", worst["pageMs"].clone());
    }
    report.add_section(
        "searches",
        json!({
            "needles": cases.len(),
            "pageMsP50P90P99": spread.map(|ms| round_to(ms, 2)),
            "slowest": slowest,
            "slowestDeepPagesByNumber": deep,
            "refusedAsTooBroad": refused,
        }),
    );
    Ok(())
}

impl Searcher<'_> {
    /// The median time in milliseconds of some runs after one to warm up, and the total; `None` if it was refused.
    fn time(&mut self, case: &SearchCase, count: &str, mut runs: usize) -> TaskResult<Option<(f64, Option<u64>)>> {
        let target = case.target(count);
        let (mut times, mut total) = (Vec::new(), None);
        while times.len() <= runs {
            let reply = self.client.get(&target, &self.headers)?;
            if reply.status == 400 && reply.excerpt().contains("E400_90") {
                self.refused.push(case.describe());
                return Ok(None);
            }
            if reply.status != 200 {
                let text = reply.excerpt();
                self.report
                    .add_failure(format!("{target}: status {} {text}", reply.status));
                return Ok(None);
            }
            if times.is_empty() {
                total = reply.json(&target)?["meta"]["totalRecords"].as_u64();
            }
            times.push(reply.milliseconds());
            if reply.milliseconds() > SLOW {
                runs = 1;
            }
        }
        Ok(Some((median(times.split_off(1)), total)))
    }

    /// The time of a page, and the figures for the report; `None` if it was refused.
    fn measure_again(&mut self, case: &SearchCase, rows: u32) -> TaskResult<Option<(f64, Value)>> {
        let Some((page, _)) = self.time(case, "none", 9)? else {
            return Ok(None);
        };
        let Some((with_count, total)) = self.time(case, "exact", 3)? else {
            return Ok(None);
        };
        let matches = case.count_matches(LARGEST, rows);
        if total.is_some_and(|total| usize::try_from(total) != Ok(matches)) {
            self.report
                .add_failure(format!("{}: counted {total:?} instead of {matches}", case.describe()));
        }
        let search = json!({
            "needle": case.describe(),
            "pageMs": round_to(page, 2),
            "withExactCountMs": round_to(with_count, 2),
            "matches": matches,
        });
        Ok(Some((page, search)))
    }
}

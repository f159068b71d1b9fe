//! The report of a person as a page: one file that loads nothing and runs nothing, with headings and labelled tables.

use std::fmt::Write as _;

use masthead_orchestrator::PersonReport;
use masthead_ports::person::{Record, RecordValue, SourceAnswer, SourceReport};

use crate::http::response::published_time;

const STYLE: &str = "\
:root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem}\
section{border-top:1px solid;margin-top:2rem;padding-top:.5rem}table{border-collapse:collapse;margin:.75rem 0;width:100%}\
caption{text-align:left;font-weight:600}th,td{text-align:left;vertical-align:top;padding:.25rem .5rem;border:1px solid;overflow-wrap:anywhere}\
th{width:14rem}.warning{border:2px solid;padding:.5rem 1rem;font-weight:600}@media print{body{max-width:none}}";

/// Renders a report.
pub(crate) fn render(report: &PersonReport) -> String {
    let mut page = Page(String::with_capacity(16 * 1024));
    page.raw("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>What is held about you</title>");
    page.raw("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><meta name=\"robots\" content=\"noindex\">");
    page.raw("<style>");
    page.raw(STYLE);
    page.raw("</style></head>\n<body><main><h1>What is held about you</h1>\n<p>By ");
    page.text(report.tenant.as_str());
    page.raw(", as of ");
    page.time(report.made_at);
    page.raw(". Passwords, codes and links are kept as hashes, from which they cannot be read; they are named here, not shown.</p>\n");
    if !report.is_complete() {
        page.raw("<p class=\"warning\" role=\"note\">This report is not complete: a source did not answer. What it holds is not known.</p>\n");
    }
    page.raw("<nav aria-label=\"Sources\"><ul>");
    for source in &report.sources {
        let _ = write!(page.0, "<li><a href=\"#{}\">", source.name);
        page.text(&words(source.name));
        page.raw("</a>: ");
        page.summary(source);
        page.raw("</li>");
    }
    page.raw("</ul></nav>\n");
    for source in &report.sources {
        page.source(source);
    }
    page.raw("</main></body></html>\n");
    page.0
}

/// The word for an answer.
pub(crate) const fn status(answer: &SourceAnswer) -> &'static str {
    match answer {
        SourceAnswer::Held { total: 0, .. } => "nothing held",
        SourceAnswer::Held { .. } => "held",
        SourceAnswer::Unavailable(_) => "no answer",
    }
}

struct Page(String);

impl Page {
    fn raw(&mut self, html: &str) {
        self.0.push_str(html);
    }

    /// Adds a text; nothing in it is markup.
    fn text(&mut self, text: &str) {
        for char in text.chars() {
            match char {
                '&' => self.raw("&amp;"),
                '<' => self.raw("&lt;"),
                '>' => self.raw("&gt;"),
                '"' => self.raw("&quot;"),
                '\'' => self.raw("&#39;"),
                // Controls are no characters of HTML, and marks of direction would reorder what follows.
                char if char.is_control() && char != '\n' => self.raw("\u{fffd}"),
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => self.raw("\u{fffd}"),
                char => self.0.push(char),
            }
        }
    }

    fn time(&mut self, at: time::OffsetDateTime) {
        let at = published_time(at).unwrap_or_default();
        let _ = write!(self.0, "<time datetime=\"{at}\">{}</time>", at.replace('T', " "));
    }

    fn summary(&mut self, source: &SourceReport) {
        match &source.answer {
            SourceAnswer::Held { total, .. } if *total > 0 => {
                let _ = write!(self.0, "{total}");
            }
            SourceAnswer::Held { .. } => self.raw("nothing"),
            SourceAnswer::Unavailable(_) => self.raw("no answer"),
        }
    }

    fn source(&mut self, source: &SourceReport) {
        let _ = write!(self.0, "<section aria-labelledby=\"{0}\"><h2 id=\"{0}\">", source.name);
        self.text(&words(source.name));
        self.raw("</h2>\n<p>");
        self.text(source.meaning);
        self.raw(". As of ");
        self.time(source.as_of);
        self.raw(": ");
        self.text(status(&source.answer));
        match &source.answer {
            SourceAnswer::Unavailable(kind) => {
                self.raw(" (");
                self.text(kind.name());
                self.raw("). What it holds is not known.</p>");
            }
            SourceAnswer::Held { records, total } => {
                self.raw(".</p>\n");
                let shown = records.len() as u64;
                if *total > shown {
                    let _ = writeln!(self.0, "<p>{shown} of {total} are shown.</p>");
                }
                for (place, record) in (1..).zip(records) {
                    self.record(record, place, *total);
                }
            }
        }
        self.raw("</section>\n");
    }

    fn record(&mut self, record: &Record, place: usize, total: u64) {
        let _ = write!(self.0, "<table><caption>{place} of {total}</caption><tbody>");
        for (name, value) in &record.0 {
            match value {
                RecordValue::Pairs(pairs) => {
                    for (key, value) in pairs {
                        self.row(&format!("{}: {key}", words(name)), |page| page.text(value));
                    }
                }
                RecordValue::Text(text) => self.row(&words(name), |page| page.text(text)),
                RecordValue::Number(number) => self.row(&words(name), |page| page.text(&number.to_string())),
                RecordValue::Flag(flag) => self.row(&words(name), |page| page.raw(if *flag { "yes" } else { "no" })),
                RecordValue::Time(at) => self.row(&words(name), |page| page.time(*at)),
            }
        }
        self.raw("</tbody></table>\n");
    }

    fn row(&mut self, name: &str, value: impl FnOnce(&mut Self)) {
        self.raw("<tr><th scope=\"row\">");
        self.text(name);
        self.raw("</th><td>");
        value(self);
        self.raw("</td></tr>");
    }
}

/// `pendingRegistrations` as `Pending registrations`.
fn words(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 4);
    for (place, char) in name.char_indices() {
        match char {
            char if place == 0 => words.extend(char.to_uppercase()),
            char if char.is_ascii_uppercase() => {
                words.push(' ');
                words.push(char.to_ascii_lowercase());
            }
            char => words.push(char),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use masthead_domain::tenant::TenantId;
    use masthead_ports::{person::sources, source::SourceErrorKind};
    use time::macros::datetime;

    use super::*;

    fn report(sources: Vec<SourceReport>) -> PersonReport {
        PersonReport {
            tenant: TenantId::parse("north/daily/herald").unwrap(),
            made_at: datetime!(2026-11-29 12:00 UTC),
            sources,
        }
    }

    fn source(answer: SourceAnswer) -> SourceReport {
        SourceReport {
            name: sources::REGISTRATIONS,
            meaning: "the registration",
            as_of: datetime!(2026-11-29 12:00 UTC),
            answer,
        }
    }

    #[test]
    fn values_are_escaped() {
        let hostile = "<script>alert('x')</script>\"&\u{202e}\u{0}";
        let pairs: Vec<(Box<str>, Box<str>)> = vec![(hostile.into(), hostile.into())];
        let record = Record::default()
            .with("firstName", Some(hostile))
            .with("metadata", Some(pairs));
        let page = render(&report(vec![source(SourceAnswer::all(vec![record]))]));
        assert!(!page.contains("<script") && !page.contains('\u{202e}') && !page.contains('\u{0}'));
        assert_eq!(
            page.matches("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;")
                .count(),
            3
        );
        assert!(page.contains("<th scope=\"row\">First name</th>"));
    }

    #[test]
    fn source_without_answer_is_not_shown_as_empty() {
        let open = render(&report(vec![source(SourceAnswer::Unavailable(
            SourceErrorKind::Unavailable,
        ))]));
        assert!(open.contains("not complete") && open.contains("What it holds is not known"));
        assert!(!open.contains("nothing"));
        let empty = render(&report(vec![source(SourceAnswer::all(Vec::new()))]));
        assert!(empty.contains("nothing held") && !empty.contains("not complete"));
    }

    #[test]
    fn what_is_not_shown_is_counted() {
        let answer = SourceAnswer::Held {
            records: vec![Record::default().with("number", Some(7_i64))],
            total: 1200,
        };
        assert!(render(&report(vec![source(answer)])).contains("1 of 1200 are shown"));
    }
}

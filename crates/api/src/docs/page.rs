//! The readable page about the APIs: plain HTML made of the same tables, without script and without any other host.

use std::fmt::Write as _;

use super::{
    audit_operation,
    examples::{self, indent},
    export_operations, legacy_calls, legacy_writes, report_operation, users_export_operation,
    v4_operations::{OPERATIONS, ParameterInput, V4OperationDoc},
    write_operations::{self, WriteOperationDoc},
};
use crate::{
    auth::headers::REQUIRED,
    export::attributes,
    v4::{
        AUDIT,
        audit::PARAMETERS,
        code::{Code, ContractOrigin},
        parameters::table::{DEPRECATED, METADATA_MEANING, V4ParameterRow},
    },
};

/// The page.
pub(super) fn html() -> String {
    let mut page = String::with_capacity(64 * 1024);
    page.push_str(HEAD);
    for doc in OPERATIONS {
        let _ = writeln!(page, "<a href=\"#{}\">{}</a>", doc.id, doc.label);
    }
    for doc in write_operations::OPERATIONS {
        let _ = writeln!(page, "<a href=\"#{}\">{}</a>", doc.id, doc.label);
    }
    let _ = writeln!(page, "<a href=\"#{}\">Export all</a>", users_export_operation::ID);
    let _ = writeln!(page, "<a href=\"#{}\">Audit</a>", audit_operation::ID);
    let _ = writeln!(page, "<a href=\"#{}\">Report</a>", report_operation::ID);
    page.push_str(AFTER_OPERATIONS);
    headers(&mut page);
    for doc in OPERATIONS {
        operation(&mut page, doc);
    }
    for doc in write_operations::OPERATIONS {
        write_operation(&mut page, doc);
    }
    users_export(&mut page);
    audit(&mut page);
    report(&mut page);
    envelope(&mut page);
    legacy_operations(&mut page);
    export_operation(&mut page);
    codes(&mut page);
    page.push_str(FOOT);
    page
}

const HEAD: &str = r##"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Masthead Users Orchestrator</title>
<link rel="stylesheet" href="docs/style.css">
<link rel="icon" href="data:,">
</head>
<body>
<header>
<h1>Masthead <span>Users Orchestrator</span></h1>
<p>One request, one merged and truthful answer about a newspaper’s reader.</p>
<nav>
<a href="#headers">Headers</a>
"##;

/// The part of the head after the links to the operations.
const AFTER_OPERATIONS: &str = r##"<a href="#envelope">Envelope</a>
<a href="#legacy">Legacy</a>
<a href="#export">Export</a>
<a href="#codes">Codes</a>
<a class="machine" href="openapi.json">OpenAPI&nbsp;3.1</a>
</nav>
</header>
<main>
"##;

const FOOT: &str = "</main>\n</body>\n</html>\n";

/// A table with these heads; `class` is its class, with a blank before it.
fn table(page: &mut String, class: &str, heads: &[&str], rows: impl IntoIterator<Item = String>) {
    let _ = write!(page, "<div class=\"wide\"><table{class}><thead><tr>");
    page.extend(heads.iter().map(|head| format!("<th>{head}</th>")));
    page.push_str("</tr></thead><tbody>\n");
    page.extend(rows.into_iter().map(|row| format!("<tr>{row}</tr>\n")));
    page.push_str("</tbody></table></div>");
}

fn headers(page: &mut String) {
    page.push_str(
        "<section id=\"headers\"><h2>Headers</h2>\n<p>Every operation of v4 needs all five. They are checked in this order; the \
         first missing one is named.</p>\n",
    );
    let row = |name: &str, meaning: &str, example: &str| {
        let (meaning, example) = (prose(meaning), escape(example));
        format!("<th><code>{name}</code></th><td>{meaning}</td><td><code>{example}</code></td>")
    };
    let request_id = row(
        "X-RequestId",
        "optional: an id that the client chooses, echoed in the response; generated when absent",
        "b1946ac9-2492",
    );
    let rows = REQUIRED.map(|header| row(header.name, header.meaning, header.example));
    let rows = rows.into_iter().chain([request_id]);
    table(page, "", &["header", "meaning", "example"], rows);
    page.push_str("</section>\n");
}

fn users_export(page: &mut String) {
    use users_export_operation::{CURL, ID, MEANING, PATH, TITLE, codes, example_lines, parameters};
    let parameters: Vec<_> = parameters()
        .map(|row| format!("<code>{}</code>", row.spec.name))
        .collect();
    let codes: Vec<_> = codes().map(link_to_code).collect();
    let _ = writeln!(
        page,
        "<section id=\"{ID}\"><h2>{TITLE}</h2>\n<p class=\"route\"><b>GET</b> <code>{PATH}</code></p>\n<p>{}</p>\n<pre><code>{}</code></pre>\n\
         <p>Parameters, as of <a href=\"#getUsers\">lists</a>: {} and <code>metadata.{{key}}</code>.</p>\n<details><summary>Answer</summary>\
         <pre><code>{}</code></pre></details>\n<p class=\"codes\">Codes: {}</p>\n</section>",
        prose(MEANING),
        escape(CURL),
        parameters.join(", "),
        escape(&example_lines()),
        codes.join(", ")
    );
}

fn audit(page: &mut String) {
    let _ = writeln!(
        page,
        "<section id=\"{}\"><h2>{}</h2>\n<p class=\"route\"><b>GET</b> <code>{AUDIT}</code></p>\n<p>{}</p>\n<pre><code>{}</code></pre>",
        audit_operation::ID,
        audit_operation::TITLE,
        prose(audit_operation::MEANING),
        escape(audit_operation::CURL)
    );
    let rows = PARAMETERS.iter().map(|row| {
        format!(
            "<th><code>{}</code></th><td>{}</td><td><code>{}</code></td>",
            row.name,
            prose(row.meaning),
            escape(row.example)
        )
    });
    table(page, "", &["parameter", "meaning", "example"], rows);
    let codes: Vec<_> = audit_operation::codes().map(link_to_code).collect();
    let _ = writeln!(
        page,
        "<details><summary>Answer</summary><pre><code>{}</code></pre></details>\n<p class=\"codes\">Codes: {}</p>\n</section>",
        escape(&indent(audit_operation::audit_answer())),
        codes.join(", ")
    );
}

fn report(page: &mut String) {
    let codes: Vec<_> = report_operation::codes().map(link_to_code).collect();
    let _ = writeln!(
        page,
        "<section id=\"{}\"><h2>{}</h2>\n<p class=\"route\"><b>GET</b> <code>{}</code></p>\n<p>{}</p>\n<pre><code>{}</code></pre>\n\
         <details><summary>Answer</summary><pre><code>{}</code></pre></details>\n<p class=\"codes\">Codes: {}</p>\n</section>",
        report_operation::ID,
        report_operation::TITLE,
        report_operation::PATH,
        prose(report_operation::MEANING),
        escape(report_operation::CURL),
        escape(&indent(report_operation::report_answer())),
        codes.join(", ")
    );
}

fn operation(page: &mut String, doc: &V4OperationDoc) {
    let _ = writeln!(
        page,
        "<section id=\"{}\"><h2>{}</h2>\n<p class=\"route\"><b>{}</b> <code>{}</code></p>\n<p>{}</p>",
        doc.id,
        doc.title,
        doc.method,
        doc.path,
        prose(doc.meaning)
    );
    let _ = writeln!(page, "<pre><code>{}</code></pre>", escape(doc.curl));
    match doc.input {
        ParameterInput::Body => page.push_str(
            "<p>The body is a JSON object of the <a href=\"#getUsers\">parameters of the query string</a>, names in any \
             case; <code>metadata</code> is an object of texts. A parameter in the URL is refused.</p>\n",
        ),
        ParameterInput::Query => parameters(page, doc),
    }
    let answer = doc.examples.first().map(|(_, json)| indent(json())).unwrap_or_default();
    let codes: Vec<_> = doc.codes().map(link_to_code).collect();
    let _ = writeln!(
        page,
        "<details{}><summary>Answer</summary><pre><code>{}</code></pre></details>\n<p class=\"codes\">Codes: {}</p>\n</section>",
        if doc.has_path_id() { "" } else { " open" },
        escape(&answer),
        codes.join(", ")
    );
}

fn write_operation(page: &mut String, doc: &WriteOperationDoc) {
    let _ = writeln!(
        page,
        "<section id=\"{}\"><h2>{}</h2>\n<p class=\"route\"><b>{}</b> <code>{}</code></p>\n<p>{} Scope: {}.</p>",
        doc.id,
        doc.title,
        doc.method(),
        doc.path,
        prose(doc.meaning),
        prose(&doc.scopes())
    );
    let _ = writeln!(page, "<pre><code>{}</code></pre>", escape(&doc.curl()));
    let rows = doc.fields().map(|row| {
        let required = if row.required.contains(&doc.operation) {
            "required"
        } else {
            ""
        };
        let (name, mark) = (row.spec.name, mark(row.spec.origin));
        let (kind, meaning) = (row.spec.kind, prose(row.spec.meaning));
        format!("<th><code>{name}</code>{mark}</th><td>{kind}</td><td>{required}</td><td>{meaning}</td>")
    });
    let heads = ["field", "value", "", "meaning"];
    if doc.body.is_some() {
        table(page, " class=\"parameters\"", &heads, rows);
    }
    let answer = indent(write_operations::first_example(doc));
    let codes: Vec<_> = doc.codes().map(link_to_code).collect();
    let _ = writeln!(
        page,
        "<details><summary>Answer</summary><pre><code>{}</code></pre></details>\n<p class=\"codes\">Codes: {}</p>\n</section>",
        escape(&answer),
        codes.join(", ")
    );
}

fn parameters(page: &mut String, doc: &V4OperationDoc) {
    let metadata = format!(
        "<th><code>metadata.{{key}}</code></th><td>1 to 4096 bytes</td><td></td><td>{}</td>",
        prose(METADATA_MEANING)
    );
    let metadata = doc.takes_metadata.then_some(metadata);
    let rows = doc.parameters().map(parameter).chain(metadata);
    let heads = ["parameter", "value", "default", "meaning"];
    table(page, " class=\"parameters\"", &heads, rows);
    page.push('\n');
    if !doc.has_path_id() {
        page.push_str("<p>Names are accepted in any case; <small>extension</small> marks additions to the published contract. Unknown, repeated and empty parameters are refused by name. No longer accepted: ");
        let old = DEPRECATED.map(|(name, successor)| format!("<code>{name}</code> ({successor})"));
        let _ = writeln!(page, "{}.</p>", old.join(", "));
    }
}

fn parameter(row: &V4ParameterRow) -> String {
    let (spec, mark) = (&row.spec, mark(row.origin));
    let default = spec
        .default
        .map_or_else(String::new, |default| format!("<code>{default}</code>"));
    let (name, kind, meaning) = (spec.name, spec.kind, prose(spec.meaning));
    format!("<th><code>{name}</code>{mark}</th><td>{kind}</td><td>{default}</td><td>{meaning}</td>")
}

const fn mark(origin: ContractOrigin) -> &'static str {
    match origin {
        ContractOrigin::Published => "",
        ContractOrigin::Extension => " <small>extension</small>",
    }
}

fn envelope(page: &mut String) {
    let error = examples::error_answer(Code::E400_02).map(indent).unwrap_or_default();
    let _ = writeln!(
        page,
        "<section id=\"envelope\"><h2>Envelope</h2>\n<p>Every answer is <code>message</code>, <code>meta</code> and \
         <code>data</code>, in this order. On lists <code>meta.totalRecords</code> counts all matches before paging, and \
         <code>meta.nextCursor</code> is there while more users match. For a tenant with an outside provider \
         <code>meta.complete</code> reports whether every source answered live, and <code>meta.sources</code> the state of \
         each. An error has no data:</p>\n<pre><code>{}</code></pre></section>",
        escape(&error)
    );
}

fn legacy_operations(page: &mut String) {
    page.push_str(
        "<section id=\"legacy\"><h2>Legacy</h2>\n<p>For clients that have not migrated, with the responses that they know; \
         the OpenAPI document has every parameter and field. <code>X-ClientGroupCode</code> is needed only where the token \
         grants several tenants with the client and paper.</p>\n",
    );
    let rows = legacy_calls::OPERATIONS.iter().map(|doc| {
        let (path, meaning, example) = (escape(doc.path), prose(doc.meaning), escape(doc.example));
        format!(
            "<th><code>GET {path}</code></th><td>{}: {meaning} <code>{example}</code></td>",
            doc.title
        )
    });
    let writes = legacy_writes::OPERATIONS.iter().map(|doc| {
        let (method, path, meaning) = (doc.method(), escape(doc.path), prose(doc.meaning));
        format!("<th><code>{method} {path}</code></th><td>{}: {meaning}</td>", doc.title)
    });
    table(page, "", &["call", "meaning"], rows.chain(writes));
    page.push_str("</section>\n");
}

fn export_operation(page: &mut String) {
    let [(error, _), ..] = export_operations::errors();
    let error = indent(export_operations::error_example(&error));
    let _ = writeln!(
        page,
        "<section id=\"export\"><h2>Export</h2>\n<p><code>POST /v1/customers/export?app_id=</code> answers many users by \
         their identifiers, for marketing jobs, with its own credentials and error bodies: the workspace and one of its \
         keys by HTTP Basic. The OpenAPI document has the request and every error.</p>\n<pre><code>{}</code></pre>",
        escape(&error)
    );
    let rows = attributes::TABLE.iter().map(|spec| {
        let (name, short, meaning) = (spec.name, spec.short.unwrap_or_default(), prose(spec.meaning));
        format!("<th><code>{name}</code></th><td><code>{short}</code></td><td>{meaning}</td>")
    });
    table(page, "", &["attribute", "short", "meaning"], rows);
    page.push_str("</section>\n");
}

fn codes(page: &mut String) {
    page.push_str("<section id=\"codes\"><h2>Codes</h2>\n<div class=\"wide\"><table><thead><tr>");
    page.push_str("<th>HTTP</th><th>code</th><th>text</th><th>meaning</th></tr></thead><tbody>\n");
    for code in Code::ALL {
        let entry = code.entry();
        let (id, status, name, mark) = (
            short_code(entry.name),
            entry.status.as_u16(),
            entry.name,
            mark(entry.origin),
        );
        let (text, meaning) = (escape(entry.template()), prose(entry.meaning));
        let _ = writeln!(
            page,
            "<tr id=\"{id}\"><td>{status}</td><th><code>{name}</code>{mark}</th><td>{text}</td><td>{meaning}</td></tr>"
        );
    }
    page.push_str("</tbody></table></div></section>\n");
}

fn link_to_code(code: Code) -> String {
    let name = short_code(code.entry().name);
    format!("<a href=\"#{name}\">{name}</a>")
}

/// The code without its prefix.
fn short_code(name: &'static str) -> &'static str {
    name.trim_start_matches("UsersOrchestrator_")
}

/// Escapes a text, with `code` between backticks and *emphasis* between stars.
fn prose(text: &str) -> String {
    let mut html = String::new();
    for (n, piece) in text.split('`').enumerate() {
        if n % 2 == 1 {
            let _ = write!(html, "<code>{}</code>", escape(piece));
            continue;
        }
        for (n, piece) in piece.split('*').enumerate() {
            if n % 2 == 1 {
                let _ = write!(html, "<em>{}</em>", escape(piece));
            } else {
                html.push_str(&escape(piece));
            }
        }
    }
    html
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_is_complete_and_self_contained() {
        let page = html();
        for foreign in ["href=\"http", "href=\"//", "src=", "<script", "url("] {
            assert!(!page.contains(foreign), "{foreign}");
        }
        for doc in OPERATIONS {
            assert!(page.contains(&format!("id=\"{}\"", doc.id)));
        }
        for code in Code::ALL {
            assert!(page.contains(code.entry().name));
        }
    }

    #[test]
    fn markup_is_escaped() {
        assert_eq!(prose("a `<b>` *c* & d"), "a <code>&lt;b&gt;</code> <em>c</em> &amp; d");
    }
}

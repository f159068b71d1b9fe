//! The readable page about the API: plain HTML made of the same tables, without script and without any other host.

use std::fmt::Write as _;

use crate::{
    caller::REQUIRED,
    code::{Code, Origin},
    error::Call,
    export, legacy,
    openapi::{
        CALLS, CallSpec, Input,
        examples::{self, Shown},
    },
    parameters::table::{DEPRECATED, METADATA_MEANING, Spec},
};

/// The page.
pub(crate) fn html() -> String {
    let mut page = String::with_capacity(64 * 1024);
    page.push_str(HEAD);
    headers(&mut page);
    for call in &CALLS {
        one_call(&mut page, call);
    }
    envelope(&mut page);
    legacy_calls(&mut page);
    export_call(&mut page);
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
<a href="#getUsers">Query string</a>
<a href="#getUserById">By id</a>
<a href="#searchUsers">Search</a>
<a href="#envelope">Envelope</a>
<a href="#legacy">Legacy</a>
<a href="#export">Export</a>
<a href="#codes">Codes</a>
<a class="machine" href="openapi.json">OpenAPI&nbsp;3.1</a>
</nav>
</header>
<main>
"##;

const FOOT: &str = "</main>\n</body>\n</html>\n";

fn headers(page: &mut String) {
    page.push_str(
        "<section id=\"headers\"><h2>Headers</h2>\n<p>Every call needs all five. They are checked in this order; the \
         first that is missing is named.</p>\n<div class=\"wide\"><table><thead><tr><th>header</th><th>meaning</th>\
         <th>example</th></tr></thead><tbody>\n",
    );
    for header in REQUIRED {
        let _ = writeln!(
            page,
            "<tr><th><code>{}</code></th><td>{}</td><td><code>{}</code></td></tr>",
            header.name,
            prose(header.meaning),
            escaped(header.example)
        );
    }
    page.push_str(
        "<tr><th><code>X-RequestId</code></th><td>optional: an id of the caller’s own, echoed in the answer; made up \
         when absent</td><td><code>b1946ac9-2492</code></td></tr>\n</tbody></table></div></section>\n",
    );
}

fn one_call(page: &mut String, call: &CallSpec) {
    let _ = writeln!(
        page,
        "<section id=\"{}\"><h2>{}</h2>\n<p class=\"route\"><b>{}</b> <code>{}</code></p>\n<p>{}</p>",
        call.id,
        call.title,
        call.method,
        call.path,
        prose(call.meaning)
    );
    let _ = writeln!(page, "<pre><code>{}</code></pre>", escaped(curl(call)));
    if call.input == Input::Body {
        page.push_str(
            "<p>The body is a JSON object of the <a href=\"#getUsers\">parameters of the query string</a>, names in any \
             case; <code>metadata</code> is an object of texts. A parameter in the URL is refused.</p>\n",
        );
    } else {
        parameters(page, call);
    }
    let answer = match call.call {
        Call::ById => examples::one(Shown::Whole, true),
        Call::List => examples::list(Shown::Sparse, true),
    };
    let _ = writeln!(
        page,
        "<details{}><summary>Answer</summary><pre><code>{}</code></pre></details>\n<p class=\"codes\">Codes: {}</p>\n</section>",
        if call.call == Call::List { " open" } else { "" },
        escaped(&answer),
        call.codes
            .iter()
            .copied()
            .map(link_to_code)
            .collect::<Vec<_>>()
            .join(", ")
    );
}

/// The call as one would type it.
pub(crate) const fn curl(call: &CallSpec) -> &'static str {
    match (call.call, call.input) {
        (Call::ById, _) => {
            "curl -H \"Authorization: bearer $TOKEN\" -H 'X-SourceSystem: CRM' \\\n     -H 'X-ClientGroupCode: north' -H 'X-ClientCode: daily' -H 'X-PaperCode: herald' \\\n     \"$URL/v4/Users/auth0%7C6470a\""
        }
        (Call::List, Input::Query) => {
            "curl -H \"Authorization: bearer $TOKEN\" -H 'X-SourceSystem: CRM' \\\n     -H 'X-ClientGroupCode: north' -H 'X-ClientCode: daily' -H 'X-PaperCode: herald' \\\n     \"$URL/v4/Users?metadata.city=Oslo&lastName=le&pageSize=1&fields=customerRegistrationId,email,state,metadata.city\""
        }
        (Call::List, Input::Body) => {
            "curl -H \"Authorization: bearer $TOKEN\" -H 'X-SourceSystem: CRM' \\\n     -H 'X-ClientGroupCode: north' -H 'X-ClientCode: daily' -H 'X-PaperCode: herald' \\\n     -H 'Content-Type: application/json' \\\n     -d '{\"metadata\":{\"city\":\"Oslo\"},\"lastName\":\"le\",\"pageSize\":1,\"fields\":\"customerRegistrationId,email,state,metadata.city\"}' \\\n     \"$URL/v4/Users/Search\""
        }
    }
}

fn parameters(page: &mut String, call: &CallSpec) {
    page.push_str(
        "<div class=\"wide\"><table class=\"parameters\"><thead><tr><th>parameter</th><th>value</th><th>default</th>\
         <th>meaning</th></tr></thead><tbody>\n",
    );
    for spec in call.parameters() {
        parameter(page, spec);
    }
    if call.call == Call::List {
        let _ = writeln!(
            page,
            "<tr><th><code>metadata.{{key}}</code></th><td>1 to 4096 bytes</td><td></td><td>{}</td></tr>",
            prose(METADATA_MEANING)
        );
    }
    page.push_str("</tbody></table></div>\n");
    if call.call == Call::List {
        page.push_str("<p>Names are taken in any case; <small>ours</small> marks additions to the published contract. Unknown, repeated and empty parameters are refused by name. No longer taken: ");
        let old: Vec<_> = DEPRECATED
            .iter()
            .map(|(name, successor)| format!("<code>{name}</code> ({successor})"))
            .collect();
        let _ = writeln!(page, "{}.</p>", old.join(", "));
    }
}

fn parameter(page: &mut String, spec: &Spec) {
    let ours = match spec.origin {
        Origin::Published => "",
        Origin::Ours => " <small>ours</small>",
    };
    let default = spec
        .default
        .map_or_else(String::new, |default| format!("<code>{default}</code>"));
    let _ = writeln!(
        page,
        "<tr><th><code>{}</code>{ours}</th><td>{}</td><td>{default}</td><td>{}</td></tr>",
        spec.name,
        spec.kind,
        prose(spec.meaning)
    );
}

fn envelope(page: &mut String) {
    let error = examples::error(Code::E400_02, true).unwrap_or_default();
    let _ = writeln!(
        page,
        "<section id=\"envelope\"><h2>Envelope</h2>\n<p>Every answer is <code>message</code>, <code>meta</code> and \
         <code>data</code>, in this order. On lists <code>meta.totalRecords</code> counts all matches before paging, and \
         <code>meta.nextCursor</code> is there while more users match. Of a tenant with an outside provider \
         <code>meta.complete</code> says whether every source answered live, and <code>meta.sources</code> what each had \
         to say. An error has no data:</p>\n<pre><code>{}</code></pre></section>",
        escaped(&error)
    );
}

fn legacy_calls(page: &mut String) {
    page.push_str(
        "<section id=\"legacy\"><h2>Legacy</h2>\n<p>For callers that have not migrated, with the answers that they know; \
         the OpenAPI document has every parameter and field. <code>X-ClientGroupCode</code> is needed only where the token \
         grants several tenants with the client and paper.</p>\n<div class=\"wide\"><table><thead><tr><th>call</th>\
         <th>meaning</th></tr></thead><tbody>\n",
    );
    for call in &legacy::calls::CALLS {
        let _ = writeln!(
            page,
            "<tr><th><code>GET {}</code></th><td>{}: {} <code>{}</code></td></tr>",
            escaped(call.path),
            call.title,
            prose(call.meaning),
            escaped(call.example)
        );
    }
    page.push_str("</tbody></table></div></section>\n");
}

fn export_call(page: &mut String) {
    let error = export::openapi::errors().into_iter().next();
    let error = error.map_or_else(String::new, |(error, _)| export::openapi::error_text(&error));
    let _ = writeln!(
        page,
        "<section id=\"export\"><h2>Export</h2>\n<p><code>POST /v1/customers/export?app_id=</code> answers many users by \
         their identifiers, for marketing jobs, with credentials and error bodies of its own: the workspace and one of its \
         keys by HTTP Basic. The OpenAPI document has the request and every error.</p>\n<pre><code>{}</code></pre>\n\
         <div class=\"wide\"><table><thead><tr><th>attribute</th><th>short</th><th>meaning</th></tr></thead><tbody>",
        escaped(&error)
    );
    for spec in &export::ATTRIBUTES {
        let _ = writeln!(
            page,
            "<tr><th><code>{}</code></th><td><code>{}</code></td><td>{}</td></tr>",
            spec.name,
            spec.short.unwrap_or_default(),
            prose(spec.meaning)
        );
    }
    page.push_str("</tbody></table></div></section>\n");
}

fn codes(page: &mut String) {
    page.push_str(
        "<section id=\"codes\"><h2>Codes</h2>\n<div class=\"wide\"><table><thead><tr><th>HTTP</th><th>code</th>\
         <th>text</th><th>meaning</th></tr></thead><tbody>\n",
    );
    for code in Code::ALL {
        let entry = code.entry();
        let ours = match entry.origin {
            Origin::Published => "",
            Origin::Ours => " <small>ours</small>",
        };
        let _ = writeln!(
            page,
            "<tr id=\"{}\"><td>{}</td><th><code>{}</code>{ours}</th><td>{}</td><td>{}</td></tr>",
            short(entry.name),
            entry.status.as_u16(),
            entry.name,
            escaped(entry.text),
            prose(entry.meaning)
        );
    }
    page.push_str("</tbody></table></div></section>\n");
}

fn link_to_code(code: Code) -> String {
    let name = short(code.entry().name);
    format!("<a href=\"#{name}\">{name}</a>")
}

/// The code without its prefix.
fn short(name: &'static str) -> &'static str {
    name.trim_start_matches("UsersOrchestrator_")
}

/// Escaped, with `code` between backticks and *emphasis* between stars.
fn prose(text: &str) -> String {
    let mut html = String::new();
    for (n, piece) in text.split('`').enumerate() {
        if n % 2 == 1 {
            let _ = write!(html, "<code>{}</code>", escaped(piece));
            continue;
        }
        for (n, piece) in piece.split('*').enumerate() {
            if n % 2 == 1 {
                let _ = write!(html, "<em>{}</em>", escaped(piece));
            } else {
                html.push_str(&escaped(piece));
            }
        }
    }
    html
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_needs_nothing_from_elsewhere() {
        let page = html();
        assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("<script"));
        for call in CALLS {
            assert!(page.contains(&format!("id=\"{}\"", call.id)));
        }
        for code in Code::ALL {
            assert!(page.contains(code.entry().name));
        }
    }

    #[test]
    fn what_looks_like_markup_is_shown_as_text() {
        assert_eq!(prose("a `<b>` *c* & d"), "a <code>&lt;b&gt;</code> <em>c</em> &amp; d");
    }
}

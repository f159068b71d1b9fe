//! The statements of one request, read from the log of Postgres, as a script for pgbench.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use super::super::context::BenchContext;
use crate::shell::TaskResult;

/// How long the log may take to hold the end of a transaction.
const LOG_PATIENCE: Duration = Duration::from_secs(5);

/// What differs from one run of the script to the next.
pub(super) struct ScriptVariables<'a> {
    /// The text of which each run has another one: sixteen digits, as [`super::fixture::unique`] writes them.
    pub(super) drawn: &'a str,
    /// What gives `:n`, the number of that text.
    pub(super) draw: String,
    /// The number of the registration, which the first statement with `number_from` yields in the column `id`.
    pub(super) number: &'a str,
    pub(super) number_from: &'a str,
}

/// Records what Postgres executes on the database of the bench while it exists.
pub(super) struct StatementLog<'a> {
    context: &'a BenchContext<'a>,
    file: std::path::PathBuf,
}

impl<'a> StatementLog<'a> {
    /// Makes connections that begin from now on log their statements.
    pub(super) fn start(context: &'a BenchContext<'a>) -> TaskResult<Self> {
        let file = context.database.server.log_file();
        let file =
            file.ok_or("the statements of a write are read from the log of a private Postgres: unset DATABASE_URL")?;
        let name = &context.database.name;
        context
            .database
            .run(&format!("ALTER DATABASE {name} SET log_min_duration_statement = 0"))?;
        Ok(Self { context, file })
    }

    /// The statements, with their parameters in place, that `request` made Postgres execute up to its COMMIT.
    pub(super) fn statements_of(&self, request: impl FnOnce() -> TaskResult) -> TaskResult<Vec<String>> {
        let offset = usize::try_from(fs::metadata(&self.file)?.len())?;
        request()?;
        let begun = Instant::now();
        while begun.elapsed() < LOG_PATIENCE {
            let log = fs::read(&self.file)?;
            let log = String::from_utf8_lossy(log.get(offset..).unwrap_or_default()).into_owned();
            let statements = parse_log(&log, &self.context.database.name)?;
            if statements.iter().any(|statement| statement == "COMMIT") {
                return Ok(statements);
            }
            thread::sleep(Duration::from_millis(100));
        }
        Err("the log of Postgres shows no transaction of the request".into())
    }
}

impl Drop for StatementLog<'_> {
    fn drop(&mut self) {
        let name = &self.context.database.name;
        // What stays is logged more, which the next run ends.
        let _ = self
            .context
            .database
            .run(&format!("ALTER DATABASE {name} RESET log_min_duration_statement"));
    }
}

/// The executed statements of a database in a log whose lines begin with `time zone [pid] database`. Lines of preparing and
/// binding, and the COPY of the audit log, which many requests share, are left out.
fn parse_log(log: &str, database: &str) -> TaskResult<Vec<String>> {
    let mut statements: Vec<String> = Vec::new();
    let mut takes_lines = false;
    for line in log.lines() {
        if let Some(more) = line.strip_prefix('\t') {
            if let Some(last) = statements.last_mut().filter(|_| takes_lines) {
                last.push('\n');
                last.push_str(more);
            }
            continue;
        }
        takes_lines = false;
        let Some((_, message)) = line.split_once(&format!("] {database} ")) else {
            continue;
        };
        if let Some(values) = message.split_once("DETAIL:").map(|(_, detail)| detail.trim_start()) {
            let values = values
                .strip_prefix("parameters: ")
                .or(values.strip_prefix("Parameters: "));
            if let (Some(values), Some(last)) = (values, statements.last_mut()) {
                *last = with_values(last, &parse_values(values)?);
            }
        } else if let Some((_, executed)) = message.split_once(" ms  ") {
            let text = match executed.split_once(": ") {
                Some((kind, text)) if kind == "statement" || kind.starts_with("execute ") => text,
                _ => continue,
            };
            if !text.starts_with("COPY ") {
                statements.push(text.to_owned());
                takes_lines = true;
            }
        }
    }
    Ok(statements)
}

/// The parameters of `$1 = 'a', $2 = NULL, …`, as literals. No value of the bench has a quote.
fn parse_values(text: &str) -> TaskResult<Vec<String>> {
    let mut values = Vec::new();
    let mut rest = text;
    while let Some((_, value)) = rest.split_once(" = ") {
        if let Some(after) = value.strip_prefix("NULL") {
            values.push("NULL".to_owned());
            rest = after;
        } else {
            let mut parts = value.splitn(3, '\'').skip(1);
            let (Some(text), Some(after)) = (parts.next(), parts.next()) else {
                return Err("a parameter in the log has no end".into());
            };
            if after.starts_with('\'') {
                return Err("a parameter in the log has a quote".into());
            }
            values.push(format!("'{text}'"));
            rest = after;
        }
    }
    Ok(values)
}

/// The statement with literals in place of `$1`, `$2`, ….
fn with_values(statement: &str, values: &[String]) -> String {
    let mut parts = statement.split('$');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let value = part[..digits]
            .parse::<usize>()
            .ok()
            .and_then(|number| values.get(number.checked_sub(1)?));
        match value {
            Some(value) => text.extend([value, &part[digits..]]),
            None => text.extend(["$", part]),
        }
    }
    text
}

/// The script of pgbench that runs the statements with other values each time.
pub(super) fn script(statements: &[String], variables: &ScriptVariables<'_>) -> String {
    let number = format!("'{}'", variables.number);
    let mut has_number = false;
    let mut text = format!("{}\n", variables.draw);
    for statement in statements {
        let statement = without_comments(statement).replace("\"number!\"", "id");
        let statement = if has_number {
            statement.replace(&number, ":id")
        } else {
            statement
        };
        let statement = replace_in_literals(&statement, variables.drawn, "lpad(:n::text, 16, '0')");
        text.push_str(statement.trim());
        if !has_number && statement.contains(variables.number_from) {
            has_number = true;
            text.push_str(" \\gset\n");
        } else {
            text.push_str(";\n");
        }
    }
    text
}

/// Without `/* … */`, in which pgbench would look for variables.
fn without_comments(statement: &str) -> String {
    let mut parts = statement.split("/*");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + part.split_once("*/").map_or("", |(_, rest)| rest)
    })
}

/// Each literal that has the text becomes a concatenation with `expression` in its place.
fn replace_in_literals(statement: &str, text: &str, expression: &str) -> String {
    let mut replaced = String::new();
    // No literal has a quote, so that literals are the odd parts.
    for (place, part) in statement.split('\'').enumerate() {
        let is_literal = place % 2 == 1;
        match part.split_once(text).filter(|_| is_literal) {
            Some((before, after)) => replaced.extend(["('", before, "' || ", expression, " || '", after, "')"]),
            None if is_literal => replaced.extend(["'", part, "'"]),
            None => replaced.push_str(part),
        }
    }
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
2026-11-29 12:00:00.000 UTC [7] bench LOG:  duration: 0.010 ms  statement: BEGIN
2026-11-29 12:00:00.000 UTC [7] bench LOG:  duration: 0.010 ms  bind s1: SELECT $1
2026-11-29 12:00:00.000 UTC [7] bench LOG:  duration: 0.010 ms  execute s1: /* create */ INSERT INTO t
\t  VALUES ($1, $2, $10)
2026-11-29 12:00:00.000 UTC [7] bench DETAIL:  parameters: $1 = 'w-0000000000000007@x', $2 = NULL, $3 = '', $4 = '', $5 = '', $6 = '', $7 = '', $8 = '', $9 = '', $10 = '12'
2026-11-29 12:00:00.000 UTC [8] other LOG:  duration: 0.010 ms  statement: SELECT 1
2026-11-29 12:00:00.000 UTC [9] bench LOG:  duration: 0.010 ms  statement: COPY events FROM STDIN
2026-11-29 12:00:00.000 UTC [7] bench LOG:  duration: 0.010 ms  execute s2: UPDATE t SET a = $1
2026-11-29 12:00:00.000 UTC [7] bench DETAIL:  parameters: $1 = '12'
2026-11-29 12:00:00.000 UTC [7] bench LOG:  duration: 0.010 ms  statement: COMMIT
";

    #[test]
    fn script_has_the_statements_of_the_log() {
        let statements = parse_log(LOG, "bench").unwrap();
        assert_eq!(
            statements[1],
            "/* create */ INSERT INTO t\n  VALUES ('w-0000000000000007@x', NULL, '12')"
        );
        let variables = ScriptVariables {
            drawn: "0000000000000007",
            draw: "\\set n random(1, 9)".to_owned(),
            number: "12",
            number_from: "INSERT INTO t",
        };
        assert_eq!(
            script(&statements, &variables),
            "\\set n random(1, 9)\nBEGIN;\nINSERT INTO t\n  VALUES (('w-' || lpad(:n::text, 16, '0') || '@x'), NULL, '12') \\gset\n\
             UPDATE t SET a = :id;\nCOMMIT;\n"
        );
    }
}

//! The header of a migration file: the programs that can serve beside it, and how it is run (docs/upgrading.md).

use thiserror::Error;

/// The first migration that must have a header.
pub(super) const FIRST_WITH_HEADER: i64 = 16;

/// The comment lines at the beginning of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MigrationHeader {
    /// The oldest schema version whose program can serve beside this migration; the migration's own version where no older
    /// program can.
    pub(super) compatible_with: i64,
    pub(super) run: RunKind,
    /// Whether a program that has the migration needs it; not if it only removes what older programs read.
    pub(super) is_needed: bool,
}

/// How the statements of a file are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RunKind {
    /// In one transaction, which waits for locks only shortly, and is repeated.
    Transaction,
    /// Each statement alone: `CREATE INDEX CONCURRENTLY` and `DROP INDEX CONCURRENTLY`.
    Concurrently,
    /// Transactions one after the other, each like [`RunKind::Transaction`]; all are repeated after an interruption.
    Steps,
    /// One statement that changes a bounded number of rows, until it changes none.
    Batches,
}

/// A header that is missing or invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum HeaderError {
    #[error("the line `-- compatible-with: VERSION` is missing")]
    Missing,
    #[error("`compatible-with` is not a version up to the migration's own")]
    Version,
    #[error("`run` is not `transaction`, `steps`, `concurrently` or `batches`")]
    Kind,
    #[error("`needed` is neither `yes` nor `no`")]
    Needed,
}

impl MigrationHeader {
    /// Reads the comment lines before the first statement. Migrations before [`FIRST_WITH_HEADER`] have none: no older
    /// program can be started beside them.
    pub(super) fn parse(version: i64, sql: &str) -> Result<Self, HeaderError> {
        let comments = sql
            .lines()
            .map_while(|line| line.strip_prefix("--").or_else(|| line.trim().is_empty().then_some("")));
        let (mut compatible_with, mut run, mut is_needed) = (None, RunKind::Transaction, true);
        for (name, value) in comments.filter_map(|line| line.split_once(':')) {
            match name.trim() {
                "compatible-with" => {
                    let number = value.trim().parse().map_err(|_| HeaderError::Version)?;
                    compatible_with = Some(number);
                }
                "run" => {
                    run = match value.trim() {
                        "transaction" => RunKind::Transaction,
                        "steps" => RunKind::Steps,
                        "concurrently" => RunKind::Concurrently,
                        "batches" => RunKind::Batches,
                        _ => return Err(HeaderError::Kind),
                    };
                }
                "needed" => {
                    is_needed = match value.trim() {
                        "yes" => true,
                        "no" => false,
                        _ => return Err(HeaderError::Needed),
                    };
                }
                _ => {}
            }
        }
        let compatible_with = match compatible_with {
            Some(number) if (1..=version).contains(&number) => number,
            Some(_) => return Err(HeaderError::Version),
            None if version < FIRST_WITH_HEADER => version,
            None => return Err(HeaderError::Missing),
        };
        Ok(Self {
            compatible_with,
            run,
            is_needed,
        })
    }
}

/// The transactions of a file, each between the lines `BEGIN;` and `COMMIT;`.
pub(super) fn steps(sql: &str) -> Vec<String> {
    let bodies = sql.split("\nBEGIN;\n").skip(1);
    bodies
        .filter_map(|body| Some(body.split_once("\nCOMMIT;")?.0.to_owned()))
        .collect()
}

/// The statements of a file without its comment lines. A statement ends with a semicolon at the end of a line.
pub(super) fn statements(sql: &str) -> Vec<String> {
    let lines = sql.lines().filter(|line| !line.trim_start().starts_with("--"));
    let text = lines.collect::<Vec<_>>().join("\n");
    let statements = text
        .split(";\n")
        .map(|statement| statement.trim().trim_end_matches(';'));
    statements
        .filter(|statement| !statement.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_is_read_before_first_statement() {
        let sql =
            "-- What it is for: a note.\n-- compatible-with: 15\n\n-- run: concurrently\nCREATE;\n-- run: batches\n";
        let header = MigrationHeader {
            compatible_with: 15,
            run: RunKind::Concurrently,
            is_needed: true,
        };
        assert_eq!(MigrationHeader::parse(16, sql), Ok(header));
        let unneeded = MigrationHeader::parse(16, "-- compatible-with: 15\n-- needed: no\nDROP;\n");
        assert!(!unneeded.unwrap().is_needed);
    }

    #[test]
    fn invalid_header_is_rejected() {
        for (version, sql, error) in [
            (16, "SELECT 1;", HeaderError::Missing),
            (16, "SELECT 1;\n-- compatible-with: 15\n", HeaderError::Missing),
            (16, "-- compatible-with: 17\n", HeaderError::Version),
            (16, "-- compatible-with: 0\n", HeaderError::Version),
            (16, "-- compatible-with: newest\n", HeaderError::Version),
            (16, "-- compatible-with: 15\n-- run: fast\n", HeaderError::Kind),
            (16, "-- compatible-with: 15\n-- needed: later\n", HeaderError::Needed),
        ] {
            assert_eq!(MigrationHeader::parse(version, sql), Err(error), "{sql}");
        }
        let old = MigrationHeader::parse(15, "-- Tables.\nSELECT 1;").unwrap();
        assert_eq!((old.compatible_with, old.run), (15, RunKind::Transaction));
    }

    #[test]
    fn steps_are_between_begin_and_commit() {
        let sql = "-- run: steps\n\nBEGIN;\nDO $$ BEGIN\nNULL; END $$;\nCOMMIT;\n\nBEGIN;\nSELECT 1;\nCOMMIT;\n";
        assert_eq!(steps(sql), ["DO $$ BEGIN\nNULL; END $$;", "SELECT 1;"]);
    }

    #[test]
    fn statements_are_split_at_line_ends() {
        let sql = "-- run: concurrently\nCREATE INDEX a\n    ON t (x);\n-- why\nDROP INDEX b;\n";
        assert_eq!(statements(sql), ["CREATE INDEX a\n    ON t (x)", "DROP INDEX b"]);
    }
}

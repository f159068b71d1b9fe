//! The readers as rows for COPY into the table of the Node peer.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use serde_json::Value;

use super::super::database::{in_import_order, write_lines};
use super::super::users::{InventedUser, tenant_codes};
use crate::shell::TaskResult;

/// Copies into `users`; the rows follow on the standard input.
pub(super) const COPY: &str = "COPY users (tenant_id, crid, email, first_name, last_name, verified, password_hash, metadata, \
     registered_at) FROM STDIN";

/// Writes a row for each of the first so many users, in the order in which Masthead imports them: the readers of a paper lie
/// as close together.
pub(super) fn write_rows(output: impl Write, users: u32) -> TaskResult {
    let mut output = BufWriter::with_capacity(1 << 18, output);
    for user in in_import_order(users) {
        output.write_all(row_of(user).as_bytes())?;
    }
    Ok(output.flush()?)
}

/// Writes the same users as lines of `masthead import`.
pub(super) fn write_import_file(file: &Path, users: u32) -> TaskResult {
    let lines = in_import_order(users).map(|user| user.import_line(&tenant_codes(user.tenant()).join("/")));
    write_lines(File::create(file)?, lines)
}

/// What the import's line has, in the text format of COPY.
fn row_of(user: InventedUser) -> String {
    let line = user.import_line("");
    let text = |name: &str| line[name].as_str().map_or_else(|| "\\N".to_owned(), escape);
    let names = ["customerRegistrationId", "email", "firstName", "lastName"];
    let mut row = user.tenant().to_string();
    for field in names.map(text) {
        row.extend(["\t", &field]);
    }
    // Writing to a string does not fail.
    let _ = writeln!(
        row,
        "\t{}\t{}\t{}\t{}",
        line["verified"] == Value::Bool(true),
        text("passwordHash"),
        escape(&line["metadata"].to_string()),
        text("dateRegistered"),
    );
    row
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_has_all_fields_of_the_import() {
        let mut rows = Vec::new();
        write_rows(&mut rows, 8).unwrap();
        let rows = String::from_utf8(rows).unwrap();
        // All eight are of one paper and keep their order.
        let row: Vec<&str> = rows.lines().nth(7).unwrap().split('\t').collect();
        assert_eq!(row.len(), 9);
        assert_eq!(
            row[..3],
            [
                "0",
                "06472b07-f1b9-48ea-8f47-f609cc28086c",
                "wila.abova7@firm233.example"
            ]
        );
        let metadata: Value = serde_json::from_str(row[7]).unwrap();
        assert_eq!(metadata, InventedUser(7).import_line("")["metadata"]);
        assert_eq!(escape("a\\b\tc"), "a\\\\b\\tc");
    }
}

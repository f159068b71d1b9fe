//! docs/operations-tests.md: what operators rely on, line by line.

use crate::support::test_table;

/// Each line names tests, or files of the repository that show it, or states that it is documented only; and all of them are there.
#[test]
fn every_promise_is_shown() {
    let rows = test_table::rows("operations-tests.md");
    assert!(rows.len() > 150, "{}", rows.len());
    for row in rows {
        let is_shown = !row.tests.is_empty() || !row.files.is_empty() || row.shown.starts_with("documented only: ");
        assert!(is_shown, "nothing shows: {}", row.line);
        row.tests.iter().for_each(|test| test_table::check_test(test));
        row.files.iter().for_each(|path| test_table::check_file(path));
    }
}

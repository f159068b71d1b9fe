//! The rules of migrations (docs/upgrading.md), checked on the files.

use super::{
    MIGRATIONS,
    concurrent::created_index,
    file::{FIRST_WITH_HEADER, MigrationHeader, RunKind, statements, steps},
};

/// Tables of a few thousand rows at most: a lock on them is short, and so is reading them.
const SMALL_TABLES: &[&str] = &[
    "pools",
    "tenants",
    "workspaces",
    "workspace_keys",
    "stored_keys",
    "mirrors",
];

/// A comment line before a statement that breaks a rule: `-- allowed: REASON`.
const ALLOWED: &str = "-- allowed: ";

/// What a statement may not do beside running servers.
const RULES: &[(&str, &[&str])] = &[
    (
        "reads or rewrites the whole table under a lock: index it CONCURRENTLY, add the constraint NOT VALID and validate it in \
         a migration of its own",
        &[
            "SET NOT NULL",
            "ADD CONSTRAINT",
            "ADD CHECK",
            "ADD FOREIGN KEY",
            "ADD UNIQUE",
            "ADD PRIMARY KEY",
            "CLUSTER",
            "VACUUM FULL",
        ],
    ),
    (
        "breaks older servers: give such a migration `compatible-with` its own version",
        &[
            "DROP COLUMN",
            "DROP TABLE",
            "RENAME ",
            " TYPE ",
            "DROP DEFAULT",
            "DROP FUNCTION",
        ],
    ),
];

/// The breaches of a file, each as its statement and the rule.
fn breaches(version: i64, sql: &str) -> Vec<String> {
    let header = match MigrationHeader::parse(version, sql) {
        Ok(header) => header,
        Err(error) => return vec![error.to_string()],
    };
    if header.run != RunKind::Transaction {
        let all = statements(sql);
        let is_concurrent = |statement: &String| {
            created_index(statement).is_some() || statement.starts_with("DROP INDEX CONCURRENTLY IF EXISTS ")
        };
        let fits = match header.run {
            RunKind::Steps => !steps(sql).is_empty(),
            RunKind::Concurrently => all.iter().all(is_concurrent),
            _ => all.len() == 1 && all[0].contains("LIMIT "),
        };
        return if fits {
            Vec::new()
        } else {
            vec![format!("not all statements fit {:?}", header.run)]
        };
    }
    let mut found = Vec::new();
    for statement in sql.split(";\n") {
        if statement.lines().any(|line| line.starts_with(ALLOWED)) {
            continue;
        }
        let text = statements(statement).join("");
        let words: Vec<&str> = text.split_whitespace().collect();
        let (["ALTER" | "DROP", "TABLE", table, ..]
        | ["CREATE", "INDEX", _, "ON", table, ..]
        | ["CREATE", "UNIQUE", "INDEX", _, "ON", table, ..]) = words.as_slice()
        else {
            continue;
        };
        let is_new = sql.contains(&format!("CREATE TABLE {table} "));
        if is_new || SMALL_TABLES.contains(table) && words[0] != "DROP" && !text.contains("RENAME ") {
            continue;
        }
        if words[0] == "CREATE" {
            found.push(format!("{text}: {}", RULES[0].0));
            continue;
        }
        for (rule, parts) in RULES {
            let is_incompatible = header.compatible_with == version && *rule == RULES[1].0;
            if !is_incompatible && !text.contains("NOT VALID") && parts.iter().any(|part| text.contains(part)) {
                found.push(format!("{text}: {rule}"));
            }
        }
    }
    found
}

#[test]
fn migrations_keep_the_rules() {
    for migration in MIGRATIONS
        .iter()
        .filter(|migration| migration.version >= FIRST_WITH_HEADER)
    {
        let found = breaches(migration.version, migration.sql.as_str());
        assert!(found.is_empty(), "migration {}: {found:#?}", migration.version);
    }
}

#[test]
fn breaches_are_found() {
    for (expected, sql) in [
        (1, "ALTER TABLE registrations ADD COLUMN a text;\n"),
        (
            0,
            "-- compatible-with: 15\nALTER TABLE registrations ADD COLUMN a text;\n",
        ),
        (
            1,
            "-- compatible-with: 15\nALTER TABLE registrations\n  DROP COLUMN a;\n",
        ),
        (0, "-- compatible-with: 16\nALTER TABLE registrations DROP COLUMN a;\n"),
        (1, "-- compatible-with: 16\nCREATE INDEX a_idx ON registrations (a);\n"),
        (
            0,
            "-- compatible-with: 15\nCREATE TABLE a (b text);\nCREATE INDEX a_idx ON a (b);\n",
        ),
        (0, "-- compatible-with: 15\nCREATE INDEX a_idx ON tenants (b);\n"),
        (
            1,
            "-- compatible-with: 15\nALTER TABLE events ADD CONSTRAINT a CHECK (b > 0);\n",
        ),
        (
            0,
            "-- compatible-with: 15\nALTER TABLE events ADD CONSTRAINT a CHECK (b > 0) NOT VALID;\n",
        ),
        (1, "-- compatible-with: 15\nALTER TABLE events RENAME TO a;\n"),
        (
            0,
            "-- compatible-with: 15\n-- allowed: the next statement makes a table of that name.\nALTER TABLE events RENAME TO a;\n",
        ),
        (
            0,
            "-- compatible-with: 15\n-- run: concurrently\nCREATE INDEX CONCURRENTLY a_idx ON events (a);\n",
        ),
        (
            1,
            "-- compatible-with: 15\n-- run: concurrently\nALTER TABLE events ADD COLUMN a text;\n",
        ),
        (
            0,
            "-- compatible-with: 15\n-- run: batches\nUPDATE a SET b = 1 WHERE c IN (SELECT c FROM a WHERE b IS NULL LIMIT 9);\n",
        ),
        (1, "-- compatible-with: 15\n-- run: batches\nUPDATE a SET b = 1;\n"),
    ] {
        assert_eq!(breaches(16, sql).len(), expected, "{sql}: {:?}", breaches(16, sql));
    }
}

//! Indexes that are built and dropped beside readers and writers, outside of transactions.

use sqlx::{AssertSqlSafe, PgConnection};

/// Runs `CREATE [UNIQUE] INDEX CONCURRENTLY` or `DROP INDEX CONCURRENTLY IF EXISTS`, and can be repeated: a valid index of
/// the name is kept, an invalid one, which an interrupted build leaves, is dropped and built anew.
pub(super) async fn run(connection: &mut PgConnection, statement: &str) -> Result<(), sqlx::Error> {
    let Some(name) = created_index(statement) else {
        return execute(connection, statement).await;
    };
    match is_valid(connection, name).await? {
        Some(true) => return Ok(()),
        Some(false) => execute(connection, &format!("DROP INDEX CONCURRENTLY {name}")).await?,
        None => {}
    }
    execute(connection, statement).await
}

/// The name of the index that a statement creates concurrently.
pub(super) fn created_index(statement: &str) -> Option<&str> {
    let mut words = statement.split_whitespace();
    let mut expect = |word| words.next().filter(|next| *next == word);
    expect("CREATE")?;
    let name = match words.next()? {
        "UNIQUE" => words.nth(2)?,
        "INDEX" => words.nth(1)?,
        _ => return None,
    };
    statement.contains("INDEX CONCURRENTLY").then_some(name)
}

/// Whether the index can be used; `None` if there is none of the name.
async fn is_valid(connection: &mut PgConnection, name: &str) -> Result<Option<bool>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT i.indisvalid FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
          WHERE c.relname = $1 AND c.relnamespace = current_schema()::regnamespace",
    )
    .bind(name)
    .persistent(false)
    .fetch_optional(connection)
    .await
}

async fn execute(connection: &mut PgConnection, statement: &str) -> Result<(), sqlx::Error> {
    let statement = sqlx::raw_sql(AssertSqlSafe(statement.to_owned()));
    statement.execute(connection).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_created_index_is_found() {
        for (statement, name) in [
            ("CREATE INDEX CONCURRENTLY a_idx ON a (b)", Some("a_idx")),
            ("CREATE UNIQUE INDEX CONCURRENTLY a_key\n  ON a (b)", Some("a_key")),
            ("DROP INDEX CONCURRENTLY IF EXISTS a_idx", None),
            ("CREATE TABLE a (b bigint)", None),
        ] {
            assert_eq!(created_index(statement), name, "{statement}");
        }
    }
}

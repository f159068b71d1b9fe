//! Template databases: prepared once, copied by each test.

use std::path::Path;

use crate::{Error, PostgresServer, locks, name};

/// The number of templates that are kept: one for each branch in use.
const KEPT: usize = 6;

/// Creates a database as a copy of the template for `key`, which is prepared when it does not exist.
pub(crate) fn copy<E>(
    server: &PostgresServer,
    key: &str,
    database: &str,
    prepare: impl FnOnce(&str) -> Result<(), E>,
) -> Result<(), Error>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let template = format!("masthead_template_{:016x}", name::hash(key.as_bytes()));
    let folder = server.state().join("templates");
    let lock = folder.join(&template);
    {
        // A shared lock prevents the drop of the template.
        let _in_use = locks::shared(&lock)?;
        match server.create(database, &template) {
            Err(_) if !server.has_database(&template)? => {}
            copied => return copied,
        }
    }
    {
        let _building = locks::exclusive(&lock)?;
        if !server.has_database(&template)? {
            build(server, &template, prepare)?;
            drop_oldest(server, &folder)?;
        }
    }
    let _in_use = locks::shared(&lock)?;
    server.create(database, &template)
}

/// Prepares the template under another name and renames it, so that an interrupted preparation leaves no template.
fn build<E>(server: &PostgresServer, template: &str, prepare: impl FnOnce(&str) -> Result<(), E>) -> Result<(), Error>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let unfinished = format!("{template}_new");
    server.drop_database(&unfinished)?;
    server.create_database(&unfinished)?;
    prepare(&server.url(&unfinished)?).map_err(|error| Error::Prepare(error.into()))?;
    // The connections of `prepare` may still be open, and a template must have none.
    server.maintain(&format!(
        "ALTER DATABASE {unfinished} ALLOW_CONNECTIONS false;\n\
         SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{unfinished}';\n\
         ALTER DATABASE {unfinished} RENAME TO {template};\n"
    ))?;
    Ok(())
}

/// Drops the oldest templates of this workspace that are not in use.
fn drop_oldest(server: &PostgresServer, folder: &Path) -> Result<(), Error> {
    let newest_first = server
        .maintain("SELECT datname FROM pg_database WHERE datname LIKE 'masthead\\_template\\_%' ORDER BY oid DESC")?;
    let locks = newest_first.lines().map(|template| (template, folder.join(template)));
    for (template, lock) in locks.filter(|(_, lock)| lock.is_file()).skip(KEPT) {
        // The lock file stays: another process may be waiting for it.
        if let Some(_unused) = locks::try_exclusive(&lock)? {
            server.drop_database(template)?;
        }
    }
    Ok(())
}

//! Template databases: prepared once, copied by each test.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::{Error, PostgresServer, locks, name};

/// The number of templates that are kept: one for each branch in use.
const KEPT: usize = 6;

/// Returns the name of the template for `key`, prepared when it does not exist, and a lock that prevents its drop.
pub(crate) fn prepared<E>(
    server: &PostgresServer,
    key: &str,
    prepare: impl FnOnce(&str) -> Result<(), E>,
) -> Result<(String, File), Error>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let template = format!("masthead_template_{:016x}", name::hash(key.as_bytes()));
    let folder = server.state().join("templates");
    let lock = folder.join(&template);
    let in_use = locks::shared(&lock)?;
    if server.has_database(&template)? {
        return Ok((template, in_use));
    }
    drop(in_use);
    {
        let _building = locks::exclusive(&lock)?;
        if !server.has_database(&template)? {
            build(server, &template, prepare)?;
            drop_oldest(server, &folder, &template)?;
        }
    }
    Ok((template, locks::shared(&lock)?))
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

/// Drops the oldest templates that are not in use.
fn drop_oldest(server: &PostgresServer, folder: &Path, newest: &str) -> Result<(), Error> {
    let entries = fs::read_dir(folder).map_err(Error::io("cannot read", folder))?;
    let mut others: Vec<(SystemTime, PathBuf)> = entries
        .flatten()
        .filter(|entry| entry.file_name() != newest)
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    others.sort();
    for (_, lock) in others.iter().rev().skip(KEPT - 1) {
        if let Some(_unused) = locks::try_exclusive(lock)?
            && let Some(template) = lock.file_name().and_then(|name| name.to_str())
        {
            // The lock file stays: another process may be waiting for it.
            server.drop_database(template)?;
        }
    }
    Ok(())
}

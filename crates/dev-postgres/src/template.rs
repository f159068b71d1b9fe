//! Template databases: prepared once, copied by every test.

use std::path::{Path, PathBuf};

use crate::locks::{self, Held};
use crate::server::files;
use crate::{Error, Server, name};

/// How many templates are kept: one for each branch that somebody works on at the moment.
const KEPT: usize = 6;

/// The template of `key`, prepared if need be, and a lock under which nobody drops it.
pub(crate) fn ready<E>(
    server: &Server,
    key: &str,
    prepare: impl FnOnce(&str) -> Result<(), E>,
) -> Result<(String, Held), Error>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let template = format!("masthead_template_{:016x}", name::hash(key.as_bytes()));
    let folder = server.state().join("templates");
    let lock = folder.join(&template);
    let held = locks::shared(&lock)?;
    if server.has_database(&template)? {
        return Ok((template, held));
    }
    drop(held);

    let building = locks::exclusive(&lock)?;
    if !server.has_database(&template)? {
        build(server, &template, prepare)?;
        drop_oldest(server, &folder, &template)?;
    }
    drop(building);
    let held = locks::shared(&lock)?;
    Ok((template, held))
}

/// Prepares the template under another name, so that one cut short is never taken for a finished one.
fn build<E>(server: &Server, template: &str, prepare: impl FnOnce(&str) -> Result<(), E>) -> Result<(), Error>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let unfinished = format!("{template}_new");
    server.drop_database(&unfinished)?;
    server.create_database(&unfinished)?;
    prepare(&server.url(&unfinished)?).map_err(|error| Error::Prepare(error.into()))?;
    // Whoever prepared it may not have hung up yet, and nobody may be connected to a template.
    server.maintain(&format!(
        "ALTER DATABASE {unfinished} ALLOW_CONNECTIONS false;\n\
         SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{unfinished}';\n\
         ALTER DATABASE {unfinished} RENAME TO {template};\n"
    ))?;
    Ok(())
}

/// Drops templates beyond the newest few; one that is in use stays.
fn drop_oldest(server: &Server, folder: &Path, newest: &str) -> Result<(), Error> {
    let mut others: Vec<(std::time::SystemTime, PathBuf)> = files(folder)
        .into_iter()
        .filter(|path| !path.ends_with(newest))
        .filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path)))
        .collect();
    others.sort();
    others.reverse();
    for (_, lock) in others.iter().skip(KEPT - 1) {
        let Some(_nobody) = locks::exclusive_now(lock)? else {
            continue;
        };
        if let Some(template) = lock.file_name().and_then(|name| name.to_str()) {
            // The lock file stays: somebody may be waiting for it.
            server.drop_database(template)?;
        }
    }
    Ok(())
}

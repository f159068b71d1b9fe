//! The password hashes of a second file: put aside by their keys, and joined to the rows of the first.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
};

use masthead_imports::{MapContext, RejectedRow, UnusableHash};
use masthead_subscribe_store::{ImportSession, ImportStopError, UnstorableFieldError};

use super::{
    input::OpenedInput,
    mapped::{MappedRow, MappedUser, RowMapper, unstorable},
    pipeline::MappedRows,
    progress::ImportProgress,
    rejects::RejectsFile,
    report::HashFileReport,
};
use crate::command_error::CommandError;

const STOPPED: &str = "the import stopped while it read the hashes";

/// Separates the family of a hash from its text, and begins the reason why there is none.
const SEPARATOR: char = '\n';

/// Puts the hashes of a file of this name aside, and counts its rows.
pub(super) async fn put_aside(
    (session, rejects): (&mut ImportSession, Option<&mut RejectsFile>),
    (name, input): (Option<Arc<str>>, OpenedInput),
    (context, progress): (MapContext, &mut ImportProgress),
) -> Result<HashFileReport, CommandError> {
    let OpenedInput { file, read, .. } = input;
    // They are read again after a crash of the server, which empties the unlogged table; the rejected rows are still there.
    let mut rejects = rejects.filter(|rejects| rejects.bytes == 0);
    let mapper = RowMapper {
        mapping: file.mapping(),
        context,
        keeps_originals: rejects.is_some(),
        join: None,
    };
    let mut rows = MappedRows::start(file, mapper)?;
    let mut counted = HashFileReport::default();
    loop {
        let mut batch = rows.next_batch().await?;
        if batch.is_empty() {
            return Ok(counted);
        }
        if let Some(rejects) = &mut rejects {
            for row in &mut batch {
                if let (Err(rejected), Some(original)) = (&row.content, &mut row.original) {
                    original.member = original.member.take().or_else(|| name.clone());
                    rejects.write(row.line, rejected, Some(original))?;
                }
            }
        }
        let hashes: HashMap<String, String> = batch.iter().filter_map(|row| to_entry(row, &mut counted)).collect();
        session
            .put_hashes(&hashes)
            .await
            .map_err(CommandError::context(STOPPED))?;
        progress.show(counted.rows, read.load(Ordering::Relaxed));
    }
}

/// The key, and the hash with its family or the reason why there is none.
fn to_entry(row: &MappedRow, counted: &mut HashFileReport) -> Option<(String, String)> {
    counted.rows += 1;
    let Ok(user) = &row.content else {
        counted.rejected += 1;
        return None;
    };
    let registration = user.registration.registration();
    let value = match (
        &registration.password_hash,
        &user.hash_scheme,
        &user.notes.unusable_hash,
    ) {
        (Some(hash), Some(scheme), _) => {
            counted.usable += 1;
            format!("{scheme}{SEPARATOR}{hash}")
        }
        (_, _, Some(UnusableHash(reason))) => {
            counted.unusable += 1;
            format!("{SEPARATOR}{reason}")
        }
        _ => return None,
    };
    Some((registration.crid.as_str().to_owned(), value))
}

/// Joins hashes to the rows that have none; returns to how many.
pub(super) async fn join(session: &mut ImportSession, rows: &mut [MappedRow]) -> Result<u64, ImportStopError> {
    let keys: Vec<String> = rows
        .iter()
        .filter_map(|row| row.content.as_ref().ok()?.join_key.as_deref())
        .map(str::to_owned)
        .collect();
    if keys.is_empty() {
        return Ok(0);
    }
    let mut joined = 0;
    let hashes = session.find_hashes(&keys).await?;
    for row in rows {
        let Ok(user) = &row.content else { continue };
        let found = user
            .join_key
            .as_deref()
            .and_then(|key| hashes.get(key)?.split_once(SEPARATOR));
        let Some((scheme, text)) = found else { continue };
        if user.registration.registration().password_hash.is_some() {
            continue;
        }
        let taken = std::mem::replace(&mut row.content, Err(unstorable(NO_CONTENT)));
        row.content = taken.and_then(|user| with_hash(user, scheme, text));
        joined += 1;
    }
    Ok(joined)
}

fn with_hash(mut user: MappedUser, scheme: &str, text: &str) -> Result<MappedUser, RejectedRow> {
    if scheme.is_empty() {
        user.notes.unusable_hash = Some(UnusableHash(text.into()));
        return Ok(user);
    }
    user.notes.unusable_hash = None;
    user.hash_scheme = Some(scheme.into());
    user.registration = user.registration.with_password(text.into()).map_err(unstorable)?;
    Ok(user)
}

/// Never seen: it only takes the place of a row while that is changed.
const NO_CONTENT: UnstorableFieldError = UnstorableFieldError {
    field: "passwordHash",
    problem: "cannot be joined",
};

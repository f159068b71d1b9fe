//! The file of rejected rows. It holds personal data, so only its owner can read it.

use std::{
    fs::{File, OpenOptions, Permissions},
    io::{self, BufWriter, Seek, SeekFrom, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use masthead_imports::{RawRow, RejectedRow};
use serde::Serialize;
use serde_json::value::RawValue;

use super::state::state_files;
use crate::{cli::ImportArguments, command_error::CommandError};

const OWNER_ONLY: u32 = 0o600;
const NOT_WRITTEN: &str = "the file of rejected rows cannot be written";

/// The file of rejected rows.
pub(super) struct RejectsFile {
    output: BufWriter<File>,
    /// How long it is.
    pub(super) bytes: u64,
}

#[derive(Serialize)]
struct RejectedLine<'a> {
    /// The name of the file; of an archive that of its file.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    code: &'a str,
    reason: &'a str,
    row: Option<Box<RawValue>>,
}

/// Whether both paths name the same file, which need not exist.
fn is_same_place(one: &Path, other: &Path) -> bool {
    let place = |path: &Path| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).canonicalize().ok()?;
        Some(folder.join(path.file_name()?))
    };
    one == other || place(one).is_some_and(|found| Some(found) == place(other))
}

impl RejectsFile {
    /// Refuses a file that the import uses for something else, or that is none.
    pub(super) fn refuse_other_use(path: &Path, arguments: &ImportArguments) -> Result<(), CommandError> {
        let of_state = arguments.state.as_deref().map(state_files).into_iter().flatten();
        if of_state.into_iter().any(|file| is_same_place(&file, path)) {
            return Err(CommandError::new(
                "--rejects: the import keeps its state in this file; name another one",
            ));
        }
        let Ok(rejects) = path.canonicalize() else {
            return Ok(());
        };
        if !rejects.is_file() {
            return Err(CommandError::new(
                "--rejects: this is no regular file, which the import could shorten and keep from others; name another one",
            ));
        }
        let inputs = [Some(&arguments.file), arguments.hashes.as_ref(), arguments.map.as_ref()];
        let mut inputs = inputs
            .into_iter()
            .flatten()
            .filter_map(|input| input.canonicalize().ok());
        if inputs.any(|input| input == rejects) {
            return Err(CommandError::new(
                "--rejects: this file is read by the import; name another one",
            ));
        }
        Ok(())
    }

    /// Opens the file, and drops what is after these bytes: rejected rows of a batch that was not stored.
    pub(super) fn open(path: &Path, bytes: u64) -> Result<Self, CommandError> {
        Self::try_open(path, bytes).map_err(CommandError::context("the file of rejected rows cannot be opened"))
    }

    fn try_open(path: &Path, bytes: u64) -> io::Result<Self> {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(OWNER_ONLY)
            .open(path)?;
        // It may have been there before.
        file.set_permissions(Permissions::from_mode(OWNER_ONLY))?;
        if file.metadata()?.len() < bytes {
            return Err(io::Error::other("it is shorter than at the last batch that was stored"));
        }
        file.set_len(bytes)?;
        file.seek(SeekFrom::End(0))?;
        Ok(Self {
            output: BufWriter::new(file),
            bytes,
        })
    }

    /// Adds a row.
    pub(super) fn write(
        &mut self,
        line: u64,
        rejected: &RejectedRow,
        row: Option<&RawRow>,
    ) -> Result<(), CommandError> {
        let text = serde_json::to_string(&RejectedLine {
            file: row.and_then(|row| row.member.as_deref()),
            line,
            field: rejected.field.as_deref(),
            code: rejected.code.name(),
            reason: &rejected.reason,
            row: row.map(RawRow::original),
        });
        let written = text.map_err(io::Error::from).and_then(|text| {
            self.bytes += text.len() as u64 + 1;
            self.output.write_all(text.as_bytes())?;
            self.output.write_all(b"\n")
        });
        written.map_err(CommandError::context(NOT_WRITTEN))
    }

    /// Writes everything to the disk: the state of the import counts on it.
    pub(super) fn sync(&mut self) -> Result<(), CommandError> {
        let synced = self.output.flush().and_then(|()| self.output.get_ref().sync_data());
        synced.map_err(CommandError::context(NOT_WRITTEN))
    }
}

//! Opens the file of an import, and counts what is read of it.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use masthead_imports::{BlockedPolicy, FormatChoice, ImportFile, Mapping, ReadOptions, check_compression};

use crate::{
    cli::{Blocked, ImportArguments},
    command_error::CommandError,
};

const REFUSED: &str = "nothing was imported: the file is refused";

/// The input of an import, opened: its format is known.
pub(super) struct OpenedInput {
    pub(super) file: ImportFile,
    /// How many bytes of the input are read, before decompression.
    pub(super) read: Arc<AtomicU64>,
    /// How many it has; `None` for standard input.
    pub(super) length: Option<u64>,
}

/// Opens the file with the users.
pub(super) fn open_users(
    arguments: &ImportArguments,
    mapping: Option<Arc<Mapping>>,
) -> Result<OpenedInput, CommandError> {
    let stdin = Path::new("-");
    if arguments.file == stdin && arguments.hashes.as_deref() == Some(stdin) {
        return Err(CommandError::new("--hashes and the file cannot both be standard input"));
    }
    open(&arguments.file, &arguments.from, mapping, arguments.encoding.as_deref())
}

/// Opens the file with the hashes.
pub(super) fn open_hashes(path: &Path, format: &str) -> Result<OpenedInput, CommandError> {
    open(path, format, None, None)
}

/// Reads the mapping file of the user.
pub(super) fn read_mapping(path: &Path) -> Result<(Arc<Mapping>, String), CommandError> {
    let text = std::fs::read_to_string(path).map_err(CommandError::context("the mapping file cannot be read"))?;
    let mapping = Mapping::parse(&text).map_err(CommandError::context("the mapping file cannot be used"))?;
    Ok((Arc::new(mapping), text))
}

/// What becomes of blocked accounts.
pub(super) fn blocked_policy(arguments: &ImportArguments) -> BlockedPolicy {
    match arguments.blocked {
        None => BlockedPolicy::Reject,
        Some(Blocked::Keep) => BlockedPolicy::Keep,
        Some(Blocked::Lite) => BlockedPolicy::Lite,
    }
}

/// The length of a regular file; `None` for anything else.
pub(super) fn length_of(path: &Path) -> Option<u64> {
    let known = std::fs::metadata(path).ok()?;
    known.is_file().then_some(known.len())
}

fn open(
    path: &Path,
    format: &str,
    mapping: Option<Arc<Mapping>>,
    encoding: Option<&str>,
) -> Result<OpenedInput, CommandError> {
    let options = ReadOptions {
        format: match format {
            "auto" => FormatChoice::Auto,
            name => FormatChoice::Named(name.into()),
        },
        mapping,
        encoding: encoding.map(Into::into),
        name: path.file_name().and_then(|name| name.to_str()).map(Into::into),
        ..ReadOptions::default()
    };
    let length = length_of(path);
    let input: Box<dyn Read + Send> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        // What cannot be read twice is not looked at in advance.
        if length.is_some() {
            let checked = check_compression(open_file(path)?, &options);
            checked.map_err(CommandError::context(REFUSED))?;
        }
        open_file(path)?
    };
    let read = Arc::new(AtomicU64::new(0));
    let counted = CountedReader {
        input,
        read: Arc::clone(&read),
    };
    let file = ImportFile::open(Box::new(counted), &options).map_err(CommandError::context(REFUSED))?;
    Ok(OpenedInput { file, read, length })
}

fn open_file(path: &Path) -> Result<Box<dyn Read + Send>, CommandError> {
    let file = File::open(path).map_err(CommandError::context("the file cannot be opened"))?;
    Ok(Box::new(file))
}

struct CountedReader {
    input: Box<dyn Read + Send>,
    read: Arc<AtomicU64>,
}

impl Read for CountedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

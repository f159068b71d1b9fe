//! Why a file cannot be opened or read to its end. No text contains a value of a row.

use std::{fmt, io};

use thiserror::Error;

/// Why a file is refused before a row of it is imported: what was seen, and what was expected.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenFileError {
    /// It cannot be read.
    #[error("the file cannot be read")]
    Read(#[source] io::Error),
    /// It has no content, so its format cannot be recognised.
    #[error("the file is empty: its format cannot be recognised, name it")]
    Empty,
    /// It is no text.
    #[error("seen: {seen}; expected: text (CSV, JSON, NDJSON or LDIF), as it is or in gzip, zstd or zip")]
    Binary {
        /// What it looks like.
        seen: &'static str,
    },
    /// Its compressed form is cut off, damaged, or expands too far.
    #[error(transparent)]
    Compression(#[from] CompressionError),
    /// The JSON document is broken among its first rows.
    #[error(transparent)]
    Document(#[from] JsonDocumentError),
    /// The encoding's label is unknown.
    #[error("encoding: unknown: {0}; expected a label of the WHATWG Encoding Standard, such as windows-1252")]
    UnknownEncoding(Box<str>),
    /// No shipped mapping has this name.
    #[error("unknown format {0}; expected auto, csv, ndjson or json with a mapping file, or one of: {1}")]
    UnknownFormat(Box<str>, Box<str>),
    /// `csv`, `ndjson` and `json` do not state what the fields mean.
    #[error("the format {0} needs a mapping file (--map)")]
    NeedsMapping(Box<str>),
    /// The format is another mapping than the user's.
    #[error(
        "the format {format} and the mapping file {mapping}: leave one out, or name the format csv, ndjson or json"
    )]
    TwoMappings {
        /// The named format.
        format: Box<str>,
        /// The name in the user's mapping file.
        mapping: Box<str>,
    },
    /// No format fits.
    #[error("no known format; seen: {seen}; name the format, or map the fields with a mapping file (--map)")]
    Unrecognised {
        /// The form of the file, and the names of its fields.
        seen: Box<str>,
    },
    /// It is of another format than expected.
    #[error("not of the format {format}; seen: {seen}; expected: {expected}")]
    WrongFormat {
        /// The expected format.
        format: Box<str>,
        /// The form of the file, and the names of its fields.
        seen: Box<str>,
        /// What files of the format have.
        expected: Box<str>,
    },
    /// A JSON document without the list of users.
    #[error("no list of users: the document has none at {lists}{hint}")]
    NoList {
        /// The paths where one may be.
        lists: Box<str>,
        /// What may be wrong.
        hint: Box<str>,
    },
    /// The header of a CSV file lacks the columns of the id.
    #[error("no column for the id; seen: {seen}; expected one of: {expected}")]
    MissingColumn {
        /// The columns.
        seen: Box<str>,
        /// The columns, one of which must be there.
        expected: Box<str>,
    },
    /// Two columns of a CSV file have one name.
    #[error("two columns of the header are called {0}")]
    DuplicateColumn(Box<str>),
}

/// Why the rest of a file cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadFileError {
    /// Reading failed.
    #[error("the file cannot be read")]
    Read(#[source] io::Error),
    /// The compressed form is cut off, damaged, or expands too far.
    #[error(transparent)]
    Compression(#[from] CompressionError),
    /// The JSON document is broken.
    #[error(transparent)]
    Document(#[from] JsonDocumentError),
    /// A member of an archive is not of the format of those before it.
    #[error("{member} in the archive: {reason}")]
    Member {
        /// The name of the member.
        member: Box<str>,
        /// Why.
        #[source]
        reason: Box<OpenFileError>,
    },
}

/// Why data cannot be decompressed. It passes through readers as the inner error of [`io::Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CompressionError {
    /// The data ends too early.
    #[error("the {0} data is cut off: it ends before its end mark")]
    Truncated(Container),
    /// The data is damaged.
    #[error("the {0} data is damaged")]
    Damaged(Container),
    /// The data expands further than allowed.
    #[error("the compressed data expands to more than {max_ratio} times its size")]
    TooLarge {
        /// The allowed ratio.
        max_ratio: u64,
    },
    /// More than two layers of compression.
    #[error("compressed more than twice")]
    TooManyLayers,
    /// A member of an archive is compressed or encrypted in a way that is not supported.
    #[error("a member of the archive is {0}; expected: deflate, or stored without a data descriptor")]
    Unsupported(&'static str),
}

/// A form of compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// gzip (RFC 1952).
    Gzip,
    /// Zstandard (RFC 8878).
    Zstd,
    /// A zip archive.
    Zip,
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Zip => "zip",
        })
    }
}

impl From<CompressionError> for io::Error {
    fn from(error: CompressionError) -> Self {
        Self::other(error)
    }
}

/// The error of this type within an I/O error.
fn inner<E: std::error::Error + Copy + 'static>(error: &io::Error) -> Option<E> {
    error.get_ref()?.downcast_ref().copied()
}

impl From<io::Error> for OpenFileError {
    fn from(error: io::Error) -> Self {
        if let Some(document) = inner(&error) {
            return Self::Document(document);
        }
        inner(&error).map_or_else(|| Self::Read(error), Self::Compression)
    }
}

impl From<io::Error> for ReadFileError {
    fn from(error: io::Error) -> Self {
        if let Some(document) = inner(&error) {
            return Self::Document(document);
        }
        inner(&error).map_or_else(|| Self::Read(error), Self::Compression)
    }
}

/// A JSON document that is broken outside of its entries. It passes through readers as the inner error of [`io::Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the JSON document is broken after entry {entry}: {reason}")]
pub struct JsonDocumentError {
    /// The number of the last entry that was read, from 1; 0 before the first.
    pub entry: u64,
    /// What is wrong.
    pub reason: &'static str,
}

impl From<JsonDocumentError> for io::Error {
    fn from(error: JsonDocumentError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

//! How a file is read.

use std::sync::Arc;

use crate::mapping::Mapping;

/// The format that a file is read as.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum FormatChoice {
    /// It is recognised by its beginning.
    #[default]
    Auto,
    /// The name of a shipped mapping, or `csv`, `ndjson` or `json` with a mapping file of the user.
    Named(Box<str>),
}

/// How a file is read.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// The format.
    pub format: FormatChoice,
    /// The user's mapping file (`--map`).
    pub mapping: Option<Arc<Mapping>>,
    /// The label of an encoding (WHATWG Encoding Standard), such as `windows-1252`. Without one a file is UTF-16 if it
    /// begins with its byte order mark, otherwise UTF-8.
    pub encoding: Option<Box<str>>,
    /// The name of the file, without its folder. Some vendors put a meaning into it.
    pub name: Option<Box<str>>,
    /// The longest row, in bytes of UTF-8. A longer one is rejected, and the file is read on.
    pub max_row_bytes: usize,
    /// How many times larger than its compressed form a file may be.
    pub max_ratio: u64,
    /// How many expanded bytes are allowed at any ratio: small files of equal rows compress well.
    pub ratio_free_bytes: u64,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            format: FormatChoice::Auto,
            mapping: None,
            encoding: None,
            name: None,
            max_row_bytes: 1024 * 1024,
            max_ratio: 250,
            ratio_free_bytes: 64 * 1024 * 1024,
        }
    }
}

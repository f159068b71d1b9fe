//! Reads Rust source files: their syntax, their comments, and how their modules refer to each other.

pub(crate) mod circles;
pub(crate) mod comments;
pub(crate) mod file;
pub(crate) mod modules;
mod references;
pub(crate) mod words;

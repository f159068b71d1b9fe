//! Counts what is read, and bounds how far it expands.

use std::{
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::error::CompressionError;

/// Counts the bytes of the input.
pub(super) struct Counted<R> {
    pub(super) inner: R,
    pub(super) count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// The bound of one file, over all its members.
#[derive(Clone)]
pub(super) struct ExpansionBound {
    pub(super) input: Arc<AtomicU64>,
    pub(super) expanded: Arc<AtomicU64>,
    pub(super) max_ratio: u64,
    pub(super) ratio_free_bytes: u64,
}

/// Ends with an error where the expanded bytes exceed the bound.
pub(super) struct Bounded<R> {
    pub(super) inner: R,
    pub(super) bound: ExpansionBound,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)? as u64;
        let ExpansionBound {
            input,
            expanded,
            max_ratio,
            ratio_free_bytes,
        } = &self.bound;
        let expanded = expanded.fetch_add(read, Ordering::Relaxed) + read;
        if expanded > *ratio_free_bytes && expanded / max_ratio > input.load(Ordering::Relaxed) {
            return Err(CompressionError::TooLarge { max_ratio: *max_ratio }.into());
        }
        Ok(usize::try_from(read).unwrap_or(usize::MAX))
    }
}

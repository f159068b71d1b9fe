//! Finds lists in a JSON document of any length, and takes their entries one by one: the document is never in memory.

use std::io;

use super::{
    buffer::Buffer,
    list_path::{ListPath, Step},
    value_end::ValueEnd,
};
use crate::{error::JsonDocumentError, input::ByteStream};

/// How long the name of a member may be where the path of a list leads through it. A longer one is no name of a path.
const MAX_KEY_BYTES: usize = 1024;

/// Where a value is, on the way of a path.
enum Place {
    /// In a member of this name; `None` for a name that is too long.
    Member(Option<Box<str>>),
    Element,
}

/// What the scanner is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Container {
    Object,
    Array,
    /// An array whose elements are entries.
    List,
}

/// The next entry of a list.
pub(super) enum Entry {
    /// Its bytes are in the buffer that was passed.
    Whole,
    /// It is longer than allowed; the buffer has its beginning.
    Cut,
}

pub(super) struct JsonScanner {
    buffer: Buffer,
    paths: Box<[ListPath]>,
    max_bytes: usize,
    /// The containers that the scanner is in, and the places of their current values.
    open: Vec<(Container, Place)>,
    /// Whether the current container has had a value.
    has_value: bool,
    /// How many entries were taken.
    entries: u64,
    /// Whether a list was found.
    found_list: bool,
    /// Values of the document itself are entries.
    takes_documents: bool,
}

impl JsonScanner {
    /// A scanner for the lists at these paths; without paths each document of the stream is an entry.
    pub(super) fn new(stream: ByteStream, paths: Box<[ListPath]>, max_bytes: usize) -> Self {
        Self {
            buffer: Buffer::new(stream),
            takes_documents: paths.is_empty(),
            paths,
            max_bytes,
            open: Vec::new(),
            has_value: false,
            entries: 0,
            found_list: false,
        }
    }

    /// How many entries were taken.
    pub(super) const fn entries(&self) -> u64 {
        self.entries
    }

    /// How long an entry may be.
    pub(super) const fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Goes on to the next list or entry, and stops in front of it; `false` at the end of the stream.
    pub(super) fn find_list(&mut self) -> io::Result<bool> {
        while !self.found_list {
            if !self.step(None)?.0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes the next entry; `None` at the end of the stream.
    pub(super) fn next_entry(&mut self, entry: &mut Vec<u8>) -> io::Result<Option<Entry>> {
        loop {
            match self.step(Some(&mut *entry))? {
                (false, _) => return Ok(None),
                (true, Some(taken)) => {
                    self.entries += 1;
                    return Ok(Some(taken));
                }
                (true, None) => {}
            }
        }
    }

    /// One step: into a container, past a value, or out of a container. `false` at the end of the stream.
    fn step(&mut self, entry: Option<&mut Vec<u8>>) -> io::Result<(bool, Option<Entry>)> {
        let Some(byte) = self.next_token()? else {
            return if self.open.is_empty() {
                Ok((false, None))
            } else {
                Err(self.error("it is cut off"))
            };
        };
        let Some(&(container, _)) = self.open.last() else {
            return self.document(byte, entry);
        };
        let end = if container == Container::Object { b'}' } else { b']' };
        if byte == end {
            self.buffer.consume(1);
            self.open.pop();
            self.has_value = true;
            return Ok((true, None));
        }
        let byte = if self.has_value {
            if byte != b',' {
                return Err(self.error("a comma or the end of an array or object is missing"));
            }
            self.buffer.consume(1);
            self.token("a value is missing")?
        } else {
            byte
        };
        self.has_value = true;
        if container == Container::List {
            return match entry {
                Some(entry) => Ok((true, Some(self.take_value(byte, entry)?))),
                None => Ok((true, None)),
            };
        }
        let (place, byte) = if container == Container::Object {
            let key = self.key(byte)?;
            (Place::Member(key), self.token("a value is missing")?)
        } else {
            (Place::Element, byte)
        };
        if let Some((_, current)) = self.open.last_mut() {
            *current = place;
        }
        self.value(byte)?;
        Ok((true, None))
    }

    /// A value of the stream itself.
    fn document(&mut self, byte: u8, entry: Option<&mut Vec<u8>>) -> io::Result<(bool, Option<Entry>)> {
        if self.takes_documents {
            self.found_list = true;
            return match entry {
                Some(entry) => Ok((true, Some(self.take_value(byte, entry)?))),
                None => Ok((true, None)),
            };
        }
        self.value(byte)?;
        Ok((true, None))
    }

    /// Enters the value if a path leads into it, and passes over it otherwise.
    fn value(&mut self, byte: u8) -> io::Result<()> {
        let container = match byte {
            b'[' if self.is_list() => Some(Container::List),
            b'[' if self.leads_into() => Some(Container::Array),
            b'{' if self.leads_into() => Some(Container::Object),
            _ => None,
        };
        let Some(container) = container else {
            return self.pass_over(byte, &mut |_| {});
        };
        self.buffer.consume(1);
        self.found_list |= container == Container::List;
        self.open.push((container, Place::Element));
        self.has_value = false;
        Ok(())
    }

    fn matches(&self, steps: &[Step]) -> bool {
        let fits = |((_, place), step): (&(Container, Place), &Step)| match (place, step) {
            (Place::Member(Some(key)), Step::Key(wanted)) => key == wanted,
            (Place::Element, Step::Each) => true,
            _ => false,
        };
        self.open.iter().zip(steps).all(fits)
    }

    /// Whether the current value is at one of the paths.
    fn is_list(&self) -> bool {
        let depth = self.open.len();
        self.paths
            .iter()
            .any(|path| path.steps().len() == depth && self.matches(path.steps()))
    }

    /// Whether one of the paths leads through the current value.
    fn leads_into(&self) -> bool {
        let depth = self.open.len();
        self.paths
            .iter()
            .any(|path| path.steps().len() > depth && self.matches(path.steps()))
    }

    /// The name of a member, behind which the value begins.
    fn key(&mut self, byte: u8) -> io::Result<Option<Box<str>>> {
        if byte != b'"' {
            return Err(self.error("the name of a member is missing"));
        }
        let mut quoted = Vec::new();
        self.pass_over(byte, &mut |part| {
            let room = (MAX_KEY_BYTES + 1).saturating_sub(quoted.len());
            quoted.extend_from_slice(&part[..part.len().min(room)]);
        })?;
        if self.token("a colon is missing")? != b':' {
            return Err(self.error("a colon is missing"));
        }
        self.buffer.consume(1);
        let key = (quoted.len() <= MAX_KEY_BYTES).then(|| serde_json::from_slice::<Box<str>>(&quoted).ok());
        Ok(key.flatten())
    }

    fn take_value(&mut self, byte: u8, entry: &mut Vec<u8>) -> io::Result<Entry> {
        entry.clear();
        let max_bytes = self.max_bytes;
        let mut is_cut = false;
        self.pass_over(byte, &mut |part| {
            let room = max_bytes - entry.len();
            is_cut |= part.len() > room;
            entry.extend_from_slice(&part[..part.len().min(room)]);
        })?;
        Ok(if is_cut { Entry::Cut } else { Entry::Whole })
    }

    /// Passes over a value that begins with this byte. Where it ends is found by its quotes and brackets alone: whether it is
    /// JSON shows when it is parsed.
    fn pass_over(&mut self, byte: u8, take: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        let mut value = ValueEnd::new(byte);
        if matches!(value, ValueEnd::Scalar) && !byte.is_ascii_alphanumeric() && byte != b'-' {
            return Err(self.error("a value is missing"));
        }
        loop {
            let bytes = self.buffer.fill()?;
            if bytes.is_empty() {
                return match value {
                    ValueEnd::Scalar if self.open.is_empty() => Ok(()),
                    _ => Err(self.error("it is cut off within a value")),
                };
            }
            let (length, is_end) = value.find(bytes);
            take(&bytes[..length]);
            self.buffer.consume(length);
            if is_end {
                return Ok(());
            }
        }
    }

    /// The first byte that is not blank, unconsumed; `None` at the end of the stream.
    fn next_token(&mut self) -> io::Result<Option<u8>> {
        loop {
            let bytes = self.buffer.fill()?;
            let blanks = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let next = bytes.get(blanks).copied();
            if bytes.is_empty() || next.is_some() {
                self.buffer.consume(blanks);
                return Ok(next);
            }
            self.buffer.consume(blanks);
        }
    }

    fn token(&mut self, reason: &'static str) -> io::Result<u8> {
        self.next_token()?.ok_or_else(|| self.error(reason))
    }

    fn error(&self, reason: &'static str) -> io::Error {
        let entry = self.entries;
        JsonDocumentError { entry, reason }.into()
    }
}

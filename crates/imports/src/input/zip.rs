//! Zip archives (APPNOTE.TXT 6.3), member after member from the beginning: standard input cannot be searched for the directory
//! at the end.

use std::io::{self, BufRead, Read, Take};

use flate2::{Crc, bufread::DeflateDecoder};

use super::gzip::to_error;
use crate::error::{CompressionError, Container};

/// The signatures of a member, and of an archive without members.
pub(super) const MAGIC: [&[u8]; 2] = [LOCAL_HEADER, END_OF_DIRECTORY];
const LOCAL_HEADER: &[u8] = b"PK\x03\x04";
const DIRECTORY: &[u8] = b"PK\x01\x02";
const END_OF_DIRECTORY: &[u8] = b"PK\x05\x06";
const DATA_DESCRIPTOR: &[u8] = b"PK\x07\x08";

/// Flags of a member (section 4.4.4).
const IS_ENCRYPTED: u16 = 1;
const HAS_DESCRIPTOR: u16 = 1 << 3;

const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// In place of sizes that are in the extra field of zip64 (section 4.5.3).
const IN_EXTRA_FIELD: u32 = u32::MAX;
const ZIP64: u16 = 1;

/// An archive at the beginning of a member, or behind the last.
pub(super) struct ZipArchive<R>(pub(super) R);

/// The data of one member.
pub(super) struct ZipMember<R> {
    data: Data<R>,
    crc: Crc,
    expected_crc: Option<u32>,
    is_zip64: bool,
}

enum Data<R> {
    Stored(Take<R>),
    Deflated(DeflateDecoder<Take<R>>),
}

/// The head of a member.
struct LocalHeader {
    name: Box<str>,
    flags: u16,
    method: u16,
    crc: u32,
    /// `None` with a data descriptor.
    compressed: Option<u64>,
    is_zip64: bool,
}

impl<R: BufRead> ZipArchive<R> {
    /// The next member and its name; `None` behind the last.
    pub(super) fn next(mut self) -> io::Result<Option<(Box<str>, ZipMember<R>)>> {
        let Some(header) = read_header(&mut self.0)? else {
            // The directory repeats what was read, and is read for the count of bytes alone.
            io::copy(&mut self.0, &mut io::sink())?;
            return Ok(None);
        };
        let unsupported = |what| Err(CompressionError::Unsupported(what).into());
        if header.flags & IS_ENCRYPTED != 0 {
            return unsupported("encrypted");
        }
        // Deflated data ends by itself.
        let limited = self.0.take(header.compressed.unwrap_or(u64::MAX));
        let data = match (header.method, header.compressed) {
            (STORED, Some(_)) => Data::Stored(limited),
            (STORED, None) => return unsupported("stored with a data descriptor"),
            (DEFLATED, _) => Data::Deflated(DeflateDecoder::new(limited)),
            _ => return unsupported("compressed by another method"),
        };
        let member = ZipMember {
            data,
            crc: Crc::new(),
            expected_crc: header.compressed.map(|_| header.crc),
            is_zip64: header.is_zip64,
        };
        Ok(Some((header.name, member)))
    }
}

impl<R: BufRead> Read for ZipMember<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.data {
            Data::Stored(data) => data.read(buffer),
            Data::Deflated(data) => data.read(buffer),
        };
        let read = read.map_err(|error| to_error(error, Container::Zip))?;
        self.crc.update(&buffer[..read]);
        Ok(read)
    }
}

impl<R: BufRead> ZipMember<R> {
    /// Goes on behind the member, which was read to its end, and checks its sum.
    pub(super) fn finish(self) -> io::Result<ZipArchive<R>> {
        let rest = match self.data {
            Data::Stored(data) => data,
            Data::Deflated(decoder) => decoder.into_inner(),
        };
        let (is_short, mut input) = (self.expected_crc.is_some() && rest.limit() > 0, rest.into_inner());
        if is_short {
            return Err(CompressionError::Truncated(Container::Zip).into());
        }
        let expected = match self.expected_crc {
            Some(crc) => crc,
            None => read_descriptor(&mut input, self.is_zip64)?,
        };
        if expected == self.crc.sum() {
            Ok(ZipArchive(input))
        } else {
            Err(CompressionError::Damaged(Container::Zip).into())
        }
    }
}

fn read_array<const N: usize>(input: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let read = input.read_exact(&mut bytes);
    read.map_err(|error| to_error(error, Container::Zip))?;
    Ok(bytes)
}

/// `None` at the directory, which follows the last member.
fn read_header(input: &mut impl BufRead) -> io::Result<Option<LocalHeader>> {
    let signature: [u8; 4] = read_array(input)?;
    if signature == DIRECTORY || signature == END_OF_DIRECTORY {
        return Ok(None);
    }
    if signature != LOCAL_HEADER {
        return Err(CompressionError::Damaged(Container::Zip).into());
    }
    let head: [u8; 26] = read_array(input)?;
    let short = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
    let long = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let (flags, method, crc) = (short(2), short(4), long(10));
    let (compressed, expanded) = (long(14), long(18));
    let mut name = vec![0; usize::from(short(22))];
    let mut extra = vec![0; usize::from(short(24))];
    for part in [&mut name, &mut extra] {
        let read = input.read_exact(part);
        read.map_err(|error| to_error(error, Container::Zip))?;
    }
    let zip64 = zip64_field(&extra);
    let compressed = if compressed == IN_EXTRA_FIELD {
        // The expanded size comes first, if it is there too.
        let at = if expanded == IN_EXTRA_FIELD { 8 } else { 0 };
        let size = zip64.and_then(|field| field.get(at..)?.first_chunk().copied());
        u64::from_le_bytes(size.ok_or(CompressionError::Damaged(Container::Zip))?)
    } else {
        compressed.into()
    };
    Ok(Some(LocalHeader {
        name: String::from_utf8_lossy(&name).into(),
        flags,
        method,
        crc,
        compressed: (flags & HAS_DESCRIPTOR == 0).then_some(compressed),
        is_zip64: zip64.is_some(),
    }))
}

/// The extra field of zip64.
fn zip64_field(mut extra: &[u8]) -> Option<&[u8]> {
    loop {
        let ([id, length], rest) = extra.split_first_chunk::<4>().map(|(head, rest)| {
            let short = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
            ([short(0), short(2)], rest)
        })?;
        let (field, next) = rest.split_at_checked(usize::from(length))?;
        if id == ZIP64 {
            return Some(field);
        }
        extra = next;
    }
}

/// The sum in the descriptor behind a member, whose signature is optional (section 4.3.9).
fn read_descriptor(input: &mut impl Read, is_zip64: bool) -> io::Result<u32> {
    let mut first: [u8; 4] = read_array(input)?;
    if first == DATA_DESCRIPTOR {
        first = read_array(input)?;
    }
    if is_zip64 {
        read_array::<16>(input)?;
    } else {
        read_array::<8>(input)?;
    }
    Ok(u32::from_le_bytes(first))
}

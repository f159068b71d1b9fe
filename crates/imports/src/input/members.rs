//! The members of a file: those of a zip archive, or the file itself.

use std::{
    io::{self, BufReader, Read},
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
};

use super::{
    ByteStream,
    bounded::{Bounded, Counted, ExpansionBound},
    gzip::{self, GzipMembers},
    peek::peek,
    zip::{self, ZipArchive, ZipMember},
    zstd::{self, ZstdFrames},
};
use crate::{error::CompressionError, options::ReadOptions};

/// How many layers of compression are seen through: a `.json.gz` in a `.zip`.
const MAX_LAYERS: usize = 2;

const BUFFER_BYTES: usize = 64 * 1024;

/// One member.
pub(crate) struct Member {
    /// The name in the archive; `None` of a file that is none.
    pub(crate) name: Option<Arc<str>>,
    /// The expanded bytes.
    pub(crate) stream: ByteStream,
}

/// The members of a file, in their order.
pub(crate) struct Members {
    source: Source,
    is_compressed: bool,
    bound: ExpansionBound,
}

type ZipInput = BufReader<ByteStream>;

enum Source {
    /// A file that is no archive; `None` after it was read.
    Single(Option<ByteStream>),
    /// An archive between two members, or within one that [`Member::stream`] reads too.
    Zip(Option<ZipArchive<ZipInput>>, Arc<Mutex<Option<ZipMember<ZipInput>>>>),
}

impl Members {
    pub(crate) fn open(input: ByteStream, options: &ReadOptions) -> io::Result<Self> {
        let count = Arc::new(AtomicU64::new(0));
        let bound = ExpansionBound {
            input: Arc::clone(&count),
            expanded: Arc::new(AtomicU64::new(0)),
            max_ratio: options.max_ratio.max(1),
            ratio_free_bytes: options.ratio_free_bytes,
        };
        let (head, stream) = peek(Box::new(Counted { inner: input, count }), 4)?;
        let is_zip = is_zip(&head);
        let is_compressed = is_zip || head.starts_with(gzip::MAGIC) || zstd::is_magic(&head);
        let source = if is_zip {
            let archive = ZipArchive(BufReader::with_capacity(BUFFER_BYTES, stream));
            Source::Zip(Some(archive), Arc::default())
        } else {
            Source::Single(Some(stream))
        };
        Ok(Self {
            source,
            is_compressed,
            bound,
        })
    }

    /// Whether the file is an archive, or compressed.
    pub(crate) const fn is_compressed(&self) -> bool {
        self.is_compressed
    }

    /// Whether the file is an archive.
    pub(crate) const fn is_archive(&self) -> bool {
        matches!(self.source, Source::Zip(..))
    }

    /// The next member; what is unread of the one before is passed over. Folders are left out.
    pub(crate) fn next(&mut self) -> io::Result<Option<Member>> {
        match &mut self.source {
            Source::Single(stream) => {
                let Some(stream) = stream.take() else {
                    return Ok(None);
                };
                let stream = expand(stream, &self.bound)?;
                Ok(Some(Member { name: None, stream }))
            }
            Source::Zip(archive, shared) => loop {
                // What is passed over is expanded too.
                let mut rest = Bounded {
                    inner: SharedMember(Arc::clone(shared)),
                    bound: self.bound.clone(),
                };
                io::copy(&mut rest, &mut io::sink())?;
                let current = lock(shared).take();
                let here = match (current, archive.take()) {
                    (Some(member), _) => member.finish()?,
                    (None, Some(archive)) => archive,
                    (None, None) => return Ok(None),
                };
                let Some((name, member)) = here.next()? else {
                    return Ok(None);
                };
                *lock(shared) = Some(member);
                if !name.ends_with('/') {
                    let member = Bounded {
                        inner: SharedMember(Arc::clone(shared)),
                        bound: self.bound.clone(),
                    };
                    return Ok(Some(Member {
                        name: Some(name.into()),
                        stream: expand(Box::new(member), &self.bound)?,
                    }));
                }
            },
        }
    }
}

fn is_zip(head: &[u8]) -> bool {
    zip::MAGIC.iter().any(|magic| head.starts_with(magic))
}

/// Sees through gzip and zstd.
fn expand(mut stream: ByteStream, bound: &ExpansionBound) -> io::Result<ByteStream> {
    for layer in 0.. {
        let (head, whole) = peek(stream, 4)?;
        let is_gzip = head.starts_with(gzip::MAGIC);
        if !is_gzip && !zstd::is_magic(&head) {
            return Ok(whole);
        }
        if layer == MAX_LAYERS {
            break;
        }
        let input = BufReader::with_capacity(BUFFER_BYTES, whole);
        let bound = bound.clone();
        stream = if is_gzip {
            let inner = GzipMembers::new(input);
            Box::new(Bounded { inner, bound })
        } else {
            let inner = ZstdFrames::new(input);
            Box::new(Bounded { inner, bound })
        };
    }
    Err(CompressionError::TooManyLayers.into())
}

/// Reads the current member of an archive.
struct SharedMember(Arc<Mutex<Option<ZipMember<ZipInput>>>>);

impl Read for SharedMember {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        lock(&self.0).as_mut().map_or(Ok(0), |member| member.read(buffer))
    }
}

/// One thread reads a file; the lock is there for the compiler.
fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

//! Zstandard (RFC 8878): all frames, with their checksums, and skippable frames.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};

use crate::error::{CompressionError, Container};

/// The largest window, which is memory: that of the `zstd` command without `--long`, 128 MiB at its highest levels.
const MAX_WINDOW_BYTES: u64 = 128 * 1024 * 1024;

/// Whether these are the first bytes of a frame.
pub(super) fn is_magic(head: &[u8]) -> bool {
    matches!(head, [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

pub(super) struct ZstdFrames<R> {
    input: Watched<R>,
    decoder: FrameDecoder,
    /// Whether the decoder is in a frame.
    is_within: bool,
}

impl<R: BufRead> ZstdFrames<R> {
    pub(super) fn new(input: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(MAX_WINDOW_BYTES);
        Self {
            input: Watched {
                input,
                has_ended: false,
                failed: None,
            },
            decoder,
            is_within: false,
        }
    }

    /// Begins the next frame, or skips a skippable one; `false` at the end of the input.
    fn begin_frame(&mut self) -> io::Result<bool> {
        if self.input.input.fill_buf()?.is_empty() {
            return Ok(false);
        }
        match self.decoder.init(&mut self.input) {
            Ok(()) => self.is_within = true,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                let skipped = io::copy(&mut self.input.by_ref().take(length.into()), &mut io::sink())?;
                if skipped < u64::from(length) {
                    return Err(CompressionError::Truncated(Container::Zstd).into());
                }
            }
            Err(_) => return Err(self.input.reason()),
        }
        Ok(true)
    }
}

impl<R: BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.is_within {
                if self.begin_frame()? {
                    continue;
                }
                return Ok(0);
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                if self.decoder.decode_blocks(&mut self.input, one).is_err() {
                    return Err(self.input.reason());
                }
            }
            let read = self.decoder.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let stated = self.decoder.get_checksum_from_data();
            if stated.is_some() && stated != self.decoder.get_calculated_checksum() {
                return Err(CompressionError::Damaged(Container::Zstd).into());
            }
            self.is_within = false;
        }
    }
}

/// Remembers why the input could not be read: the decoder hides it in errors of its own.
struct Watched<R> {
    input: R,
    has_ended: bool,
    failed: Option<io::Error>,
}

impl<R> Watched<R> {
    fn reason(&mut self) -> io::Error {
        match self.failed.take() {
            Some(error) => error,
            None if self.has_ended => CompressionError::Truncated(Container::Zstd).into(),
            None => CompressionError::Damaged(Container::Zstd).into(),
        }
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.input.read(buffer) {
            Ok(read) => {
                self.has_ended |= read == 0 && !buffer.is_empty();
                Ok(read)
            }
            Err(error) => {
                let kind = error.kind();
                self.failed = Some(error);
                Err(kind.into())
            }
        }
    }
}

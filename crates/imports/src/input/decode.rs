//! Text in any encoding becomes UTF-8. Bytes that are invalid become bytes that are invalid in UTF-8 too, so that the row which
//! contains them is rejected.

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::{ByteStream, peek::peek};
use crate::error::OpenFileError;

/// The byte order marks, the longest first.
const MARKS: [(&[u8], &Encoding); 3] = [
    (b"\xef\xbb\xbf", UTF_8),
    (b"\xff\xfe", UTF_16LE),
    (b"\xfe\xff", UTF_16BE),
];

const BUFFER_BYTES: usize = 32 * 1024;

/// A byte that occurs nowhere in UTF-8.
const INVALID: u8 = 0xff;

/// The text as UTF-8 without a byte order mark. The mark decides, then the label, then it is UTF-8 already.
pub(crate) fn decode(stream: ByteStream, label: Option<&str>) -> Result<ByteStream, OpenFileError> {
    let named = match label {
        None => UTF_8,
        Some(label) => {
            let named = Encoding::for_label(label.as_bytes());
            named.ok_or_else(|| OpenFileError::UnknownEncoding(label.into()))?
        }
    };
    let (head, mut stream) = peek(stream, 3)?;
    let marked = MARKS.iter().find(|(mark, _)| head.starts_with(mark));
    if let Some((mark, _)) = marked {
        io::copy(&mut stream.by_ref().take(mark.len() as u64), &mut io::sink())?;
    }
    let encoding = marked.map_or(named, |(_, encoding)| *encoding);
    if encoding == UTF_8 {
        return Ok(stream);
    }
    Ok(Box::new(Decoded {
        stream,
        decoder: encoding.new_decoder_without_bom_handling(),
        input: vec![0; BUFFER_BYTES].into(),
        unread: 0..0,
        output: vec![0; 2 * BUFFER_BYTES].into(),
        ready: 0..0,
        is_last: false,
        has_ended: false,
    }))
}

struct Decoded {
    stream: ByteStream,
    decoder: Decoder,
    input: Box<[u8]>,
    unread: std::ops::Range<usize>,
    output: Box<[u8]>,
    ready: std::ops::Range<usize>,
    /// The input has ended.
    is_last: bool,
    /// The decoder has ended.
    has_ended: bool,
}

impl Decoded {
    /// Decodes more into the output, which is empty.
    fn refill(&mut self) -> io::Result<()> {
        if self.unread.is_empty() && !self.is_last {
            let read = self.stream.read(&mut self.input)?;
            self.unread = 0..read;
            self.is_last = read == 0;
        }
        // One byte is left for the mark of an invalid sequence.
        let room = self.output.len() - 1;
        let input = &self.input[self.unread.clone()];
        let (result, read, written) =
            self.decoder
                .decode_to_utf8_without_replacement(input, &mut self.output[..room], self.is_last);
        self.unread.start += read;
        self.ready = 0..written;
        match result {
            DecoderResult::InputEmpty => self.has_ended = self.is_last,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => {
                self.output[written] = INVALID;
                self.ready.end += 1;
            }
        }
        Ok(())
    }
}

impl Read for Decoded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.ready.is_empty() && !self.has_ended {
            self.refill()?;
        }
        let length = buffer.len().min(self.ready.len());
        let (from, to) = (self.ready.start, self.ready.start + length);
        buffer[..length].copy_from_slice(&self.output[from..to]);
        self.ready.start = to;
        Ok(length)
    }
}

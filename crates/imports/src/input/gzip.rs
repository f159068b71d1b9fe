//! gzip (RFC 1952) of one or more members, and zeros after the last as tapes leave them.

use std::{
    io::{self, BufRead, Read},
    mem,
};

use flate2::bufread::GzDecoder;

use crate::error::{CompressionError, Container};

/// The first bytes of a member.
pub(super) const MAGIC: &[u8] = &[0x1f, 0x8b];

pub(super) struct GzipMembers<R>(State<R>);

enum State<R> {
    Within(Box<GzDecoder<R>>),
    Between(R),
    Ended,
}

impl<R: BufRead> GzipMembers<R> {
    pub(super) const fn new(input: R) -> Self {
        Self(State::Between(input))
    }
}

impl<R: BufRead> Read for GzipMembers<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.0 = match mem::replace(&mut self.0, State::Ended) {
                State::Ended => return Ok(0),
                State::Within(mut member) => {
                    let read = member.read(buffer).map_err(|error| to_error(error, Container::Gzip))?;
                    if read > 0 || buffer.is_empty() {
                        self.0 = State::Within(member);
                        return Ok(read);
                    }
                    State::Between(member.into_inner())
                }
                State::Between(mut input) => {
                    let zeros = match input.fill_buf()? {
                        [] => return Ok(0),
                        bytes => bytes.iter().take_while(|byte| **byte == 0).count(),
                    };
                    input.consume(zeros);
                    if zeros > 0 {
                        State::Between(input)
                    } else {
                        State::Within(Box::new(GzDecoder::new(input)))
                    }
                }
            };
        }
    }
}

/// What an error of a decoder means; errors of the input pass unchanged.
pub(super) fn to_error(error: io::Error, container: Container) -> io::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => CompressionError::Truncated(container).into(),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => CompressionError::Damaged(container).into(),
        _ => error,
    }
}

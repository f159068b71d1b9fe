//! Rows in the binary form of `COPY` (PostgreSQL's manual, "COPY", "Binary Format"): the cheapest way to write many.

use std::ops::Range;

use time::OffsetDateTime;

/// Signature, flags, and the length of an extension that nobody uses.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// Seconds from 1970 to Postgres's year 2000.
const EPOCH: i64 = 946_684_800;
/// The type bigint, as `pg_type` numbers it for all time.
const BIGINT: i32 = 20;
/// Where the number of a row's values would stand.
const END: [u8; 2] = (-1_i16).to_be_bytes();

/// Rows that are gathered for one `COPY … FROM STDIN (FORMAT binary)`.
pub(crate) struct CopyRows {
    bytes: Vec<u8>,
    columns: i16,
}

/// A value too long for the format.
#[derive(Debug, thiserror::Error)]
#[error("a value is too long to be copied")]
pub(crate) struct TooLong;

impl CopyRows {
    /// Where the first row begins.
    pub(crate) const START: usize = HEADER.len();

    pub(crate) fn new(columns: i16) -> Self {
        Self {
            bytes: HEADER.to_vec(),
            columns,
        }
    }

    /// Begins a row; as many values as there are columns must follow.
    pub(crate) fn row(&mut self) {
        self.bytes.extend(self.columns.to_be_bytes());
    }

    pub(crate) fn null(&mut self) {
        self.bytes.extend((-1_i32).to_be_bytes());
    }

    pub(crate) fn text(&mut self, text: &str) -> Result<(), TooLong> {
        self.bytes
            .extend(i32::try_from(text.len()).map_err(|_| TooLong)?.to_be_bytes());
        self.bytes.extend(text.as_bytes());
        Ok(())
    }

    pub(crate) fn optional_text(&mut self, text: Option<&str>) -> Result<(), TooLong> {
        if let Some(text) = text {
            return self.text(text);
        }
        self.null();
        Ok(())
    }

    pub(crate) fn int8(&mut self, number: i64) {
        self.bytes.extend(8_i32.to_be_bytes());
        self.bytes.extend(number.to_be_bytes());
    }

    pub(crate) fn int4(&mut self, number: i32) {
        self.bytes.extend(4_i32.to_be_bytes());
        self.bytes.extend(number.to_be_bytes());
    }

    pub(crate) fn int2(&mut self, number: i16) {
        self.bytes.extend(2_i32.to_be_bytes());
        self.bytes.extend(number.to_be_bytes());
    }

    pub(crate) fn truth(&mut self, truth: bool) {
        self.bytes.extend(1_i32.to_be_bytes());
        self.bytes.push(u8::from(truth));
    }

    /// A time, cut to the microsecond below, as every key of ours is.
    pub(crate) fn moment(&mut self, at: OffsetDateTime) {
        let seconds = at.unix_timestamp() - EPOCH;
        self.int8(seconds * 1_000_000 + i64::from(at.microsecond()));
    }

    pub(crate) fn optional_moment(&mut self, at: Option<OffsetDateTime>) {
        match at {
            Some(at) => self.moment(at),
            None => self.null(),
        }
    }

    /// One dimension from 1, without nulls; no dimension when empty, as Postgres writes it itself.
    pub(crate) fn int8_array(&mut self, numbers: &[i64]) -> Result<(), TooLong> {
        let count = i32::try_from(numbers.len()).map_err(|_| TooLong)?;
        let dimensions = i32::from(count > 0);
        let length = 12 + dimensions * 8 + count.checked_mul(12).ok_or(TooLong)?;
        for head in [length, dimensions, 0, BIGINT] {
            self.bytes.extend(head.to_be_bytes());
        }
        if count > 0 {
            self.bytes.extend(count.to_be_bytes());
            self.bytes.extend(1_i32.to_be_bytes());
        }
        for number in numbers {
            self.int8(*number);
        }
        Ok(())
    }

    /// Where the last row ends.
    pub(crate) fn end(&self) -> usize {
        self.bytes.len()
    }

    /// Takes back the rows that end later.
    pub(crate) fn cut(&mut self, end: usize) {
        self.bytes.truncate(end);
    }

    /// The rows between two ends, as a whole of their own.
    pub(crate) fn part(&self, rows: Range<usize>) -> Vec<u8> {
        [HEADER, &self.bytes[rows], &END].concat()
    }

    /// The whole, with its end mark.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.bytes.extend(END);
        self.bytes
    }
}

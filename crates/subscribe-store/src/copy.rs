//! Rows in the binary format of `COPY` (PostgreSQL manual, "COPY", "Binary Format"): the cheapest way to write many rows.

use std::ops::Range;

use time::OffsetDateTime;

/// Signature, flags, and the length of the unused header extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// Seconds from 1970 to 2000, the epoch of Postgres.
const EPOCH: i64 = 946_684_800;
/// The type of array elements (`pg_type.oid`).
const BIGINT: i32 = 20;
/// The bytes of an element, with its length before it.
const ELEMENT_BYTES: i32 = 4 + 8;
/// Seconds of a day.
const DAY: i64 = 86_400;
/// The trailer: a column count of -1.
const END: [u8; 2] = (-1_i16).to_be_bytes();

/// Rows for one `COPY … FROM STDIN (FORMAT binary)`.
pub(crate) struct CopyRows {
    bytes: Vec<u8>,
    columns: i16,
}

/// A value too long for the format.
#[derive(Debug, thiserror::Error)]
#[error("a value is too long to be copied")]
pub(crate) struct ValueTooLongError;

impl CopyRows {
    /// The offset of the first row.
    pub(crate) const START: usize = HEADER.len();

    pub(crate) fn new(columns: i16) -> Self {
        Self {
            bytes: HEADER.to_vec(),
            columns,
        }
    }

    /// Begins a row; one value per column must follow.
    pub(crate) fn row(&mut self) {
        self.bytes.extend(self.columns.to_be_bytes());
    }

    pub(crate) fn null(&mut self) {
        self.bytes.extend((-1_i32).to_be_bytes());
    }

    pub(crate) fn text(&mut self, text: &str) -> Result<(), ValueTooLongError> {
        self.bytes
            .extend(i32::try_from(text.len()).map_err(|_| ValueTooLongError)?.to_be_bytes());
        self.bytes.extend(text.as_bytes());
        Ok(())
    }

    pub(crate) fn optional_text(&mut self, text: Option<&str>) -> Result<(), ValueTooLongError> {
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

    pub(crate) fn optional_int8(&mut self, number: Option<i64>) {
        match number {
            Some(number) => self.int8(number),
            None => self.null(),
        }
    }

    pub(crate) fn int4(&mut self, number: i32) {
        self.bytes.extend(4_i32.to_be_bytes());
        self.bytes.extend(number.to_be_bytes());
    }

    /// A time, truncated to the microsecond, as all stored times are.
    pub(crate) fn moment(&mut self, at: OffsetDateTime) {
        let seconds = at.unix_timestamp() - EPOCH;
        self.int8(seconds * 1_000_000 + i64::from(at.microsecond()));
    }

    /// The date in UTC so many days after this time.
    pub(crate) fn date_after(&mut self, at: OffsetDateTime, days: u16) {
        let day = (at.unix_timestamp() - EPOCH).div_euclid(DAY) + i64::from(days);
        self.int4(i32::try_from(day).unwrap_or(i32::MAX - 1));
    }

    /// A one-dimensional array without nulls; an empty array has no dimension, as Postgres encodes it.
    pub(crate) fn int8_array(&mut self, numbers: &[i64]) -> Result<(), ValueTooLongError> {
        self.array_head(numbers.len())?;
        for number in numbers {
            self.int8(*number);
        }
        Ok(())
    }

    fn array_head(&mut self, count: usize) -> Result<(), ValueTooLongError> {
        let count = i32::try_from(count).map_err(|_| ValueTooLongError)?;
        let dimensions = i32::from(count > 0);
        let elements = count.checked_mul(ELEMENT_BYTES).ok_or(ValueTooLongError)?;
        let length = elements.checked_add(12 + dimensions * 8).ok_or(ValueTooLongError)?;
        for head in [length, dimensions, 0, BIGINT] {
            self.bytes.extend(head.to_be_bytes());
        }
        if count > 0 {
            self.bytes.extend(count.to_be_bytes());
            self.bytes.extend(1_i32.to_be_bytes());
        }
        Ok(())
    }

    /// The offset after the last row.
    pub(crate) fn end(&self) -> usize {
        self.bytes.len()
    }

    /// Drops the rows after this offset.
    pub(crate) fn cut(&mut self, end: usize) {
        self.bytes.truncate(end);
    }

    /// The rows between two offsets, as complete data.
    pub(crate) fn part(&self, rows: Range<usize>) -> Vec<u8> {
        [HEADER, &self.bytes[rows], &END].concat()
    }
}

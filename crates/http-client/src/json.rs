//! Tolerant parsing of JSON from other systems: an unreadable row loses only that row, an odd unread field loses nothing.

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};

mod repair;

/// Parses a JSON text. A text that fails is repaired and parsed again. Repaired are: lone surrogates (RFC 8259 §8.2),
/// numbers out of range (§6), deep nesting (§9) and duplicate member names, of which the last counts (§4). Invalid UTF-8
/// (§8.1) and unescaped control characters (§7) are repaired inside strings.
///
/// U+FFFD and a NUL replace the lost part of a string. A valid text is parsed once.
///
/// # Errors
/// The text is not JSON, or not a `T`; the error is that of the first attempt.
pub fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(text).or_else(|error| {
        let repaired = repair::repaired(text);
        let text = repaired.as_deref().unwrap_or(text);
        // Last, through a map, which accepts duplicate names.
        serde_json::from_slice(text)
            .or_else(|_| serde_json::from_slice::<Value>(text).and_then(T::deserialize))
            .map_err(|_| error)
    })
}

/// The rows of a list, each parsed by itself.
pub struct JsonRows<T> {
    /// The readable rows, in order.
    pub read: Vec<T>,
    /// The number of unreadable rows, whose ids are unknown.
    pub unreadable: usize,
}

impl<T> JsonRows<T> {
    /// The number of rows.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.read.len() + self.unreadable
    }

    /// Whether there are no rows.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Default for JsonRows<T> {
    fn default() -> Self {
        Self {
            read: Vec::new(),
            unreadable: 0,
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for JsonRows<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let rows = Vec::<&RawValue>::deserialize(from)?;
        let mut all = Self::default();
        all.read.reserve(rows.len());
        for row in rows {
            match read(row.get().as_bytes()) {
                Ok(row) => all.read.push(row),
                Err(_) => all.unreadable += 1,
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests;

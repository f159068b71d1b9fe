//! Reading JSON that another system wrote: an oddity in one row costs that row only, and one in an unread field nothing.

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};

mod repair;

/// Reads a JSON text. What RFC 8259 allows and a Rust value cannot hold is repaired first, where it is in the way: half of a
/// surrogate pair as an escape (§8.2), a number out of range (§6), nesting of any depth (§9), and a name that an object has
/// twice, of which the last counts (§4). Bytes that are no UTF-8 (§8.1) and control characters without an escape (§7) are
/// no JSON, and are repaired too where they are within a text.
///
/// A text in which a piece was lost holds U+FFFD and a NUL in its place. A valid text costs one pass.
///
/// # Errors
/// The text is no JSON, or not what a `T` is read from; the error is that of the first pass.
pub fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(text).or_else(|error| {
        let repaired = repair::repaired(text);
        let text = repaired.as_deref().unwrap_or(text);
        // Last, by way of a map, in which a repeated name is no mistake.
        serde_json::from_slice(text)
            .or_else(|_| serde_json::from_slice::<Value>(text).and_then(T::deserialize))
            .map_err(|_| error)
    })
}

/// The rows of a list, each read by itself.
pub struct JsonRows<T> {
    /// Those that can be read, in their order.
    pub read: Vec<T>,
    /// How many cannot: not even whom they are about.
    pub unreadable: usize,
}

impl<T> JsonRows<T> {
    /// How many rows there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.read.len() + self.unreadable
    }

    /// Whether there is none.
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

//! Lists of names, written as one text with spaces between them.

/// Whether the list contains this name.
pub(crate) fn contains_name(list: &str, name: &str) -> bool {
    list.split_whitespace().any(|known| known == name)
}

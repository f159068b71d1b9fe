//! What was seen of a file, without values.

/// How many names are shown.
const SHOWN: usize = 12;

/// The names of fields, without those that may be values.
pub(super) fn names<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let mut names = names.into_iter().filter(|name| is_field_name(name));
    let shown: Vec<&str> = names.by_ref().take(SHOWN).collect();
    let more = match names.count() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    shown.join(", ") + &more
}

/// Whether a text can be the name of a field: addresses and numbers are values, which no report shows.
#[must_use]
pub fn is_field_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && !text.contains('@') && !text.starts_with(|char: char| char.is_ascii_digit())
}

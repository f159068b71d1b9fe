//! `KEY=VALUE` arguments.

pub(crate) fn parse_pair(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("must be written KEY=VALUE"),
    }
}

//! The comments of a file, line by line. Only lines that hold nothing but a comment are read: the formatter puts every
//! longer comment there.

/// The comment lines of a text: line number from 1, and the text after `//`, `///` or `//!`.
pub(crate) fn comment_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines()).filter_map(|(number, line)| {
        let comment = line.trim_start().strip_prefix("//")?;
        Some((number, comment.trim_start_matches(['/', '!'])))
    })
}

/// The words of a text in lower case: runs of letters and apostrophes.
pub(crate) fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|letter: char| !letter.is_ascii_alphabetic() && letter != '\'')
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_read_without_their_marks() {
        let text = "//! A file.\nfn a() {\n    // Why: it's so.\n    let b = \"// no comment\";\n}\n";
        assert_eq!(
            comment_lines(text).collect::<Vec<_>>(),
            [(1, " A file."), (3, " Why: it's so.")]
        );
        assert_eq!(words(" Why: it's so.").collect::<Vec<_>>(), ["why", "it's", "so"]);
    }
}

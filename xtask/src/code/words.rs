//! The words that this repository does not use, from `xtask/unwanted-words.txt`, in comments and identifiers.

use std::collections::BTreeMap;

use proc_macro2::{TokenStream, TokenTree};

use super::{comments::comment_lines, comments::words, file::SourceFile};

/// Unwanted words, each with what to write instead.
pub(crate) struct UnwantedWords(BTreeMap<String, String>);

impl UnwantedWords {
    /// The list of this repository.
    pub(crate) fn from_repository() -> Self {
        Self::parse(include_str!("../../unwanted-words.txt"))
    }

    /// Reads lines of the form `word word …: instead`; lines that begin with `#` are comments.
    fn parse(text: &str) -> Self {
        let mut list = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some((unwanted, instead)) = line.split_once(':') {
                for word in unwanted.split_whitespace() {
                    list.insert(word.to_owned(), instead.trim().to_owned());
                }
            }
        }
        Self(list)
    }

    pub(crate) fn contains(&self, word: &str) -> bool {
        self.0.contains_key(word)
    }

    /// Describes every unwanted word of the file with its line and what to write instead.
    pub(crate) fn faults(&self, file: &SourceFile) -> Vec<String> {
        let in_comments = comment_lines(&file.text).flat_map(|(line, text)| words(text).map(move |word| (line, word)));
        let mut found: Vec<(usize, String)> = in_comments.collect();
        if let Ok(tokens) = file.text.parse() {
            identifiers(tokens, &mut |line, name| {
                found.extend(identifier_words(name).into_iter().map(|word| (line, word)));
            });
        }
        found.sort();
        found.dedup();
        let faults = found.into_iter().filter_map(|(line, word)| {
            let instead = self.0.get(&word)?;
            Some(format!("{}:{line}: \"{word}\"; write {instead}", file.name))
        });
        faults.collect()
    }
}

/// Calls `each` with the line and the name of every identifier.
fn identifiers(tokens: TokenStream, each: &mut impl FnMut(usize, &str)) {
    for token in tokens {
        match token {
            TokenTree::Ident(name) => each(name.span().start().line, &name.to_string()),
            TokenTree::Group(group) => identifiers(group.stream(), each),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// The words of an identifier in lower case: `ReadLog`, `read_log` and `READ_LOG` are "read" and "log".
fn identifier_words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    for part in name.split('_') {
        let mut word = String::new();
        let is_upper = part.chars().all(|letter| !letter.is_lowercase());
        for letter in part.chars() {
            if letter.is_uppercase() && !is_upper && !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            word.extend(letter.to_lowercase());
        }
        if !word.is_empty() {
            words.push(word);
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let list = UnwantedWords::parse("# comment\ncobbler cobblers: shoemaker\n");
        list.faults(&SourceFile {
            name: "a.rs".to_owned(),
            text: text.to_owned(),
            syntax: syn::parse_file(text).unwrap(),
        })
    }

    #[test]
    fn unwanted_words_of_comments_are_named() {
        assert_eq!(
            faults("//! The Cobblers.\n\nfn a() {}\n"),
            ["a.rs:1: \"cobblers\"; write shoemaker"]
        );
    }

    #[test]
    fn unwanted_words_of_identifiers_are_named() {
        let expected = ["a.rs:1: \"cobbler\"; write shoemaker"];
        assert_eq!(faults("fn find_cobbler() {}\n"), expected);
        assert_eq!(faults("struct TheCobbler;\n"), expected);
        assert_eq!(faults("const COBBLER: u8 = 1;\n"), expected);
    }

    #[test]
    fn texts_and_longer_words_are_free() {
        assert!(faults("//! Cobblery.\nconst A: &str = \"cobbler\";\n").is_empty());
    }
}

//! Cuts a query into its tokens.

use super::super::refusal::Refusal;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name or keyword, as written.
    Word(String),
    Text(String),
    Number(f64),
    /// One of `= != < <= > >= ( ) , *`.
    Sign(&'static str),
}

/// Longer ones first, so that `<=` is not read as `<`.
const SIGNS: [&str; 10] = ["!=", "<=", ">=", "=", "<", ">", "(", ")", ",", "*"];

pub(super) fn wrong<T>(what: &str) -> Result<T, Refusal> {
    Err(Refusal::invalid("query", what))
}

pub(super) fn lex(query: &str) -> Result<Vec<Token>, Refusal> {
    let mut tokens = Vec::new();
    let mut rest = query.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '"' | '\'' => quoted(rest, first)?,
            '0'..='9' | '-' => number(rest)?,
            'a'..='z' | 'A'..='Z' | '_' => word(rest),
            _ => {
                let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
                let Some(sign) = sign else {
                    return wrong("a character that means nothing here");
                };
                (Token::Sign(sign), sign.len())
            }
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

/// A text ends at the next quote of its own kind, come what may: there is no escape.
fn quoted(rest: &str, quote: char) -> Result<(Token, usize), Refusal> {
    let Some(length) = rest[1..].find(quote) else {
        return wrong("a text without its end");
    };
    let text = &rest[1..=length];
    if text.contains(|char: char| char == '\\' || char.is_control()) {
        return wrong("a backslash or control character in a text");
    }
    let after = rest[length + 2..].chars().next();
    if after.is_some_and(|char| !char.is_whitespace() && !"),=<>!".contains(char)) {
        return wrong("a text that runs into what follows");
    }
    Ok((Token::Text(text.to_owned()), length + 2))
}

fn number(rest: &str) -> Result<(Token, usize), Refusal> {
    let length = rest
        .char_indices()
        .find(|&(at, char)| !(char.is_ascii_digit() || char == '.' || (at == 0 && char == '-')))
        .map_or(rest.len(), |(at, _)| at);
    match rest[..length].parse() {
        Ok(number) if !rest[length..].starts_with(|char: char| char.is_alphanumeric()) => {
            Ok((Token::Number(number), length))
        }
        _ => wrong("an unreadable number"),
    }
}

fn word(rest: &str) -> (Token, usize) {
    let part = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == '.';
    let length = rest.find(|char| !part(char)).unwrap_or(rest.len());
    (Token::Word(rest[..length].to_owned()), length)
}

//! Splits a query into tokens, resolving escapes.

use super::{Glob, QueryError};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Open,
    Close,
    And,
    Or,
    Not,
    Colon,
    Plus,
    Minus,
    /// A bare word; a wildcard that was escaped is a character.
    Word(Vec<Glob>),
    /// Text in double quotes, where a wildcard is a character.
    Phrase(String),
    /// `[a TO b}`: the brackets, and the words between them.
    Range {
        from_open: bool,
        low: String,
        high: String,
        to_open: bool,
    },
}

fn wrong<T>(what: &str) -> Result<T, QueryError> {
    Err(QueryError(format!("syntax error: {what}")))
}

pub(super) fn lex(text: &str) -> Result<Vec<Token>, QueryError> {
    let mut lexer = Lexer {
        chars: text.chars().collect(),
        at: 0,
    };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.next()? {
        tokens.push(token);
    }
    Ok(tokens)
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
}

impl Lexer {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn pair(&mut self, second: char) -> bool {
        let found = self.chars.get(self.at + 1) == Some(&second);
        self.at += if found { 2 } else { 0 };
        found
    }

    fn one(&mut self, token: Token) -> Token {
        self.at += 1;
        token
    }

    fn next(&mut self) -> Result<Option<Token>, QueryError> {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
        let Some(first) = self.peek() else { return Ok(None) };
        Ok(match first {
            '(' => Some(self.one(Token::Open)),
            ')' => Some(self.one(Token::Close)),
            ':' => Some(self.one(Token::Colon)),
            '!' => Some(self.one(Token::Not)),
            '+' => Some(self.one(Token::Plus)),
            '-' => Some(self.one(Token::Minus)),
            '&' if self.pair('&') => Some(Token::And),
            '|' if self.pair('|') => Some(Token::Or),
            '"' => Some(self.phrase()?),
            '[' | '{' => Some(self.range()?),
            ']' | '}' => return wrong("a bracket without its beginning"),
            '^' | '~' => return wrong("boosts and fuzzy terms are not supported"),
            '/' => return wrong("regular expressions are not supported"),
            _ => Some(self.word()?),
        })
    }

    fn phrase(&mut self) -> Result<Token, QueryError> {
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.taken() {
                None => return wrong("a quotation mark without its end"),
                Some('"') => return Ok(Token::Phrase(text)),
                Some('\\') => match self.taken() {
                    None => return wrong("an escape at the end"),
                    Some(next) => text.push(next),
                },
                Some(other) => text.push(other),
            }
        }
    }

    fn range(&mut self) -> Result<Token, QueryError> {
        let from_open = self.taken() == Some('{');
        let start = self.at;
        while !matches!(self.peek(), None | Some(']' | '}')) {
            self.at += 1;
        }
        let inside: String = self.chars[start..self.at].iter().collect();
        let to_open = match self.taken() {
            None => return wrong("a range without its end"),
            Some(end) => end == '}',
        };
        match inside.split_whitespace().collect::<Vec<_>>()[..] {
            [low, "TO", high] => {
                let (low, high) = (unquoted(low), unquoted(high));
                Ok(Token::Range {
                    from_open,
                    low,
                    high,
                    to_open,
                })
            }
            _ => wrong("a range is written [low TO high]"),
        }
    }

    fn word(&mut self) -> Result<Token, QueryError> {
        let mut globs = Vec::new();
        let mut plain = true;
        while let Some(next) = self.peek() {
            if next.is_whitespace() || "():\"[]{}^~!".contains(next) {
                break;
            }
            self.at += 1;
            globs.push(match next {
                '\\' => match self.taken() {
                    None => return wrong("an escape at the end"),
                    Some(escaped) => {
                        plain = false;
                        Glob::Char(escaped)
                    }
                },
                '*' => Glob::Any,
                '?' => Glob::One,
                other => Glob::Char(other),
            });
        }
        if matches!(self.peek(), Some('^' | '~')) {
            return wrong("boosts and fuzzy terms are not supported");
        }
        if globs.is_empty() {
            return wrong("a character that must be escaped");
        }
        let operator = match text(&globs).as_deref() {
            Some("AND") if plain => Some(Token::And),
            Some("OR") if plain => Some(Token::Or),
            Some("NOT") if plain => Some(Token::Not),
            _ => None,
        };
        Ok(operator.unwrap_or(Token::Word(globs)))
    }

    fn taken(&mut self) -> Option<char> {
        let next = self.peek();
        self.at += usize::from(next.is_some());
        next
    }
}

fn unquoted(text: &str) -> String {
    text.trim_matches('"').to_owned()
}

/// The word's text, when it has no wildcard.
pub(super) fn text(globs: &[Glob]) -> Option<String> {
    globs
        .iter()
        .map(|glob| if let Glob::Char(char) = glob { Some(*char) } else { None })
        .collect()
}

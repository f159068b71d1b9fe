//! Builds the tree of a query: OR joins weakest and is what a mere blank means, then AND, then NOT.

use super::lex::{Token, lex, text};
use super::{Bound, Field, Glob, Node, QueryError, Test};

/// How deep parentheses may go, so that no query can exhaust the stack.
const DEEPEST: usize = 50;

/// How many literal characters a pattern needs that does not begin with them.
const FEWEST_LITERALS: usize = 3;

pub(super) fn parse(query: &str) -> Result<Node, QueryError> {
    let mut parser = Parser {
        tokens: lex(query)?,
        at: 0,
        depth: 0,
    };
    let root = parser.any(None)?;
    if parser.at < parser.tokens.len() {
        return wrong("something is left over at the end");
    }
    Ok(root)
}

fn wrong<T>(what: &str) -> Result<T, QueryError> {
    Err(QueryError(format!("syntax error: {what}")))
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn eat(&mut self, token: &Token) -> bool {
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found
    }

    fn any(&mut self, field: Option<&Field>) -> Result<Node, QueryError> {
        let mut nodes = vec![self.all(field)?];
        while !matches!(self.peek(), None | Some(Token::Close)) {
            self.eat(&Token::Or);
            nodes.push(self.all(field)?);
        }
        Ok(if nodes.len() == 1 {
            nodes.remove(0)
        } else {
            Node::Or(nodes)
        })
    }

    fn all(&mut self, field: Option<&Field>) -> Result<Node, QueryError> {
        let mut nodes = vec![self.unary(field)?];
        // `a NOT b` leaves b out, it does not add whatever is not b.
        while self.eat(&Token::And) || matches!(self.peek(), Some(Token::Not | Token::Minus)) {
            nodes.push(self.unary(field)?);
        }
        Ok(if nodes.len() == 1 {
            nodes.remove(0)
        } else {
            Node::And(nodes)
        })
    }

    fn unary(&mut self, field: Option<&Field>) -> Result<Node, QueryError> {
        let mut negative = false;
        while matches!(self.peek(), Some(Token::Not | Token::Minus | Token::Plus)) {
            negative ^= self.peek() != Some(&Token::Plus);
            self.at += 1;
        }
        let node = self.atom(field)?;
        Ok(if negative { Node::Not(Box::new(node)) } else { node })
    }

    fn atom(&mut self, field: Option<&Field>) -> Result<Node, QueryError> {
        let Some(token) = self.peek().cloned() else {
            return wrong("the query ends too early");
        };
        self.at += 1;
        match token {
            Token::Open => self.group(field),
            Token::Word(globs) if self.eat(&Token::Colon) => {
                if field.is_some() {
                    return wrong("a field inside a field");
                }
                let Some(name) = text(&globs) else {
                    return wrong("a wildcard in a field's name");
                };
                self.value(&name)
            }
            Token::Word(globs) => Ok(Node::Matches(field.cloned(), word(field, globs)?)),
            Token::Phrase(phrase) => Ok(Node::Matches(field.cloned(), Test::Is(phrase))),
            Token::Range {
                from_open,
                low,
                high,
                to_open,
            } => match field {
                Some(field) => Ok(Node::Matches(
                    Some(field.clone()),
                    range(field, from_open, low, high, to_open)?,
                )),
                None => wrong("a range without a field"),
            },
            _ => wrong("an operator without its operand"),
        }
    }

    fn group(&mut self, field: Option<&Field>) -> Result<Node, QueryError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return wrong("parentheses too deep");
        }
        let node = self.any(field)?;
        if !self.eat(&Token::Close) {
            return wrong("a parenthesis without its end");
        }
        self.depth -= 1;
        Ok(node)
    }

    fn value(&mut self, name: &str) -> Result<Node, QueryError> {
        if name == "_exists_" {
            let named = match self.peek().cloned() {
                Some(Token::Word(globs)) => text(&globs),
                Some(Token::Phrase(phrase)) => Some(phrase),
                _ => None,
            };
            self.at += 1;
            return match named {
                // A whole tree exists when anything in it does, so here its bare name will do.
                Some(tree) if ["app_metadata", "user_metadata", "identities"].contains(&tree.as_str()) => {
                    Ok(Node::Exists(Field(vec![tree])))
                }
                Some(named) => Ok(Node::Exists(Field::parse(&named)?)),
                None => wrong("_exists_ wants the name of a field"),
            };
        }
        let field = Field::parse(name)?;
        if matches!(self.peek(), Some(Token::Word(_))) && self.tokens.get(self.at + 1) == Some(&Token::Colon) {
            return wrong("a colon must be escaped");
        }
        match self.peek() {
            Some(Token::Open | Token::Word(_) | Token::Phrase(_) | Token::Range { .. }) => self.atom(Some(&field)),
            // `logins_count:-1` and the like.
            Some(Token::Minus | Token::Plus) => {
                self.at += 1;
                wrong("a sign at the beginning of a value must be escaped")
            }
            _ => wrong("a field without a value"),
        }
    }
}

fn word(field: Option<&Field>, globs: Vec<Glob>) -> Result<Test, QueryError> {
    if let Some(text) = text(&globs) {
        return Ok(Test::Is(text));
    }
    if field.is_some_and(Field::is_user_metadata) {
        return Err(QueryError(
            "wildcard searches are not available on user_metadata fields".into(),
        ));
    }
    let literals = globs.iter().filter(|glob| matches!(glob, Glob::Char(_))).count();
    let only_star = globs == [Glob::Any];
    if !only_star && !matches!(globs[0], Glob::Char(_)) && literals < FEWEST_LITERALS {
        return Err(QueryError(
            "the literals of a suffix or substring search must have 3 characters or more".into(),
        ));
    }
    if only_star && field.is_none() {
        return wrong("a wildcard without a field");
    }
    Ok(Test::Like(globs))
}

fn range(field: &Field, from_open: bool, low: String, high: String, to_open: bool) -> Result<Test, QueryError> {
    if field.is_user_metadata() {
        return Err(QueryError(
            "range searches are not available on user_metadata fields".into(),
        ));
    }
    let bound = |open: bool, text: String| match (text.as_str(), open) {
        ("*", _) => Bound::Open,
        (_, true) => Bound::Excluding(text),
        (_, false) => Bound::Including(text),
    };
    Ok(Test::Between {
        low: bound(from_open, low),
        high: bound(to_open, high),
    })
}

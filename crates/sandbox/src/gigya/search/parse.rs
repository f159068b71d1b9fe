//! Builds a query from its tokens. The clauses come in their documented order, or the query is refused.

use super::field::{Field, Kind};
use super::lex::{Token, lex, wrong};
use super::{Condition, Item, Literal, Operator, Query, Source};
use crate::gigya::refusal::Refusal;

/// How deep parentheses may go, so that no query can exhaust the stack.
const DEEPEST: usize = 50;

/// How many values `IN` may list.
const LONGEST_LIST: usize = 1_000;

pub(super) fn parse(text: &str, encrypted: &[String]) -> Result<Query, Refusal> {
    let mut parser = Parser {
        tokens: lex(text)?,
        at: 0,
        depth: 0,
        encrypted,
    };
    let query = parser.query()?;
    match parser.peek() {
        None => Ok(query),
        Some(_) => wrong("something is left over, or the clauses are out of order"),
    }
}

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    encrypted: &'a [String],
}

impl Parser<'_> {
    fn query(&mut self) -> Result<Query, Refusal> {
        self.expect("SELECT")?;
        let select = self.items()?;
        self.expect("FROM")?;
        let source = match self.name()?.as_str() {
            "accounts" => Source::Accounts,
            "emailAccounts" => Source::EmailAccounts,
            _ => return wrong("FROM is accounts or emailAccounts"),
        };
        let condition = if self.keyword("WHERE") { Some(self.any()?) } else { None };
        if self.keyword("FILTER") || self.words(&["GROUP", "BY"]) {
            return Err(Refusal::new(400_096, "The sandbox has no FILTER and no GROUP BY"));
        }
        let mut order = Vec::new();
        if self.words(&["ORDER", "BY"]) {
            loop {
                let field = self.field()?;
                if field.is_encrypted() {
                    return wrong("ORDER BY an encrypted field");
                }
                let down = self.keyword("DESC");
                if !down {
                    self.keyword("ASC");
                }
                order.push((field, down));
                if !self.sign(",") {
                    break;
                }
            }
        }
        let start = if self.keyword("START") {
            Some(self.count()?)
        } else {
            None
        };
        let limit = if self.keyword("LIMIT") {
            Some(self.count()?)
        } else {
            None
        };
        Ok(Query {
            select,
            source,
            condition,
            order,
            start,
            limit,
        })
    }

    fn items(&mut self) -> Result<Vec<Item>, Refusal> {
        let mut items = Vec::new();
        loop {
            if self.sign("*") {
                items.push(Item::All);
            } else {
                let name = self.name()?;
                if self.sign("(") {
                    if !name.eq_ignore_ascii_case("count") || !self.sign("*") || !self.sign(")") {
                        return Err(Refusal::new(400_096, "Of the functions, the sandbox has count(*)"));
                    }
                    items.push(Item::Count);
                } else {
                    items.push(Item::Field(Field::selected(&name)?));
                }
            }
            if !self.sign(",") {
                break;
            }
        }
        if items.len() > 1 && items.contains(&Item::Count) {
            return wrong("count(*) beside fields needs GROUP BY");
        }
        Ok(items)
    }

    fn any(&mut self) -> Result<Condition, Refusal> {
        let mut all = vec![self.all()?];
        while self.keyword("OR") {
            all.push(self.all()?);
        }
        Ok(if all.len() == 1 {
            all.remove(0)
        } else {
            Condition::Any(all)
        })
    }

    fn all(&mut self) -> Result<Condition, Refusal> {
        let mut all = vec![self.one()?];
        while self.keyword("AND") {
            all.push(self.one()?);
        }
        Ok(if all.len() == 1 {
            all.remove(0)
        } else {
            Condition::All(all)
        })
    }

    fn one(&mut self) -> Result<Condition, Refusal> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return wrong("nested too deep");
        }
        let condition = if self.keyword("NOT") {
            Condition::Not(Box::new(self.one()?))
        } else if self.sign("(") {
            let inside = self.any()?;
            if !self.sign(")") {
                return wrong("a parenthesis without its end");
            }
            inside
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(condition)
    }

    fn comparison(&mut self) -> Result<Condition, Refusal> {
        let field = self.field()?;
        let negative = |negative, condition| {
            if negative {
                Condition::Not(Box::new(condition))
            } else {
                condition
            }
        };
        if self.keyword("IS") {
            let not = self.keyword("NOT");
            self.expect("NULL")?;
            in_clear(&field, "IS NULL")?;
            return Ok(negative(not, Condition::IsNull(field)));
        }
        let not = self.keyword("NOT");
        if self.keyword("CONTAINS") {
            return match self.next() {
                Some(Token::Text(text)) if matches!(field.kind(), Kind::Text | Kind::Any) => {
                    Ok(negative(not, Condition::Contains(field, text)))
                }
                _ => wrong("CONTAINS wants a text field and a quoted text"),
            };
        }
        if self.keyword("IN") {
            in_clear(&field, "IN")?;
            let list = self.list(&field)?;
            return Ok(negative(not, Condition::In(field, list)));
        }
        if not {
            return wrong("NOT without IN or CONTAINS");
        }
        let operator = match self.next() {
            Some(Token::Sign("=")) => Operator::Is,
            Some(Token::Sign("!=")) => Operator::IsNot,
            Some(Token::Sign("<")) => Operator::Below,
            Some(Token::Sign("<=")) => Operator::AtMost,
            Some(Token::Sign(">")) => Operator::Above,
            Some(Token::Sign(">=")) => Operator::AtLeast,
            _ => return wrong("an operator is missing"),
        };
        if !matches!(operator, Operator::Is | Operator::IsNot) {
            in_clear(&field, "< and >")?;
        }
        if self.keyword("regex") {
            in_clear(&field, "regex")?;
            return Err(Refusal::new(400_096, "The sandbox evaluates no regex"));
        }
        let literal = self.literal(&field)?;
        Ok(Condition::Compare(field, operator, literal))
    }

    fn list(&mut self, field: &Field) -> Result<Vec<Literal>, Refusal> {
        if !self.sign("(") {
            return wrong("IN wants a list in parentheses");
        }
        let mut list = vec![self.literal(field)?];
        while self.sign(",") {
            list.push(self.literal(field)?);
        }
        if !self.sign(")") || list.len() > LONGEST_LIST {
            return wrong("a list without its end, or too long");
        }
        Ok(list)
    }

    /// A value of the field's own kind: texts are quoted, and only they are.
    fn literal(&mut self, field: &Field) -> Result<Literal, Refusal> {
        let literal = match self.next() {
            Some(Token::Text(text)) => Literal::Text(text),
            Some(Token::Number(number)) => Literal::Number(number),
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("true") => Literal::Flag(true),
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("false") => Literal::Flag(false),
            _ => return wrong("a value is missing, or a text is not quoted"),
        };
        let fits = match field.kind() {
            Kind::Any => true,
            Kind::Text => matches!(literal, Literal::Text(_)),
            Kind::Number => matches!(literal, Literal::Number(_)),
            Kind::Flag => matches!(literal, Literal::Flag(_)),
        };
        if fits {
            Ok(literal)
        } else {
            wrong("texts are quoted, and nothing else is")
        }
    }

    fn field(&mut self) -> Result<Field, Refusal> {
        let name = self.name()?;
        Field::parse(&name, self.encrypted)
    }

    fn name(&mut self) -> Result<String, Refusal> {
        match self.next() {
            Some(Token::Word(word)) => Ok(word),
            _ => wrong("a name is missing"),
        }
    }

    fn count(&mut self) -> Result<u64, Refusal> {
        match self.next() {
            Some(Token::Number(number)) => {
                let text = number.to_string();
                text.parse().or_else(|_| wrong("START and LIMIT want a whole number"))
            }
            _ => wrong("START and LIMIT want a number"),
        }
    }

    fn expect(&mut self, word: &str) -> Result<(), Refusal> {
        if self.keyword(word) {
            Ok(())
        } else {
            wrong(&format!("{word} is missing"))
        }
    }

    fn words(&mut self, words: &[&str]) -> bool {
        let from = self.at;
        let all = words.iter().all(|word| self.keyword(word));
        if !all {
            self.at = from;
        }
        all
    }

    fn keyword(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(next)) if next.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }

    fn sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Sign(next)) if *next == sign);
        self.at += usize::from(found);
        found
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let next = self.peek().cloned();
        self.at += usize::from(next.is_some());
        next
    }
}

/// On an encrypted field there is only `=`, `!=` and `CONTAINS` with the whole text.
fn in_clear(field: &Field, what: &str) -> Result<(), Refusal> {
    if field.is_encrypted() {
        return wrong(&format!("{what} on an encrypted field"));
    }
    Ok(())
}

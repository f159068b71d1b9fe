//! The part of the Lucene query language that Auth0's user search (v3) understands.

mod eval;
mod field;
mod lex;
mod parse;

use serde_json::Value;

pub(crate) use field::is_insensitive;

/// A query that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query {
    root: Node,
}

/// Why a query was not understood; the text goes into the error body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueryError(pub(crate) String);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Exists(Field),
    /// A term without a field looks at every searchable one but the user's metadata.
    Matches(Option<Field>, Test),
}

/// A path of names, e.g. `app_metadata.plan`; arrays on the way are looked through.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Field(Vec<String>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    /// The whole value; Auth0's v3 index does not split values into words.
    Is(String),
    Like(Vec<Glob>),
    Between {
        low: Bound,
        high: Bound,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Glob {
    Char(char),
    /// `?`
    One,
    /// `*`
    Any,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Bound {
    Open,
    Including(String),
    Excluding(String),
}

impl Query {
    /// Reads a query, or says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, QueryError> {
        parse::parse(text).map(|root| Self { root })
    }

    /// Whether this user, as the index knows him, is among the answers.
    pub(crate) fn matches(&self, user: &Value) -> bool {
        eval::holds(&self.root, user)
    }

    /// Whether the query needs a scan: it has a pattern that begins with a wildcard.
    pub(crate) fn is_slow(&self) -> bool {
        fn slow(node: &Node) -> bool {
            match node {
                Node::And(nodes) | Node::Or(nodes) => nodes.iter().any(slow),
                Node::Not(node) => slow(node),
                Node::Matches(_, Test::Like(globs)) => matches!(globs.first(), Some(Glob::Any | Glob::One)),
                Node::Exists(_) | Node::Matches(..) => false,
            }
        }
        slow(&self.root)
    }
}

#[cfg(test)]
mod tests;

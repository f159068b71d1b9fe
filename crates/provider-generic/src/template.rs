//! Templates of requests: values go in as data, and nothing in them changes a request's structure.

use masthead_provider_kit::path::is_segment;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Map, Value};

/// The characters that are escaped in a path, a query and a form: all but the unreserved ones of RFC 3986 §2.3.
const DATA: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A value that a template has a place for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placeholder {
    Id,
    Email,
    EmailPrefix,
    EmailContains,
    FirstName,
    LastName,
    Login,
    Password,
}

impl Placeholder {
    const ALL: [(Self, &'static str); 8] = [
        (Self::Id, "id"),
        (Self::Email, "email"),
        (Self::EmailPrefix, "emailPrefix"),
        (Self::EmailContains, "emailContains"),
        (Self::FirstName, "firstName"),
        (Self::LastName, "lastName"),
        (Self::Login, "login"),
        (Self::Password, "password"),
    ];
}

/// The values of one call; what is not given is left out of it.
#[derive(Clone, Copy, Default)]
pub(crate) struct TemplateValues<'a> {
    pub(crate) id: Option<&'a str>,
    pub(crate) email: Option<&'a str>,
    pub(crate) email_prefix: Option<&'a str>,
    pub(crate) email_contains: Option<&'a str>,
    pub(crate) first_name: Option<&'a str>,
    pub(crate) last_name: Option<&'a str>,
    pub(crate) login: Option<&'a str>,
    pub(crate) password: Option<&'a str>,
}

impl<'a> TemplateValues<'a> {
    const fn get(&self, slot: Placeholder) -> Option<&'a str> {
        match slot {
            Placeholder::Id => self.id,
            Placeholder::Email => self.email,
            Placeholder::EmailPrefix => self.email_prefix,
            Placeholder::EmailContains => self.email_contains,
            Placeholder::FirstName => self.first_name,
            Placeholder::LastName => self.last_name,
            Placeholder::Login => self.login,
            Placeholder::Password => self.password,
        }
    }
}

/// The text as it goes into a path, a query or a form.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, DATA).to_string()
}

/// A text with places for values: `{id}`, `{email}`, …
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TextTemplate(Vec<TemplatePiece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum TemplatePiece {
    Plain(Box<str>),
    Placeholder(Placeholder),
}

impl TextTemplate {
    /// Parses a text; `None` when it contains an unknown placeholder.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((plain, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}')?;
            let (slot, _) = Placeholder::ALL.into_iter().find(|(_, known)| *known == name)?;
            pieces.extend(plain_piece(plain)?);
            pieces.push(TemplatePiece::Placeholder(slot));
            rest = after;
        }
        pieces.extend(plain_piece(rest)?);
        Some(Self(pieces))
    }

    pub(crate) fn holds(&self, slot: Placeholder) -> bool {
        self.0.contains(&TemplatePiece::Placeholder(slot))
    }

    /// Only this one value, and nothing that is left out.
    pub(crate) fn holds_only(&self, slot: Placeholder) -> bool {
        let foreign = |piece: &TemplatePiece| matches!(piece, TemplatePiece::Placeholder(other) if *other != slot);
        !self.0.iter().any(foreign)
    }

    fn slots(&self) -> impl Iterator<Item = Placeholder> {
        self.0.iter().filter_map(|piece| match piece {
            TemplatePiece::Placeholder(slot) => Some(*slot),
            TemplatePiece::Plain(_) => None,
        })
    }

    /// The text with the values in their places; `None` when one is not given.
    fn fill(&self, values: &TemplateValues<'_>, form: impl Fn(&str) -> String) -> Option<String> {
        let mut filled = String::new();
        for piece in &self.0 {
            match piece {
                TemplatePiece::Plain(plain) => filled.push_str(plain),
                TemplatePiece::Placeholder(slot) => filled.push_str(&form(values.get(*slot)?)),
            }
        }
        Some(filled)
    }

    fn decoded(self) -> Option<Self> {
        let pieces = self.0.into_iter().map(|piece| match piece {
            TemplatePiece::Plain(plain) => Some(TemplatePiece::Plain(decoded(&plain)?.into())),
            TemplatePiece::Placeholder(slot) => Some(TemplatePiece::Placeholder(slot)),
        });
        pieces.collect::<Option<_>>().map(Self)
    }
}

#[expect(clippy::option_option, reason = "no plain piece is not a bad one")]
fn plain_piece(plain: &str) -> Option<Option<TemplatePiece>> {
    let good = !plain.contains('}');
    good.then(|| (!plain.is_empty()).then(|| TemplatePiece::Plain(plain.into())))
}

fn decoded(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(Into::into)
}

/// A path with places for values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PathTemplate(TextTemplate);

impl PathTemplate {
    /// Parses a path that begins with a slash; its fixed parts stand as they are sent.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let sound = |piece: &TemplatePiece| match piece {
            TemplatePiece::Plain(plain) => plain
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'\\' | b'"' | b'<' | b'>')),
            TemplatePiece::Placeholder(_) => true,
        };
        let path = TextTemplate::parse(text)?;
        let steps = text.strip_prefix('/')?;
        let steps = steps.strip_suffix('/').unwrap_or(steps);
        let good = (steps.is_empty() || is_segment(steps)) && path.0.iter().all(sound);
        good.then_some(Self(path))
    }

    pub(crate) const fn text(&self) -> &TextTemplate {
        &self.0
    }

    /// The path; `None` when a value is not given, or cannot be sent in a path ([`is_segment`]).
    pub(crate) fn fill(&self, values: &TemplateValues<'_>) -> Option<String> {
        let can_be_sent = |value: &str| is_segment(value);
        if !self.0.slots().all(|slot| values.get(slot).is_some_and(can_be_sent)) {
            return None;
        }
        self.0.fill(values, encoded)
    }
}

/// Pairs of a query or a form, with places for values; a pair whose value is not given is left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct PairsTemplate(Vec<(Box<str>, TextTemplate)>);

impl PairsTemplate {
    /// Parses `name={email}&other=fixed`, where fixed parts are percent-encoded as needed.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let pair = |text: &str| {
            let (name, value) = text.split_once('=')?;
            let name = decoded(name).filter(|name| !name.is_empty() && !name.contains(['{', '}']))?;
            Some((name.into(), TextTemplate::parse(value)?.decoded()?))
        };
        text.split('&').map(pair).collect::<Option<_>>().map(Self)
    }

    pub(crate) fn texts(&self) -> impl Iterator<Item = &TextTemplate> {
        self.0.iter().map(|(_, text)| text)
    }

    pub(crate) fn fill(&self, values: &TemplateValues<'_>) -> Vec<(String, String)> {
        let filled =
            |(name, text): &(Box<str>, TextTemplate)| Some((name.to_string(), text.fill(values, str::to_owned)?));
        self.0.iter().filter_map(filled).collect()
    }
}

/// A JSON object with places for values within its texts; a member whose value is not given is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JsonTemplate(Vec<(Box<str>, JsonNode)>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum JsonNode {
    Fixed(Value),
    TextTemplate(TextTemplate),
    List(Vec<Self>),
    Object(Vec<(Box<str>, Self)>),
}

impl JsonTemplate {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match serde_json::from_str(text).ok()? {
            Value::Object(members) => Some(Self(nodes(members)?)),
            _ => None,
        }
    }

    /// Without members.
    pub(crate) const fn empty() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn texts(&self) -> Vec<&TextTemplate> {
        fn gather<'a>(node: &'a JsonNode, into: &mut Vec<&'a TextTemplate>) {
            match node {
                JsonNode::Fixed(_) => {}
                JsonNode::TextTemplate(text) => into.push(text),
                JsonNode::List(entries) => entries.iter().for_each(|entry| gather(entry, into)),
                JsonNode::Object(members) => members.iter().for_each(|(_, member)| gather(member, into)),
            }
        }
        let mut texts = Vec::new();
        self.0.iter().for_each(|(_, member)| gather(member, &mut texts));
        texts
    }

    pub(crate) fn fill(&self, values: &TemplateValues<'_>) -> Map<String, Value> {
        fill_members(&self.0, values)
    }
}

fn nodes(members: Map<String, Value>) -> Option<Vec<(Box<str>, JsonNode)>> {
    let member = |(name, value): (String, Value)| Some((name.into(), JsonNode::from_value(value)?));
    members.into_iter().map(member).collect()
}

fn fill_members(members: &[(Box<str>, JsonNode)], values: &TemplateValues<'_>) -> Map<String, Value> {
    let filled = |(name, node): &(Box<str>, JsonNode)| Some((name.to_string(), node.fill(values)?));
    members.iter().filter_map(filled).collect()
}

impl JsonNode {
    fn from_value(value: Value) -> Option<Self> {
        Some(match value {
            Value::String(text) => Self::TextTemplate(TextTemplate::parse(&text)?),
            Value::Array(entries) => Self::List(entries.into_iter().map(Self::from_value).collect::<Option<_>>()?),
            Value::Object(members) => Self::Object(nodes(members)?),
            fixed => Self::Fixed(fixed),
        })
    }

    fn fill(&self, values: &TemplateValues<'_>) -> Option<Value> {
        Some(match self {
            Self::Fixed(value) => value.clone(),
            Self::TextTemplate(text) => Value::String(text.fill(values, str::to_owned)?),
            Self::List(entries) => entries.iter().filter_map(|entry| entry.fill(values)).collect(),
            Self::Object(members) => Value::Object(fill_members(members, values)),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn about(id: &str) -> TemplateValues<'_> {
        TemplateValues {
            id: Some(id),
            email: Some(id),
            ..TemplateValues::default()
        }
    }

    #[test]
    fn missing_value_removes_its_member() {
        let pairs = PairsTemplate::parse("email={email}&firstName={firstName}&site=a%26b").unwrap();
        let filled = pairs.fill(&about("x"));
        assert_eq!(
            filled,
            [("email".into(), "x".into()), ("site".into(), "a&b".to_owned())]
        );
        let body = JsonTemplate::parse(r#"{"where": [{"email": "{email}"}, {"last": "{lastName}"}], "n": 1}"#).unwrap();
        assert_eq!(
            Value::Object(body.fill(&about("x"))),
            json!({"where": [{"email": "x"}, {}], "n": 1})
        );
        let path = PathTemplate::parse("/users/{id}/profile").unwrap();
        assert_eq!(path.fill(&about("a b")).as_deref(), Some("/users/a%20b/profile"));
        assert_eq!(path.fill(&TemplateValues::default()), None);
    }

    #[test]
    fn invalid_template_is_rejected() {
        for bad in ["{", "}", "{}", "{ID}", "{id", "id}", "{{id}}", "{secret}"] {
            assert_eq!(TextTemplate::parse(bad), None, "{bad}");
        }
        for bad in [
            "users",
            "/a b",
            "/a?b",
            "/a#b",
            "/../b",
            "/a/./b",
            "/a\\b",
            "/ä",
            "/a//b",
            "/%2e%2E/b",
            "/a/%2E/",
        ] {
            assert_eq!(PathTemplate::parse(bad), None, "{bad}");
        }
        for bad in ["", "a", "=b", "a=b&", "{id}=b", "a=%ff"] {
            assert_eq!(PairsTemplate::parse(bad), None, "{bad}");
        }
        for bad in ["", "[]", "1", "{", r#"{"a": "{"}"#] {
            assert_eq!(JsonTemplate::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn path_traversing_id_is_not_sent() {
        let path = PathTemplate::parse("/users/{id}").unwrap();
        for bad in [
            ".", "..", "../admin", "a/../b", "a\\..\\b", "a/.", "%2e", "a//b", "..;a",
        ] {
            assert_eq!(path.fill(&about(bad)), None, "{bad}");
        }
        assert_eq!(path.fill(&about("a/b.c")).as_deref(), Some("/users/a%2Fb.c"));
    }

    proptest! {
        #[test]
        fn values_never_change_request_structure(value in "\\PC{1,40}|[\\x00-\\x7f]{1,40}|[\"\\\\{}&=#?/%+;.]{1,20}") {
            let values = about(&value);
            if let Some(path) = PathTemplate::parse("/a/{id}/b").unwrap().fill(&values) {
                let steps: Vec<&str> = path.split('/').collect();
                prop_assert_eq!((steps.len(), steps[1], steps[3]), (4, "a", "b"));
                prop_assert!(path.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#&=\"\\".contains(&byte)));
                prop_assert_eq!(percent_decode_str(steps[2]).decode_utf8().unwrap(), value.as_str());
            }
            let pairs = PairsTemplate::parse("x={email}&fixed=1").unwrap().fill(&values);
            prop_assert_eq!(pairs, [("x".to_owned(), value.clone()), ("fixed".to_owned(), "1".to_owned())]);
            let body = JsonTemplate::parse(r#"{"q": {"is": "{email}"}, "fixed": true}"#).unwrap().fill(&values);
            let written = Value::Object(body).to_string();
            let read: Value = serde_json::from_str(&written).unwrap();
            prop_assert_eq!(read, json!({"q": {"is": value}, "fixed": true}));
        }
    }
}

//! Paths into a row: `profile.email`, `mail[1]`, `emails[primary=true].value`.

use crate::json::Json;

/// A path. A member whose whole name is the path comes first, such as a CSV column `profile.email`.
#[derive(Debug)]
pub(super) struct Path {
    text: Box<str>,
    steps: Box<[Step]>,
    any_case: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The member of this name.
    Key(Box<str>),
    /// The element at this place, from 0.
    Index(usize),
    /// The first element whose member has this value.
    Where(Box<str>, Box<str>),
}

impl Path {
    pub(super) fn parse(text: &str, any_case: bool) -> Result<Self, String> {
        let invalid = || format!("not a path: {text}");
        let mut steps = Vec::new();
        for part in text.split('.') {
            let (key, mut selectors) = part.find('[').map_or((part, ""), |at| part.split_at(at));
            if key.is_empty() {
                return Err(invalid());
            }
            steps.push(Step::Key(key.into()));
            while let Some(rest) = selectors.strip_prefix('[') {
                let (selector, rest) = rest.split_once(']').ok_or_else(invalid)?;
                steps.push(match selector.split_once('=') {
                    Some((member, value)) => Step::Where(member.into(), value.into()),
                    None => Step::Index(selector.parse().map_err(|_| invalid())?),
                });
                selectors = rest;
            }
            if !selectors.is_empty() {
                return Err(invalid());
            }
        }
        Ok(Self {
            text: text.into(),
            steps: steps.into(),
            any_case,
        })
    }

    /// The path as it was written.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The value at the path.
    pub(super) fn find<'r, 'j>(&self, row: &'r Json<'j>) -> Option<&'r Json<'j>> {
        let member = |value: &'r Json<'j>, key: &str| {
            if self.any_case {
                value.get_in_any_case(key)
            } else {
                value.get(key)
            }
        };
        if self.steps.len() > 1
            && let Some(value) = member(row, &self.text)
        {
            return Some(value);
        }
        let mut value = row;
        for step in &self.steps {
            value = match (step, value) {
                (Step::Key(key), value) => member(value, key)?,
                (Step::Index(at), Json::List(elements)) => elements.get(*at)?,
                (Step::Where(name, wanted), Json::List(elements)) => elements.iter().find(|element| {
                    let found = element.get(name).and_then(Json::text);
                    found.is_some_and(|found| found.eq_ignore_ascii_case(wanted))
                })?,
                _ => return None,
            };
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_at_path_is_found() {
        let row = Json::parse(
            r#"{"a":{"b":"1"},"l":["x","y"],"e":[{"k":"w","v":"2"},{"k":"H","p":true,"v":"3"}],"a.c":"4","c:d":"5"}"#,
        )
        .unwrap();
        for (path, value) in [
            ("a.b", Some("1")),
            ("a.c", Some("4")),
            ("l[1]", Some("y")),
            ("l", Some("x")),
            ("e[k=h].v", Some("3")),
            ("e[p=true].v", Some("3")),
            ("e[0].v", Some("2")),
            ("c:d", Some("5")),
            ("e[k=z].v", None),
            ("l[2]", None),
            ("a.b.c", None),
            ("a[0]", None),
            ("A.b", None),
        ] {
            let found = Path::parse(path, false).unwrap();
            assert_eq!(found.find(&row).and_then(Json::text), value, "{path}");
        }
        let any_case = Path::parse("A.B", true).unwrap();
        assert_eq!(any_case.find(&row).and_then(Json::text), Some("1"));
    }

    #[test]
    fn broken_path_is_an_error() {
        for path in ["", ".", "a..b", "a[", "a[x]", "a[0]b", "[0]"] {
            assert!(Path::parse(path, false).is_err(), "{path}");
        }
    }
}

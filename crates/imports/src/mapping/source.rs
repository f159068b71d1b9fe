//! A source of a field: a path, and what is done with its value.

use std::borrow::Cow;

use masthead_domain::email::EmailKey;
use time::format_description::{self, OwnedFormatItem};

use super::{
    document::{MemberToml, SourceToml},
    path::Path,
};
use crate::{
    json::Json,
    time_text::{TimeText, parse_time, parse_time_as, to_text},
};

#[derive(Debug)]
pub(super) struct Source {
    input: Input,
    prefix: Option<String>,
    split: Option<char>,
    unless: Vec<String>,
    is_address: bool,
    is_time: bool,
    form: Option<OwnedFormatItem>,
    listed_in: Option<Path>,
    is_date: bool,
    replace: Option<[String; 2]>,
}

#[derive(Debug)]
enum Input {
    Path(Path),
    /// Year, month and day.
    Date([Path; 3]),
    Object(Vec<(String, Member)>),
}

#[derive(Debug)]
enum Member {
    Number(u64),
    Path(Path),
}

impl Source {
    /// `allowed` are the keys that make sense for the field, besides the path.
    pub(super) fn compile(toml: SourceToml, allowed: &[&str], any_case: bool) -> Result<Self, String> {
        let table = toml.0;
        let used = [
            ("parts", table.parts.is_some()),
            ("object", table.object.is_some()),
            ("prefix", table.prefix.is_some()),
            ("split", table.split.is_some()),
            ("unless", !table.unless.is_empty()),
            ("address", table.address),
            ("time", table.time),
            ("form", table.form.is_some()),
            ("listed_in", table.listed_in.is_some()),
            ("date", table.date),
            ("replace", table.replace.is_some()),
        ];
        if let Some((name, _)) = used.iter().find(|(name, used)| *used && !allowed.contains(name)) {
            return Err(format!("{name} has no meaning here"));
        }
        let path = |text: &str| Path::parse(text, any_case);
        let input = match (table.path, table.parts, table.object) {
            (Some(text), None, None) => Input::Path(path(&text)?),
            (None, Some([year, month, day]), None) => Input::Date([path(&year)?, path(&month)?, path(&day)?]),
            (None, None, Some(members)) => {
                let member = |(name, member): (String, MemberToml)| {
                    let member = match member {
                        MemberToml::Number(number) => Member::Number(number),
                        MemberToml::Path(text) => Member::Path(path(&text)?),
                    };
                    Ok::<_, String>((name, member))
                };
                Input::Object(members.into_iter().map(member).collect::<Result<_, _>>()?)
            }
            _ => return Err("one of path, parts and object".to_owned()),
        };
        let form = table.form.map(|form| {
            let parsed = format_description::parse_owned::<2>(&form);
            parsed.map_err(|error| format!("form: {error}"))
        });
        Ok(Self {
            input,
            prefix: table.prefix,
            split: table.split,
            unless: table.unless,
            is_address: table.address,
            is_time: table.time,
            form: form.transpose()?,
            listed_in: table.listed_in.map(|text| path(&text)).transpose()?,
            is_date: table.date,
            replace: table.replace,
        })
    }

    /// The paths that it reads.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        let paths: Vec<&Path> = match &self.input {
            Input::Path(path) => vec![path],
            Input::Date(parts) => parts.iter().collect(),
            Input::Object(members) => members
                .iter()
                .filter_map(|(_, member)| match member {
                    Member::Path(path) => Some(path),
                    Member::Number(_) => None,
                })
                .collect(),
        };
        paths.into_iter().chain(&self.listed_in)
    }

    /// The value at its path.
    pub(super) fn value<'r, 'j>(&self, row: &'r Json<'j>) -> Option<&'r Json<'j>> {
        match &self.input {
            Input::Path(path) => path.find(row),
            Input::Date(_) | Input::Object(_) => None,
        }
    }

    /// The value as text; `None` if it is unset. Blanks around it are left out where an address is wanted.
    pub(super) fn text<'r>(&self, row: &'r Json<'_>) -> Option<Cow<'r, str>> {
        let text = match &self.input {
            Input::Path(path) => {
                let texts = path.find(row)?.texts();
                let parts = texts.flat_map(|text| text.split(move |char| Some(char) == self.split));
                Cow::Borrowed(parts.map(|part| self.trimmed(part)).find(|part| self.is_wanted(part))?)
            }
            Input::Date([year, month, day]) => {
                let part = |path: &Path| path.find(row)?.text();
                Cow::Owned(format!("{:0>4}-{:0>2}-{:0>2}", part(year)?, part(month)?, part(day)?))
            }
            Input::Object(_) => return None,
        };
        if self.is_time {
            return match self.time_of(&text) {
                TimeText::Moment(moment) => to_text(moment).map(Cow::Owned),
                TimeText::Unset => None,
                TimeText::Unreadable => Some(text),
            };
        }
        let text = match &self.replace {
            Some([from, to]) => Cow::Owned(text.replace(&**from, to)),
            None => text,
        };
        Some(match &self.prefix {
            Some(prefix) if !text.starts_with(&**prefix) => Cow::Owned(format!("{prefix}{text}")),
            _ => text,
        })
    }

    fn trimmed<'t>(&self, text: &'t str) -> &'t str {
        if self.split.is_some() || self.is_address {
            text.trim()
        } else {
            text
        }
    }

    fn is_wanted(&self, text: &str) -> bool {
        let is_unwanted = self.unless.iter().any(|part| text.contains(&**part));
        !text.is_empty() && !is_unwanted && (!self.is_address || EmailKey::parse(text).is_ok())
    }

    /// The time; `None` if the value is unset.
    pub(super) fn time(&self, row: &Json<'_>) -> Option<TimeText> {
        Some(self.time_of(self.value(row)?.text()?))
    }

    fn time_of(&self, text: &str) -> TimeText {
        match &self.form {
            Some(form) => parse_time_as(text, form),
            None => parse_time(text),
        }
    }

    /// Whether the value is explicitly true; `None` if it is unset.
    pub(super) fn truth(&self, row: &Json<'_>, email: Option<&EmailKey>) -> Option<bool> {
        let text = match self.value(row)? {
            value if self.is_date && value.is_unset() => return Some(false),
            value => value.text()?,
        };
        let is_true = if self.is_date {
            matches!(self.time_of(text), TimeText::Moment(_))
        } else {
            text.eq_ignore_ascii_case("true") || text == "1"
        };
        let is_listed = match &self.listed_in {
            None => true,
            Some(list) => {
                let is_email = |text: &str| Some(&EmailKey::from_text(text)) == email;
                list.find(row).is_some_and(|list| list.texts().any(is_email))
            }
        };
        Some(is_true && is_listed)
    }

    /// The text of a hash: the value, or the object as JSON. `None` if it, or a member, is unset.
    pub(super) fn hash_text<'r>(&self, row: &'r Json<'_>) -> Option<Cow<'r, str>> {
        match &self.input {
            Input::Path(path) => match path.find(row)? {
                object @ Json::Object(_) if !object.is_unset() => Some(Cow::Owned(object.to_string())),
                value => value.text().map(Cow::Borrowed),
            },
            Input::Date(_) => None,
            Input::Object(members) => {
                let member = |(name, member): &(String, Member)| {
                    let value = match member {
                        Member::Number(number) => Json::Number(Cow::Owned(number.to_string())),
                        Member::Path(path) => path.find(row).filter(|value| !value.is_unset())?.clone(),
                    };
                    Some((Cow::Owned(name.clone()), value))
                };
                let members = members.iter().map(member).collect::<Option<Vec<_>>>()?;
                Some(Cow::Owned(Json::Object(members).to_string()))
            }
        }
    }
}

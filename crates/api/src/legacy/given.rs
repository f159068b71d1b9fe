//! The text after `?` of a legacy call, each parameter checked against its row of the table.

use std::{borrow::Cow, fmt};

use crate::{
    code::Code,
    parameters::{
        InvalidParameter,
        given::{flag, number},
        invalid::Shown,
        query::{Plus, decoded, plus_for_blank},
    },
};

use super::parameters::{Call, Kind, Parameter, Spec, TABLE, TYPES, find};

/// A request that cannot be asked; it never repeats a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Invalid {
    /// As v4 says it.
    Parameter(InvalidParameter),
    /// Not of the form that the table names.
    BadForm(&'static str, Kind),
    /// A call cannot do without it.
    Missing(&'static str),
    /// The type in the path is none.
    PathType,
    /// `Type` and `LookupInUserProvider` say different things.
    Contradiction,
}

impl Invalid {
    pub(super) const CODE: Code = Code::E400_02;
}

impl From<InvalidParameter> for Invalid {
    fn from(invalid: InvalidParameter) -> Self {
        Self::Parameter(invalid)
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter(invalid) => invalid.fmt(f),
            Self::BadForm(name, kind) => write!(f, "{name} must be {kind}"),
            Self::Missing(name) => write!(f, "{name} is missing"),
            Self::PathType => write!(f, "type in the path must be {}", Kind::Choice(&TYPES)),
            Self::Contradiction => f.write_str("Type and LookupInUserProvider contradict each other"),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("true or false"),
            Self::Number { min, max } => write!(f, "a whole number from {min} to {max}"),
            Self::EmailText { max_bytes } => write!(f, "1 to {max_bytes} bytes"),
            Self::Sealed { .. } => f.write_str("a text that was answered by this service"),
            Self::Choice(words) => match words.split_last() {
                Some((last, others)) => write!(f, "{} or {last}", others.join(", ")),
                None => Ok(()),
            },
        }
    }
}

/// A value of the form that its row names.
#[derive(Debug)]
enum Value<'a> {
    Flag(bool),
    Number(u32),
    Text(Cow<'a, str>),
    /// The place of the word in its row.
    Choice(usize),
}

/// What a request gives: at most one value for each parameter.
#[derive(Debug, Default)]
pub(super) struct Given<'a> {
    values: [Option<Value<'a>>; TABLE.len()],
}

impl<'a> Given<'a> {
    /// Reads a query string; `None` where it holds no parameter at all.
    pub(super) fn of(query: &'a str, call: Call, ignore_unknown: bool) -> Result<Option<Self>, Invalid> {
        let mut given = Self::default();
        let mut pairs = query.split('&').filter(|pair| !pair.is_empty()).peekable();
        if pairs.peek().is_none() {
            return Ok(None);
        }
        for pair in pairs {
            let (raw_name, raw_value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = match decoded(raw_name, Plus::Blank) {
                Some(name) => name,
                None if ignore_unknown => continue,
                None => return Err(InvalidParameter::BadEncoding(raw_name.into()).into()),
            };
            match find(&name, call) {
                Some(spec) => given.put(spec, raw_value)?,
                None if ignore_unknown => {}
                None => return Err(InvalidParameter::Unknown(Shown::from(&*name)).into()),
            }
        }
        let missing = TABLE
            .iter()
            .find(|spec| spec.required == Some(call) && given.values[spec.id as usize].is_none());
        match missing {
            Some(spec) => Err(Invalid::Missing(spec.name)),
            None => Ok(Some(given)),
        }
    }

    fn put(&mut self, spec: &'static Spec, raw: &'a str) -> Result<(), Invalid> {
        let plus = match spec.kind {
            Kind::EmailText { .. } => Plus::Kept,
            Kind::Flag | Kind::Number { .. } | Kind::Sealed { .. } | Kind::Choice(_) => Plus::Blank,
        };
        let name = || Shown::from(spec.name);
        let text = decoded(raw, plus).ok_or_else(|| InvalidParameter::BadEncoding(name()))?;
        let text = match spec.kind {
            Kind::EmailText { .. } => plus_for_blank(text),
            _ => text,
        };
        if text.is_empty() {
            return Err(InvalidParameter::Empty(name()).into());
        }
        if text.contains('\0') {
            return Err(InvalidParameter::HoldsNul(name()).into());
        }
        let slot = &mut self.values[spec.id as usize];
        if slot.is_some() {
            return Err(InvalidParameter::Repeated(name()).into());
        }
        let value = match spec.kind {
            Kind::Flag => flag(&text).map(Value::Flag),
            Kind::Number { min, max } => number(&text)
                .filter(|number| (min..=max).contains(number))
                .map(Value::Number),
            Kind::EmailText { max_bytes } => (text.len() <= max_bytes).then_some(Value::Text(text)),
            // How long it is, is no secret, but one answer for every cause is simpler to trust.
            Kind::Sealed { .. } => Some(Value::Text(text)),
            Kind::Choice(words) => words
                .iter()
                .position(|word| word.eq_ignore_ascii_case(&text))
                .map(Value::Choice),
        };
        *slot = Some(value.ok_or(Invalid::BadForm(spec.name, spec.kind))?);
        Ok(())
    }

    pub(super) fn flag(&self, name: Parameter) -> Option<bool> {
        match self.values[name as usize] {
            Some(Value::Flag(flag)) => Some(flag),
            _ => None,
        }
    }

    pub(super) fn number(&self, name: Parameter) -> Option<u32> {
        match self.values[name as usize] {
            Some(Value::Number(number)) => Some(number),
            _ => None,
        }
    }

    pub(super) fn text(&self, name: Parameter) -> Option<&str> {
        match &self.values[name as usize] {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The chosen word, as the table spells it.
    pub(super) fn choice(&self, name: Parameter) -> Option<&'static str> {
        match (&self.values[name as usize], TABLE[name as usize].kind) {
            (Some(Value::Choice(place)), Kind::Choice(words)) => words.get(*place).copied(),
            _ => None,
        }
    }
}

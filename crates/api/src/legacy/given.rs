//! The text after `?` of a legacy call, each parameter checked against its row of the table.

use std::fmt;

use crate::{
    code::Code,
    parameters::{
        InvalidParameter,
        invalid::Shown,
        kind::{Kind, Values},
        query::{Plus, decoded},
    },
};

use super::parameters::{Call, Parameter, Spec, TABLE, TYPES, find};

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

/// What a request gives: at most one value for each parameter.
#[derive(Debug, Default)]
pub(super) struct Given<'a> {
    values: Values<'a, { TABLE.len() }>,
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
            .find(|spec| spec.required == Some(call) && !given.values.has(spec.id as usize));
        match missing {
            Some(spec) => Err(Invalid::Missing(spec.name)),
            None => Ok(Some(given)),
        }
    }

    fn put(&mut self, spec: &'static Spec, raw: &'a str) -> Result<(), Invalid> {
        let name = || Shown::from(spec.name);
        let text = spec
            .kind
            .decoded(raw)
            .ok_or_else(|| InvalidParameter::BadEncoding(name()))?;
        if text.is_empty() {
            return Err(InvalidParameter::Empty(name()).into());
        }
        if text.contains('\0') {
            return Err(InvalidParameter::HoldsNul(name()).into());
        }
        if self.values.has(spec.id as usize) {
            return Err(InvalidParameter::Repeated(name()).into());
        }
        let value = spec.kind.value(text).ok_or(Invalid::BadForm(spec.name, spec.kind))?;
        self.values.put(spec.id as usize, value);
        Ok(())
    }

    pub(super) fn flag(&self, name: Parameter) -> Option<bool> {
        self.values.flag(name as usize)
    }

    pub(super) fn number(&self, name: Parameter) -> Option<u32> {
        self.values.number(name as usize)
    }

    pub(super) fn text(&self, name: Parameter) -> Option<&str> {
        self.values.text(name as usize)
    }

    /// The chosen word, as the table spells it.
    pub(super) fn choice(&self, name: Parameter) -> Option<&'static str> {
        self.values.choice(name as usize)
    }
}

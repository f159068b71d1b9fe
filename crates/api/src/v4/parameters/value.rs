//! One value of a request on its way into a typed slot.

use std::borrow::Cow;

use super::{
    error::{EchoedName, ParameterError},
    kind::{ParameterKind, ParameterSpec},
};
use crate::http::percent::{Plus, decode, decode_email};

/// The decoded text of a parameter: not empty, and without NUL.
#[derive(Debug)]
pub(crate) struct ParameterValue<'a> {
    name: &'static str,
    kind: ParameterKind,
    text: Cow<'a, str>,
}

impl<'a> ParameterValue<'a> {
    /// Decodes a value of a query string.
    pub(crate) fn from_encoded(spec: &ParameterSpec, raw: &'a str) -> Result<Self, ParameterError> {
        let text = match spec.kind {
            ParameterKind::EmailText { .. } => decode_email(raw),
            _ => decode(raw, Plus::Blank),
        };
        let text = text.ok_or(ParameterError::BadEncoding(EchoedName::known(spec.name)))?;
        Self::from_text(spec, text)
    }

    /// Takes a decoded value.
    pub(crate) fn from_text(spec: &ParameterSpec, text: Cow<'a, str>) -> Result<Self, ParameterError> {
        if text.is_empty() {
            return Err(ParameterError::Empty(EchoedName::known(spec.name)));
        }
        if text.contains('\0') {
            return Err(ParameterError::ContainsNul(EchoedName::known(spec.name)));
        }
        Ok(Self {
            name: spec.name,
            kind: spec.kind,
            text,
        })
    }

    /// Parses `true` or `false`.
    pub(crate) fn put_flag(self, slot: &mut Option<bool>) -> Result<(), ParameterError> {
        self.put_choice(slot, &[("true", true), ("false", false)])
    }

    /// Parses a number within the bounds of its kind, in decimal digits without a sign.
    pub(crate) fn put_number<T>(
        self,
        slot: &mut Option<T>,
        convert: impl FnOnce(u32) -> Option<T>,
    ) -> Result<(), ParameterError> {
        let ParameterKind::Number { min, max } = self.kind else {
            return Err(self.bad_form());
        };
        self.put(slot, |text| {
            let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit());
            let number = is_decimal.then(|| text.parse().ok())??;
            (min..=max).contains(&number).then(|| convert(number))?
        })
    }

    /// Takes the text as it is.
    pub(crate) fn put_text(self, slot: &mut Option<Cow<'a, str>>) -> Result<(), ParameterError> {
        self.put(slot, Some)
    }

    /// Parses one of these words, in any case.
    pub(crate) fn put_choice<T: Copy>(
        self,
        slot: &mut Option<T>,
        choices: &[(&'static str, T)],
    ) -> Result<(), ParameterError> {
        self.put(slot, |text| {
            let chosen = choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(&text));
            chosen.map(|(_, value)| *value)
        })
    }

    /// Parses the text, within the length of its kind; `None` is a text of another form.
    pub(crate) fn put<T>(
        mut self,
        slot: &mut Option<T>,
        parse: impl FnOnce(Cow<'a, str>) -> Option<T>,
    ) -> Result<(), ParameterError> {
        if slot.is_some() {
            return Err(ParameterError::Repeated(EchoedName::known(self.name)));
        }
        let text = std::mem::take(&mut self.text);
        let fits = self.kind.max_bytes().is_none_or(|most| text.len() <= most);
        *slot = if fits { parse(text) } else { None };
        if slot.is_some() { Ok(()) } else { Err(self.bad_form()) }
    }

    const fn bad_form(&self) -> ParameterError {
        ParameterError::BadForm(self.name, self.kind)
    }
}

//! Settings as they are read: the tenant's before the preset's, with the mistakes found so far.

use std::collections::BTreeMap;

use super::{
    error::GenericSettingError,
    table::{position, spec_of},
};
use crate::{
    mapping::Pointers,
    pointer::{Pointer, PointerError},
    preset::Preset,
};

pub(super) struct PresetReader<'a> {
    preset: &'a Preset,
    /// By name without the provider's; no value is empty.
    values: BTreeMap<&'a str, &'a str>,
    pub(super) mistakes: Vec<GenericSettingError>,
}

impl<'a> PresetReader<'a> {
    /// Takes the tenant's settings whose name begins with the provider's, and the preset's for the others.
    pub(super) fn new(preset: &'a Preset, settings: &'a BTreeMap<Box<str>, Box<str>>) -> Self {
        let own: BTreeMap<&str, &str> = settings
            .iter()
            .filter_map(|(name, value)| {
                let key = name.strip_prefix(preset.name)?.strip_prefix('.')?;
                Some((key, value.trim()))
            })
            .collect();
        let mut reading = Self {
            preset,
            values: BTreeMap::new(),
            mistakes: Vec::new(),
        };
        let from_nothing = own.get("Preset") == Some(&"none");
        if !from_nothing {
            reading.values.extend(preset.settings.iter().copied());
            for must in preset.must.iter().filter(|must| !own.contains_key(*must)) {
                reading.missing(must);
            }
        }
        reading.values.extend(own);
        reading.values.retain(|_, value| !value.is_empty());
        reading
    }

    pub(super) fn is_set(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    pub(super) fn text<T>(&mut self, key: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let value = parse(self.values.get(key)?);
        if value.is_none() {
            self.bad(key);
        }
        value
    }

    pub(super) fn required<T>(&mut self, key: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        if !self.is_set(key) {
            self.missing(key);
        }
        self.text(key, parse)
    }

    pub(super) fn pointer(&mut self, key: &str) -> Option<Pointer> {
        let text = *self.values.get(key)?;
        self.pointed(key, text)
    }

    pub(super) fn required_pointer(&mut self, key: &str) -> Option<Pointer> {
        if !self.is_set(key) {
            self.missing(key);
        }
        self.pointer(key)
    }

    /// Pointers with commas between them; none when it is not set.
    pub(super) fn pointers(&mut self, key: &str) -> Pointers {
        let Some(text) = self.values.get(key).copied() else {
            return Pointers::new();
        };
        text.split(',')
            .filter_map(|one| self.pointed(key, one.trim()))
            .collect()
    }

    fn pointed(&mut self, key: &str, text: &str) -> Option<Pointer> {
        match Pointer::parse(text) {
            Ok(pointer) => Some(pointer),
            Err(PointerError::NoPointer) => {
                self.bad(key);
                None
            }
            Err(PointerError::SessionGrade) => {
                let name = self.name(key);
                self.mistakes.push(GenericSettingError::SessionGrade(name));
                None
            }
        }
    }

    /// The settings of a family, `Param.*`: what stands for the star, and the whole key.
    pub(super) fn family(&self, family: &str) -> Vec<(&'a str, &'a str)> {
        let members = self
            .values
            .keys()
            .filter_map(|key| Some((key.strip_prefix(family)?, *key)));
        members.filter(|(rest, _)| !rest.is_empty()).collect()
    }

    pub(super) fn bad(&mut self, key: &str) {
        let expected = spec_of(key).map_or("", |spec| spec.values);
        let name = self.name(key);
        self.mistakes.push(GenericSettingError::BadValue { name, expected });
    }

    pub(super) fn missing(&mut self, key: &str) {
        let meaning = spec_of(key).map_or("", |spec| spec.meaning);
        let name = self.name(key);
        self.mistakes.push(GenericSettingError::Missing { name, meaning });
    }

    pub(super) fn places(&mut self, key: &str, problem: &'static str) {
        let name = self.name(key);
        self.mistakes.push(GenericSettingError::Pointers { name, problem });
    }

    pub(super) fn name(&self, key: &str) -> Box<str> {
        format!("{}.{key}", self.preset.name).into()
    }

    pub(super) fn unknown_names(&mut self) {
        let keys: Vec<&str> = self.values.keys().copied().collect();
        for key in keys {
            let name = self.name(key);
            if matches!(key, "Secret" | "ClientSecret" | "Password" | "Token") {
                self.mistakes.push(GenericSettingError::SecretInSettings(name));
            } else if spec_of(key).is_none() {
                self.mistakes.push(GenericSettingError::UnknownName(name));
            }
        }
    }

    /// Every mistake once, in the order of the table.
    pub(super) fn into_errors(self) -> Vec<GenericSettingError> {
        let mut mistakes = self.mistakes;
        let before = self.preset.name.len() + 1;
        mistakes.sort_by_key(|mistake| position(mistake.name().get(before..).unwrap_or_default()));
        mistakes.dedup();
        mistakes
    }
}

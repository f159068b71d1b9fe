//! Reads settings, the tenant's before the preset's, and the pointers and calls in them.

use std::collections::BTreeMap;

use http::Method;
use masthead_provider_kit::{SettingMap, SettingReader};

use super::table::SETTINGS;
use crate::{
    mapping::Pointers,
    operation::{BodyTemplate, OperationTemplate},
    pointer::{Pointer, PointerError},
    preset::Preset,
    template::{PairsTemplate, PathTemplate},
};

/// A reader of the tenant's settings for this provider, and the preset's for the others. No value is empty.
pub(super) fn preset_reader<'a>(preset: &'a Preset, settings: &'a SettingMap) -> SettingReader<'a> {
    let own = settings.iter().filter_map(|(name, value)| {
        let key = name.strip_prefix(preset.name)?.strip_prefix('.')?;
        Some((key, value.trim()))
    });
    let own: BTreeMap<&str, &str> = own.collect();
    let uses_preset = own.get("Preset") != Some(&"none");
    let given = preset.settings.iter().copied().filter(|_| uses_preset);
    let mut values: BTreeMap<&str, &str> = given.chain(own.clone()).collect();
    values.retain(|_, value| !value.is_empty());
    let mut reading = SettingReader::with_prefix(format!("{}.", preset.name), values, &SETTINGS);
    for must in preset
        .must
        .iter()
        .filter(|must| uses_preset && !own.contains_key(*must))
    {
        reading.missing(must);
    }
    reading
}

pub(super) fn pointer(reading: &mut SettingReader<'_>, key: &str) -> Option<Pointer> {
    let text = reading.value(key)?;
    parse_pointer(reading, key, text)
}

pub(super) fn required_pointer(reading: &mut SettingReader<'_>, key: &str) -> Option<Pointer> {
    if !reading.has(key) {
        reading.missing(key);
    }
    pointer(reading, key)
}

/// Pointers separated by commas; none when the setting is not set.
pub(super) fn pointers(reading: &mut SettingReader<'_>, key: &str) -> Pointers {
    let parts = reading.value(key).into_iter().flat_map(|text| text.split(','));
    parts
        .filter_map(|part| parse_pointer(reading, key, part.trim()))
        .collect()
}

/// The problem of a pointer to a credential of users, such as `masterId` or `PUID`: never returned, stored or logged.
pub(super) const SESSION_DATA: &str = "leads to what opens a session, which is never read";

fn parse_pointer(reading: &mut SettingReader<'_>, key: &str, text: &str) -> Option<Pointer> {
    match Pointer::parse(text) {
        Ok(pointer) => return Some(pointer),
        Err(PointerError::NoPointer) => reading.bad(key),
        Err(PointerError::SessionGrade) => reading.report(key, SESSION_DATA),
    }
    None
}

/// A call: its method, path, query and body.
pub(super) fn any_operation(
    reading: &mut SettingReader<'_>,
    of: &str,
    method: impl FnOnce(&str) -> Option<Method>,
    usual: Method,
) -> Option<OperationTemplate> {
    let key = |part: &str| format!("{of}.{part}");
    let method = reading.text(&key("Method"), method).unwrap_or(usual);
    let path = reading.required(&key("Path"), PathTemplate::parse);
    let query = reading.text(&key("Query"), PairsTemplate::parse).unwrap_or_default();
    let body = reading.text(&key("Body"), BodyTemplate::parse);
    if reading.has(&key("Body")) && method == Method::GET {
        reading.bad(&key("Body"));
    }
    Some(OperationTemplate {
        method,
        path: path?,
        query,
        body,
    })
}

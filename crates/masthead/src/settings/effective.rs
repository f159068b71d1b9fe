//! The settings in force, each with the layer that it comes from, as `masthead settings --effective` prints them.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

use super::{errors::environment_name, reference::REFERENCE, secret::is_secret};

/// The texts of the settings that a layer gives, by `section.key`.
pub(super) type LayerTexts = BTreeMap<String, String>;

/// The texts of all layers. It holds secrets, so it has no `Debug`.
#[derive(Default)]
pub(super) struct Layers {
    pub(super) reference: LayerTexts,
    pub(super) file: LayerTexts,
    pub(super) environment: LayerTexts,
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingLayer {
    /// The built-in reference.
    Default,
    /// The settings file.
    File,
    /// The environment.
    Environment,
}

/// A setting in force. `Display` is a line of TOML; a secret is not in it.
#[derive(Clone, PartialEq, Eq)]
pub struct EffectiveSetting {
    /// `section.key`
    pub key: String,
    /// Where it comes from.
    pub layer: SettingLayer,
    /// `None` for a secret that is set.
    value: Option<String>,
}

impl Layers {
    /// Every setting, in the order of the reference; those that the operator named come last in their section.
    pub(super) fn effective(&self) -> Vec<EffectiveSetting> {
        let order = order_of_reference();
        let place = |key: &str| {
            let exact = order.iter().position(|known| known == key);
            let section = || order.iter().rposition(|known| section(known) == section(key));
            exact.or_else(section).unwrap_or(order.len())
        };
        let mut keys: Vec<&String> = self
            .reference
            .keys()
            .chain(self.file.keys())
            .chain(self.environment.keys())
            .collect();
        keys.sort_by_key(|key| (place(key), *key));
        keys.dedup();
        keys.into_iter().filter_map(|key| self.effective_setting(key)).collect()
    }

    fn effective_setting(&self, key: &str) -> Option<EffectiveSetting> {
        let layers = [
            (&self.environment, SettingLayer::Environment),
            (&self.file, SettingLayer::File),
            (&self.reference, SettingLayer::Default),
        ];
        let (text, layer) = layers
            .into_iter()
            .find_map(|(texts, layer)| Some((texts.get(key)?, layer)))?;
        let is_hidden = is_secret(key) && !text.is_empty();
        Some(EffectiveSetting {
            key: key.to_owned(),
            layer,
            value: (!is_hidden).then(|| text.clone()),
        })
    }
}

fn section(key: &str) -> &str {
    key.rsplit_once('.').map_or("", |(section, _)| section)
}

/// The keys of the reference, and its tables without keys, in the order of its lines.
fn order_of_reference() -> Vec<String> {
    let mut order = Vec::new();
    let mut section = "";
    for line in REFERENCE.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
            order.push(format!("{name}."));
        } else if let Some((key, _)) = line.split_once('=')
            && !line.starts_with('#')
        {
            order.push(format!("{section}.{}", key.trim()));
        }
    }
    order
}

impl fmt::Display for EffectiveSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.key.rsplit_once('.').map_or(&*self.key, |(_, name)| name);
        match &self.value {
            Some(value) => write!(f, "{name} = {}", toml_text(value))?,
            None => write!(f, "{name} = \"<secret>\"")?,
        }
        match self.layer {
            SettingLayer::Default => Ok(()),
            SettingLayer::File => f.write_str("  # file"),
            SettingLayer::Environment => write!(f, "  # {}", environment_name(&self.key)),
        }
    }
}

impl EffectiveSetting {
    /// `[section]`, without brackets.
    #[must_use]
    pub fn section(&self) -> &str {
        section(&self.key)
    }
}

/// Numbers and booleans as they are, everything else as a basic string.
fn toml_text(value: &str) -> String {
    let is_plain =
        matches!(value, "true" | "false") || !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    if is_plain {
        return value.to_owned();
    }
    let mut text = String::from("\"");
    for c in value.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(text, "\\u{:04x}", u32::from(c));
            }
            c => text.push(c),
        }
    }
    text + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_printed_as_toml() {
        for (value, text) in [
            ("5", "5"),
            ("true", "true"),
            ("5s", "\"5s\""),
            ("", "\"\""),
            ("a\"b\\\n", "\"a\\\"b\\\\\\u000a\""),
        ] {
            assert_eq!(toml_text(value), text);
        }
    }

    #[test]
    fn reference_is_in_order() {
        let order = order_of_reference();
        assert_eq!(order[..2], ["http.", "http.listen"]);
        assert!(order.contains(&"sealing.keys.".to_owned()) && order.contains(&"metrics.listen".to_owned()));
    }
}

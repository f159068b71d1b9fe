//! The metadata of a row: keys of their own, constants, and the members of roots, flattened.

use std::collections::BTreeMap;

use masthead_domain::metadata::{MAX_KEY_BYTES, Metadata};

use super::{
    condition::Condition,
    coverage::{Coverage, Uncovered},
    document::MetadataToml,
    error::{MappingFileError, invalid},
    path::Path,
    source::Source,
};
use crate::json::Json;

#[derive(Debug)]
pub(super) struct MetadataRules {
    keys: Vec<(String, Vec<Source>)>,
    roots: Vec<Root>,
    pairs: Vec<Pairs>,
    rename: BTreeMap<String, String>,
    constants: Vec<(Condition, String, String)>,
}

#[derive(Debug)]
struct Root {
    path: String,
    prefix: String,
    is_json: bool,
}

/// An array of objects that hold a key and a value each.
#[derive(Debug)]
struct Pairs {
    path: Path,
    prefix: String,
    key: String,
    value: String,
}

/// What a row's metadata came to.
#[derive(Debug, Default)]
pub(super) struct Collected {
    pub(super) metadata: Metadata,
    /// Pairs that were left out: their keys differ from another only in case, or not at all.
    pub(super) clashes: u32,
    /// Fields without a place, and pairs that cannot be stored.
    pub(super) unmapped: Vec<Box<str>>,
}

impl MetadataRules {
    pub(super) fn compile(toml: MetadataToml, any_case: bool) -> Result<Self, MappingFileError> {
        let at_key = |key: &str| format!("metadata.keys.{key}");
        let mut keys = Vec::new();
        for (key, sources) in toml.keys {
            const ALLOWED: &[&str] = &[
                "prefix", "split", "unless", "address", "time", "form", "parts", "replace",
            ];
            let compiled = sources
                .into_iter()
                .map(|source| Source::compile(source, ALLOWED, any_case));
            let compiled: Result<Vec<_>, _> = compiled.collect();
            let compiled = compiled.map_err(|reason| invalid(&at_key(&key), reason))?;
            keys.push((key, compiled));
        }
        let (mut roots, mut pairs) = (Vec::new(), Vec::new());
        for root in toml.roots {
            match root.pairs {
                None => roots.push(Root {
                    path: root.path,
                    prefix: root.prefix,
                    is_json: root.json,
                }),
                Some([key, value]) => pairs.push(Pairs {
                    path: Path::parse(&root.path, any_case).map_err(|reason| invalid("metadata.roots", reason))?,
                    prefix: root.prefix,
                    key,
                    value,
                }),
            }
        }
        let mut constants = Vec::new();
        for constant in toml.constants {
            let when = Condition::compile(constant.when, any_case);
            let when = when.map_err(|reason| invalid("metadata.constants", reason))?;
            constants.push((when, constant.key, constant.value));
        }
        Ok(Self {
            keys,
            roots,
            pairs,
            rename: toml.rename,
            constants,
        })
    }

    /// The paths that its sources and conditions read.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        let keys = self
            .keys
            .iter()
            .flat_map(|(_, sources)| sources)
            .flat_map(Source::paths);
        let constants = self.constants.iter().flat_map(|(when, ..)| when.paths());
        keys.chain(constants).chain(self.pairs.iter().map(|pairs| &pairs.path))
    }

    /// The paths of the roots; their places are their numbers.
    pub(super) fn roots(&self) -> impl Iterator<Item = &str> {
        self.roots.iter().map(|root| &*root.path)
    }

    pub(super) fn collect(&self, row: &Json<'_>, coverage: &Coverage) -> Collected {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (key, sources) in &self.keys {
            let value = sources.iter().find_map(|source| source.text(row));
            pairs.extend(value.map(|value| (key.clone(), value.into_owned())));
        }
        for (when, key, value) in &self.constants {
            if when.is_met(row) {
                pairs.push((key.clone(), value.clone()));
            }
        }
        for list in &self.pairs {
            let Some(Json::List(elements)) = list.path.find(row) else {
                continue;
            };
            for element in elements {
                if let (Some(key), Some(value)) =
                    (element.get(&list.key).and_then(Json::text), element.get(&list.value))
                    && !coverage.is_selected(list.path.as_str(), key)
                {
                    self.flatten(&list.prefix, key, value, &mut pairs);
                }
            }
        }
        let mut unmapped = Vec::new();
        coverage.uncovered(row, &mut |field: Uncovered<'_, '_>| match field.root {
            None => unmapped.push(field.path.into()),
            Some(number) => self.add_root(&self.roots[number], &field, &mut pairs),
        });
        let storable = |(key, value): &(String, String)| {
            let is_key = (1..=MAX_KEY_BYTES).contains(&key.len()) && !key.chars().any(char::is_control);
            is_key && !value.contains('\0')
        };
        pairs.retain(|pair| {
            let is_storable = storable(pair);
            if !is_storable {
                let shown: String = pair.0.chars().take(MAX_KEY_BYTES).collect();
                unmapped.push(format!("metadata.{shown}").into());
            }
            is_storable
        });
        let all = pairs.len();
        let metadata = Metadata::from_source(pairs);
        Collected {
            clashes: u32::try_from(all - metadata.len()).unwrap_or(u32::MAX),
            metadata,
            unmapped,
        }
    }

    fn add_root(&self, root: &Root, field: &Uncovered<'_, '_>, pairs: &mut Vec<(String, String)>) {
        let below = field.path.strip_prefix(&*root.path).unwrap_or(&field.path);
        let key = below.trim_start_matches('.');
        if let (true, Json::Text(text)) = (root.is_json, field.value)
            && let Ok(object @ Json::Object(_)) = Json::parse(text)
        {
            return self.flatten(&root.prefix, key, &object, pairs);
        }
        let key = match (key, field.value) {
            // A root that is no object keeps its own name.
            ("", Json::Object(_)) => "",
            ("", _) => &root.path,
            (key, _) => key,
        };
        self.flatten(&root.prefix, key, field.value, pairs);
    }

    /// Members of objects get keys with dots; an array of one is its element, another is its compact text.
    fn flatten(&self, prefix: &str, key: &str, value: &Json<'_>, pairs: &mut Vec<(String, String)>) {
        if value.is_unset() {
            return;
        }
        let text = match value {
            Json::Object(members) => {
                for (name, value) in members {
                    let key = if key.is_empty() {
                        name.to_string()
                    } else {
                        format!("{key}.{name}")
                    };
                    self.flatten(prefix, &key, value, pairs);
                }
                return;
            }
            Json::List(elements) => match elements.as_slice() {
                [one] => return self.flatten(prefix, key, one, pairs),
                _ => value.to_string(),
            },
            _ => value.text().unwrap_or_default().to_owned(),
        };
        let key = format!("{prefix}{key}");
        let key = self.rename.get(&key).cloned().unwrap_or(key);
        pairs.push((key, text));
    }
}

//! Which settings differ between two readings, without keeping their values.

use std::{
    collections::{BTreeMap, BTreeSet, hash_map::DefaultHasher},
    fs,
    hash::{Hash as _, Hasher as _},
};

use config::{Value, ValueKind};

/// A hash of each setting, by its name: of its value, and of the content of the file that it names (`…_file`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettingsFingerprint(BTreeMap<String, u64>);

impl SettingsFingerprint {
    pub(super) fn new(settings: &Value) -> Self {
        let mut hashes = BTreeMap::new();
        collect(settings, "", &mut hashes);
        Self(hashes)
    }

    /// The names of the settings that differ, sorted.
    #[must_use]
    pub fn changed(&self, later: &Self) -> Vec<String> {
        let names: BTreeSet<&String> = self.0.keys().chain(later.0.keys()).collect();
        let changed = names.into_iter().filter(|name| self.0.get(*name) != later.0.get(*name));
        changed.cloned().collect()
    }
}

fn collect(value: &Value, name: &str, hashes: &mut BTreeMap<String, u64>) {
    if let ValueKind::Table(table) = &value.kind {
        for (key, value) in table {
            let inner = if name.is_empty() {
                key.clone()
            } else {
                format!("{name}.{key}")
            };
            collect(value, &inner, hashes);
        }
        return;
    }
    let text = value.kind.to_string();
    let mut state = DefaultHasher::new();
    text.hash(&mut state);
    if name.ends_with("_file") && !text.is_empty() {
        // A file that cannot be read is an error of the settings, which is reported elsewhere.
        fs::read(&text).ok().hash(&mut state);
    }
    hashes.insert(name.to_owned(), state.finish());
}

#[cfg(test)]
mod tests {
    use super::super::UncheckedSettings;

    #[test]
    fn changed_settings_and_files_are_named() {
        let folder = std::env::temp_dir().join(format!("masthead-fingerprint-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (file, secret) = (folder.join("settings.toml"), folder.join("secret"));
        let read = |text: &str, content: &str| {
            std::fs::write(&secret, content).unwrap();
            let url_file = format!("[database]\nurl_file = {secret:?}\n");
            std::fs::write(&file, format!("{url_file}{text}")).unwrap();
            UncheckedSettings::from_layers(Some(&file), &Vec::new()).fingerprint()
        };
        let first = read("[http]\nthreads = 2\n", "one");
        assert_eq!(first, read("[http]\nthreads = 2\n", "one"));
        let second = read("[http]\nthreads = 3\n[log]\nlevel = \"debug\"\n", "two");
        let third = read("[sealing.keys]\nk9 = \"x\"\n", "one");
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(
            first.changed(&second),
            ["database.url_file", "http.threads", "log.level"]
        );
        assert_eq!(first.changed(&third), ["http.threads", "sealing.keys.k9"]);
    }
}

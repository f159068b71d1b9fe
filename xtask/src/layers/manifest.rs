//! The packages of the workspace, as `cargo metadata` and their manifests have them.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::shell::TaskResult;

/// When a dependency is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// In what is shipped, or in building it.
    Normal,
    /// In tests only.
    Dev,
}

/// One package of the workspace.
#[derive(Debug)]
pub(super) struct Package {
    /// Without the `masthead-` prefix.
    pub(super) name: String,
    pub(super) folder: PathBuf,
    /// Its dependencies; those of the workspace without the prefix.
    pub(super) uses: Vec<(String, Kind)>,
}

/// Reads the answer of `cargo metadata --no-deps`.
pub(super) fn packages(metadata: &Value) -> TaskResult<Vec<Package>> {
    let list = metadata["packages"]
        .as_array()
        .ok_or("cargo metadata told no packages")?;
    list.iter().map(package).collect()
}

fn package(found: &Value) -> TaskResult<Package> {
    let text = |value: &Value| {
        value
            .as_str()
            .map(str::to_owned)
            .ok_or("cargo metadata has another form")
    };
    let manifest = PathBuf::from(text(&found["manifest_path"])?);
    let folder = manifest.parent().unwrap_or(Path::new("")).to_owned();
    let mut uses = Vec::new();
    for dependency in found["dependencies"].as_array().into_iter().flatten() {
        let kind = if dependency["kind"] == "dev" {
            Kind::Dev
        } else {
            Kind::Normal
        };
        uses.push((short(&text(&dependency["name"])?), kind));
    }
    Ok(Package {
        name: short(&text(&found["name"])?),
        folder,
        uses,
    })
}

fn short(name: &str) -> String {
    name.strip_prefix("masthead-").unwrap_or(name).to_owned()
}

impl Package {
    /// Whether the manifest opts in to the lints of the workspace.
    pub(super) fn faults(&self) -> TaskResult<Vec<String>> {
        let text = fs::read_to_string(self.folder.join("Cargo.toml"))?;
        Ok(manifest_faults(&self.name, &text))
    }
}

fn manifest_faults(name: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let value = |section: &str, key: &str| {
        let mut within = "";
        text.lines().map(str::trim).find_map(|line| {
            if line.starts_with('[') {
                within = line;
            }
            let (found, value) = line.split_once('=')?;
            (within == section && found.trim() == key).then(|| value.trim().to_owned())
        })
    };
    if value("[lints]", "workspace").as_deref() != Some("true") {
        faults.push(format!(
            "{name}: Cargo.toml does not opt in to the workspace's lints (`[lints] workspace = true`)"
        ));
    }
    if value("[package]", "description").is_none() {
        faults.push(format!("{name}: Cargo.toml has no description"));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_read_with_what_they_use() {
        let metadata = serde_json::json!({"packages": [{
            "name": "masthead-api",
            "manifest_path": "/w/crates/api/Cargo.toml",
            "dependencies": [
                {"name": "masthead-domain", "kind": null},
                {"name": "cc", "kind": "build"},
                {"name": "masthead-testkit", "kind": "dev"},
            ],
        }]});
        let found = packages(&metadata).unwrap();
        assert_eq!(found[0].name, "api");
        assert_eq!(found[0].folder, Path::new("/w/crates/api"));
        let expected = [("domain", Kind::Normal), ("cc", Kind::Normal), ("testkit", Kind::Dev)];
        assert_eq!(found[0].uses, expected.map(|(name, kind)| (name.to_owned(), kind)));
    }

    #[test]
    fn a_manifest_must_opt_in_to_the_lints_and_describe_itself() {
        let good = "[package]\nname = \"x\"\ndescription = \"X.\"\n\n[lints]\nworkspace = true\n";
        assert!(manifest_faults("x", good).is_empty());
        // `workspace = true` of another section is not the one that counts.
        let bad = "[package]\nname = \"x\"\n\n[dependencies.y]\nworkspace = true\n\n[lints]\n";
        assert_eq!(manifest_faults("x", bad).len(), 2);
    }
}

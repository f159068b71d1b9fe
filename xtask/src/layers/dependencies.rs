//! What of `deny.toml` holds without its tool and a network: licences, packages that are refused, and the only source.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::shell::{TaskResult, cargo, output};

/// The only source of packages that are not in this repository.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// A fault for every dependency, on the platform that is shipped, that `deny.toml` does not allow.
pub(super) fn faults(root: &Path) -> TaskResult<Vec<String>> {
    let metadata = output(&mut cargo(&[
        "metadata",
        "--locked",
        "--format-version=1",
        "--filter-platform=x86_64-unknown-linux-gnu",
    ]))?;
    let rules = Rules::parse(&fs::read_to_string(root.join("deny.toml"))?);
    Ok(rules.faults(&serde_json::from_str(&metadata)?))
}

/// What `deny.toml` has.
#[derive(Debug, PartialEq, Eq)]
struct Rules {
    licences: Vec<String>,
    refused: Vec<String>,
}

impl Rules {
    fn parse(text: &str) -> Self {
        let quoted = |line: &str| line.split('"').nth(1).map(str::to_owned);
        let allow = text.split_once("\nallow = [").map_or("", |(_, rest)| rest);
        let allow = allow.split_once(']').map_or("", |(list, _)| list);
        let refused = text.lines().filter_map(|line| line.trim().strip_prefix("{ crate = "));
        Self {
            licences: allow.lines().filter_map(quoted).collect(),
            refused: refused.filter_map(quoted).collect(),
        }
    }

    fn faults(&self, metadata: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        for package in metadata["packages"].as_array().into_iter().flatten() {
            let name = package["name"].as_str().unwrap_or_default();
            if self.refused.iter().any(|refused| refused == name) {
                faults.push(format!("Cargo.lock: {name} is refused by deny.toml"));
            }
            match package["source"].as_str() {
                None => continue,
                Some(REGISTRY) => {}
                Some(other) => faults.push(format!("Cargo.lock: {name} comes from {other}")),
            }
            let licence = package["license"].as_str().unwrap_or_default();
            if !self.allows(licence) {
                faults.push(format!(
                    "Cargo.lock: {name} has the licence \"{licence}\", which deny.toml does not allow"
                ));
            }
        }
        faults
    }

    /// Whether an SPDX expression can be met: `OR` (in old manifests `/`) leaves the choice, `AND` does not.
    fn allows(&self, expression: &str) -> bool {
        let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
        let mut words = spaced.split_whitespace().peekable();
        let met = self.any(&mut words);
        met && words.next().is_none()
    }

    fn any<'t>(&self, words: &mut std::iter::Peekable<impl Iterator<Item = &'t str>>) -> bool {
        let mut met = self.all(words);
        while words.next_if_eq(&"OR").is_some() {
            met |= self.all(words);
        }
        met
    }

    fn all<'t>(&self, words: &mut std::iter::Peekable<impl Iterator<Item = &'t str>>) -> bool {
        let mut met = self.one(words);
        while words.next_if_eq(&"AND").is_some() {
            met &= self.one(words);
        }
        met
    }

    fn one<'t>(&self, words: &mut std::iter::Peekable<impl Iterator<Item = &'t str>>) -> bool {
        match words.next() {
            Some("(") => {
                let met = self.any(words);
                words.next() == Some(")") && met
            }
            Some(licence) => {
                // An exception only adds rights.
                if words.next_if_eq(&"WITH").is_some() {
                    words.next();
                }
                self.licences.iter().any(|allowed| allowed == licence)
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const DENY: &str = "[licenses]\nallow = [\n    \"Apache-2.0\",\n    \"MIT\",\n]\n[bans]\ndeny = [\n    { crate = \"openssl\", reason = \"x\" },\n]\n";

    #[test]
    fn licence_expressions_are_evaluated() {
        let rules = Rules::parse(DENY);
        for allowed in [
            "MIT",
            "MIT/Apache-2.0",
            "GPL-3.0 OR MIT",
            "(GPL-3.0 OR MIT) AND Apache-2.0",
            "Apache-2.0 WITH LLVM-exception",
        ] {
            assert!(rules.allows(allowed), "{allowed}");
        }
        for refused in [
            "",
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "(MIT AND GPL-3.0) OR GPL-2.0",
            "MIT Apache-2.0",
            "(MIT",
        ] {
            assert!(!rules.allows(refused), "{refused}");
        }
    }

    #[test]
    fn refused_packages_licences_and_sources_are_faults() {
        let package =
            |name: &str, licence: &str, source: Value| json!({"name": name, "license": licence, "source": source});
        let metadata = json!({"packages": [
            package("own", "Proprietary", Value::Null),
            package("fine", "MIT", json!(REGISTRY)),
            package("openssl", "MIT", json!(REGISTRY)),
            package("copyleft", "GPL-3.0", json!(REGISTRY)),
            package("elsewhere", "MIT", json!("git+https://git.example/elsewhere")),
        ]});
        let faults = Rules::parse(DENY).faults(&metadata);
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert!(faults[0].contains("openssl") && faults[1].contains("GPL-3.0") && faults[2].contains("git.example"));
    }
}

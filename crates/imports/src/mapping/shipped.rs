//! The mapping files that are shipped. A new vendor is a file and a line here.

use std::sync::{Arc, LazyLock};

use super::Mapping;

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../mappings/", $name, ".toml")))),*]
    };
}

/// Name and text, in the order in which a file is compared with them: what has more of its own comes first.
const FILES: &[(&str, &str)] = files![
    "masthead",
    "auth0-passwords",
    "auth0",
    "auth0-import",
    "keycloak",
    "gigya",
    "gigya-dataflow",
    "firebase",
    "cognito",
    "okta",
    "entra",
    "supertokens",
    "fusionauth",
    "wordpress",
    "drupal",
    "scim",
    "zephr",
    "piano",
    "mailchimp",
    "braze",
    "ldif",
];

static MAPPINGS: LazyLock<Vec<Arc<Mapping>>> = LazyLock::new(|| {
    let parsed = FILES.iter().filter_map(|(_, text)| Mapping::parse(text).ok());
    parsed.map(Arc::new).collect()
});

/// All shipped mappings, in the order in which a file is compared with them.
pub(crate) fn all() -> &'static [Arc<Mapping>] {
    &MAPPINGS
}

impl Mapping {
    /// The text of a shipped mapping file (`--show-map`).
    #[must_use]
    pub fn shipped(name: &str) -> Option<&'static str> {
        FILES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
    }

    /// The names of the shipped mapping files, in the order in which a file is compared with them.
    pub fn names() -> impl Iterator<Item = &'static str> {
        FILES.iter().map(|(name, _)| *name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_mappings_are_valid() {
        for (name, text) in FILES {
            match Mapping::parse(text) {
                Ok(mapping) => assert_eq!(mapping.name(), *name),
                Err(error) => panic!("{name}: {error}"),
            }
        }
    }
}

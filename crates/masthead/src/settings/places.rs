//! The places of tenants' secrets: looked at when a secret is needed, and nowhere else.

use std::path::{Path, PathBuf};

use masthead_provider_kit::{Secret, SecretPlace, Secrets};

use super::checker::read_secret;

/// How the name of a variable begins that may hold a tenant's secret.
const PREFIX: &str = "MASTHEAD_SECRET_";

/// Reads secrets from the places that tenants' settings name: files in one folder, and variables with one prefix.
#[derive(Debug, Clone)]
pub struct Places {
    folder: PathBuf,
}

impl Places {
    /// Reads files in this folder alone.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    fn file(&self, path: &str) -> Option<String> {
        // Links are followed first, so that neither they nor `..` lead out of the folder.
        let path = self.folder.join(path).canonicalize().ok()?;
        let folder = self.folder.canonicalize().ok()?;
        if path.starts_with(folder) {
            read_secret(path.to_str()?).ok()
        } else {
            None
        }
    }
}

impl Secrets for Places {
    fn secret(&self, place: &SecretPlace) -> Option<Secret> {
        let text = match place {
            SecretPlace::File(path) => self.file(path),
            #[expect(clippy::disallowed_methods, reason = "this is the room of the environment")]
            SecretPlace::Environment(name) if name.starts_with(PREFIX) => std::env::var(&**name).ok(),
            SecretPlace::Environment(_) => None,
        };
        text.filter(|text| !text.is_empty())
            .map(|text| Secret::new(text.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_secret_is_read_inside_the_folder_and_nowhere_else() {
        let root = std::env::temp_dir().join(format!("masthead-places-{}", std::process::id()));
        let folder = root.join("inside");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("auth0"), "open sesame\n").unwrap();
        fs::write(root.join("outside"), "not for you").unwrap();
        let places = Places::new(&folder);
        let read = |path: &str| places.secret(&SecretPlace::File(path.into())).is_some();
        assert!(read("auth0"));
        assert!(read(folder.join("auth0").to_str().unwrap()));
        for path in ["../outside", root.join("outside").to_str().unwrap(), "missing", ""] {
            assert!(!read(path), "{path}");
        }
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_variable_without_the_prefix_is_not_read() {
        let places = Places::new(Path::new("/"));
        assert!(places.secret(&SecretPlace::Environment("PATH".into())).is_none());
    }
}

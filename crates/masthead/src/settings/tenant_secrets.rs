//! Reads tenants' secrets from files and environment variables, each time one is needed.

use std::path::{Path, PathBuf};

use masthead_provider_kit::{Secret, SecretPlace, Secrets};

use super::checker::read_secret;

/// The prefix of environment variables that may contain a tenant's secret.
const PREFIX: &str = "MASTHEAD_SECRET_";

/// Reads secrets as tenants' settings name them: files in one folder, and variables with one prefix.
#[derive(Debug, Clone)]
pub struct TenantSecrets {
    folder: PathBuf,
}

impl TenantSecrets {
    /// Reads only files in this folder.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    fn file(&self, path: &str) -> Option<String> {
        // Links are resolved first: neither they nor `..` can leave the folder.
        let path = self.folder.join(path).canonicalize().ok()?;
        let folder = self.folder.canonicalize().ok()?;
        if path.starts_with(folder) {
            read_secret(path.to_str()?).ok()
        } else {
            None
        }
    }
}

impl Secrets for TenantSecrets {
    fn secret(&self, place: &SecretPlace) -> Option<Secret> {
        let text = match place {
            SecretPlace::File(path) => self.file(path),
            #[expect(clippy::disallowed_methods, reason = "the only use of the environment for secrets")]
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
    fn secrets_are_read_only_inside_the_folder() {
        let root = std::env::temp_dir().join(format!("masthead-tenant_secrets-{}", std::process::id()));
        let folder = root.join("inside");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("auth0"), "open sesame\n").unwrap();
        fs::write(root.join("outside"), "not for you").unwrap();
        let tenant_secrets = TenantSecrets::new(&folder);
        let read = |path: &str| tenant_secrets.secret(&SecretPlace::File(path.into())).is_some();
        assert!(read("auth0"));
        assert!(read(folder.join("auth0").to_str().unwrap()));
        for path in ["../outside", root.join("outside").to_str().unwrap(), "missing", ""] {
            assert!(!read(path), "{path}");
        }
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn variable_without_the_prefix_is_not_read() {
        let tenant_secrets = TenantSecrets::new(Path::new("/"));
        assert!(
            tenant_secrets
                .secret(&SecretPlace::Environment("PATH".into()))
                .is_none()
        );
    }
}

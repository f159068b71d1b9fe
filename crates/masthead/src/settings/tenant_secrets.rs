//! Reads tenants' secrets from files and environment variables, each time one is needed.
//!
//! A tenant's setting names only what is the tenant's own: files in its folder, and variables with its prefix.

use std::{
    fmt::Write,
    path::{Component, Path, PathBuf},
};

use masthead_domain::tenant::TenantId;
use masthead_provider_kit::{Secret, SecretPlace, Secrets};

use super::checker::read_secret;

/// The prefix of environment variables that may contain a tenant's secret.
const PREFIX: &str = "MASTHEAD_SECRET_";

/// Reads secrets as tenants' settings name them.
#[derive(Debug, Clone)]
pub struct TenantSecrets {
    folder: PathBuf,
    are_shared: bool,
}

impl TenantSecrets {
    /// Reads files in `folder/{group}/{client}/{paper}`, and variables that begin with [`variable_prefix`]. Where secrets are
    /// shared, as before these existed, every file in the folder and every variable that begins with `MASTHEAD_SECRET_` besides.
    #[must_use]
    pub fn new(folder: &Path, are_shared: bool) -> Self {
        Self {
            folder: folder.to_owned(),
            are_shared,
        }
    }

    /// Why a tenant's setting cannot name this place, as far as its text shows; `None` where it can.
    pub(crate) fn objection(&self, tenant: &TenantId, place: &SecretPlace) -> Option<String> {
        match place {
            _ if self.are_shared => None,
            SecretPlace::Environment(name) => {
                let prefix = variable_prefix(tenant);
                let is_own = name.strip_prefix(&prefix).is_some_and(|name| !name.is_empty());
                (!is_own).then(|| format!("must be the name of a variable of this tenant, which begins with {prefix}"))
            }
            SecretPlace::File(path) => {
                let own = self.folder.join(tenant.as_str());
                let path = own.join(&**path);
                let is_own = path.starts_with(&own) && !path.components().any(|part| part == Component::ParentDir);
                (!is_own).then(|| {
                    format!("must be a file of this tenant, with its path in {{providers.secrets_folder}}/{tenant}/")
                })
            }
        }
    }

    /// The tenant's own folder, without links.
    fn own_folder(&self, tenant: &TenantId) -> Option<PathBuf> {
        let codes = [tenant.group(), tenant.client(), tenant.paper()];
        // `.` and `..` are codes, and the names of other folders.
        if codes.iter().any(|code| code.chars().all(|char| char == '.')) {
            return None;
        }
        let name: PathBuf = codes.iter().collect();
        let all = self.folder.canonicalize().ok()?;
        let own = self.folder.join(&name).canonicalize().ok()?;
        // A link in the place of the folder may not lead to another tenant's, or elsewhere.
        (own.starts_with(all) && own.ends_with(name)).then_some(own)
    }

    fn file(&self, tenant: &TenantId, path: &str) -> Option<String> {
        let own = self.own_folder(tenant).and_then(|own| read_inside(&own, path));
        own.or_else(|| read_inside(&self.folder, path).filter(|_| self.are_shared))
    }

    fn may_read_variable(&self, tenant: &TenantId, name: &str) -> bool {
        name.starts_with(&variable_prefix(tenant)) || (self.are_shared && name.starts_with(PREFIX))
    }
}

/// Reads a file of this folder. Links are resolved first: neither they nor `..` can leave it.
fn read_inside(folder: &Path, path: &str) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let path = folder.join(path).canonicalize().ok()?;
    if path.starts_with(folder) {
        read_secret(path.to_str()?).ok()
    } else {
        None
    }
}

/// The beginning of the names of a tenant's variables: `MASTHEAD_SECRET__NORTH__DAILY__HERALD__`.
///
/// Small letters become capital ones; every character but them and digits is `_` and its hexadecimal code, so that no two
/// tenants have the same.
#[must_use]
pub fn variable_prefix(tenant: &TenantId) -> String {
    let mut prefix = PREFIX.to_owned();
    for code in [tenant.group(), tenant.client(), tenant.paper()] {
        prefix.push('_');
        for char in code.chars() {
            if char.is_ascii_lowercase() || char.is_ascii_digit() {
                prefix.push(char.to_ascii_uppercase());
            } else {
                // A String takes every text.
                let _ = write!(prefix, "_{:02X}", u32::from(char));
            }
        }
        prefix.push('_');
    }
    prefix.push('_');
    prefix
}

impl Secrets for TenantSecrets {
    fn secret(&self, tenant: &TenantId, place: &SecretPlace) -> Option<Secret> {
        let text = match place {
            SecretPlace::File(path) => self.file(tenant, path),
            #[expect(clippy::disallowed_methods, reason = "the only use of the environment for secrets")]
            SecretPlace::Environment(name) if self.may_read_variable(tenant, name) => std::env::var(&**name).ok(),
            SecretPlace::Environment(_) => None,
        };
        text.filter(|text| !text.is_empty())
            .map(|text| Secret::new(text.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    fn tenant(text: &str) -> TenantId {
        TenantId::parse(text).unwrap()
    }

    /// A folder with the secrets of two tenants, one beside them, and one outside; removed when dropped.
    struct Folder {
        root: PathBuf,
        all: PathBuf,
    }

    impl Folder {
        fn new(name: &str) -> Self {
            let root = std::env::temp_dir().join(format!("masthead-tenant_secrets-{}-{name}", std::process::id()));
            let all = root.join("all");
            for own in ["north/daily/herald", "north/daily/times"] {
                fs::create_dir_all(all.join(own)).unwrap();
                fs::write(all.join(own).join("auth0"), format!("secret of {own}\n")).unwrap();
            }
            fs::write(all.join("shared"), "of all tenants").unwrap();
            fs::write(root.join("outside"), "of the server").unwrap();
            Self { root, all }
        }

        fn read(&self, are_shared: bool, id: &str, path: &str) -> Option<String> {
            let secrets = TenantSecrets::new(&self.all, are_shared);
            let secret = secrets.secret(&tenant(id), &SecretPlace::File(path.into()))?;
            secret.expose_text().map(str::to_owned)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.root);
        }
    }

    const HERALD: &str = "north/daily/herald";

    #[test]
    fn tenant_reads_its_own_files_alone() {
        let folder = Folder::new("own");
        let absolute = |path: &str| folder.all.join(path).to_str().unwrap().to_owned();
        for path in ["auth0", "./auth0", &absolute("north/daily/herald/auth0")] {
            assert_eq!(
                folder.read(false, HERALD, path).as_deref(),
                Some("secret of north/daily/herald"),
                "{path}"
            );
        }
        symlink(
            folder.all.join("north/daily/times/auth0"),
            folder.all.join("north/daily/herald/linked"),
        )
        .unwrap();
        symlink(folder.root.join("outside"), folder.all.join("north/daily/herald/away")).unwrap();
        let outside = folder.root.join("outside").to_str().unwrap().to_owned();
        for path in [
            "../times/auth0",
            &absolute("north/daily/times/auth0"),
            "../../../shared",
            &absolute("shared"),
            "../../../../outside",
            &outside,
            "linked",
            "away",
            "missing",
            "",
            ".",
        ] {
            assert_eq!(folder.read(false, HERALD, path), None, "{path}");
        }
    }

    #[test]
    fn linked_or_dotted_folder_is_not_the_tenants() {
        let folder = Folder::new("linked");
        symlink(
            folder.all.join("north/daily/times"),
            folder.all.join("north/daily/post"),
        )
        .unwrap();
        symlink(&folder.root, folder.all.join("north/daily/gazette")).unwrap();
        for (id, path) in [
            ("north/daily/post", "auth0"),
            ("north/daily/gazette", "outside"),
            ("north/daily/..", "daily/herald/auth0"),
            ("../../..", "outside"),
            ("north/./daily", "herald/auth0"),
        ] {
            assert_eq!(folder.read(false, id, path), None, "{id}");
        }
        // As Kubernetes mounts a volume: all names are links into a folder that is replaced as a whole.
        fs::rename(folder.all.join("north"), folder.root.join("old")).unwrap();
        fs::create_dir(folder.all.join("..version")).unwrap();
        fs::rename(folder.root.join("old"), folder.all.join("..version/north")).unwrap();
        symlink("..version/north", folder.all.join("north")).unwrap();
        assert!(folder.read(false, HERALD, "auth0").is_some());
    }

    #[test]
    fn shared_secrets_are_read_only_where_they_are_allowed() {
        let folder = Folder::new("shared");
        assert_eq!(folder.read(true, HERALD, "shared").as_deref(), Some("of all tenants"));
        assert_eq!(
            folder.read(true, HERALD, "auth0").as_deref(),
            Some("secret of north/daily/herald")
        );
        assert_eq!(folder.read(true, HERALD, "../outside"), None);
        let (own, old) = ("MASTHEAD_SECRET__NORTH__DAILY__HERALD__AUTH0", "MASTHEAD_SECRET_AUTH0");
        for (name, separate, shared) in [(own, true, true), (old, false, true), ("PATH", false, false)] {
            let may_read =
                |are_shared| TenantSecrets::new(&folder.all, are_shared).may_read_variable(&tenant(HERALD), name);
            assert_eq!([may_read(false), may_read(true)], [separate, shared], "{name}");
        }
        let path = SecretPlace::Environment("PATH".into());
        assert!(
            TenantSecrets::new(&folder.all, true)
                .secret(&tenant(HERALD), &path)
                .is_none()
        );
    }

    #[test]
    fn variables_of_two_tenants_never_meet() {
        assert_eq!(
            variable_prefix(&tenant(HERALD)),
            "MASTHEAD_SECRET__NORTH__DAILY__HERALD__"
        );
        assert_eq!(
            variable_prefix(&tenant("a-b/C.d/e_2")),
            "MASTHEAD_SECRET__A_2DB___43_2ED__E_5F2__"
        );
        let all = [
            "a/b/c", "A/b/c", "a_b/c/d", "a/b_c/d", "a/b/c_d", "a/b/c-d", "a/b/c.d", "a/b/c_", "a/b/_c", "a/_/b",
            "a/b/c__d", "a/b/c_5f",
        ];
        for one in all {
            for other in all.iter().filter(|other| **other != one) {
                let (one, other) = (variable_prefix(&tenant(one)), variable_prefix(&tenant(other)));
                assert!(!one.starts_with(&other), "{one} begins with {other}");
            }
        }
    }

    #[test]
    fn places_of_others_are_objected_to() {
        let secrets = TenantSecrets::new(Path::new("/run/tenants"), false);
        let object = |place: SecretPlace| secrets.objection(&tenant(HERALD), &place);
        let file = |path: &str| object(SecretPlace::File(path.into()));
        let variable = |name: &str| object(SecretPlace::Environment(name.into()));
        assert_eq!(
            [file("auth0"), file("/run/tenants/north/daily/herald/auth0")],
            [None, None]
        );
        assert_eq!(variable("MASTHEAD_SECRET__NORTH__DAILY__HERALD__X"), None);
        for other in [
            "/run/tenants/north/daily/times/auth0",
            "../times/auth0",
            "/etc/hosts",
            "/run/tenants/auth0",
        ] {
            assert!(file(other).is_some(), "{other}");
        }
        for other in [
            "MASTHEAD_SECRET_X",
            "MASTHEAD_SECRET__NORTH__DAILY__TIMES__X",
            "MASTHEAD_SECRET__NORTH__DAILY__HERALD__",
        ] {
            let objection = variable(other).unwrap();
            assert!(
                objection.contains("MASTHEAD_SECRET__NORTH__DAILY__HERALD__"),
                "{objection}"
            );
        }
        let shared = TenantSecrets::new(Path::new("/run/tenants"), true);
        assert_eq!(
            shared.objection(&tenant(HERALD), &SecretPlace::File("../x".into())),
            None
        );
    }
}

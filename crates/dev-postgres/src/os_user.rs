//! The operating-system user that runs Postgres: the current one, or an unprivileged one because Postgres refuses root.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Error;
use crate::environment::without_pg_variables;

/// The user that programs of a server run as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OsUser {
    /// The user of this process.
    Current,
    /// Another user, because this process runs as root.
    Other {
        /// The user's number.
        uid: u32,
        /// The number of the user's primary group.
        gid: u32,
    },
}

impl OsUser {
    /// The current user; for root, `postgres` if it exists, else `nobody`.
    pub(crate) fn choose() -> Result<Self, Error> {
        if id(&["-u"]) != Some(0) {
            return Ok(Self::Current);
        }
        ["postgres", "_postgres", "nobody"]
            .iter()
            .find_map(|name| {
                let (uid, gid) = (id(&["-u", name])?, id(&["-g", name])?);
                (uid != 0).then_some(Self::Other { uid, gid })
            })
            .ok_or(Error::NoUnprivilegedUser)
    }

    /// For root, the owner of `folder` if an earlier run chose another user; else this user.
    pub(crate) fn or_owner_of(self, folder: &Path) -> Self {
        match (self, fs::metadata(folder)) {
            (Self::Other { .. }, Ok(found)) if found.uid() != 0 => Self::Other {
                uid: found.uid(),
                gid: found.gid(),
            },
            _ => self,
        }
    }

    /// A command that runs as this user in `/`, without the `PG*` variables of this process.
    pub(crate) fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if let Self::Other { uid, gid } = self {
            // std also drops the supplementary groups of root.
            command.uid(uid).gid(gid);
        }
        without_pg_variables(&mut command)
            .env("LC_ALL", "C")
            .current_dir("/")
            .stdin(Stdio::null());
        command
    }

    /// Makes this user the owner of `path`.
    pub(crate) fn own(self, path: &Path) -> Result<(), Error> {
        match self {
            Self::Current => Ok(()),
            Self::Other { uid, gid } => {
                chown(path, Some(uid), Some(gid)).map_err(Error::io("cannot change the owner of", path))
            }
        }
    }

    /// Whether this user can enter `folder`.
    pub(crate) fn can_enter(self, folder: &Path) -> bool {
        self.command(Path::new("/bin/sh"))
            .args(["-c", "cd -- \"$1\"", "sh"])
            .arg(folder)
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }
}

/// The number that `id` prints; `None` for an unknown user.
fn id(arguments: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(arguments).output().ok()?;
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chosen_user_is_not_root() {
        let output = OsUser::choose().unwrap().command(Path::new("id")).arg("-u").output();
        assert_ne!(String::from_utf8_lossy(&output.unwrap().stdout).trim(), "0");
    }
}

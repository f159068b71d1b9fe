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
    /// The current user; for root, `postgres` if it exists, else the unprivileged user of the system.
    pub(crate) fn choose() -> Result<Self, Error> {
        if current_uid() != Some(0) {
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

    /// The owner of a folder that an earlier run created; `None` for root.
    pub(crate) fn owner_of(folder: &Path) -> Option<Self> {
        let folder = fs::metadata(folder).ok()?;
        let (uid, gid) = (folder.uid(), folder.gid());
        match current_uid() {
            _ if uid == 0 => None,
            Some(current) if current == uid => Some(Self::Current),
            _ => Some(Self::Other { uid, gid }),
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

fn current_uid() -> Option<u32> {
    let process = fs::metadata("/proc/self").ok();
    process.map(|process| process.uid()).or_else(|| id(&["-u"]))
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

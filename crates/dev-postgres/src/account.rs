//! The account that runs Postgres: ourselves, or another user when we are root, since Postgres refuses root.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Error;
use crate::environment::without_pg_variables;

/// Whom the programs of a cluster run as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    /// The user that runs us.
    Ourselves,
    /// Another user, because we are root.
    Other {
        /// The user's number.
        uid: u32,
        /// The number of the user's first group.
        gid: u32,
    },
}

impl Account {
    /// Ourselves, unless we are root: then `postgres` where there is one, else `nobody`.
    pub(crate) fn choose() -> Result<Self, Error> {
        if !we_are_root()? {
            return Ok(Self::Ourselves);
        }
        let path = Path::new("/etc/passwd");
        let passwd = fs::read_to_string(path).map_err(Error::io("cannot read", path))?;
        ["postgres", "_postgres", "nobody"]
            .iter()
            .find_map(|name| find(&passwd, name))
            .ok_or(Error::NoOtherAccount)
    }

    /// The same, but whoever owns `folder` already when we are root: the account may have been chosen in an earlier run.
    pub(crate) fn owner_of(self, folder: &Path) -> Self {
        match (self, fs::metadata(folder)) {
            (Self::Other { .. }, Ok(found)) if found.uid() != 0 => Self::Other {
                uid: found.uid(),
                gid: found.gid(),
            },
            _ => self,
        }
    }

    /// A command that runs as this account, in a folder that everybody can pass, and knows nothing of our Postgres variables.
    pub(crate) fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if let Self::Other { uid, gid } = self {
            // std also lets go of root's supplementary groups.
            command.uid(uid).gid(gid);
        }
        without_pg_variables(&mut command)
            .env("LC_ALL", "C")
            .current_dir("/")
            .stdin(Stdio::null());
        command
    }

    /// Gives `path` to this account.
    pub(crate) fn own(self, path: &Path) -> Result<(), Error> {
        match self {
            Self::Ourselves => Ok(()),
            Self::Other { uid, gid } => chown(path, Some(uid), Some(gid)).map_err(Error::io("cannot give away", path)),
        }
    }

    /// Whether this account can enter `folder`.
    pub(crate) fn reaches(self, folder: &Path) -> bool {
        self.command(Path::new("/bin/sh"))
            .args(["-c", "cd -- \"$1\"", "sh"])
            .arg(folder)
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }
}

fn we_are_root() -> Result<bool, Error> {
    let said = Command::new("id")
        .arg("-u")
        .output()
        .map_err(Error::io("cannot run", Path::new("id")))?;
    Ok(String::from_utf8_lossy(&said.stdout).trim() == "0")
}

fn find(passwd: &str, name: &str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? != name {
            return None;
        }
        // macOS writes the number of `nobody` as -2.
        let mut number = || {
            let text = fields.next()?;
            text.parse::<u32>().ok().or_else(|| {
                let negative = text.parse::<i32>().ok()?;
                Some(negative.cast_unsigned())
            })
        };
        let _password = number();
        let (uid, gid) = (number()?, number()?);
        (uid != 0).then_some(Account::Other { uid, gid })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n\
                          postgresql:x:7:7::/:/bin/sh\n\
                          postgres:x:101:104:,,,:/var/lib/postgresql:/bin/bash\n\
                          nobody:*:-2:-2:Unprivileged:/var/empty:/usr/bin/false\n";

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        assert_eq!(find(PASSWD, "postgres"), Some(Account::Other { uid: 101, gid: 104 }));
        assert_eq!(find(PASSWD, "post"), None);
    }

    #[test]
    fn a_negative_number_wraps_as_the_system_has_it() {
        let nobody = Account::Other {
            uid: u32::MAX - 1,
            gid: u32::MAX - 1,
        };
        assert_eq!(find(PASSWD, "nobody"), Some(nobody));
    }

    #[test]
    fn root_is_never_the_other_account() {
        assert_eq!(find(PASSWD, "root"), None);
    }
}

//! Where a cluster lives: under the workspace's `target/`, or a private folder elsewhere when that cannot serve.

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::Error;
use crate::account::Account;
use crate::environment::workspace;
use crate::name::hash;

/// A Unix socket's address holds 103 bytes on macOS and 107 on Linux.
const LONGEST_SOCKET: usize = 100;

/// The folder of locks and small files that all processes of this workspace share.
pub(crate) fn state() -> PathBuf {
    workspace().join("target").join("postgres")
}

/// A folder called `name` that `account` owns and nobody else may pass: inside `state` when the account can get there
/// and a socket's path fits, else in a folder of our own under `/var/tmp`, named by a hash of `state`.
pub(crate) fn private_folder(state: &Path, name: &str, account: Account) -> Result<PathBuf, Error> {
    fs::create_dir_all(state).map_err(Error::io("cannot create the folder", state))?;
    let state = state
        .canonicalize()
        .map_err(Error::io("cannot resolve the folder", state))?;
    let inside = state.join(name);
    if socket_fits(&inside) && account.reaches(&state) {
        return made(inside, account);
    }
    let hash = hash(state.as_os_str().as_encoded_bytes());
    let elsewhere = PathBuf::from(format!("/var/tmp/masthead-postgres-{hash:016x}"));
    ours(&elsewhere)?;
    made(elsewhere.join(name), account)
}

fn socket_fits(folder: &Path) -> bool {
    folder.join("socket/.s.PGSQL.65535").as_os_str().len() <= LONGEST_SOCKET
}

/// Makes the folder that everybody may pass and only we may change; anybody could have made one of that name.
fn ours(folder: &Path) -> Result<(), Error> {
    match DirBuilder::new().mode(0o711).create(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(Error::io("cannot create the folder", folder)(error)),
    }
    let found = fs::symlink_metadata(folder).map_err(Error::io("cannot look at", folder))?;
    let myself = fs::metadata("/proc/self").map(|process| process.uid());
    if !found.is_dir() || myself.is_ok_and(|uid| uid != found.uid()) {
        return Err(Error::FolderNotOurs(folder.to_owned()));
    }
    fs::set_permissions(folder, Permissions::from_mode(0o711)).map_err(Error::io("cannot change the mode of", folder))
}

fn made(folder: PathBuf, account: Account) -> Result<PathBuf, Error> {
    if !folder.is_dir() {
        DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .map_err(Error::io("cannot create the folder", &folder))?;
        account.own(&folder)?;
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name;

    #[test]
    fn a_path_too_long_for_a_socket_moves_the_cluster_elsewhere() {
        let state = std::env::temp_dir()
            .join(format!("masthead-place-{}", name::random()))
            .join("deep".repeat(30));
        let folder = private_folder(&state, "cluster-0", Account::Ourselves).unwrap();
        assert!(folder.starts_with("/var/tmp"), "{}", folder.display());
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);

        // The same workspace finds its folder again.
        assert_eq!(private_folder(&state, "cluster-0", Account::Ourselves).unwrap(), folder);

        fs::remove_dir_all(folder.parent().unwrap()).unwrap();
        fs::remove_dir_all(state.parent().unwrap()).unwrap();
    }

    #[test]
    fn a_short_reachable_path_is_used_as_it_is() {
        let state = PathBuf::from(format!("/tmp/masthead-place-{}", name::random()));
        let folder = private_folder(&state, "cluster-0", Account::Ourselves).unwrap();
        assert_eq!(folder, state.canonicalize().unwrap().join("cluster-0"));
        fs::remove_dir_all(state).unwrap();
    }
}
